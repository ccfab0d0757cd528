"""Suppressions: who must not be mailed, by the one spelling of their address, and each cause why not."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select, union

from newsletter.address import SubscriberKey
from newsletter.store.engine import insert_new, is_ours, now, publication_of
from newsletter.store.schema import events, forgotten, suppressions


def suppress(
    connection: Connection,
    subscriber: SubscriberKey,
    cause: str,
    words: str = "",
    *,
    reason: str = "",
    stage: str = "",
    source: str = "",
    batch: str = "",
    at: str = "",
) -> bool:
    """Record that a subscriber must not be mailed; False when that was known already, for this very cause.

    `reason`, `stage`, `source` and `batch` are those of the event that it follows from; `at` is when another store
    recorded it (now, when empty).
    """
    row = _row(connection, subscriber, cause, words, reason=reason, stage=stage, source=source, batch=batch)
    new = insert_new(connection, suppressions).values({**row, "at": at or now()})
    return connection.scalar(new.returning(suppressions.c.subscriber)) is not None


def suppress_all(
    connection: Connection, words: Mapping[SubscriberKey, str], cause: str, *, reason: str = "", source: str = ""
) -> frozenset[str]:
    """Suppress many subscribers, each with the words to be noted; returns those of whom it was not known."""
    new = insert_new(connection, suppressions).returning(suppressions.c.subscriber)
    rows = [
        {**_row(connection, subscriber, cause, noted, reason=reason, source=source), "at": now()}
        for subscriber, noted in words.items()
    ]
    return frozenset(connection.scalars(new, rows)) if rows else frozenset()


def unsuppress(connection: Connection, subscriber: SubscriberKey, cause: str | None = None) -> bool:
    """Take away one cause, or all of them; False when there was none."""
    mine = [is_ours(connection, suppressions), suppressions.c.subscriber == subscriber]
    mine += [suppressions.c.cause == cause] if cause else []
    return connection.execute(delete(suppressions).where(*mine)).rowcount > 0


def list_causes(connection: Connection, subscriber: SubscriberKey) -> dict[str, str]:
    """Return why a subscriber must not be mailed, with the words noted for each cause, the oldest first."""
    mine = is_ours(connection, suppressions) & (suppressions.c.subscriber == subscriber)
    rows = select(suppressions).where(mine).order_by(suppressions.c.at)
    return {row.cause: row.words for row in connection.execute(rows)}


def list_batches(connection: Connection) -> dict[str, frozenset[SubscriberKey]]:
    """Return the batches in which many were suppressed at one time, and who of each is suppressed still."""
    rows = select(suppressions.c.batch, suppressions.c.subscriber).where(
        is_ours(connection, suppressions), suppressions.c.batch != ""
    )
    found: dict[str, set[SubscriberKey]] = {}
    for batch, subscriber in connection.execute(rows.order_by(suppressions.c.batch, suppressions.c.subscriber)):
        found.setdefault(batch, set()).add(subscriber)
    return {batch: frozenset(subscribers) for batch, subscribers in found.items()}


def stream_suppressions(connection: Connection) -> Iterator[tuple[str, str, str, str]]:
    """Yield every suppressed subscriber with a cause, the words noted and the moment, in the subscribers' order."""
    rows = select(suppressions).where(is_ours(connection, suppressions))
    ordered = rows.order_by(suppressions.c.subscriber, suppressions.c.at)
    for row in connection.execute(ordered, execution_options={"yield_per": 1000}):
        yield row.subscriber, row.cause, row.words, row.at


def find_suppressions(connection: Connection, subscribers: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Yield the suppressed among these subscribers, each cause as `stream_suppressions` does, the oldest first."""
    values = {"publication": publication_of(connection), "subscribers": subscribers}
    for row in connection.execute(_FIND, values):
        yield row.subscriber, row.cause, row.words, row.at


# Made once: of a million people, asked about in groups, each statement would be one more for the garbage collector.
_FIND = (
    select(suppressions)
    .where(
        suppressions.c.publication == bindparam("publication"),
        suppressions.c.subscriber.in_(bindparam("subscribers", expanding=True)),
    )
    .order_by(suppressions.c.at)
)


def find_suppressed_since(connection: Connection, cause: str, moment: str) -> dict[str, str]:
    """Return who has been suppressed for this cause since a moment, each with their own moment."""
    rows = select(suppressions.c.subscriber, suppressions.c.at).where(
        is_ours(connection, suppressions), suppressions.c.cause == cause, suppressions.c.at >= moment
    )
    return {row.subscriber: row.at for row in connection.execute(rows)}


def count_suppressed(connection: Connection, lifted: Sequence[str] = ()) -> int:
    """Return how many people must not be mailed, the erased included.

    With the kinds of event by which a suppression is `lifted`, those who came back are counted, too: such a number
    never falls, since an erased person's rows become one hash.
    """
    subscribers = select(suppressions.c.subscriber).where(is_ours(connection, suppressions))
    if lifted:
        back = select(events.c.subscriber).where(is_ours(connection, events), events.c.kind.in_(lifted))
        distinct = union(subscribers, back).subquery()
    else:
        distinct = subscribers.distinct().subquery()
    held = connection.scalar(select(func.count()).select_from(distinct)) or 0
    erased = select(func.count()).select_from(forgotten).where(is_ours(connection, forgotten))
    return held + (connection.scalar(erased) or 0)


def count_by_cause(connection: Connection) -> dict[str, int]:
    """Return how many subscribers each cause holds back."""
    rows = select(suppressions.c.cause, func.count()).where(is_ours(connection, suppressions))
    return {row[0]: row[1] for row in connection.execute(rows.group_by(suppressions.c.cause))}


def _row(
    connection: Connection,
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
        "publication": publication_of(connection),
        "subscriber": subscriber,
        "cause": cause,
        "words": words,
        "reason": reason,
        "stage": stage,
        "source": source,
        "batch": batch,
    }
