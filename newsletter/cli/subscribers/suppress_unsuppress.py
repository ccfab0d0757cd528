"""The commands `newsletter subscribers suppress` and `unsuppress`."""

from contextlib import suppress as suppressing
from pathlib import Path

import click

from newsletter.actions import suppress as actions
from newsletter.cli.context import open_publication
from newsletter.cli.output import say, shorten
from newsletter.cli.subscribers.list_hints import say_if_kept_out, suggest_nearest
from newsletter.errors import ListError
from newsletter.publication import OpenPublication
from newsletter.subscribers.list_changes import describe_suppression
from newsletter.subscribers.subscriber import parse_subscriber_key
from newsletter.subscribers.suppression_status import ERASED
from newsletter.text import format_count


@click.command()
@click.argument("address", required=False)
@click.option("--reason", default="unsubscribed", show_default=True, help="Why: unsubscribed, bounced, complained, ...")
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Everyone in this file, which `export --suppressed` wrote, as it says.",
)
@click.option("--everywhere", is_flag=True, help="From all newsletters of the database, not this one alone.")
def suppress(address: str | None, reason: str, file: Path | None, everywhere: bool) -> None:
    """Never mail an address again.

    Whatever the list says. With --from it is everyone in a file that another state wrote. Who bounced or complained
    gets none of your newsletters in any case.
    """
    if (address is None) == (file is None):
        raise click.UsageError("Name an ADDRESS, or a file: --from FILE.")
    if everywhere and file is not None:
        raise click.UsageError("--everywhere goes with an ADDRESS: what a file says is about this newsletter.")
    if not reason.strip():
        raise click.UsageError("A --reason says why.")
    if reason.strip().casefold() == ERASED:
        raise click.UsageError(f"To erase a person: newsletter subscribers forget {address or 'ADDRESS'}")
    publication = open_publication()
    if file is not None:
        _suppress_file(publication, file, reason)
        return
    change = actions.suppress(publication, address or "", reason, everywhere=everywhere)
    before = change.before
    if before.erased:
        say(f"{address} was erased on {before.erased:%Y-%m-%d}, and gets nothing anyhow.")
        return
    if before.mailable:
        say(f"{address} gets no more mail{' from any of your newsletters' if everywhere else ''} ({reason}).")
    else:
        stays = "That reason stays." if len(before.suppressions) == 1 else "Those reasons stay."
        noted = stays if change.after == before else f"Noted as well: {reason}."
        say(f"{address} gets no mail already: {describe_suppression(before)}. {noted}")
    source = publication.subscriber_source()
    with suppressing(ListError):  # a list that can't be read is no reason to mail them
        if not source.find_rows(change.key).rows:
            say(f"It is not on the list. {suggest_nearest(source, change.key)}".strip(), style="yellow")


def _suppress_file(publication: OpenPublication, file: Path, reason: str) -> None:
    brought = actions.import_suppressions(publication, file, reason)
    new = format_count(brought.imported.new, "suppression")
    say(f"{shorten(file)}: {new} new here, {brought.imported.known:,} known.", style="bold")
    if mailed := brought.imported.mailed:
        say(f"{format_count(mailed, 'row')} say that they are mailed: nothing was done about those.")
    for campaign in brought.still_unknown:
        say(
            f"{campaign.issue}.sent.toml counts {format_count(campaign.lacking, 'suppression')} more than are here: "
            "is there a newer export?",
            style="yellow",
        )


@click.command()
@click.argument("address")
@click.option("--everywhere", is_flag=True, help="By all newsletters of the database, not this one alone.")
def unsuppress(address: str, everywhere: bool) -> None:
    """Mail an address again.

    Lifts all that keeps it from being mailed. It gets mail when it is on the list.
    """
    publication = open_publication()
    was = actions.unsuppress(publication, address, everywhere=everywhere)
    by = " from all of your newsletters" if everywhere else ""
    say(f"{address} can get mail again{by}." if was else f"{address} was not suppressed.")
    say_if_kept_out(publication.subscriber_source(), parse_subscriber_key(address))
