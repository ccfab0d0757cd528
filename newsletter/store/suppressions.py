"""Who must not be mailed, by the one spelling of their address."""

from sqlalchemy import Connection, delete, select

from newsletter.store.engine import insert_new, now
from newsletter.store.schema import suppressions


def suppress(connection: Connection, reader: str, reason: str) -> bool:
    """Record that `reader` must not be mailed; False when that was known already (the first reason stays)."""
    new = insert_new(connection, suppressions).values(reader=reader, reason=reason, at=now())
    return connection.scalar(new.returning(suppressions.c.reader)) is not None


def unsuppress(connection: Connection, reader: str) -> bool:
    """Allow mail to `reader` again; False when nothing forbade it."""
    return connection.execute(delete(suppressions).where(suppressions.c.reader == reader)).rowcount > 0


def suppressed_readers(connection: Connection) -> dict[str, str]:
    """Every suppressed reader with the reason."""
    return {row.reader: row.reason for row in connection.execute(select(suppressions))}
