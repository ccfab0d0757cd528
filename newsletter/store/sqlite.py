"""SQLite: the store in one file, in WAL mode, with one writer at a time."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from newsletter.errors import DeliveryError
from newsletter.files import create_private, make_private_folder, sync_to_disk, tighten
from newsletter.store.database import Busy, Damaged
from newsletter.workspace import STATE_FOLDER

_LOCK_WAIT_S = 15
_PAUSE_S = 0.1
# SQLite's own names of its result codes, https://sqlite.org/rescode.html: what each means here, and what to do.
_WORDS = {
    "SQLITE_BUSY": ("is in use by another program", "Let that program end, or close it."),
    "SQLITE_LOCKED": ("is in use by another program", "Let that program end, or close it."),
    "SQLITE_FULL": ("has no room left on its disk", "Make room there."),
    "SQLITE_READONLY": ("may not be written to", "See that the file and its folder are yours to write."),
    "SQLITE_CANTOPEN": ("can't be opened", "See that the file and its folder are yours to read and write."),
    "SQLITE_PERM": ("can't be opened", "See that the file and its folder are yours to read and write."),
}
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class Sqlite:
    """File that holds the state. It needs no server, and serves one machine."""

    # A transaction that may write takes the lock at once: taken later, it could find what it read outdated.
    writing: Mapping[str, Any] = {"begin": ("BEGIN IMMEDIATE",)}
    reading: Mapping[str, Any] = {"begin": ("BEGIN",)}
    local: Mapping[str, Any] = {"begin": ("BEGIN",)}  # temporary tables live in a file of their own
    # A table that others refer to could not be made anew with the keys on, and they can't be put off from within.
    migrating: Mapping[str, Any] = {"begin": ("PRAGMA foreign_keys = OFF", "BEGIN IMMEDIATE")}
    erasing: Mapping[str, Any] = {"begin": ("PRAGMA secure_delete = ON", "BEGIN IMMEDIATE")}

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self.file: Path | None = path
        self._path = path

    def engine(self) -> Engine:
        """Return the engine, with the folder made when it is absent. Raises DeliveryError when that can't be done."""
        try:
            self._keep_private()
        except OSError as error:
            raise DeliveryError(
                f"The state can't be kept in {self.place}: {error.filename} can't be made: {error.strerror}.",
                next_step="Make room for it, or name another place: [store] url in newsletter.toml.",
            ) from error
        engine = create_engine(
            URL.create("sqlite", database=str(self._path)),
            connect_args={"timeout": _LOCK_WAIT_S},
            execution_options=self.writing,
            hide_parameters=True,
        )
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
        return engine

    def _keep_private(self) -> None:
        """Make the file when it is absent, and take from others what they may do with it. Raises OSError.

        SQLite gives the log and its index, which hold the same, the mode of the file itself (os_unix.c,
        findCreateFileMode); those that an earlier version left are tightened here.
        """
        path = self._path.resolve()  # as SQLite does, which puts them beside what a link leads to
        make_private_folder(path.parent)
        if path.parent.name == STATE_FOLDER:  # another one may be shared for what else is in it
            tighten(path.parent)
        with suppress(FileExistsError):
            create_private(path).close()
        for ending in ("", "-wal", "-shm", "-journal"):
            tighten(path.with_name(f"{path.name}{ending}"))

    def find_identity(self, engine: Engine) -> str:
        """Return where the file really is."""
        del engine
        return str(Path(self.place).resolve())

    def limit_idle_transactions(self, engine: Engine, seconds: float) -> None:
        """Do nothing: a file has no server that could tell."""

    def connect_options(self) -> Mapping[str, Any]:
        return {}

    @contextmanager
    def sole(self, engine: Engine, name: str, *, shared: bool = False) -> Iterator[None]:
        """Hold the lock, which the kernel frees when the process dies, however it dies; one process alone sends."""
        del engine, shared
        path = self._path.parent / f"{name}.lock"
        lock = FileLock(path, mode=0o600)  # who may open it could hold it
        try:
            tighten(path)  # as an earlier version left it
            lock.acquire(timeout=0)
        except Timeout as error:
            raise Busy(name) from error
        except OSError as error:
            raise DeliveryError(
                f"The lock {path} can't be taken: {error.strerror}.",
                next_step="See that the folder is yours to write, and has room. Then run the same command again.",
            ) from error
        try:
            yield
        finally:
            lock.release()

    def refuse_tables_of_others(self, connection: Connection, tables: Sequence[str]) -> None:
        """Do nothing: a file has one owner."""

    def shut_out_others(self, connection: Connection) -> None:
        """Do nothing: BEGIN IMMEDIATE has done it."""

    def back_up(self, connection: Connection, version: int, tables: Sequence[str]) -> str:
        """Copy the whole file beside itself, durably. An older copy stays: it may be the better one."""
        del connection, tables  # it holds the lock, so that what is copied stays as it is until the migration
        names = (f"{self._path.name}.v{version}-backup{f'-{number}' if number > 1 else ''}" for number in count(1))
        copy = next(path for name in names if not (path := self._path.with_name(name)).exists())
        unfinished = copy.with_name(f"{copy.name}.part")
        try:
            unfinished.unlink(missing_ok=True)
            create_private(unfinished).close()
            copy_file(self._path, unfinished)
            sync_to_disk(unfinished)
            unfinished.rename(copy)
            sync_to_disk(copy.parent)
        except (OSError, sqlite3.Error) as error:
            with suppress(OSError):
                unfinished.unlink()
            raise DeliveryError(
                f"The state in {self.place} has to be brought up to date, and can't be copied first: {error}.",
                next_step="Nothing has changed. Make room there, and run the same command again.",
            ) from error
        return str(copy)

    def discard_backup(self, kept: str) -> None:
        """Remove the copy: it is as large as the state, and each further try makes another."""
        with suppress(OSError):
            Path(kept).unlink()

    def sweep(self, engine: Engine, tables: Sequence[str]) -> bool:
        """Rewrite the file: what was changed or moved earlier has left traces between its rows."""
        del tables
        with engine.connect().execution_options(begin=()) as connection:  # neither works within a transaction
            connection.exec_driver_sql("VACUUM")
            # It waits by itself for readers and writers, and not for another program that copies the log, too.
            latest = monotonic() + _LOCK_WAIT_S
            while busy := connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]:
                if monotonic() > latest:
                    break
                sleep(_PAUSE_S)
        return not busy

    def in_words(self, error: DBAPIError) -> DeliveryError:
        name = getattr(error.orig, "sqlite_errorname", "")
        kind = "_".join(name.split("_")[:2])  # SQLITE_BUSY_SNAPSHOT is a SQLITE_BUSY
        if kind in _DAMAGED:
            return Damaged(
                f"The state in {self.place} is damaged: {error.orig}.",
                next_step="Put back your backup: newsletter state restore FILE. Without one, move it away: "
                "the records beside the drafts still say which issues went out. Who asked to leave is lost with it: "
                "suppress them again before you send.",
            )
        what, remedy = _WORDS.get(
            kind, ("can't be used", "Close other programs that use it, and see that it has room.")
        )
        return DeliveryError(
            f"The state in {self.place} {what}: {error.orig}.", next_step=f"{remedy} Then run the same command again."
        )


def _configure(connection: object, _record: ConnectionPoolEntry) -> None:
    # isolation_level None hands BEGIN over to _begin: sqlite3 would begin late and take locks later still.
    connection.isolation_level = None  # type: ignore[attr-defined]  # a sqlite3.Connection, typed as object by the event
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the same
    cursor.execute("PRAGMA journal_mode = WAL")
    # A claim has to outlive a power cut, or a reader could be sent a second copy: FULL syncs at each commit.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    # A staged list of a million readers belongs on disk; some builds of SQLite would keep it in memory.
    cursor.execute("PRAGMA temp_store = FILE")
    cursor.close()


def _begin(connection: Connection) -> None:
    for statement in connection.get_execution_options()["begin"]:
        connection.exec_driver_sql(statement)


def copy_file(source: Path, target: Path) -> None:
    """Copy an SQLite database as of one moment, while others may write, into one file that needs no log beside it."""
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)
        here.execute("PRAGMA journal_mode = DELETE")
