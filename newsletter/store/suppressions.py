"""Who must not be mailed, by the one spelling of their address, and each cause why not."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select, union

from newsletter.store.engine import insert_new, now
from newsletter.store.schema import events, forgotten, suppressions


def suppress(connection: Connection, reader: str, cause: str, words: str = "") -> bool:
    """Record that `reader` must not be mailed; False when that was known already, for this very cause."""
    new = insert_new(connection, suppressions).values(reader=reader, cause=cause, words=words, at=now())
    return connection.scalar(new.returning(suppressions.c.reader)) is not None


def suppress_all(connection: Connection, words: Mapping[str, str], cause: str) -> frozenset[str]:
    """The same for many readers at once, each with the words to be noted; returns those of whom it was not known."""
    new = insert_new(connection, suppressions).returning(suppressions.c.reader)
    rows = [{"reader": reader, "cause": cause, "words": noted, "at": now()} for reader, noted in words.items()]
    return frozenset(connection.scalars(new, rows)) if rows else frozenset()


def unsuppress(connection: Connection, reader: str, cause: str | None = None) -> bool:
    """Take away one cause, or all of them; False when there was none."""
    mine = [suppressions.c.reader == reader, *([suppressions.c.cause == cause] if cause else [])]
    return connection.execute(delete(suppressions).where(*mine)).rowcount > 0


def causes(connection: Connection, reader: str) -> dict[str, str]:
    """Why this reader must not be mailed, and the words that were noted with each cause, oldest first."""
    rows = select(suppressions).where(suppressions.c.reader == reader).order_by(suppressions.c.at)
    return {row.cause: row.words for row in connection.execute(rows)}


def suppressed_readers(connection: Connection) -> Iterator[tuple[str, str, str, str]]:
    """Every suppressed reader with a cause, the words noted and the moment, in the readers' order. Streams."""
    rows = select(suppressions).order_by(suppressions.c.reader, suppressions.c.at)
    for row in connection.execute(rows, execution_options={"yield_per": 1000}):
        yield row.reader, row.cause, row.words, row.at


def of_readers(connection: Connection, readers: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Of these readers the suppressed ones, each cause as `suppressed_readers` gives it, oldest first."""
    for row in connection.execute(_OF_READERS, {"readers": readers}):
        yield row.reader, row.cause, row.words, row.at


# Made once: of a million readers, asked about in groups, each statement would be one more for the garbage collector.
_OF_READERS = (
    select(suppressions)
    .where(suppressions.c.reader.in_(bindparam("readers", expanding=True)))
    .order_by(suppressions.c.at)
)


def bring(connection: Connection, reader: str, cause: str, words: str, at: str) -> bool:
    """Record what another store knew, with its date; False when this one knows the cause already."""
    new = insert_new(connection, suppressions).values(reader=reader, cause=cause, words=words, at=at)
    return connection.scalar(new.returning(suppressions.c.reader)) is not None


def since(connection: Connection, cause: str, moment: str) -> dict[str, str]:
    """Return who has been suppressed for this cause since a moment, each with their own moment."""
    rows = select(suppressions.c.reader, suppressions.c.at).where(
        suppressions.c.cause == cause, suppressions.c.at >= moment
    )
    return {row.reader: row.at for row in connection.execute(rows)}


def count_readers(connection: Connection, lifted: Sequence[str] = ()) -> int:
    """Return how many people must not be mailed, the erased included.

    With the kinds of event by which a suppression is `lifted`, those who came back are counted, too: such a number
    never falls, since an erased reader's rows become one hash.
    """
    readers = select(suppressions.c.reader)
    if lifted:
        back = select(events.c.reader).where(events.c.kind.in_(lifted))
        distinct = union(readers, back).subquery()
    else:
        distinct = readers.distinct().subquery()
    held = connection.scalar(select(func.count()).select_from(distinct)) or 0
    return held + (connection.scalar(select(func.count()).select_from(forgotten)) or 0)


def counts(connection: Connection) -> dict[str, int]:
    """How many readers each cause holds back."""
    rows = select(suppressions.c.cause, func.count()).group_by(suppressions.c.cause)
    return {row[0]: row[1] for row in connection.execute(rows)}
