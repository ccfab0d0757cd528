"""Erased people: each is a keyed hash, by which an old list does not bring them back."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select

from newsletter.address import SubscriberKey
from newsletter.clock import Instant, parse_instant
from newsletter.store.engine import insert_new, is_ours, now, publication_of
from newsletter.store.prepared_statements import PreparedStatement
from newsletter.store.schema import forgotten


def add_erased(connection: Connection, digest: str, at: str = "") -> bool:
    """Remember that whoever has this keyed hash was erased, at a moment (now, when empty); False when it is known."""
    row = {"publication": publication_of(connection), "digest": digest, "at": at or now()}
    return connection.scalar(insert_new(connection, forgotten).values(row).returning(forgotten.c.digest)) is not None


def remove_erased(connection: Connection, digest: str) -> bool:
    """Forget an erasure, because they came back of their own will; False when there was none."""
    mine = delete(forgotten).where(is_ours(connection, forgotten), forgotten.c.digest == digest)
    return connection.execute(mine).rowcount > 0


def is_erased(connection: Connection, digest: str) -> bool:
    """Return whether somebody with this keyed hash was erased."""
    return bool(_IS_ERASED.fetch(connection, {"ours": publication_of(connection), "digest": digest}))


_IS_ERASED = PreparedStatement(
    select(forgotten.c.at).where(
        forgotten.c.publication == bindparam("ours"), forgotten.c.digest == bindparam("digest")
    )
)


def find_erased(connection: Connection, digests: Sequence[str]) -> dict[str, Instant]:
    """Return which of these keyed hashes are of the erased, and when each was."""
    values = {"publication": publication_of(connection), "digests": digests}
    return {row.digest: parse_instant(row.at) for row in connection.execute(_FIND, values)}


# Made once: of a million readers, asked about in groups, each statement would be one more for the garbage collector.
_FIND = select(forgotten).where(
    forgotten.c.publication == bindparam("publication"),
    forgotten.c.digest.in_(bindparam("digests", expanding=True)),
)


def list_erased(connection: Connection) -> list[tuple[str, str]]:
    """Return each keyed hash with the moment of the erasure, the oldest first."""
    rows = select(forgotten.c.digest, forgotten.c.at).where(is_ours(connection, forgotten))
    return [(row.digest, row.at) for row in connection.execute(rows.order_by(forgotten.c.at, forgotten.c.digest))]


def list_erased_digests(connection: Connection) -> frozenset[str]:
    """Return the keyed hash of everybody who was erased."""
    return frozenset(connection.scalars(select(forgotten.c.digest).where(is_ours(connection, forgotten))))


def hold_off_erasing(connection: Connection) -> None:
    """Keep everybody from being erased until this transaction ends: what is written of them would outlive them."""
    _lock(connection, "ROW SHARE")


def hold_off_writing(connection: Connection) -> None:
    """Keep others from writing about subscribers until this transaction ends."""
    _lock(connection, "EXCLUSIVE")


def take_turns(connection: Connection, subscribers: Collection[SubscriberKey]) -> None:
    """Wait until no other transaction decides about one of these subscribers, and let none before this one ends.

    They may not have a row yet that could be locked.
    """
    if connection.dialect.name == "postgresql":
        for name in sorted(f"subscriber {publication_of(connection)} {subscriber}" for subscriber in subscribers):
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def _lock(connection: Connection, mode: str) -> None:
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time
        connection.exec_driver_sql(f"LOCK TABLE forgotten IN {mode} MODE")
