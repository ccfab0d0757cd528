"""The command `newsletter subscribers stats`."""

import click

from newsletter.actions.count_subscribers import KINDS_OF_AN_ISSUE, SubscriberCounts, count_subscribers
from newsletter.cli.context import open_publication
from newsletter.cli.output import print_as_json, print_table, say
from newsletter.cli.subscribers.event_words import EVENT_WORDS, OF_EDITORS
from newsletter.text import format_count


@click.command()
@click.option("--json", "json_", is_flag=True, help="For scripts.")
def stats(json_: bool) -> None:
    """Count who is mailed, who left, and why.

    Also what was said month by month, and issue by issue.
    """
    figures = count_subscribers(open_publication())
    if json_:
        print_as_json(_as_dict(figures))
    else:
        _show(figures)


def _as_dict(figures: SubscriberCounts) -> dict[str, object]:
    events = figures.events
    return {
        "list": {
            "readers": figures.subscribers,
            "unusable": figures.unusable,
            "duplicates": figures.duplicates,
            "mailable": figures.mailable,
        },
        "held_back": figures.held_back,
        "tags": figures.tags,
        "causes": events.suppressions,
        "erased": events.erased,
        "reasons": events.reasons,
        "months": [{"month": month, "kind": kind, "events": count} for month, kind, count in events.months],
        "issues": [
            {"issue": issue, **{kind.value: count for kind, count in counts.items()}}
            for issue, counts in events.issues.items()
        ],
    }


def _show(figures: SubscriberCounts) -> None:
    events = figures.events
    say(
        f"{format_count(figures.subscribers, 'reader')} on the list, {figures.mailable:,} of them mailable",
        style="bold",
    )
    for state, count in figures.held_back.items():
        say(f"  {count:,} {state}")
    for count, noun in ((figures.unusable, "unusable row"), (figures.duplicates, "duplicate")):
        if count:
            say(f"  {format_count(count, noun)}: newsletter subscribers check")
    if figures.tags:
        say("Tags: " + ", ".join(f"{tag} ({count:,})" for tag, count in figures.tags.items()))
    everywhere = [f"{count:,} {kind}" for kind, count in events.suppressions.items()]
    everywhere += [f"{events.erased:,} erased"] if events.erased else []
    say(f"On record, on the list or not: {', '.join(everywhere) or 'nobody'}")
    if events.reasons:
        say("Why they left: " + ", ".join(f"{reason} ({count:,})" for reason, count in events.reasons.items()))
    if events.months:
        say()
        lines = [(month, f"{count:,}", _describe_kind(kind)) for month, kind, count in events.months]
        print_table(("Month", "Events", "What"), lines)
    if events.issues:
        say()
        headings = ("Issue", *map(_describe_kind, KINDS_OF_AN_ISSUE))
        rows = [(issue, *(f"{count:,}" for count in counts.values())) for issue, counts in events.issues.items()]
        print_table(headings, rows)


def _describe_kind(kind: str) -> str:
    return f"{EVENT_WORDS.get(kind, kind)}{' by you' if kind in OF_EDITORS else ''}"
