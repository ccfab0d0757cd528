"""The command `newsletter subscribers forget`."""

import sys
from pathlib import Path

import click

from newsletter.actions.erase import erase_everywhere, erase_subscriber
from newsletter.actions.find_copies import find_copies
from newsletter.actions.subscriber_record import SubscriberRecord, read_subscriber_record
from newsletter.cli.context import open_publication
from newsletter.cli.output import print_lease_wait, say, shorten
from newsletter.cli.subscribers.list_hints import suggest_nearest
from newsletter.subscribers.list_changes import describe_suppression
from newsletter.subscribers.secret_keys import require_secret_keys
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.subscriber import parse_subscriber_key
from newsletter.subscribers.suppression_status import read_suppression_statuses
from newsletter.text import format_count


@click.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Erase without asking.")
@click.option("--everywhere", is_flag=True, help="From all newsletters of the database, not this one alone.")
def forget(address: str, yes: bool, everywhere: bool) -> None:
    """Erase a person who asked for it.

    From the list, and all that is kept of them. A keyed hash is left, which leads nobody to them, and by which an old
    list does not bring them back.
    """
    key = parse_subscriber_key(address)
    publication = open_publication()
    require_secret_keys(publication.workspace)
    publication.refuse_without_erasure_keys()
    source = publication.subscriber_source()
    known = read_subscriber_record(publication, key)
    _announce(known, source)
    _announce_elsewhere(known, everywhere=everywhere)
    if not known.is_known and not known.status.erased and (near := suggest_nearest(source, key)):
        say(near)
    if not yes and not click.confirm("Erase them? That can't be undone."):
        say("Nobody was erased.")
        sys.exit(1)
    if everywhere:
        erased = erase_everywhere(publication, key, print_lease_wait)
        done = erased.by_publication[publication.workspace.publication_id]
        names = ", ".join(erased.by_publication)
        say(f"{key} is erased from {names}: a keyed hash is left, and nothing is sent to them.", style="bold")
        if erased.unlisted:
            say(
                f"The lists of {', '.join(erased.unlisted)} are in other folders: a file there may still hold the "
                "address. Nothing is sent to it.",
                style="yellow",
            )
    else:
        done = erase_subscriber(publication, key, print_lease_wait)
        say(f"{key} is erased: a keyed hash is left, and nothing is sent to them.", style="bold")
        (left,) = read_suppression_statuses(publication.store, None, [key])
        if left.suppressions:
            why = describe_suppression(left)
            say(f"A note stays for your other newsletters ({why}). --everywhere erases that, too.", style="yellow")
    if done.store_rows.mentions:
        say(f"The address was also taken out of {format_count(done.store_rows.mentions, 'row')} about others.")
    if known.other_lines:
        lines = ", ".join(map(str, known.other_lines))
        say(
            f"The address is still in rows about others: look at {shorten(source.place)}, line {lines}.",
            style="yellow",
        )
    if copies := find_copies(publication, key):
        say("These still hold the address. Delete them, or what is in them:", style="yellow")
        for copy in copies:
            say(f"  {shorten(Path(copy)) if Path(copy).is_absolute() else copy}")
    say(
        "Out of this program's reach: backups, git's history, mail servers' logs and mailboxes, files that were handed "
        "out, and your shell's history, which has this command now."
    )
    if not done.swept:
        say(
            f"{publication.store.place} is in use by another program, and holds traces until it is written again. When "
            "that has ended, run the same command again.",
            style="yellow",
        )
        sys.exit(1)


def _announce_elsewhere(known: SubscriberRecord, *, everywhere: bool) -> None:
    """Say what other newsletters know of a person, and what becomes of it."""
    names = ", ".join(other.publication for other in known.elsewhere)
    if names and everywhere:
        say(f"Your other newsletters that know them: {names}. They are erased there, too.")
    elif names:
        say(f"Your other newsletters that know them: {names}. To erase them there, too: --everywhere", style="yellow")


def _announce(known: SubscriberRecord, source: SubscriberSource) -> None:
    if known.status.erased and not known.is_known:
        say(f"{known.key} was erased on {known.status.erased:%Y-%m-%d}. This makes sure of it once more.")
        return
    if not known.is_known:
        say(f"Nothing is known of {known.key}. Their keyed hash will be kept all the same.")
        return
    parts = [
        (len(known.rows), f"row of {shorten(source.place)}", f"rows of {shorten(source.place)}"),
        (len(known.consents), "consent", "consents"),
        (len(known.events), "event", "events"),
        (len(known.deliveries), "delivery", "deliveries"),
    ]
    kept = [f"{count:,} {one if count == 1 else many}" for count, one, many in parts if count]
    if known.status.suppressions:
        kept.append(
            f"{'and ' if kept else ''}a note that they must not be mailed ({describe_suppression(known.status)})"
        )
    say(f"Known of {known.key}: {', '.join(kept)}.")
    if known.deliveries:
        say("What became of each issue stays, under a name that is nobody's, so that reports still balance.")
