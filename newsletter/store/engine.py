"""Engine of the store: its transactions, and how it is opened."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from time import monotonic
from typing import Any

from pydantic import SecretStr
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    Insert,
    Table,
    and_,
)
from sqlalchemy.dialects import sqlite

from newsletter.store.database import Database, explain_refusals
from newsletter.store.sqlite import Sqlite
from newsletter.store.store_tables import StoreTables, name_lock
from newsletter.workspace import MAIN, PublicationId

_KEPT_S = 1.0
_PUBLICATION = "newsletter_publication"  # an execution option of each connection


class Store:
    """State of one publication. Its transactions are durable once they have ended.

    `place` names it in messages, `file` is where an SQLite database is; `folder` is this machine's for what belongs
    beside the state, None where there is none; `notice` says what was done to it when it was opened, if anything. A
    database may hold several publications: what is read and written through a store is of one.
    """

    def __init__(self, database: Database, publication: PublicationId = MAIN, folder: Path | None = None) -> None:
        self.place = database.place
        self.file = database.file
        self.folder = database.file.parent if database.file else folder
        self.publication = publication
        self.notice = ""
        self._database = database
        self._engine = database.engine().execution_options(**{_PUBLICATION: publication})
        self._reading_engine = self._engine.execution_options(**database.reading)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a connection whose work stands or falls as one. Raises DeliveryError when the database fails."""
        with explain_refusals(self._database), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection that sees one moment and changes nothing; it waits for no writer, and none waits for it."""
        with explain_refusals(self._database), self._reading_engine.begin() as connection:
            yield connection

    @contextmanager
    def keeping(self) -> Iterator["KeptConnection"]:
        """Yield transactions over a connection that is kept until the context ends, for one thread at a time."""
        kept = KeptConnection(self._database, self._engine)
        try:
            yield kept
        finally:
            kept.close()

    @contextmanager
    def erasing(self) -> Iterator[Connection]:
        """Open a transaction that leaves as little as the database can of what it deletes; `sweep` sees to the rest."""
        with explain_refusals(self._database), self._engine.connect() as connection:
            connection.detach()  # what is set for this connection costs others time
            with connection.execution_options(**self._database.erasing).begin():
                yield connection

    def sweep(self, tables: Sequence[Table]) -> bool:
        """Take out of the database's files what was deleted from these tables; False when readers were in the way.

        It holds up all who write for as long as writing the whole file takes.
        """
        with explain_refusals(self._database):
            return self._database.sweep(self._engine, [table.name for table in tables])

    @contextmanager
    def staging(self) -> Iterator["Staging"]:
        """Open a connection with temporary tables of its own, which are gone when the context ends."""
        with explain_refusals(self._database), self._engine.connect() as connection:
            connection.detach()
            yield Staging(self._database, connection)

    @contextmanager
    def preparing(self, tables: Sequence[str]) -> Iterator[Connection]:
        """Open a transaction in which these tables, of another library, are made or changed by one program at a time.

        Raises DeliveryError for one that is somebody else's.
        """
        with self.transaction() as connection:
            self._database.refuse_tables_of_others(connection, tables)
            self._database.shut_out_others(connection)
            yield connection

    def limit_idle_transactions(self, seconds: float) -> None:
        """Have the database break off a transaction whose process has stood still for so many seconds.

        It would keep others from the rows that it holds. It is for a process that never waits for a person within one.
        """
        self._database.limit_idle_transactions(self._engine, seconds)

    def connect_options(self) -> dict[str, Any]:
        """Return the options by which the database's driver connects, for a library that has connections of its own."""
        _, options = self._engine.dialect.create_connect_args(self._engine.url)
        return {**options, **self._database.connect_options()}

    def find_identity(self) -> str:
        """Return what the database is, by whatever address it is reached; a copy of it is another."""
        with explain_refusals(self._database):
            return self._database.find_identity(self._engine)

    def of(self, publication: PublicationId) -> "Store":
        """Return the state of another publication of the same database, over this store's connections.

        It is closed with this one.
        """
        other = copy(self)
        other.publication = publication
        other._engine = self._engine.execution_options(**{_PUBLICATION: publication})
        other._reading_engine = self._reading_engine.execution_options(**{_PUBLICATION: publication})
        return other

    def sole(self, name: str) -> AbstractContextManager[None]:
        """Hold `name` for the time of the context. Raises Busy when another living process holds it."""
        return self._database.sole(self._engine, name_lock(self.publication, name))

    def shared(self, name: str) -> AbstractContextManager[None]:
        """Hold `name` beside others who share it. Raises Busy when a process is its sole holder for long."""
        return self._database.sole(self._engine, name_lock(self.publication, name), shared=True)

    def close(self) -> None:
        """Close the store's connections."""
        self._engine.dispose()


class KeptConnection:
    """Transactions over one connection that is kept, since giving it back to the pool each time costs more than one.

    It is given back, and another one taken, when it has not been used for a second, or when the server has sent
    something unasked: the pool sees whether a server has closed it.
    """

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database = database
        self._engine = engine
        self._kept: Connection | None = None
        self._used_at = 0.0

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction as the store's own."""
        with explain_refusals(self._database):
            if monotonic() - self._used_at > _KEPT_S or (self._kept is not None and _has_news(self._kept)):
                self.close()
            self._kept = connection = self._kept or self._engine.connect()
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                self.close()
                raise
            self._used_at = monotonic()

    def close(self) -> None:
        """Give the connection back to the pool."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()


def _has_news(connection: Connection) -> bool:
    """Return whether a server has sent something unasked, such as the end of the connection."""
    driver: Any = connection.connection.driver_connection
    if not hasattr(driver, "fileno"):
        return False  # a file's has no server
    with DefaultSelector() as selector:
        selector.register(driver, EVENT_READ)
        return bool(selector.select(0))


class Staging:
    """Connection whose temporary tables are filled in `local` transactions, and used in a `durable` one."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection

    def local(self) -> AbstractContextManager[Connection]:
        """Open a transaction that writes to temporary tables alone: it blocks nobody, and nobody blocks it."""
        return self._transaction(self._database.local)

    def durable(self) -> AbstractContextManager[Connection]:
        """Open a transaction as the store's own, with the temporary tables in reach."""
        return self._transaction(self._database.writing)

    @contextmanager
    def _transaction(self, options: Mapping[str, Any]) -> Iterator[Connection]:
        with explain_refusals(self._database), self._connection.execution_options(**options).begin():
            yield self._connection


def open_store(
    place: Path | str,
    password: SecretStr | None = None,
    *,
    publication: PublicationId = MAIN,
    though_moved: bool = False,
    folder: Path | None = None,
) -> Store:
    """Open the store in an SQLite file or at a PostgreSQL database's URL, made when absent and migrated when older.

    `folder` is where files are kept that belong beside the state of a server's database; a file's are beside it. Raises
    DeliveryError for a newer one, for one that is broken, locked or out of reach, and for one that was moved to another
    place, unless it is to be written over.
    """
    store, _ = _open(place, password, publication, make=True, though_moved=though_moved, folder=folder)
    return store


def find_store(
    place: Path | str,
    password: SecretStr | None = None,
    *,
    publication: PublicationId = MAIN,
    folder: Path | None = None,
) -> Store | None:
    """Open the store if there is one, as `open_store` does: looking for it makes neither a file nor a table."""
    if isinstance(place, Path) and not place.exists():
        return None
    store, found = _open(place, password, publication, make=False, though_moved=False, folder=folder)
    if not found:
        store.close()
    return store if found else None


def describe_place(place: Path | str) -> str:
    """Return an SQLite file or a PostgreSQL database's URL as a store there is named in messages; nothing is opened."""
    return _database(place, None).place


def publication_of(connection: Connection) -> PublicationId:
    """Return the publication of the store that a connection is of."""
    publication: PublicationId = connection.get_execution_options()[_PUBLICATION]
    return publication


@contextmanager
def acting_for(connection: Connection, publication: PublicationId) -> Iterator[None]:
    """Let a connection be another publication's for the time of the context, within one transaction."""
    own = publication_of(connection)
    connection.execution_options(**{_PUBLICATION: publication})
    try:
        yield
    finally:
        connection.execution_options(**{_PUBLICATION: own})


def is_ours(connection: Connection, table: FromClause) -> ColumnElement[bool]:
    """Return the condition that a row is the publication's."""
    return table.c.publication == publication_of(connection)


def is_of(connection: Connection, table: FromClause, issue: str) -> ColumnElement[bool]:
    """Return the condition that a row is of this issue of the publication."""
    return and_(is_ours(connection, table), table.c.issue == issue)


def insert_new(connection: Connection, into: Table) -> Insert:
    """Return an INSERT that leaves alone what is there already, by the table's keys.

    With `from_select` the SELECT needs a WHERE, if only true(): SQLite takes ON CONFLICT for a join's ON otherwise.
    """
    if connection.dialect.name == "sqlite":
        return sqlite.insert(into).on_conflict_do_nothing()
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(into).on_conflict_do_nothing()


def write_over(connection: Connection, into: Table, row: Mapping[str, Any]) -> None:
    """Insert a row, or write it over the one with the same primary key.

    To delete that one first would not do in PostgreSQL: of two who write at once, neither sees the other's row.
    """
    keys = [column.name for column in into.primary_key]
    changed = {name: value for name, value in row.items() if name not in keys}
    if connection.dialect.name == "sqlite":
        statement: Any = sqlite.insert(into)
    else:
        from sqlalchemy.dialects import postgresql

        statement = postgresql.insert(into)
    connection.execute(statement.values(**row).on_conflict_do_update(index_elements=keys, set_=changed))


def storable(words: str) -> str:
    """Return at most a thousand letters of anybody's words, without NUL and surrogates, which no database takes."""
    return words.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")[:1000]


def now() -> str:
    """Return the moment as the store writes it: ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _open(
    place: Path | str,
    password: SecretStr | None,
    publication: PublicationId,
    *,
    make: bool,
    though_moved: bool,
    folder: Path | None,
) -> tuple[Store, bool]:
    """Return the store, and whether it has tables now; they are made when there are none and `make` says so."""
    database = _database(place, password)
    store = Store(database, publication, folder)
    try:
        tables = StoreTables(database, store._engine, publication)
        found = tables.prepare(make=make, though_moved=though_moved)
    except BaseException:
        store.close()
        raise
    store.notice = tables.notice
    return store, found


def _database(place: Path | str, password: SecretStr | None) -> Database:
    if isinstance(place, Path):
        return Sqlite(place)
    from newsletter.store.postgresql import Postgresql

    return Postgresql(place, password)
