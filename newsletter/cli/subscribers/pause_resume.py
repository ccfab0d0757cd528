"""The commands `newsletter subscribers pause` and `resume`."""

import click

from newsletter.actions.pause_subscriber import PauseChange, pause_subscriber, resume_subscriber
from newsletter.cli.context import open_publication
from newsletter.cli.output import say
from newsletter.cli.subscribers.list_hints import suggest_nearest
from newsletter.publication import OpenPublication
from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.subscribers.list_changes import describe_suppression
from newsletter.subscribers.pauses import PauseLength


@click.command()
@click.argument("address")
@click.option(
    "--for",
    "length",
    type=click.Choice([length.value for length in PauseLength]),
    default=PauseLength.MONTH.value,
    show_default=True,
    help="How long: two weeks, or one, three or six months.",
)
def pause(address: str, length: str) -> None:
    """Send an address nothing for a time.

    Then it comes back to them by itself. Readers do this themselves on the page that each issue links to.
    """
    publication = open_publication()
    change = pause_subscriber(publication, address, PauseLength(length))
    ends = [each.until for each in change.after.suppressions if each.kind == SuppressionKind.PAUSED and each.until]
    say(f"{change.key} gets nothing until {max(ends):%Y-%m-%d}, and then everything again.")
    _say_what_stays(publication, change)


@click.command()
@click.argument("address")
def resume(address: str) -> None:
    """End the pause of an address now."""
    publication = open_publication()
    change = resume_subscriber(publication, address)
    say(f"{change.key} gets mail again." if change.changed else f"{change.key} had paused nothing.")
    _say_what_stays(publication, change)


def _say_what_stays(publication: OpenPublication, change: PauseChange) -> None:
    """Print what else keeps the address from being mailed, and which one of the list may be meant."""
    if {each.kind for each in change.after.suppressions} - {SuppressionKind.PAUSED}:
        say(f"It must not be mailed: {describe_suppression(change.after)}.", style="yellow")
    source = publication.subscriber_source()
    if not source.find_rows(change.key).rows:
        say(f"It is not on the list. {suggest_nearest(source, change.key)}".strip(), style="yellow")
