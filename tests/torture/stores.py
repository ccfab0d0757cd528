"""The two databases that a campaign's state can be in, as far as a trial has to lay hands on them."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol


class TrialStore(Protocol):
    """An empty store for one trial. `environ` points the program at it."""

    environ: Mapping[str, str]

    def lock(self) -> Callable[[], None]:
        """Take the database, as another program would; returns what lets it go."""

    def is_locked(self) -> bool:
        """Return whether a process is in a transaction that keeps others from writing."""

    def cut(self) -> None:
        """End the program's connections to it, as a server that starts anew does."""

    def faults(self) -> list[str]:
        """Return what the database itself finds wrong with it."""


class SqliteStore:
    environ: Mapping[str, str] = {}

    def __init__(self, root: Path) -> None:
        self._path = root / ".newsletter/state.db"

    def lock(self) -> Callable[[], None]:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=20)
        connection.execute("BEGIN IMMEDIATE")
        return connection.close

    def is_locked(self) -> bool:
        with closing(sqlite3.connect(self._path, isolation_level=None, timeout=0)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
        return False

    def cut(self) -> None:
        """Do nothing: a file has no connections."""

    def faults(self) -> list[str]:
        if not self._path.exists():
            return ["there is none"]
        with closing(sqlite3.connect(self._path)) as connection:
            found = [str(line) for (line,) in connection.execute("PRAGMA integrity_check") if line != "ok"]
            return found + [f"a foreign key: {row}" for row in connection.execute("PRAGMA foreign_key_check")]


class PostgresqlStore:
    def __init__(self, url: str) -> None:
        self._url = url
        self.environ: Mapping[str, str] = {"NEWSLETTER_STORE__URL": url}

    def lock(self) -> Callable[[], None]:
        import psycopg

        connection = psycopg.connect(self._url)
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        return connection.close

    def is_locked(self) -> bool:
        import psycopg

        with psycopg.connect(self._url) as connection:
            try:
                connection.execute("SELECT FROM workers FOR UPDATE NOWAIT")
            except psycopg.errors.LockNotAvailable:
                return True
        return False

    def cut(self) -> None:
        import psycopg

        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    def faults(self) -> list[str]:
        return []


@contextmanager
def emptied(server: str | None, root: Path) -> Iterator[TrialStore]:
    """Yield a store for one trial: in the publication's folder, or a database of the PostgreSQL server at that URL."""
    if server is None:
        yield SqliteStore(root)
        return
    import psycopg

    name = root.parent.name.replace("-", "_").lower()
    with psycopg.connect(server, autocommit=True) as administrator:
        administrator.execute(f"CREATE DATABASE {name}")
        try:
            yield PostgresqlStore(f"{server.rpartition('/')[0]}/{name}")
        finally:
            administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")
