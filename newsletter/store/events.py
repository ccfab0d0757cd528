"""Events: what subscribers, mail servers, providers and editors said, in the order in which it was written down.

A publication's events are its own and those about all publications of the database; an event about an issue is that
of the issue's publication.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, insert, or_, select

from newsletter.address import SubscriberKey
from newsletter.store.engine import is_of, is_ours, publication_of
from newsletter.store.prepared_statements import PreparedStatement
from newsletter.store.publications import EVERY, is_known_here, is_of_any_publication
from newsletter.store.schema import deliveries, events


class StoredEvent(NamedTuple):
    """An event as the table has it; moments are ISO 8601 in UTC.

    `reason` is in feedback's own words, `stage` is that of the dialogue at which a server said it, and `batch` names
    what was read at one time; each is empty where it is not known.
    """

    subscriber: SubscriberKey
    kind: str
    source: str
    issue: str | None
    evidence: Mapping[str, str]
    said_at: str
    at: str
    reason: str = ""
    stage: str = ""
    batch: str = ""


# Conditions that events are known to this publication, or, of all, to any of the database.
_WHOSE: Mapping[bool, ColumnElement[bool]] = {
    False: events.c.publication.in_([bindparam("ours"), EVERY]),
    True: is_of_any_publication(events),
}


def add_events(connection: Connection, rows: Sequence[StoredEvent], *, everywhere: bool = False) -> None:
    """Write events down, as this publication's or, `everywhere`, as about all of the database."""
    if rows:
        ours = EVERY if everywhere else publication_of(connection)
        written = [{**row._asdict(), "evidence": json.dumps(dict(row.evidence)), "publication": ours} for row in rows]
        connection.execute(insert(events), written)


def list_events(
    connection: Connection, subscriber: SubscriberKey, *, of_all: bool = False, own: bool = False
) -> list[StoredEvent]:
    """Return everything about one subscriber, the oldest first.

    With `of_all` it is what other publications know, too, with `own` without what is about all.
    """
    whose = is_ours(connection, events) if own else _are_of(connection, of_all=of_all)
    theirs = select(events).where(whose, events.c.subscriber == subscriber)
    return list(_rows(connection, theirs.order_by(events.c.id)))


def stream_events(connection: Connection, kind: str | None = None) -> Iterator[StoredEvent]:
    """Yield everything of a kind, or of each, the oldest first."""
    wanted = [_are_of(connection), *([events.c.kind == kind] if kind else [])]
    yield from _rows(connection, select(events).where(*wanted).order_by(events.c.id))


def stream_events_since(
    connection: Connection, kinds: Sequence[str], source: str, moment: str
) -> Iterator[StoredEvent]:
    """Yield events of these kinds and this source written down since a moment, the oldest first."""
    wanted = select(events).where(
        is_ours(connection, events), events.c.kind.in_(kinds), events.c.source == source, events.c.at >= moment
    )
    yield from _rows(connection, wanted.order_by(events.c.id))


def list_said(
    connection: Connection, subscriber: SubscriberKey, kind: str, since: str, *, of_all: bool = False
) -> list[tuple[str, str | None]]:
    """Return for each of a subscriber's events of a kind said since a moment its publication and its issue.

    With `of_all` they are those that other publications know, too.
    """
    values = {"ours": publication_of(connection), "subscriber": subscriber, "kind": str(kind), "since": since}
    return [(publication, issue) for publication, issue in _SAID[of_all].fetch(connection, values)]


# For each mail that came back both are asked several times.
_SAID = {
    of_all: PreparedStatement(
        select(events.c.publication, events.c.issue)
        .where(
            whose,
            events.c.subscriber == bindparam("subscriber"),
            events.c.kind == bindparam("kind"),
            events.c.said_at >= bindparam("since"),
        )
        .order_by(events.c.id)
    )
    for of_all, whose in _WHOSE.items()
}


def find_last_said(
    connection: Connection, subscriber: SubscriberKey, kinds: Sequence[str], *, of_all: bool = False
) -> str:
    """Return when the last of a subscriber's events of these kinds was said; empty without one.

    With `of_all` what other publications know counts, too.
    """
    values = {f"kind{number}": str(kind) for number, kind in enumerate(kinds)}  # psycopg knows no members of an enum
    values |= {"ours": publication_of(connection), "subscriber": subscriber}
    ((last,),) = _prepare_last_said(of_all, len(kinds)).fetch(connection, values)
    return last or ""


@cache
def _prepare_last_said(of_all: bool, kinds: int) -> PreparedStatement:  # a key of the cache
    named = events.c.kind.in_([bindparam(f"kind{number}") for number in range(kinds)])
    last = select(func.max(events.c.said_at))
    return PreparedStatement(last.where(_WHOSE[of_all], events.c.subscriber == bindparam("subscriber"), named))


def find_last_said_by(
    connection: Connection, subscribers: Sequence[SubscriberKey], kinds: Sequence[str]
) -> dict[SubscriberKey, str]:
    """Return when each of these subscribers last said something of these kinds; who never did is left out.

    They are few enough for either database's parameters.
    """
    values = {"whose": [publication_of(connection), EVERY], "subscribers": subscribers, "kinds": kinds}
    return {SubscriberKey(row[0]): row[1] for row in connection.execute(_LAST_SAID, values)}


# Made once: of a million people, asked about in groups, each statement would be one more for the garbage collector.
_LAST_SAID = (
    select(events.c.subscriber, func.max(events.c.said_at))
    .where(
        events.c.publication.in_(bindparam("whose", expanding=True)),
        events.c.subscriber.in_(bindparam("subscribers", expanding=True)),
        events.c.kind.in_(bindparam("kinds", expanding=True)),
    )
    .group_by(events.c.subscriber)
)


def find_told(connection: Connection, subscribers: Sequence[SubscriberKey]) -> set[tuple[SubscriberKey, str]]:
    """Return of which of these subscribers this publication was told something, with the kind of event."""
    values = {"whose": [publication_of(connection), EVERY], "subscribers": subscribers}
    return {(row.subscriber, row.kind) for row in connection.execute(_TOLD, values)}


# Made once: of a million people, asked about in groups, each statement would be one more for the garbage collector.
_TOLD = (
    select(events.c.subscriber, events.c.kind)
    .where(
        events.c.publication.in_(bindparam("whose", expanding=True)),
        events.c.subscriber.in_(bindparam("subscribers", expanding=True)),
    )
    .distinct()
)


def remove_events(
    connection: Connection, subscriber: SubscriberKey, kind: str | None = None, *, about_all: bool = False
) -> int:
    """Take away what this publication knows of a subscriber, or what is about all; of a kind, or of each.

    Returns how many events that were.
    """
    publication = EVERY if about_all else publication_of(connection)
    mine = [events.c.publication == publication, events.c.subscriber == subscriber]
    mine += [events.c.kind == kind] if kind else []
    return connection.execute(delete(events).where(*mine)).rowcount


def count_by_kind(connection: Connection, issue: str, *, unless: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return by kind how many of the issue's recipients have said that about it.

    `unless` names, for a kind, those by which a subscriber takes it back: who has done so since does not count.
    """
    later = events.alias("later")
    has_part = select(deliveries.c.id).where(
        is_of(connection, deliveries, issue), deliveries.c.subscriber == events.c.subscriber
    )
    taken_back = [
        (events.c.kind == kind)
        & select(later.c.id)
        .where(
            is_known_here(connection, later),
            later.c.subscriber == events.c.subscriber,
            later.c.id > events.c.id,
            later.c.kind.in_(undoing),
        )
        .exists()
        for kind, undoing in unless.items()
    ]
    statement = (
        select(events.c.kind, func.count(events.c.subscriber.distinct()))
        .where(is_of(connection, events, issue), has_part.exists(), ~or_(*taken_back))
        .group_by(events.c.kind)
    )
    return {kind: count for kind, count in connection.execute(statement)}  # noqa: C416  # rows are no pairs to mypy


def count_by_issue(connection: Connection) -> dict[tuple[str | None, str], int]:
    """Return how many subscribers there are by issue and kind: one who bounced twice for an issue counts once."""
    columns = (events.c.issue, events.c.kind)
    sums = select(*columns, func.count(events.c.subscriber.distinct())).where(is_ours(connection, events))
    return {(issue, kind): count for issue, kind, count in connection.execute(sums.group_by(*columns))}


def count_by_month(connection: Connection) -> list[tuple[str, str, int]]:
    """Return month (2026-11), kind and how many events, the earliest first."""
    month = func.substr(events.c.said_at, 1, 7)
    sums = select(month, events.c.kind, func.count()).where(_are_of(connection))
    rows = connection.execute(sums.group_by(month, events.c.kind).order_by(month, events.c.kind))
    return [(*row,) for row in rows]


def _are_of(connection: Connection, *, of_all: bool = False) -> ColumnElement[bool]:
    """Return the condition that events are the publication's, or of any publication of the database."""
    if of_all:
        return is_of_any_publication(events)
    return is_known_here(connection, events)


def _rows(connection: Connection, statement: Select[Any]) -> Iterator[StoredEvent]:
    for row in connection.execute(statement, execution_options={"yield_per": 1000}):
        values = {name: getattr(row, name) for name in StoredEvent._fields}
        yield StoredEvent(**{**values, "evidence": json.loads(row.evidence)})
