"""Growth of a list by month: who joined, came back, left, bounced, complained or paused, and where they said so.

All of it is counted by the database, so that a million subscribers and events are as many numbers as there are months.
Months are those of UTC.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import dropwhile
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, Select, and_, case, cast, func, literal, select

from newsletter.store.engine import is_ours
from newsletter.store.publications import is_known_here
from newsletter.store.schema import consents, events, subscribers, suppressions
from newsletter.subscribers.feedback_events import EventKind, SuppressionKind

ELSEWHERE = "elsewhere"  # in place of the sources that are too many
LISTED = "list"  # in place of a source: they came with the list, and nothing says when they agreed
_MOST_SOURCES = 500  # a list may give each of a million people another one
_STREAMED = {"yield_per": 1000}
_FORM = "form"  # in a consent's evidence: which form it was


class Change(StrEnum):
    """Kind of change to a list. Who pauses has not left."""

    JOINED = "joined"
    RETURNED = "came back"
    LEFT = "left"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNCONFIRMED = "unconfirmed"
    PAUSED = "paused"


GAINS = (Change.JOINED, Change.RETURNED)
LOSSES = (Change.LEFT, Change.BOUNCED, Change.COMPLAINED, Change.UNCONFIRMED)
_OF_EVENTS: Mapping[str, Change] = {
    EventKind.RETURNED: Change.RETURNED,
    EventKind.ALLOWED: Change.RETURNED,
    EventKind.KEPT: Change.RETURNED,
    EventKind.UNSUBSCRIBED: Change.LEFT,
    EventKind.HARD: Change.BOUNCED,
    EventKind.COMPLAINED: Change.COMPLAINED,
    EventKind.UNCONFIRMED: Change.UNCONFIRMED,
    EventKind.PAUSED: Change.PAUSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlySum:
    """Number of people whom a change was about in a month (2026-11), by where it was said."""

    month: str
    change: Change
    source: str
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Changes of a list. `sums` are by month and source; the month is empty where it is not known."""

    sums: Sequence[MonthlySum] = ()

    def count_by_month(self, latest: date, longest: int) -> dict[str, Counter[Change]]:
        """Return each month from the first with a change up to that of `latest`, at most so many, the latest last."""
        counts: dict[str, Counter[Change]] = {}
        dated = [each.month for each in self.sums if each.month and each.month <= f"{latest:%Y-%m}"]
        if dated:
            counts = {month: Counter() for month in _list_months(min(dated), latest, longest)}
        for each in self.sums:
            if each.month in counts:
                counts[each.month][each.change] += each.people
        return dict(dropwhile(lambda month: not month[1].total(), counts.items()))

    def count_by_source(self, change: Change) -> Counter[str]:
        """Return how many people a change was about, by where it was said, the most first."""
        counts = Counter[str]()
        for each in self.sums:
            if each.change is change:
                counts[each.source] += each.people
        return counts


class GrowthSum:
    """Sum of changes that come one by one. From some hundred sources of a change on, others count as one."""

    def __init__(self) -> None:
        self._sources = {change: set[str]() for change in Change}
        self._people = Counter[tuple[str, Change, str]]()

    def add(self, month: str, change: Change, source: str, people: int = 1) -> None:
        sources = self._sources[change]
        if len(sources) < _MOST_SOURCES:
            sources.add(source)
        self._people[month, change, source if source in sources else ELSEWHERE] += people

    def add_all(self, changes: Iterable[MonthlySum]) -> None:
        for each in changes:
            self.add(each.month, each.change, each.source, each.people)

    @property
    def growth(self) -> Growth:
        return Growth(
            sums=[
                MonthlySum(month=month, change=change, source=source, people=people)
                for (month, change, source), people in self._people.items()
            ]
        )


def find_month(moment: str) -> str:
    """Return the month of a moment in ISO 8601; empty for what is none."""
    try:
        date.fromisoformat(moment[:10])
    except ValueError:
        return ""
    return moment[:7] if moment[4:5] == "-" else ""


def read_changes(connection: Connection) -> Iterator[MonthlySum]:
    """Yield what was said of subscribers, by month and source: somebody counts once a month for each of them."""
    month = func.substr(events.c.said_at, 1, 7)
    columns = month, events.c.kind, events.c.source
    said = (
        select(*columns, func.count(events.c.subscriber.distinct()))
        .where(
            is_known_here(connection, events),
            events.c.kind.in_([str(kind) for kind in _OF_EVENTS]),
            ~and_(events.c.kind == EventKind.HARD.value, _undone_since(connection)),
        )
        .group_by(*columns)
    )
    for at, kind, source, people in connection.execute(said, execution_options=_STREAMED):
        yield MonthlySum(month=find_month(f"{at}-01"), change=_OF_EVENTS[kind], source=source, people=people)
    yield from _rows(connection, _bounced_softly(connection), Change.BOUNCED)


def read_joined(connection: Connection) -> Iterator[MonthlySum]:
    """Yield who joined a list in the store: by their first consent, or by when their row was made without one."""
    first = (
        select(
            func.substr(consents.c.given_at, 1, 7).label("month"),
            _source(connection).label("source"),
            func.row_number()
            .over(partition_by=consents.c.subscriber, order_by=(consents.c.given_at, consents.c.id))
            .label("number"),
        )
        .where(is_ours(connection, consents))
        .subquery()
    )
    columns = first.c.month, first.c.source
    agreed = select(*columns, func.count()).where(first.c.number == 1).group_by(*columns)
    yield from _rows(connection, agreed, Change.JOINED)
    month = func.substr(subscribers.c.created_at, 1, 7)
    their_own = and_(is_ours(connection, consents), consents.c.subscriber == subscribers.c.subscriber)
    listed = (
        select(month, literal(LISTED), func.count())
        .where(is_ours(connection, subscribers), ~select(literal(1)).where(their_own).exists())
        .group_by(month)
    )
    yield from _rows(connection, listed, Change.JOINED)


def read_signed_up(connection: Connection) -> Iterator[MonthlySum]:
    """Yield who was put on a list outside the store by a command here."""
    month = func.substr(events.c.said_at, 1, 7)
    columns = month, events.c.source
    added = (
        select(*columns, func.count(events.c.subscriber.distinct()))
        .where(is_ours(connection, events), events.c.kind == EventKind.SIGNED_UP.value)
        .group_by(*columns)
    )
    yield from _rows(connection, added, Change.JOINED)


def _rows(connection: Connection, statement: Select[Any], change: Change) -> Iterator[MonthlySum]:
    for month, source, people in connection.execute(statement, execution_options=_STREAMED):
        yield MonthlySum(month=find_month(f"{month}-01"), change=change, source=source, people=people)


def _source(connection: Connection) -> ColumnElement[str]:
    """Return where a consent was given: the form, for one that names it."""
    evidence = consents.c.evidence
    form: ColumnElement[str] = func.json_extract(evidence, f"$.{_FORM}")
    if connection.dialect.name == "postgresql":
        form = cast(evidence, JSON)[_FORM].as_string()
    # Only where a form can be, since each of a million would be parsed.
    named = evidence.contains(f'"{_FORM}"', autoescape=True)
    return case((named, func.coalesce(form, consents.c.source)), else_=consents.c.source)


def _undone_since(connection: Connection) -> ColumnElement[bool]:
    """Return the condition that an editor has undone the reading that an event is of, or one after it."""
    later = events.alias("later")
    undone = select(literal(1)).where(
        is_known_here(connection, later),
        later.c.subscriber == events.c.subscriber,
        later.c.kind == EventKind.UNDONE.value,
        later.c.id > events.c.id,
    )
    return undone.exists()


def _bounced_softly(connection: Connection) -> Select[Any]:
    """Return those suppressed for mails that came back time after time, of which no single one was the last."""
    hard = select(literal(1)).where(
        is_known_here(connection, events),
        events.c.subscriber == suppressions.c.subscriber,
        events.c.kind == EventKind.HARD.value,
    )
    month = func.substr(suppressions.c.at, 1, 7)
    return (
        select(month, suppressions.c.source, func.count(suppressions.c.subscriber.distinct()))
        .where(
            is_known_here(connection, suppressions),
            suppressions.c.cause == SuppressionKind.BOUNCED.value,
            ~hard.exists(),
        )
        .group_by(month, suppressions.c.source)
    )


def _list_months(first: str, latest: date, longest: int) -> list[str]:
    number = latest.year * 12 + latest.month - 1
    earliest = max(int(first[:4]) * 12 + int(first[5:7]) - 1, number - longest + 1)
    return [f"{each // 12:04}-{each % 12 + 1:02}" for each in range(earliest, number + 1)]
