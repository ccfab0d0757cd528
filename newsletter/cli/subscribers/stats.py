"""newsletter subscribers stats"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import click

from newsletter.cli.output import as_json, say, table
from newsletter.cli.subscribers.event_words import EVENT_WORDS, OF_EDITORS
from newsletter.cli.subscribers.opening import open_to_read, require_list
from newsletter.errors import Problem
from newsletter.store import Store, suppressions
from newsletter.store import events as log
from newsletter.subscribers.feedback_events import EventKind
from newsletter.subscribers.suppression_status import ERASED, MAILABLE, with_suppression_status
from newsletter.text import format_count

_OF_AN_ISSUE = (
    EventKind.UNSUBSCRIBED,
    EventKind.RETURNED,
    EventKind.HARD,
    EventKind.SOFT,
    EventKind.BLOCKED,
    EventKind.COMPLAINED,
)
_MOST_REASONS, _LONGEST_REASON = 10, 60  # characters: more are a reader's own words
_OTHER_WORDS = "other words"


@click.command()
@click.option("--json", "json_", is_flag=True, help="For scripts.")
def stats(json_: bool) -> None:
    """Count who is mailed, who left, and why.

    Also what was said month by month, and issue by issue.
    """
    publication = open_to_read()
    source = require_list(publication)
    store, own = publication.known_store, source.read_statuses()
    counts, states, tags = Counter[str](), Counter[str](), Counter[str]()
    for row, standing in with_suppression_status(store, publication.keys, source.read_subscribers(), own):
        if isinstance(row, Problem):
            counts["duplicates" if row.code == "duplicate" else "unusable"] += 1
            continue
        counts["readers"] += 1
        tags.update(row.tags)
        counts[MAILABLE] += standing.mailable
        states.update([*([ERASED] if standing.erased else []), *(each.kind for each in standing.suppressions)])
    figures = {
        "list": {name: counts[name] for name in ("readers", "unusable", "duplicates", MAILABLE)},
        "held_back": dict(sorted(states.items())),
        "tags": dict(tags.most_common()),
        **_said(store),
    }
    if json_:
        as_json(figures)
    else:
        _show(figures)


def _said(store: Store | None) -> dict[str, object]:
    """Count what the store knows, of subscribers on the list or not."""
    if store is None:
        return {"causes": {}, "erased": 0, "reasons": {}, "months": [], "issues": []}
    with store.reading() as connection:
        by_issue = log.counts_by_issue(connection)
        issues = sorted({issue for issue, _ in by_issue if issue}, key=_by_number)
        return {
            "causes": dict(sorted(suppressions.counts(connection).items())),
            "erased": len(log.every_forgotten(connection)),
            "reasons": _reasons(
                row.evidence.get("words", "") for row in log.every(connection) if row.kind == EventKind.REASON
            ),
            "months": [
                {"month": month, "kind": kind, "events": count}
                for month, kind, count in log.counts_by_month(connection)
            ],
            "issues": [
                {"issue": issue, **{kind.value: by_issue.get((issue, kind), 0) for kind in _OF_AN_ISSUE}}
                for issue in issues
            ],
        }


def _reasons(told: Iterable[str]) -> dict[str, int]:
    """Count what was chosen on the page; what people wrote themselves, which is nobody's to count, is "other words"."""
    counts, others = Counter[str](), 0
    for words in told:
        chosen = words.partition(": ")[0]
        if len(chosen) <= _LONGEST_REASON and chosen.isprintable():
            counts[chosen] += 1
        else:
            others += 1
    most = dict(counts.most_common(_MOST_REASONS))
    others += counts.total() - sum(most.values())
    return {**most, **({_OTHER_WORDS: others} if others else {})}


def _by_number(issue: str) -> tuple[int, ...]:
    return tuple(int(part) for part in issue.split(".") if part.isdecimal())


def _show(figures: Mapping[str, Any]) -> None:
    of_list, held_back = figures["list"], figures["held_back"]
    say(
        f"{format_count(of_list['readers'], 'reader')} on the list, {of_list[MAILABLE]:,} of them mailable",
        style="bold",
    )
    for state, count in held_back.items():
        say(f"  {count:,} {state}")
    for name, noun in (("unusable", "unusable row"), ("duplicates", "duplicate")):
        if of_list[name]:
            say(f"  {format_count(of_list[name], noun)}: newsletter subscribers check")
    if figures["tags"]:
        say("Tags: " + ", ".join(f"{tag} ({count:,})" for tag, count in figures["tags"].items()))
    everywhere = [f"{count:,} {cause}" for cause, count in figures["causes"].items()]
    everywhere += [f"{figures['erased']:,} erased"] if figures["erased"] else []
    say(f"On record, on the list or not: {', '.join(everywhere) or 'nobody'}")
    if figures["reasons"]:
        say("Why they left: " + ", ".join(f"{reason} ({count:,})" for reason, count in figures["reasons"].items()))
    if months := figures["months"]:
        say()
        table(
            ("Month", "Events", "What"),
            [(one["month"], f"{one['events']:,}", _in_words(one["kind"])) for one in months],
        )
    if issues := figures["issues"]:
        say()
        headings = ("Issue", *(_in_words(kind) for kind in _OF_AN_ISSUE))
        table(headings, [(one["issue"], *(f"{one[kind.value]:,}" for kind in _OF_AN_ISSUE)) for one in issues])


def _in_words(kind: str) -> str:
    return f"{EVENT_WORDS.get(kind, kind)}{' by you' if kind in OF_EDITORS else ''}"
