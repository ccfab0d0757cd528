"""newsletter subscribers suppress|unsuppress"""

from contextlib import suppress as suppressing
from pathlib import Path

import click

from newsletter.audience import suppression
from newsletter.audience.rows import find_rows
from newsletter.audience.standing import standings
from newsletter.audience.subscribers import reader_of
from newsletter.cli.output import say, short
from newsletter.cli.subscribers.opened import Writing, maybe_meant, writing
from newsletter.errors import DecisionNeeded, ListError, counted


@click.command()
@click.argument("address", required=False)
@click.option("--reason", default="unsubscribed", show_default=True, help="Why: unsubscribed, bounced, complained, ...")
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Everyone in this file, which `export --suppressed` wrote, as it says.",
)
def suppress(address: str | None, reason: str, file: Path | None) -> None:
    """Never mail ADDRESS again, whatever the list says; or everyone in a file that another state wrote."""
    if (address is None) == (file is None):
        raise click.UsageError("Name an ADDRESS, or a file: --from FILE.")
    if not reason.strip():
        raise click.UsageError("A --reason says why.")
    if file is not None:
        found = writing()
        brought = suppression.bring_over(found.store, found.keys, file, reason)
        say(f"{short(file)}: {counted(brought.new, 'suppression')} new here, {brought.known:,} known.", style="bold")
        return
    reader = reader_of(address or "")
    found = writing()
    if erased := _erased(found, reader):
        say(f"{address} was erased on {erased[:10]}, and gets nothing anyhow.")
        return
    new = suppression.suppress(found.store, found.keys, reader, reason)
    say(f"{address} gets no more mail ({reason})." if new else f"{address} was on record already.")
    with suppressing(ListError):  # a list that can't be read is no reason to mail them
        if not find_rows(found.workspace.subscribers, reader).rows:
            say(f"It is not on the list. {maybe_meant(found.workspace, reader)}".strip(), style="yellow")


@click.command()
@click.argument("address")
def unsuppress(address: str) -> None:
    """Mail ADDRESS again when it is on the list."""
    reader = reader_of(address)
    found = writing()
    if erased := _erased(found, reader):
        raise DecisionNeeded(
            f"{reader} was erased on {erased[:10]}.",
            next_step=f"Did they ask to come back? newsletter subscribers add {reader} --again",
        )
    was = suppression.unsuppress(found.store, found.keys, reader)
    say(f"{address} can get mail again." if was else f"Nothing stood against {address}.")


def _erased(found: Writing, reader: str) -> str | None:
    (standing,) = standings(found.store, found.keys, [reader])
    return standing.erased
