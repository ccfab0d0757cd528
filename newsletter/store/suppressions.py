"""Suppressions: who must not be mailed, by the one spelling of their address, and each cause why not."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, delete, func, literal, select, union

from newsletter.address import SubscriberKey
from newsletter.store.engine import insert_new, is_ours, now, publication_of
from newsletter.store.import_batches import is_import, is_of_import, take_over_suppressions
from newsletter.store.publications import EVERY, is_known_here, is_of_any_publication
from newsletter.store.schema import events, forgotten, suppressions
from newsletter.store.suppression_rule import (
    LIFTED,
    LIFTED_FOR_ALL,
    SHARED_CAUSES,
    are_about,
    holds,
    is_exception,
)
from newsletter.workspace import MAIN, PublicationId


class StoredSuppression(NamedTuple):
    """A cause not to mail a subscriber, as the table has it; `at` is ISO 8601 in UTC.

    `publication` is the one whose row it is, `EVERY` for one that is about all. `until` is when it ends by itself, None
    for one that has to be lifted.
    """

    subscriber: SubscriberKey
    cause: str
    words: str
    at: str
    publication: PublicationId
    until: str | None = None


def suppress(
    connection: Connection,
    subscriber: SubscriberKey,
    cause: str,
    words: str = "",
    *,
    everywhere: bool = False,
    reason: str = "",
    stage: str = "",
    source: str = "",
    batch: str = "",
    at: str = "",
) -> bool:
    """Record that a subscriber must not be mailed; False when that was known already, for this very cause.

    It is this publication that must not mail them, or, `everywhere`, none of the database. `reason`, `stage`, `source`
    and `batch` are those of the event that it follows from; `at` is when another store recorded it (now, when empty).
    """
    again = _remove_exceptions(connection, [subscriber], cause, everywhere=everywhere)
    if not is_import(batch):
        again |= take_over_suppressions(connection, [subscriber], cause, source, batch, everywhere=everywhere)
    if everywhere and cause in SHARED_CAUSES and _has_row(connection, subscriber, cause):
        return bool(again)  # an earlier version's row counts for all as well
    publication = EVERY if everywhere else publication_of(connection)
    row = _row(publication, subscriber, cause, words, reason=reason, stage=stage, source=source, batch=batch)
    new = insert_new(connection, suppressions).values({**row, "at": at or now()})
    return connection.scalar(new.returning(suppressions.c.subscriber)) is not None or bool(again)


def suppress_all(
    connection: Connection,
    words: Mapping[SubscriberKey, str],
    cause: str,
    *,
    everywhere: bool = False,
    reason: str = "",
    source: str = "",
    batch: str = "",
    since: Mapping[SubscriberKey, str] = MappingProxyType({}),
) -> frozenset[str]:
    """Suppress many subscribers, each with the words to be noted; returns those of whom it was not known.

    They are few enough for either database's parameters. `since` says when others recorded it (now, when they don't).
    """
    if not words:
        return frozenset()
    again = _remove_exceptions(connection, [*words], cause, everywhere=everywhere)
    if not is_import(batch):
        again |= take_over_suppressions(connection, [*words], cause, source, batch, everywhere=everywhere)
    known: frozenset[str] = frozenset()
    if everywhere and cause in SHARED_CAUSES:  # as `suppress`
        theirs = is_of_any_publication(suppressions), suppressions.c.subscriber.in_([*words])
        known = frozenset(
            connection.scalars(select(suppressions.c.subscriber).where(*theirs, suppressions.c.cause == cause))
        )
    publication = EVERY if everywhere else publication_of(connection)
    new, moment = insert_new(connection, suppressions).returning(suppressions.c.subscriber), now()
    rows = [
        {
            **_row(publication, subscriber, cause, noted, reason=reason, source=source, batch=batch),
            "at": since.get(subscriber) or moment,
        }
        for subscriber, noted in words.items()
        if subscriber not in known
    ]
    return (frozenset(connection.scalars(new, rows)) if rows else frozenset()) | again


def unsuppress(
    connection: Connection, subscriber: SubscriberKey, cause: str | None = None, *, everywhere: bool = False
) -> bool:
    """Let a subscriber be mailed by this publication, whatever the cause, or but for one; False when nothing held.

    Where a row about all publications holds them, this one becomes an exception from it; with `everywhere` the row
    itself goes. A bounce is lifted for all publications in any case.
    """
    rows = find_suppressions(connection, [subscriber])
    causes = {row.cause for row in rows if cause is None or row.cause == cause}
    for one in sorted(causes):
        _lift(connection, subscriber, one, everywhere=everywhere)
    return bool(causes)


def unsuppress_by_all(connection: Connection, subscriber: SubscriberKey) -> bool:
    """Let a subscriber be mailed by every publication of the database; False when none was kept from it."""
    held = connection.scalar(select(literal(1)).where(*are_about(subscriber), ~is_exception()).limit(1)) is not None
    connection.execute(delete(suppressions).where(*are_about(subscriber)))
    return held


def remove_suppressions(connection: Connection, subscriber: SubscriberKey, *, about_all: bool = False) -> int:
    """Take the publication's own rows about a subscriber out of the table, or those about all; returns how many."""
    publication = EVERY if about_all else publication_of(connection)
    mine = suppressions.c.publication == publication, suppressions.c.subscriber == subscriber
    return connection.execute(delete(suppressions).where(*mine)).rowcount


def list_causes(connection: Connection, subscriber: SubscriberKey) -> dict[str, str]:
    """Return why a subscriber must not be mailed, with the words noted for each cause, the oldest first."""
    return {row.cause: row.words for row in find_suppressions(connection, [subscriber])}


def list_batches(connection: Connection, cause: str = "bounced") -> dict[str, frozenset[SubscriberKey]]:
    """Return the batches in which this publication suppressed many at one time for a cause, and who of each still is.

    Those of imports are not among them.
    """
    rows = select(suppressions.c.batch, suppressions.c.subscriber).where(
        is_known_here(connection, suppressions),
        suppressions.c.batch != "",
        suppressions.c.cause == cause,
        ~is_of_import(),
    )
    found: dict[str, set[SubscriberKey]] = {}
    for batch, subscriber in connection.execute(rows.order_by(suppressions.c.batch, suppressions.c.subscriber)):
        if owner_of_batch(batch) == publication_of(connection):
            found.setdefault(batch, set()).add(subscriber)
    return {batch: frozenset(subscribers) for batch, subscribers in found.items()}


def lift_batch(
    connection: Connection, subscribers: Sequence[SubscriberKey], cause: str, batch: str
) -> frozenset[SubscriberKey]:
    """Lift this publication's own suppressions of a batch; return whose they were. They are few enough for a query."""
    theirs = delete(suppressions).where(
        is_ours(connection, suppressions),
        suppressions.c.subscriber.in_(subscribers),
        suppressions.c.cause == cause,
        suppressions.c.batch == batch,
    )
    return frozenset(connection.scalars(theirs.returning(suppressions.c.subscriber)))


def name_batch(moment: str, publication: PublicationId) -> str:
    """Return the name of a publication's batch: of the main one's, which earlier versions know alone, the moment."""
    return moment if publication == MAIN else f"{moment} {publication}"


def owner_of_batch(batch: str) -> PublicationId:
    """Return the publication that made a batch, by its name."""
    return PublicationId(batch.partition(" ")[2]) or MAIN


def stream_suppressions(connection: Connection) -> Iterator[StoredSuppression]:
    """Yield every suppressed subscriber with each cause, once, in the subscribers' order, the oldest cause first."""
    rows = select(suppressions).where(holds(publication_of(connection)))
    ordered = rows.order_by(suppressions.c.subscriber, suppressions.c.at)
    found = connection.execute(ordered, execution_options={"yield_per": 1000})
    yield from _each_cause_once(found, publication_of(connection))


def find_suppressions(connection: Connection, subscribers: Sequence[str]) -> list[StoredSuppression]:
    """Return the suppressed among these subscribers as `stream_suppressions` does."""
    ours = publication_of(connection)
    return list(_each_cause_once(connection.execute(_FIND, {"ours": ours, "subscribers": subscribers}), ours))


def find_suppressed_since(connection: Connection, cause: str, moment: str) -> dict[str, str]:
    """Return whom this publication has suppressed for a cause since a moment, each with their own moment."""
    ours = publication_of(connection)
    rows = select(suppressions).where(
        is_known_here(connection, suppressions), suppressions.c.cause == cause, suppressions.c.at >= moment
    )
    return {
        row.subscriber: row.at
        for row in connection.execute(rows)
        if row.publication == ours or (row.batch and owner_of_batch(row.batch) == ours)
    }


def count_suppressed(connection: Connection, lifted: Sequence[str] = ()) -> int:
    """Return how many people must not be mailed, the erased included; what ends by itself is not counted.

    With the kinds of event by which a suppression is `lifted`, those who came back are counted, too: such a number
    never falls by what this publication does, since an erased person's rows become one hash.
    """
    subscribers = select(suppressions.c.subscriber).where(
        holds(publication_of(connection)), suppressions.c.until.is_(None)
    )
    if lifted:
        ours = is_known_here(connection, events)
        back = select(events.c.subscriber).where(ours, events.c.kind.in_(lifted))
        distinct = union(subscribers, back).subquery()
    else:
        distinct = subscribers.distinct().subquery()
    held = connection.scalar(select(func.count()).select_from(distinct)) or 0
    erased = select(func.count()).select_from(forgotten).where(is_ours(connection, forgotten))
    return held + (connection.scalar(erased) or 0)


def count_by_cause(connection: Connection) -> dict[str, int]:
    """Return how many subscribers each cause holds back."""
    rows = select(suppressions.c.cause, func.count(suppressions.c.subscriber.distinct())).where(
        holds(publication_of(connection))
    )
    return {row[0]: row[1] for row in connection.execute(rows.group_by(suppressions.c.cause))}


# Made once: of a million people, asked about in groups, each statement would be one more for the garbage collector.
_FIND = (
    select(suppressions)
    .where(
        is_of_any_publication(suppressions),
        suppressions.c.subscriber.in_(bindparam("subscribers", expanding=True)),
        holds(bindparam("ours")),
    )
    .order_by(suppressions.c.subscriber, suppressions.c.at)
)


def _each_cause_once(rows: Iterable[Row[Any]], ours: PublicationId) -> Iterator[StoredSuppression]:
    """Yield each cause of each subscriber once: of several rows the one about all, else the publication's own.

    What is over is left out, also where it was not taken away yet.
    """
    moment = now()
    rows = (row for row in rows if row.until is None or row.until > moment)
    for _, together in groupby(rows, key=lambda row: row.subscriber):
        by_cause: dict[str, Row[Any]] = {}
        for row in sorted(together, key=lambda row: (row.publication != EVERY, row.publication != ours)):
            by_cause.setdefault(row.cause, row)
        for row in sorted(by_cause.values(), key=lambda row: row.at):
            yield StoredSuppression(row.subscriber, row.cause, row.words, row.at, row.publication, row.until)


def _lift(connection: Connection, subscriber: SubscriberKey, cause: str, *, everywhere: bool) -> None:
    if cause in LIFTED_FOR_ALL:
        connection.execute(delete(suppressions).where(*are_about(subscriber), suppressions.c.cause == cause))
        return
    ours = publication_of(connection)
    if everywhere:
        _remove_exceptions(connection, [subscriber], cause, everywhere=True)
    connection.execute(
        delete(suppressions).where(
            (is_known_here if everywhere else is_ours)(connection, suppressions),
            suppressions.c.subscriber == subscriber,
            suppressions.c.cause == cause,
        )
    )
    if cause in list_causes(connection, subscriber):  # by a row that stays
        exception = _row(ours, subscriber, f"{LIFTED}{cause}", "", reason="", source="")
        connection.execute(insert_new(connection, suppressions).values({**exception, "at": now()}))


def _remove_exceptions(
    connection: Connection, subscribers: Collection[SubscriberKey], cause: str, *, everywhere: bool
) -> frozenset[str]:
    """Take away this publication's exceptions from a cause, or all publications'; returns whose there were."""
    values = {"ours": publication_of(connection), "subscribers": subscribers, "lifted": LIFTED + cause}
    return frozenset(connection.scalars(_EXCEPTIONS[everywhere], values))


# Made once: to make one takes as long as to execute it, and readers leave in groups of some tens.
_EXCEPTIONS = {
    everywhere: delete(suppressions)
    .where(
        is_of_any_publication(suppressions) if everywhere else suppressions.c.publication == bindparam("ours"),
        suppressions.c.subscriber.in_(bindparam("subscribers", expanding=True)),
        suppressions.c.cause == bindparam("lifted"),
    )
    .returning(suppressions.c.subscriber)
    for everywhere in (False, True)
}


def _has_row(connection: Connection, subscriber: SubscriberKey, cause: str) -> bool:
    theirs = select(literal(1)).where(*are_about(subscriber), suppressions.c.cause == cause)
    return connection.scalar(theirs.limit(1)) is not None


def _row(
    publication: PublicationId,
    subscriber: SubscriberKey,
    cause: str,
    words: str,
    *,
    reason: str,
    source: str,
    stage: str = "",
    batch: str = "",
) -> dict[str, str]:
    return {
        "publication": publication,
        "subscriber": subscriber,
        "cause": cause,
        "words": words,
        "reason": reason,
        "stage": stage,
        "source": source,
        "batch": batch,
    }
