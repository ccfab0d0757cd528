"""A PostgreSQL server of one's own, run by an ordinary user from a temporary folder, and stores on both databases."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ports import free_port

from newsletter.store import Store, open_store
from newsletter.store.schema import SCHEMA_VERSION, metadata

if TYPE_CHECKING:
    import psycopg

USER = "newsletter"
READY = b"database system is ready to accept"
GUARDED = "guarded"  # a user of whom a password is asked, if there is one of this name
_EMPTY = "SET client_min_messages = warning; DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public"
NOT_INSTALLED = "no PostgreSQL server is installed (Debian: apt-get install postgresql)"


@dataclass
class Postgres:
    """A running server: a database is made with a number, and named by a URL as [store] url takes it."""

    port: int
    folder: Path
    process: "subprocess.Popen[bytes]"
    _numbers: Iterator[int] = field(default_factory=count)
    _made: set[str] = field(default_factory=set)

    def url(self, database: str, user: str = USER) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def fresh(self) -> str:
        """Return the URL of a new, empty database."""
        name = f"digest{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def emptied(self) -> str:
        """Return the URL of one database, without what it held: a tenth of a fresh one's time."""
        with self._only_user("shared") as connection:
            connection.execute(_EMPTY)
        return self.url("shared")

    def cleared(self) -> str:
        """Return the URL of one database with a store's tables, if any was made there: a fifth of their making."""
        with self._only_user("cleared") as connection:
            sizes = dict(
                connection.execute(
                    "SELECT relname, pg_relation_size(oid) FROM pg_class"
                    " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
                ).fetchall()
            )
            whole = {*sizes} == {*metadata.tables}
            version = (
                connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone() if whole else 0
            )
            if version != (str(SCHEMA_VERSION),):
                connection.execute(_EMPTY)
                return self.url("cleared")
            connection.execute("DELETE FROM meta WHERE key <> 'schema_version'")
            # Emptying a table makes new files of it and of its indexes.
            if written := [name for name, size in sizes.items() if size and name != "meta"]:
                connection.execute(f"TRUNCATE {', '.join(written)} CASCADE")
            connection.execute(
                "SELECT setval(oid::regclass, 1, false) FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'"
            )
        return self.url("cleared")

    @contextmanager
    def _only_user(self, database: str) -> Iterator["psycopg.Connection"]:
        """Connect to a database, made when absent, after everybody else's connections to it have ended."""
        import psycopg

        if database not in self._made:
            self.execute(f"CREATE DATABASE {database}")
            self._made.add(database)
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            yield connection

    def drop(self, url: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement as the server's administrator. Return the rows, if there are any."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def stop(self, sign: int = signal.SIGINT) -> None:
        """SIGINT is PostgreSQL's fast shutdown, SIGQUIT one as after a power cut."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
        self.process.wait(timeout=60)


def programs() -> Path | None:
    """Return the folder with initdb and postgres: the newest of Debian's, or wherever PATH leads."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parent.parent.name))
    found = debian[-1] if debian else shutil.which("postgres")
    return Path(found).resolve().parent if found else None


@contextmanager
def running_postgres(folder: Path | None = None, *settings: str) -> Iterator[Postgres]:
    """Yield a server for the time of the context, its data in `folder` (a temporary one if None) and gone afterwards.

    `settings` are further ones of the server's, as in "fsync=on". The folder's parents have to be open to others when
    this runs as root, since the server refuses to be root's and is run as somebody else.
    """
    binaries = programs()
    if binaries is None:
        raise FileNotFoundError(NOT_INSTALLED)
    home = Path(tempfile.mkdtemp(prefix="newsletter-postgres-", dir=folder))
    identity: dict[str, object] = {}
    if os.geteuid() == 0:
        someone = _someone()
        shutil.chown(home, someone.pw_uid, someone.pw_gid)
        identity = {"user": someone.pw_uid, "group": someone.pw_gid, "extra_groups": []}
    try:
        data = home / "data"
        subprocess.run(
            [binaries / "initdb", "--pgdata", data, "--username", USER, "--auth=trust", "--encoding=UTF8",
             "--no-locale", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, cwd=home, **identity,
        )  # fmt: skip
        rules = data / "pg_hba.conf"
        rules.write_text(f"host all {GUARDED} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        server = start_server(binaries, home, settings, identity)
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def restart(server: Postgres, sign: int = signal.SIGINT) -> None:
    """Stop a server by a signal, as `stop` does, and start it once more at its port."""
    binaries = programs()
    assert binaries is not None
    server.stop(sign)
    owner = server.folder.stat()
    identity: dict[str, object] = {}
    if os.geteuid() == 0:
        identity = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    server.process = start_server(binaries, server.folder, (), identity, port=server.port).process


def start_server(
    binaries: Path, home: Path, settings: tuple[str, ...], identity: dict[str, object], *, port: int = 0
) -> Postgres:
    """Start a server on the data in `home`, a standby too, and return it when it lets others in."""
    # Another process may take a free port before the server does.
    wanted = port
    for _ in range(5):
        port = wanted or free_port()
        options = ("listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={home}", "fsync=off",
                   "max_connections=50", "lc_messages=C", "autovacuum=off", *settings)  # fmt: skip
        process = subprocess.Popen(
            [*_dies_with_us(), binaries / "postgres", "-D", home / "data", *(f"-c{option}" for option in options)],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd=home, **identity,
        )  # fmt: skip
        said: list[bytes] = []
        for line in process.stderr or ():
            said.append(line)
            if READY in line:
                # Somebody has to go on reading, or the server would stand still when the pipe is full.
                threading.Thread(target=_drain, args=(process,), daemon=True).start()
                return Postgres(port=port, folder=home, process=process)
        process.wait(timeout=60)
    raise RuntimeError(b"".join(said).decode(errors="replace"))


def _drain(process: "subprocess.Popen[bytes]") -> None:
    if process.stderr:
        with process.stderr as log:
            for _line in log:
                pass


def _dies_with_us() -> list[str]:
    """On Linux the kernel stops the server when this process is killed."""
    return ["setpriv", "--pdeathsig", "QUIT"] if shutil.which("setpriv") else []


def _someone() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("this runs as root, and there is no other user for the PostgreSQL server")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the whole session."""
    if programs() is None:
        # .ci/run installs it; a newcomer's machine may lack it, and every other test still says what is right there.
        pytest.skip(NOT_INSTALLED)
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where no store is yet, once on each database: what `open_store` takes."""
    if request.param == "sqlite":
        return tmp_path / "state.db"
    server: Postgres = request.getfixturevalue("postgres")
    # Who asks for a store as well may have its tables as they are, without a row.
    return server.cleared() if "store" in request.fixturenames else server.emptied()


@pytest.fixture
def store(place: Path | str) -> Iterator[Store]:
    with closing(open_store(place)) as opened:
        yield opened
