"""Databases: what the store asks of SQLite and PostgreSQL alike."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from newsletter.errors import DeliveryError


class Busy(Exception):
    """Error for what another living process holds."""


class Damaged(DeliveryError):
    """Error for a database that can't be read any more."""


class Database(Protocol):
    """Database that does in its own way what the store needs. The mappings are execution options."""

    place: str  # for messages: never with a password
    file: Path | None  # where it is one file
    reading: Mapping[str, Any]  # a transaction that sees one moment, and neither blocks nor is blocked
    writing: Mapping[str, Any]  # a durable one
    local: Mapping[str, Any]  # one that writes to temporary tables alone
    migrating: Mapping[str, Any]  # one that changes tables
    erasing: Mapping[str, Any]  # a durable one that writes over what it deletes, where the database can

    def engine(self) -> Engine:
        """Return the engine. Raises DeliveryError when there is none to be had."""
        ...

    def find_identity(self, engine: Engine) -> str:
        """Return what the database is, by whatever address it is reached; a copy of it is another."""
        ...

    def limit_idle_transactions(self, engine: Engine, seconds: float) -> None:
        """Break off transactions of this engine whose process stands still, where the database can."""
        ...

    def connect_options(self) -> Mapping[str, Any]:
        """Return the options by which the driver connects, beside those in the engine's URL."""
        ...

    def sole(self, engine: Engine, name: str, *, shared: bool = False) -> AbstractContextManager[None]:
        """Hold `name` as the only process; `shared`, where the database can, beside others who do. Raises Busy."""
        ...

    def refuse_tables_of_others(self, connection: Connection, tables: Sequence[str]) -> None:
        """Raise DeliveryError when one of the tables is there and belongs to somebody who may not be trusted."""
        ...

    def shut_out_others(self, connection: Connection) -> None:
        """Keep other programs from making or migrating the tables until this transaction ends."""
        ...

    def back_up(self, connection: Connection, version: int, tables: Sequence[str]) -> str:
        """Copy the tables as they are, durably or with this transaction; returns where to, in words."""
        ...

    def discard_backup(self, kept: str) -> None:
        """Remove what `back_up` has made, which it said is `kept` there, after a migration that came to nothing."""
        ...

    def sweep(self, engine: Engine, tables: Sequence[str]) -> bool:
        """Take out of the database's files what was deleted; False when others who read it were in the way."""
        ...

    def in_words(self, error: DBAPIError) -> DeliveryError:
        """Return what the database refused, why, and what to do about it."""
        ...


@contextmanager
def explain_refusals(database: Database) -> Iterator[None]:
    """Raise what the database refuses meanwhile as DeliveryError, in words."""
    try:
        yield
    except (DataError, IntegrityError) as error:
        # Its text quotes the row that was refused, a reader's, which no traceback may carry into a bug report.
        raise database.in_words(error) from None
    except DBAPIError as error:
        raise database.in_words(error) from error
