"""Figures of a subscriber list: who is mailed, who is not and why, and how that has changed by month and by issue."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from newsletter.errors import Problem
from newsletter.files import open_shared
from newsletter.issue_name import IssueName, order_name
from newsletter.ledger.statistics import IssueSize, list_issue_sizes
from newsletter.ownership import resolve_own_target
from newsletter.publication import OpenPublication
from newsletter.store import Store, suppressions
from newsletter.store.erased import list_erased
from newsletter.store.events import count_by_issue, count_by_month, stream_events
from newsletter.subscribers.consent import CONSENT_AT, CONSENT_SOURCE
from newsletter.subscribers.feedback_events import EventKind
from newsletter.subscribers.growth import (
    LISTED,
    Change,
    Growth,
    GrowthSum,
    find_month,
    read_changes,
    read_joined,
    read_signed_up,
)
from newsletter.subscribers.preferences import count_preferences
from newsletter.subscribers.suppression_status import ERASED, with_suppression_status

KINDS_OF_AN_ISSUE = (
    EventKind.UNSUBSCRIBED,
    EventKind.RETURNED,
    EventKind.HARD,
    EventKind.SOFT,
    EventKind.BLOCKED,
    EventKind.COMPLAINED,
)
_MOST_REASONS, _LONGEST_REASON = 10, 60  # characters: more are a reader's own words
_OTHER_WORDS = "other words"
_MOST_ISSUES = 26  # a year of an issue every two weeks


@dataclass(frozen=True, kw_only=True)
class EventCounts:
    """Counts of what the store knows, of subscribers on the list or not.

    `suppressions` counts subscribers by kind, `reasons` what those who left gave as theirs, `months` events by month
    and kind, and `issues` those about an issue by its name and kind.
    """

    suppressions: Mapping[str, int]
    erased: int
    reasons: Mapping[str, int]
    months: Sequence[tuple[str, str, int]]
    issues: Mapping[IssueName, Mapping[EventKind, int]]


@dataclass(frozen=True, kw_only=True)
class SubscriberCounts:
    """How many are on the list and may be mailed, its rows that can't be used, what holds others back, and tags.

    `growth` says how the list has changed, `sizes` how many were to get the last issues, and `chosen` counts what
    readers chose themselves, by words for it.
    """

    subscribers: int
    mailable: int
    unusable: int
    duplicates: int
    held_back: Mapping[str, int]
    tags: Mapping[str, int]
    events: EventCounts
    growth: Growth
    sizes: Sequence[IssueSize]
    chosen: Mapping[str, int]


def count_subscribers(publication: OpenPublication) -> SubscriberCounts:
    """Return the figures of the list and of what is known of subscribers, on it or not.

    Raises ListError when there is no list, and ConfigError when nobody can tell who was erased.
    """
    publication.refuse_without_erasure_keys()
    store, source = publication.known_store, publication.require_subscribers()
    rows = with_suppression_status(store, publication.keys, source.read_subscribers(), source.read_statuses())
    problems, held_back, tags = Counter[bool](), Counter[str](), Counter[str]()
    agreed = GrowthSum()
    subscribers = mailable = 0
    for row, status in rows:
        if isinstance(row, Problem):
            problems[row.code == "duplicate"] += 1
            continue
        subscribers += 1
        mailable += status.mailable
        tags.update(row.tags)
        if moment := row.fields.get(CONSENT_AT, ""):
            agreed.add(find_month(moment), Change.JOINED, row.fields.get(CONSENT_SOURCE, "") or LISTED)
        held_back.update([*([ERASED] if status.erased else []), *(each.kind for each in status.suppressions)])
    return SubscriberCounts(
        subscribers=subscribers,
        mailable=mailable,
        unusable=problems[False],
        duplicates=problems[True],
        held_back=dict(sorted(held_back.items())),
        tags=dict(tags.most_common()),
        events=_count_events(store),
        growth=_read_growth(store, agreed, in_store=publication.config.subscriber_list.source == "store"),
        sizes=_read_sizes(store),
        chosen=_count_chosen(store),
    )


def _count_chosen(store: Store | None) -> dict[str, int]:
    if store is None:
        return {}
    with store.reading() as connection:
        return count_preferences(connection)


def write_growth_page(publication: OpenPublication, counts: SubscriberCounts, path: Path) -> Path:
    """Write how the list has grown as a page with plots and without any address."""
    from newsletter.reports.growth_page import render_growth_page  # Jinja is for the page alone

    path = resolve_own_target(path)
    with open_shared(path) as file:
        file.write(
            render_growth_page(
                counts.growth,
                counts.sizes,
                publication.config.publication,
                datetime.now(UTC),
                subscribers=counts.subscribers,
                mailable=counts.mailable,
            )
        )
    return path


def _read_growth(store: Store | None, agreed: GrowthSum, *, in_store: bool) -> Growth:
    """Return the changes of the list. `agreed` is what a list outside the store says of when people agreed."""
    if store is None:
        return agreed.growth
    changes = GrowthSum() if in_store else agreed
    with store.reading() as connection:
        if in_store:
            changes.add_all(read_joined(connection))
        elif not agreed.growth.sums:
            changes.add_all(read_signed_up(connection))
        changes.add_all(read_changes(connection))
    return changes.growth


def _read_sizes(store: Store | None) -> list[IssueSize]:
    if store is None:
        return []
    with store.reading() as connection:
        return list_issue_sizes(connection, _MOST_ISSUES)


def _count_events(store: Store | None) -> EventCounts:
    if store is None:
        return EventCounts(suppressions={}, erased=0, reasons={}, months=(), issues={})
    with store.reading() as connection:
        by_issue = count_by_issue(connection)
        issues = sorted({IssueName(issue) for issue, _ in by_issue if issue}, key=order_name)
        reasons = (row.evidence.get("words", "") for row in stream_events(connection, EventKind.REASON))
        return EventCounts(
            suppressions=dict(sorted(suppressions.count_by_cause(connection).items())),
            erased=len(list_erased(connection)),
            reasons=_count_reasons(reasons),
            months=[*count_by_month(connection)],
            issues={issue: {kind: by_issue.get((issue, kind), 0) for kind in KINDS_OF_AN_ISSUE} for issue in issues},
        )


def _count_reasons(reasons: Iterable[str]) -> dict[str, int]:
    """Count what was chosen on the page; what people wrote themselves, which is nobody's to count, is "other words"."""
    counts, others = Counter[str](), 0
    for words in reasons:
        chosen = words.partition(": ")[0]
        if len(chosen) <= _LONGEST_REASON and chosen.isprintable():
            counts[chosen] += 1
        else:
            others += 1
    most = dict(counts.most_common(_MOST_REASONS))
    others += counts.total() - sum(most.values())
    return {**most, **({_OTHER_WORDS: others} if others else {})}
