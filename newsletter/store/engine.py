"""Opens the store, and keeps one version of its schema apart from another."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry

from newsletter.errors import DeliveryError
from newsletter.store.schema import SCHEMA_VERSION, meta, metadata

_LOCK_WAIT_S = 15


class Store:
    """A publication's state in one SQLite file. Its transactions are durable once they have ended."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose work stands or falls as one. Raises DeliveryError when the file fails."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except DatabaseError as error:
            if any(sign in str(error.orig) for sign in ("not a database", "malformed")):
                raise DeliveryError(
                    f"The state in {self.path} is damaged: {error.orig}.",
                    next_step="Put back the whole folder from your backup. Without one, move it away: "
                    "the records beside the drafts still say which issues went out.",
                ) from error
            raise DeliveryError(
                f"The state in {self.path} can't be used: {error.orig}.",
                next_step="Close other programs that use it, and see that the disk has room. "
                "Then run the same command again.",
            ) from error

    def close(self) -> None:
        self._engine.dispose()


def open_store(path: Path) -> Store:
    """The store at `path`, made when absent. Raises DeliveryError for a newer one, and for a broken one."""
    try:
        # Who reads what is nobody else's business on a shared machine.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DeliveryError(
            f"The folder {path.parent} for the state can't be made: {error.strerror}.",
            next_step="Make room for it, or name another place: [store] url in newsletter.toml.",
        ) from error
    engine = create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"timeout": _LOCK_WAIT_S}, hide_parameters=True
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    store = Store(path, engine)
    try:
        with store.transaction() as connection:
            _keep_version(store, connection)
    except BaseException:
        store.close()
        raise
    return store


def now() -> str:
    """The moment as the store writes it: ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _configure(connection: object, _record: ConnectionPoolEntry) -> None:
    # isolation_level None hands BEGIN over to _begin: sqlite3 would begin late and take locks later still.
    connection.isolation_level = None  # type: ignore[attr-defined]  # a sqlite3.Connection, typed as object by the event
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the same
    cursor.execute("PRAGMA journal_mode = WAL")
    # A claim has to outlive a power cut, or a reader could be sent a second copy: FULL syncs at each commit.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _keep_version(store: Store, connection: Connection) -> None:
    if not inspect(connection).has_table(meta.name):
        metadata.create_all(connection)
        connection.execute(insert(meta).values(key="schema_version", value=str(SCHEMA_VERSION)))
        return
    version = connection.scalar(select(meta.c.value).where(meta.c.key == "schema_version"))
    if version != str(SCHEMA_VERSION):
        raise DeliveryError(
            f"The state in {store.path} has version {version}; this program knows {SCHEMA_VERSION}.",
            next_step="Update newsletter-press on this machine: pip install -U newsletter-press",
        )
