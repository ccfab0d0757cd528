"""newsletter subscribers suppress|unsuppress"""

from contextlib import suppress as suppressing
from pathlib import Path

import click

from newsletter.campaigns.unknown_campaigns import vouch
from newsletter.cli.context import open_publication
from newsletter.cli.output import say, short
from newsletter.cli.subscribers.opening import open_to_write, say_if_kept_out, suggest_nearest
from newsletter.errors import DecisionNeeded, ListError
from newsletter.subscribers import suppression
from newsletter.subscribers.list_changes import describe_suppression
from newsletter.subscribers.subscriber import parse_subscriber_key
from newsletter.subscribers.suppression_status import ERASED, read_suppression_statuses
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
def suppress(address: str | None, reason: str, file: Path | None) -> None:
    """Never mail an address again.

    Whatever the list says. With --from it is everyone in a file that another state wrote.
    """
    if (address is None) == (file is None):
        raise click.UsageError("Name an ADDRESS, or a file: --from FILE.")
    if not reason.strip():
        raise click.UsageError("A --reason says why.")
    if reason.strip().casefold() == ERASED:
        raise click.UsageError(f"To erase a person: newsletter subscribers forget {address or 'ADDRESS'}")
    if file is not None:
        publication = open_to_write()
        settings = publication.config.subscriber_list
        brought = suppression.import_suppressions(
            publication.store, publication.keys, file, reason, honour=settings.honour, ignore=settings.ignore
        )
        say(
            f"{short(file)}: {format_count(brought.new, 'suppression')} new here, {brought.known:,} known.",
            style="bold",
        )
        if brought.mailed:
            say(f"{format_count(brought.mailed, 'row')} say that they are mailed: nothing was done about those.")
        if brought.whole:
            for short_of in vouch(publication.store, publication.workspace.drafts, complete=False):
                say(
                    f"{short_of.issue}.sent.toml counts {format_count(short_of.lacking, 'suppression')} more than are "
                    "here: is there a newer export?",
                    style="yellow",
                )
        return
    reader = parse_subscriber_key(address or "")
    # Noted of anybody, also when nobody can tell who was erased: that they are not mailed.
    publication = open_publication()
    store, keys, source = publication.store, publication.keys, publication.subscriber_source()
    (before,) = read_suppression_statuses(store, keys, [reader])
    if before.erased:
        say(f"{address} was erased on {before.erased[:10]}, and gets nothing anyhow.")
        return
    suppression.suppress(store, keys, reader, reason)
    (after,) = read_suppression_statuses(store, keys, [reader])
    if before.mailable:
        say(f"{address} gets no more mail ({reason}).")
    else:
        stays = "That reason stays." if len(before.suppressions) == 1 else "Those reasons stay."
        noted = stays if after == before else f"Noted as well: {reason}."
        say(f"{address} gets no mail already: {describe_suppression(before)}. {noted}")
    with suppressing(ListError):  # a list that can't be read is no reason to mail them
        if not source.find_rows(reader).rows:
            say(f"It is not on the list. {suggest_nearest(source, reader)}".strip(), style="yellow")


@click.command()
@click.argument("address")
def unsuppress(address: str) -> None:
    """Mail an address again.

    Lifts all that stands against it. It gets mail when it is on the list.
    """
    reader = parse_subscriber_key(address)
    publication = open_to_write()
    store, keys = publication.store, publication.keys
    (standing,) = read_suppression_statuses(store, keys, [reader])
    if standing.erased:
        raise DecisionNeeded(
            f"{reader} was erased on {standing.erased[:10]}.",
            next_step=f"Did they ask to come back? newsletter subscribers add {reader} --again",
        )
    was = suppression.unsuppress(store, keys, reader)
    say(f"{address} can get mail again." if was else f"Nothing stood against {address}.")
    say_if_kept_out(publication.subscriber_source(), reader)
