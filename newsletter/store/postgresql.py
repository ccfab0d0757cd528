"""PostgreSQL: the store in a server's database, for those who send from several machines."""

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, inspect, make_url, select, table, text, true
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from newsletter.errors import DeliveryError
from newsletter.redaction import Redactor
from newsletter.store import encryption
from newsletter.store.database import Busy

# https://www.postgresql.org/docs/current/libpq-connect.html: a machine that is gone is noticed within a minute,
# and not after the two hours of TCP's own habit.
_CONNECT = {
    "application_name": "newsletter-press",
    "client_encoding": "utf8",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # ms
}
# The same seen from the server, so that a dead machine's lock is freed; those that an older server lacks are left
# out. A claim has to outlive a power cut, and the server a standby takes over from, or a reader could be sent a second
# copy: commits are never "off", and never wait for this server alone where others are to have them, too. A plan
# that was made while a table was small would be kept while it grows, and read all of it for each look
# (https://www.postgresql.org/docs/current/runtime-config-query.html, plan_cache_mode).
_SETTINGS = """
SELECT set_config(name, value, false)
FROM pg_settings JOIN (VALUES
    ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3'),
    ('lock_timeout', '15s'), ('idle_session_timeout', '0'), ('synchronous_commit', 'on'),
    ('plan_cache_mode', 'force_custom_plan')
) AS ours (name, value) USING (name)
WHERE name <> 'synchronous_commit' OR setting IN ('off', 'local')
"""
# Of these names, as a query would resolve them, whatever is not ours: nor a role's that we were made a member of, the
# database's owner's, or a superuser's, who may do everything anyhow.
_OF_OTHERS = """
SELECT relation.relname AS name, owner.rolname AS owner
FROM unnest(CAST(:names AS text[])) AS named
JOIN pg_class AS relation ON relation.oid = to_regclass(quote_ident(named))
JOIN pg_roles AS owner ON owner.oid = relation.relowner
WHERE owner.rolname <> current_user AND NOT owner.rolsuper
    AND owner.oid <> (SELECT datdba FROM pg_database WHERE datname = current_database())
    AND NOT EXISTS (
        SELECT FROM pg_auth_members AS membership JOIN pg_roles AS us ON us.oid = membership.member
        WHERE membership.roleid = owner.oid AND us.rolname = current_user
    )
"""
_LOCK_NOT_AVAILABLE = "55P03"
_SHARED_WAIT_S = 10
# By SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html: what it means here, and what to do.
_WORDS = {
    "22P05": (
        "is in an encoding that can't hold every name",
        "Make one that can: createdb --encoding=UTF8 --template=template0 NAME.",
    ),
    "25006": ("takes no changes now", "Is it a standby? Name the server that is written to."),
    "42501": (
        "gives its user too few rights",
        "Let its owner give it a schema of its own: CREATE SCHEMA newsletter AUTHORIZATION user; "
        "and end [store] url with ?options=-csearch_path%3Dnewsletter",
    ),
    "53100": ("has no room left on its server's disk", "Make room there."),
    "53300": ("has no connection left", "Close other programs that use its server."),
    _LOCK_NOT_AVAILABLE: ("is in use by another program", "Let that program end, or close it."),
    "40P01": ("is in use by another program", "Let that program end, or close it."),
}


class Postgresql:
    """Database of a server that holds the state.

    READ COMMITTED, the server's own default, is enough for claims: each is a single UPDATE of rows that it has locked
    itself, so what it changes it has seen as it was last committed; SKIP LOCKED keeps two claims apart, and the
    worker's lease, read under a lock in the same transaction, keeps two workers apart.
    """

    # One moment for several queries, as SQLite gives it, so that a report's numbers add up.
    reading: Mapping[str, Any] = {"isolation_level": "REPEATABLE READ"}
    writing: Mapping[str, Any] = {}
    local: Mapping[str, Any] = {}
    migrating: Mapping[str, Any] = {}
    erasing: Mapping[str, Any] = {}

    def __init__(self, url: str, password: SecretStr | None) -> None:
        self._url = make_url(url)
        self._password = password
        self.file: Path | None = None
        secrets = (password.get_secret_value() if password else "", os.environ.get("PGPASSWORD", ""))
        self._redactor = Redactor(secrets, self._url.username or "")
        self.place = self._url.set(password=None, query={}).render_as_string()

    def engine(self) -> Engine:
        """Return the engine. Raises DeliveryError when psycopg is missing, or nothing to prove the server by."""
        password = self._password.get_secret_value() if self._password else None
        url = URL.create(
            "postgresql+psycopg",
            username=self._url.username,
            password=password,
            host=self._url.host,
            port=self._url.port,
            database=self._url.database,
            query=self._url.query,
        )
        try:
            engine = create_engine(
                url,
                connect_args={**self.connect_options()},
                isolation_level="READ COMMITTED",
                # A process that waits for hours may find its connections gone, which is no reason to give up.
                pool_pre_ping=True,
                hide_parameters=True,
            )
        except ImportError as error:
            raise DeliveryError(
                "The state is in PostgreSQL, and the library that talks to it is not installed.",
                next_step='Install it: pip install "newsletter-press[postgresql]"',
            ) from error
        event.listen(engine, "connect", _configure)
        return engine

    def find_identity(self, engine: Engine) -> str:
        """Return the number of the server's cluster, which a standby that takes over shares, and the database's."""
        with engine.begin() as connection:
            database = connection.scalar(text("SELECT oid FROM pg_database WHERE datname = current_database()"))
            cluster = ""
            if connection.scalar(text("SELECT has_function_privilege('pg_control_system()', 'EXECUTE')")):
                cluster = connection.scalar(text("SELECT system_identifier FROM pg_control_system()"))
            return f"{cluster}/{database}"

    def limit_idle_transactions(self, engine: Engine, seconds: float) -> None:
        """Set idle_in_transaction_session_timeout for every connection from here on."""

        def limit(connection: Any, _record: ConnectionPoolEntry) -> None:
            connection.execute(f"SET idle_in_transaction_session_timeout = {round(1000 * seconds)}")
            connection.commit()

        engine.dispose()
        event.listen(engine, "connect", limit)

    def connect_options(self) -> Mapping[str, Any]:
        from psycopg import pq

        is_set = bool(self._password and self._password.get_secret_value()) or bool(os.environ.get("PGPASSWORD"))
        return {**_CONNECT, **encryption.proofs(self._url, pq.version(), password=is_set)}

    @contextmanager
    def sole(self, engine: Engine, name: str, *, shared: bool = False) -> Iterator[None]:
        """Hold the lock by a connection of its own; the server frees it when that is gone."""
        lock = func.pg_advisory_lock_shared if shared else func.pg_advisory_lock
        try:
            connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()
            # A second is more than enough for the server to notice that a process was killed just now. Whoever shares
            # waits for the one who has frozen the campaign, and compares its list yet.
            connection.exec_driver_sql(f"SET lock_timeout = '{_SHARED_WAIT_S if shared else 1}s'")
            connection.execute(select(lock(_key(connection, name))))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                connection.close()
                raise Busy(name) from error
            raise self.in_words(error) from error
        with connection:
            yield

    def refuse_tables_of_others(self, connection: Connection, tables: Sequence[str]) -> None:
        """Raise DeliveryError for a table of somebody else's, who could read and change all that is kept there."""
        others = {row.owner: row.name for row in connection.execute(text(_OF_OTHERS), {"names": list(tables)})}
        for owner, name in others.items():
            schema, user = connection.execute(text("SELECT current_schema(), current_user")).one()
            raise DeliveryError(
                f"The table {name} in {self.place} belongs to {owner}, and not to {user}, so it may not be trusted.",
                next_step="Give the program a schema of its own: "
                f"CREATE SCHEMA newsletter AUTHORIZATION {user}; and end [store] url with "
                "?options=-csearch_path%3Dnewsletter\n"
                f"Only if {owner} is to own the state in {schema}: GRANT {owner} TO {user}",
            )

    def shut_out_others(self, connection: Connection) -> None:
        connection.execute(select(func.pg_advisory_xact_lock(_key(connection, "tables"))))

    def back_up(self, connection: Connection, version: int, tables: Sequence[str]) -> str:
        """Copy the tables beside themselves, in the migration's own transaction: the copies are there when that is."""
        known = set(inspect(connection).get_table_names())
        suffixes = (f"_v{version}_backup{f'_{number}' if number > 1 else ''}" for number in count(1))
        suffix = next(suffix for suffix in suffixes if f"{tables[0]}{suffix}" not in known)
        # Taken together and first: readers and writers of the old tables wait here, and nobody for one another.
        connection.exec_driver_sql(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        for name in tables:
            connection.exec_driver_sql(f"CREATE TABLE {name}{suffix} AS TABLE {name}")
        return f"the tables {tables[0]}{suffix} to {tables[-1]}{suffix} of {self.place}"

    def discard_backup(self, kept: str) -> None:
        """Do nothing: the copies went with the migration's transaction."""

    def sweep(self, engine: Engine, tables: Sequence[str]) -> bool:
        """Rewrite the tables and the statistics of their values; the server's logs and archives stay as they are."""
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            try:
                for name in tables:
                    _drop_statistics(connection, name)
                    connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {name}")
                # Where the statistics stood. A user who doesn't own the database gets a warning.
                connection.exec_driver_sql("VACUUM (FULL) pg_catalog.pg_statistic")
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                    return False
                raise
        return True

    def in_words(self, error: DBAPIError) -> DeliveryError:
        """Return the error in words; the server's own only where they quote no row, as its DETAIL does."""
        state = getattr(error.orig, "sqlstate", None) or ""
        primary = self._redactor(getattr(getattr(error.orig, "diag", None), "message_primary", None) or "")
        self._redactor.cleanse(error)
        words = str(error.orig)
        if state.startswith(("57P", "08")) or error.connection_invalidated or (error.statement and not state):
            return DeliveryError(
                f"The connection to {self.place} was lost: {primary or _first_line(words)}.",
                next_step="See that the server is up. Then run the same command again: it goes on from here.",
            )
        if not state:
            return self._unreachable(words)
        what, remedy = _WORDS.get(state, ("can't be used", "Ask whoever looks after the server."))
        cause = state if state.startswith(("22", "23")) else primary
        return DeliveryError(
            f"The state in {self.place} {what}: {cause}.", next_step=f"{remedy} Then run the same command again."
        )

    def _unreachable(self, words: str) -> DeliveryError:
        """Return the error for a server that refuses a connection: it gives no SQLSTATE then, so its words decide."""
        database, user = self._url.database or "", self._url.username
        where = [f"-h {self._url.host}"] if self._url.host else []
        where += [f"-p {self._url.port}"] if self._url.port else []
        as_user = [f"-U {shlex.quote(user)}"] if user else []
        if re.search(r'database ".*" does not exist', words):
            command = " ".join(["createdb", *where, *as_user, shlex.quote(database)])
            return DeliveryError(f"The server has no database {database!r}.", next_step=f"Make it: {command}")
        if re.search("password authentication failed|no password supplied", words):
            return DeliveryError(
                f"The server refuses the password for {self.place}."
                if self._password
                else f"The server wants a password for {self.place}.",
                next_step="Set NEWSLETTER_STORE__PASSWORD, or put it into ~/.pgpass. Then run the same command again.",
            )
        if unproved := encryption.refusal(_first_line(words), self.place, self._url.host or ""):
            return unproved
        return DeliveryError(
            f"The state in {self.place} can't be reached: {_first_line(words)}.",
            next_step="See that the server is up and that [store] url names it. Then run the same command again.",
        )


def _drop_statistics(connection: Connection, name: str) -> None:
    """Drop an empty table's statistics, which ANALYZE would leave: a column that is given a type has none."""
    if connection.scalar(select(true()).select_from(table(name)).limit(1)):
        return
    columns = inspect(connection).get_columns(name)
    changes = [f"ALTER {column['name']} TYPE {column['type'].compile(connection.dialect)}" for column in columns]
    connection.exec_driver_sql(f"ALTER TABLE {name} {', '.join(changes)}")


def _configure(connection: object, _record: ConnectionPoolEntry) -> None:
    connection.execute(_SETTINGS)  # type: ignore[attr-defined]  # a psycopg.Connection, typed as object by the event
    connection.commit()  # type: ignore[attr-defined]  # the same


def _key(connection: Connection, name: str) -> int:
    """Return a lock's number, of this program in this schema; the server itself keeps databases apart."""
    schema = connection.scalar(select(func.current_schema()))
    digest = sha256(f"newsletter-press\0{schema}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _first_line(words: str) -> str:
    """Return the first line of libpq's message: advice follows, the same for each address of a name."""
    first = words.partition("\n")[0].removeprefix("connection failed: ").removeprefix("consuming input failed: ")
    return first.rstrip(". ")
