"""The query of another system's database that gives a list: read, never written, row by row."""

import datetime
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr
from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from newsletter.config.system_keyring import read_stored_password
from newsletter.errors import DeliveryError, ListError
from newsletter.redaction import Redactor
from newsletter.store import encryption
from newsletter.subscribers.fetched_source import write_list

_WAIT_S = 15  # for a lock that another program holds
_AT_ONCE = 1000  # rows in memory
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_SQLITE = "sqlite"
_AGAIN = "Then run the same command again."
# By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html) and by SQLite's names of its codes
# (https://sqlite.org/rescode.html): what happened, and what to do. The longest beginning counts.
_WORDS = {
    "08": ("can't be reached", f"See that it runs, and that [list] url names it. {_AGAIN}"),
    "57P": ("is being stopped or started", f"Wait until it is there. {_AGAIN}"),
    "28": (
        "does not let this user in",
        "Look at the name in [list] url, and at NEWSLETTER_LIST__PASSWORD, the keyring or ~/.pgpass.",
    ),
    "3D000": ("is not there", "Look at the database's name in [list] url."),
    "25006": ("is only read, and the query would change it", "Write a query that begins with SELECT."),
    "42501": ("does not let this user read that", "Ask whoever looks after it for the right to SELECT."),
    "42": ("does not understand the query", "Mend [list] query in newsletter.toml: one SELECT."),
    "55P03": ("has a table that another program holds locked", f"Wait until that has ended. {_AGAIN}"),
    "57014": ("has ended the query, which took too long", "Shorten it, or let its user wait longer."),
    "SQLITE_BUSY": ("is in use by another program", f"Wait until that has ended. {_AGAIN}"),
    "SQLITE_LOCKED": ("is in use by another program", f"Wait until that has ended. {_AGAIN}"),
    "SQLITE_READONLY": ("is only read, and the query would change it", "Write a query that begins with SELECT."),
    "SQLITE_CANTOPEN": ("can't be opened", "See that [list] url names the file, and that it is yours to read."),
    "SQLITE_NOTADB": ("is no SQLite database", "See that [list] url names the right file."),
    "SQLITE_CORRUPT": ("is damaged", "Bring back a copy of it."),
    "SQLITE_SCHEMA": ("does not understand the query", "Mend [list] query in newsletter.toml: one SELECT."),
    "SQLITE_ERROR": ("does not understand the query", "Mend [list] query in newsletter.toml: one SELECT."),
}
_UNREACHED = (
    ("password authentication failed|no password supplied", "28"),
    ('database ".*" does not exist', "3D000"),
)
# A fault of the query itself; of others the database may quote a row.
_TELLS = ("42", "SQLITE_ERROR", "SQLITE_SCHEMA")


@dataclass(frozen=True)
class SqlQuery:
    """A query of a database that SQLAlchemy reads. A relative path of SQLite's is below `root`.

    `password` is that of the URL's user; without one the system's keyring is asked, and libpq knows ~/.pgpass.
    """

    url: str
    query: str
    root: Path
    password: SecretStr | None = None

    @property
    def name(self) -> str:
        """Return which database it is, for messages: never with a password."""
        url = make_url(self.url).set(password=None, query={})
        return f"sqlite:///{url.database}" if url.get_backend_name() == _SQLITE else url.render_as_string()

    def fetch(self, path: Path) -> None:
        """Write the list as it is now into a private file. Raises ListError, with the file as it was before."""
        with self._reading() as (columns, rows):
            write_list(path, self.name, columns, rows)

    @contextmanager
    def _reading(self) -> Iterator[tuple[Sequence[str], Iterator[Sequence[str]]]]:
        """Run the query; yield the columns' names and the rows, each value as a text. Raises ListError."""
        try:
            engine = self._make_engine()
            # The transaction is never committed, so that what a query may have done is undone where the database
            # knows no transaction that only reads.
            with engine.connect() as connection:
                if connection.dialect.name == "postgresql":
                    connection = connection.execution_options(
                        postgresql_readonly=True, isolation_level="REPEATABLE READ"
                    )
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT_S}s'")
                yield from self._run(connection)
        except DeliveryError as error:
            raise _name_list(error) from None
        except (ImportError, NoSuchModuleError):
            raise ListError(
                f"The list is in {self.name}, and the library that talks to such a database is not installed.",
                next_step='For PostgreSQL: pip install "newsletter-press[postgresql]". For another, its SQLAlchemy '
                "dialect and driver.",
            ) from None
        except (SQLAlchemyError, sqlite3.Error) as error:
            # Its own text holds the query's values, and may hold a row or a login.
            raise self._explain(error) from None

    def _run(self, connection: Connection) -> Iterator[tuple[Sequence[str], Iterator[Sequence[str]]]]:
        # A colon before a word would be a parameter to SQLAlchemy; the query has none.
        statement = text(re.sub(r":(?=\w)", r"\:", self.query))
        with connection.execution_options(stream_results=True, yield_per=_AT_ONCE).execute(statement) as result:
            if not result.returns_rows:
                raise ListError(
                    f"The query of {self.name} gives no rows.", next_step="Write a query that begins with SELECT."
                )
            yield list(result.keys()), ([write_value(value) for value in row] for row in result)

    def _make_engine(self) -> Engine:
        url = make_url(self.url)
        if url.get_backend_name() == _SQLITE:
            path = self.root / (url.database or "")

            def open_file() -> sqlite3.Connection:
                return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_WAIT_S)

            return create_engine("sqlite://", creator=open_file, poolclass=NullPool, hide_parameters=True)
        password = self._find_password(url)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername), password=password)
        return create_engine(
            url, connect_args=self._connect_args(url, password), poolclass=NullPool, hide_parameters=True
        )

    def _find_password(self, url: URL) -> str | None:
        if self.password:
            return self.password.get_secret_value()
        return read_stored_password(url.host, url.username) if url.host and url.username else None

    @staticmethod
    def _connect_args(url: URL, password: str | None) -> Mapping[str, object]:
        if url.drivername != _DRIVERS["postgresql"]:
            return {}
        from psycopg import pq

        return {
            "application_name": "newsletter-press",
            "connect_timeout": 10,
            **encryption.proofs(url, pq.version(), password=bool(password)),
        }

    def _explain(self, error: Exception) -> ListError:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        code = str(getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or "")
        said = str(cause).strip().partition("\n")[0]
        if not code and not isinstance(cause, sqlite3.Error) and type(cause).__name__ == "OperationalError":
            # A server that refuses a connection gives psycopg no SQLSTATE, so its words decide.
            code = next((known for words, known in _UNREACHED if re.search(words, str(cause))), "08")
        meant = max((known for known in _WORDS if code.startswith(known)), key=len, default="")
        host = make_url(self.url).host or ""
        if refused := encryption.refusal(said, self.name, host):
            return _name_list(refused)
        what, next_step = _WORDS.get(meant, ("can't be read", f"Look at [list] url and query. {_AGAIN}"))
        told = meant.startswith(_TELLS) and meant != "42501"
        shown = f": {self._redact(said)}" if told and said else ""
        kind = f" ({code})" if code and not meant else ""
        return ListError(f"The list's database {self.name} {what}{shown or kind}.", next_step=next_step)

    def _redact(self, words: str) -> str:
        url = make_url(self.url)
        secret = ""
        with suppress(Exception):
            secret = self._find_password(url) or ""
        return Redactor((secret,), url.username or "")(words)


def _name_list(error: DeliveryError) -> ListError:
    """Return an error in opening the store's database as one of the list's, whose settings are in [list]."""
    message, next_step = (said.replace("[store]", "[list]") for said in (error.message, error.next_step))
    return ListError(message, next_step=next_step)


def write_value(value: object) -> str:
    """Return a database's value as a cell of a list: nothing for NULL, several separated as tags are."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case bytes() | bytearray() | memoryview():
            return bytes(value).decode("utf-8", "replace")
        case datetime.datetime() | datetime.date():
            return value.isoformat()
        case list() | tuple() | set():
            return ";".join(map(write_value, value))
        case _:
            return str(value)
