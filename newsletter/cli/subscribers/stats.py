"""The command `newsletter subscribers stats`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from newsletter.actions.count_subscribers import (
    KINDS_OF_AN_ISSUE,
    SubscriberCounts,
    count_subscribers,
    write_growth_page,
)
from newsletter.cli.context import open_publication
from newsletter.cli.output import print_as_json, print_table, say, shorten
from newsletter.cli.subscribers.event_words import EVENT_WORDS, OF_EDITORS
from newsletter.reports.growth_sources import list_sources
from newsletter.subscribers.growth import Change
from newsletter.text import format_count

_MONTHS = 12


@click.command()
@click.option("--json", "json_", is_flag=True, help="For scripts.")
@click.option(
    "--html",
    "html_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write how the list has grown as a page with plots, and without any address.",
)
def stats(json_: bool, html_file: Path | None) -> None:
    """Count who is mailed, who joined and left, and why.

    Month by month, and issue by issue.
    """
    publication = open_publication()
    figures = count_subscribers(publication)
    page = write_growth_page(publication, figures, html_file) if html_file else None
    if json_:
        print_as_json(_as_dict(figures))
        return
    _show(figures)
    if page:
        say()
        say(f"The same with plots, and no address in it: {shorten(page)}")


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
        "chosen": figures.chosen,
        "causes": events.suppressions,
        "erased": events.erased,
        "reasons": events.reasons,
        "growth": [
            {"month": each.month, "change": each.change.value, "source": each.source, "people": each.people}
            for each in sorted(figures.growth.sums, key=lambda each: (each.month, each.change, each.source))
        ],
        "sizes": [
            {"issue": size.issue, "frozen_at": size.frozen_at, "readers": size.recipients} for size in figures.sizes
        ],
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
    if figures.chosen:
        say("Chosen by readers: " + ", ".join(f"{what} ({count:,})" for what, count in figures.chosen.items()))
    everywhere = [f"{count:,} {kind}" for kind, count in events.suppressions.items()]
    everywhere += [f"{events.erased:,} erased"] if events.erased else []
    say(f"On record, on the list or not: {', '.join(everywhere) or 'nobody'}")
    if events.reasons:
        say("Why they left: " + ", ".join(f"{reason} ({count:,})" for reason, count in events.reasons.items()))
    _show_growth(figures)
    if events.months:
        say()
        lines = [(month, f"{count:,}", _describe_kind(kind)) for month, kind, count in events.months]
        print_table(("Month", "Events", "What"), lines)
    if events.issues:
        say()
        headings = ("Issue", *map(_describe_kind, KINDS_OF_AN_ISSUE))
        rows = [(issue, *(f"{count:,}" for count in counts.values())) for issue, counts in events.issues.items()]
        print_table(headings, rows)


def _show_growth(figures: SubscriberCounts) -> None:
    months = figures.growth.count_by_month(datetime.now(UTC), _MONTHS)
    if any(each.total() for each in months.values()):
        say()
        rows = [(month, *(f"{counts[change]:,}" for change in Change)) for month, counts in months.items()]
        print_table(("Month", *(change.value.capitalize() for change in Change)), rows)
    for words, change in (("Where they joined", Change.JOINED), ("Where they left", Change.LEFT)):
        if sources := list_sources(figures.growth, change):
            say(f"{words}: " + ", ".join(f"{source} ({people:,})" for source, people in sources))


def _describe_kind(kind: str) -> str:
    return f"{EVENT_WORDS.get(kind, kind)}{' by you' if kind in OF_EDITORS else ''}"
