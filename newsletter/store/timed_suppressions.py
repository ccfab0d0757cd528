"""Suppressions that end by themselves: a publication does not mail a subscriber until a moment (ISO 8601 in UTC)."""

from sqlalchemy import ColumnElement, Connection, delete, literal, select

from newsletter.address import SubscriberKey
from newsletter.store.engine import is_ours, now, publication_of, write_over
from newsletter.store.schema import suppressions


def suppress_until(
    connection: Connection,
    subscriber: SubscriberKey,
    cause: str,
    until: str,
    *,
    source: str,
    batch: str = "",
    at: str = "",
) -> bool:
    """Record that this publication must not mail a subscriber before a moment; return False when that was known.

    It replaces one for the same cause that ends at another moment. `at` is when another store recorded it (now, when
    empty).
    """
    mine = (
        is_ours(connection, suppressions),
        suppressions.c.subscriber == subscriber,
        suppressions.c.cause == cause,
    )
    if connection.scalar(select(suppressions.c.until).where(*mine)) == until:
        return False
    row = {
        **dict.fromkeys(("reason", "stage", "words"), ""),
        "publication": publication_of(connection),
        "subscriber": subscriber,
        "cause": cause,
        "source": source,
        "batch": batch,
        "at": at or now(),
        "until": until,
    }
    write_over(connection, suppressions, row)
    return True


def has_ended(connection: Connection) -> bool:
    """Return whether a suppression of this publication is over and was not taken away yet."""
    return connection.scalar(select(literal(1)).where(*_have_ended(connection)).limit(1)) is not None


def remove_ended(connection: Connection) -> list[tuple[SubscriberKey, str, str]]:
    """Take away this publication's suppressions that are over; return whose, for which cause, and when each ended."""
    columns = suppressions.c.subscriber, suppressions.c.cause, suppressions.c.until
    rows = connection.execute(delete(suppressions).where(*_have_ended(connection)).returning(*columns))
    return [(*row,) for row in rows]


def _have_ended(connection: Connection) -> tuple[ColumnElement[bool], ...]:
    return is_ours(connection, suppressions), suppressions.c.until <= now()
