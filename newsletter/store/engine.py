"""Engine of the store: its transactions, and the one version of its tables that this program knows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Insert,
    String,
    Table,
    and_,
    column,
    insert,
    inspect,
    select,
    table,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from newsletter.errors import DeliveryError
from newsletter.store.database import Busy, Database
from newsletter.store.schema import SCHEMA_VERSION, meta, metadata
from newsletter.store.sqlite import Sqlite
from newsletter.workspace import MAIN, PublicationId

_PUBLICATION = "newsletter_publication"  # an execution option of each connection
MOVED_TO = "moved to"  # in `meta`: where this state is now
_VERSION = "schema_version"  # in `meta`, too
_OLDER = frozenset(str(version) for version in range(1, SCHEMA_VERSION))


class Store:
    """State of one publication. Its transactions are durable once they have ended.

    `place` names it in messages, `file` is where an SQLite database is; `notice` says what was done to it when it was
    opened, if anything. A database may hold several publications: what is read and written through a store is of one.
    """

    def __init__(self, database: Database, publication: PublicationId = MAIN) -> None:
        self.place = database.place
        self.file = database.file
        self.publication = publication
        self.notice = ""
        self._database = database
        self._engine = database.engine().execution_options(**{_PUBLICATION: publication})
        self._reading_engine = self._engine.execution_options(**database.reading)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a connection whose work stands or falls as one. Raises DeliveryError when the database fails."""
        with _explaining(self._database), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection that sees one moment and changes nothing; it waits for no writer, and none waits for it."""
        with _explaining(self._database), self._reading_engine.begin() as connection:
            yield connection

    @contextmanager
    def erasing(self) -> Iterator[Connection]:
        """Open a transaction that leaves as little as the database can of what it deletes; `sweep` sees to the rest."""
        with _explaining(self._database), self._engine.connect() as connection:
            connection.detach()  # what is set for this connection costs others time
            with connection.execution_options(**self._database.erasing).begin():
                yield connection

    def sweep(self, tables: Sequence[Table]) -> bool:
        """Take out of the database's files what was deleted from these tables; False when readers were in the way.

        It holds up all who write for as long as writing the whole file takes.
        """
        with _explaining(self._database):
            return self._database.sweep(self._engine, [table.name for table in tables])

    @contextmanager
    def staging(self) -> Iterator["Staging"]:
        """Open a connection with temporary tables of its own, which are gone when the context ends."""
        with _explaining(self._database), self._engine.connect() as connection:
            connection.detach()
            yield Staging(self._database, connection)

    def sole(self, name: str) -> AbstractContextManager[None]:
        """Hold `name` for the time of the context. Raises Busy when another living process holds it."""
        # The only publication's locks are named as in versions 1 to 3, whose programs they keep out.
        return self._database.sole(self._engine, name if self.publication == MAIN else f"{self.publication}-{name}")

    def close(self) -> None:
        """Close the store's connections."""
        self._engine.dispose()

    def _prepare(self, *, make: bool, though_moved: bool = False) -> bool:
        """Make or migrate the tables; False when there are none and none are to be made."""
        with self.reading() as connection:
            self._database.refuse_tables_of_others(connection, [*metadata.tables])
            version = _version(connection)
            moved = None if version is None else connection.scalar(select(meta.c.value).where(meta.c.key == MOVED_TO))
        if moved and not though_moved:
            raise DeliveryError(
                f"The state in {self.place} has been moved to {moved}.",
                next_step=f'Write into newsletter.toml, under [store]: url = "{moved}"\n'
                "Should it be lost there: newsletter state restore FILE, with a backup.",
            )
        if moved and version in {*_OLDER, str(SCHEMA_VERSION)}:
            with self.transaction() as connection:
                metadata.create_all(connection)  # they were dropped when it was moved
                connection.execute(update(meta).where(meta.c.key == _VERSION).values(value=str(SCHEMA_VERSION)))
        elif version in _OLDER:
            self._bring_up_to_date()
        elif version is None and make:
            self._make_tables()
        elif version not in (None, str(SCHEMA_VERSION)):
            raise DeliveryError(
                f"The state in {self.place} has version {version}; this program knows {SCHEMA_VERSION}.",
                next_step="Update newsletter-press on this machine: pip install -U newsletter-press",
            )
        return version is not None or make

    def _make_tables(self) -> None:
        with self.transaction() as connection:
            self._database.shut_out_others(connection)
            if _version(connection) is None:  # no other program was quicker
                metadata.create_all(connection)
                connection.execute(insert(meta).values(key=_VERSION, value=str(SCHEMA_VERSION)))

    def _bring_up_to_date(self) -> None:
        """Back up and migrate. Raises DeliveryError while an earlier version of the program is sending."""
        # alembic takes as long to import as all of the store, and is needed once in years.
        from newsletter.store.migrations import migrate, tables_of

        kept = ""
        try:
            with _explaining(self._database), self._engine.connect() as connection, ExitStack() as held:
                connection.detach()  # what is set for this connection must not serve others
                with connection.execution_options(**self._database.migrating).begin():
                    self._database.shut_out_others(connection)
                    found = _version(connection)
                    if found not in _OLDER:
                        return  # another program was quicker
                    version = int(found)
                    self._refuse_other_publications(version)
                    self._refuse_senders(connection, held)
                    kept = self._database.back_up(connection, version, tables_of(version))
                    migrate(connection, version, self.publication)
        except BaseException:
            if kept:
                self._database.discard_backup(kept)
            raise
        self.notice = (
            f"The state in {self.place} had version {version}, and has version {SCHEMA_VERSION} now. "
            f"As it was before, it is kept in {kept}. What still runs of an earlier version can't write down any more "
            "who leaves: restart newsletter serve."
        )

    def _refuse_other_publications(self, version: int) -> None:
        # Versions 1 to 3 held one publication, which would get another one's rows as its own.
        if self.publication != MAIN:
            raise DeliveryError(
                f"The state in {self.place} has version {version}, and is that of another publication, {MAIN}.",
                next_step=f"Run a command of the publication {MAIN} first, such as: newsletter status",
            )

    def _refuse_senders(self, connection: Connection, held: ExitStack) -> None:
        # Every version has these two columns.
        unfinished = (
            select(column("issue", String)).select_from(table("campaigns")).where(column("finished_at").is_(None))
        )
        for issue in connection.scalars(unfinished).all():
            try:
                held.enter_context(self._database.sole(self._engine, issue))  # their locks name no publication
            except Busy as error:
                raise DeliveryError(
                    f"An earlier version of this program is sending {issue}, "
                    "and this one would have to bring the state up to date.",
                    next_step="Wait until that has ended. Then run the same command again.",
                ) from error


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
        with _explaining(self._database), self._connection.execution_options(**options).begin():
            yield self._connection


def open_store(
    place: Path | str,
    password: SecretStr | None = None,
    *,
    publication: PublicationId = MAIN,
    though_moved: bool = False,
) -> Store:
    """Open the store in an SQLite file or at a PostgreSQL database's URL, made when absent and migrated when older.

    Raises DeliveryError for a newer one, for one that is broken, locked or out of reach, and for one that was moved to
    another place, unless it is to be written over.
    """
    store = Store(_database(place, password), publication)
    try:
        store._prepare(make=True, though_moved=though_moved)
    except BaseException:
        store.close()
        raise
    return store


def find_store(
    place: Path | str, password: SecretStr | None = None, *, publication: PublicationId = MAIN
) -> Store | None:
    """Open the store if there is one, migrated when older: looking for it makes neither a file nor a table."""
    if isinstance(place, Path) and not place.exists():
        return None
    store = Store(_database(place, password), publication)
    try:
        found = store._prepare(make=False)
    except BaseException:
        store.close()
        raise
    if not found:
        store.close()
    return store if found else None


def publication_of(connection: Connection) -> PublicationId:
    """Return the publication of the store that a connection is of."""
    publication: PublicationId = connection.get_execution_options()[_PUBLICATION]
    return publication


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


def storable(words: str) -> str:
    """Return at most a thousand letters of anybody's words, without NUL and surrogates, which no database takes."""
    return words.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")[:1000]


def now() -> str:
    """Return the moment as the store writes it: ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _database(place: Path | str, password: SecretStr | None) -> Database:
    if isinstance(place, Path):
        return Sqlite(place)
    from newsletter.store.postgresql import Postgresql

    return Postgresql(place, password)


def _version(connection: Connection) -> str | None:
    """Return the version that the store gives for its tables; None when there are none."""
    if not inspect(connection).has_table(meta.name):
        return None
    return connection.scalar(select(meta.c.value).where(meta.c.key == _VERSION))


@contextmanager
def _explaining(database: Database) -> Iterator[None]:
    try:
        yield
    except (DataError, IntegrityError) as error:
        # Its text quotes the row that was refused, a reader's, which no traceback may carry into a bug report.
        raise database.in_words(error) from None
    except DBAPIError as error:
        raise database.in_words(error) from error
