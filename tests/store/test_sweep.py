"""What was erased is gone from the database's files, too."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from postgres import Postgres
from sqlalchemy import delete, insert

from newsletter.store import Store, open_store, postgresql
from newsletter.store.schema import suppressions

# Every column of a suppression.
NOTHING = {**dict.fromkeys(suppressions.c.keys(), ""), "publication": "main", "cause": "bounced", "at": "x"}
CHECKPOINTING = """
import fcntl, sys, time
with open(sys.argv[1], "r+b") as file:
    # https://sqlite.org/walformat.html: who copies the log into the file holds this byte of the index.
    fcntl.lockf(file, fcntl.LOCK_EX, 1, 121)
    print("held", flush=True)
    time.sleep(0.5)
"""


def _suppressed(store: Store, count: int, name: str = "secret") -> None:
    with store.transaction() as connection:
        rows = [{**NOTHING, "subscriber": f"{name}{n}@example.org"} for n in range(count)]
        connection.execute(insert(suppressions), rows)


@pytest.mark.parametrize("left", [0, 50])
def test_neither_the_statistics_nor_the_files_of_postgresql_know_who_was_erased(postgres: Postgres, left: int) -> None:
    url = postgres.fresh()
    database = url.rpartition("/")[2]
    with closing(open_store(url)) as store:
        _suppressed(store, 100)
        postgres.execute("ANALYZE suppressions", database)
        assert _known(postgres, database)
        with store.erasing() as connection:
            connection.execute(delete(suppressions).where(suppressions.c.subscriber.startswith("secret")))
        if left:
            _suppressed(store, left, "other")
        assert store.sweep([suppressions])
    assert not _known(postgres, database)
    postgres.execute("CHECKPOINT", database)
    where = "current_setting('data_directory') || '/base/' || oid"
    ((folder,),) = postgres.execute(f"SELECT {where} FROM pg_database WHERE datname = '{database}'", database)
    # pg_internal.init has the catalogue's columns, no rows, and is made anew and renamed at any moment.
    files = [path for path in Path(str(folder)).glob("[!p]*") if path.is_file()]
    assert not [path.name for path in files if b"secret" in path.read_bytes()]
    postgres.drop(url)


def _known(postgres: Postgres, database: str) -> bool:
    said = postgres.execute("SELECT * FROM pg_stats WHERE tablename = 'suppressions'", database)
    return "secret" in repr(said)


def test_whoever_uses_the_tables_of_postgresql_is_in_the_way(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_SETTINGS", postgresql._SETTINGS.replace("15s", "50ms"))
    url = postgres.fresh()
    with closing(open_store(url)) as store, closing(open_store(url)) as other:
        with other.transaction() as connection:
            connection.execute(insert(suppressions).values(NOTHING))
            assert not store.sweep([suppressions])
        assert store.sweep([suppressions])
    postgres.drop(url)


def test_a_service_that_is_just_tidying_up_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself waits for readers and writers, and not for another that copies its log."""
    with closing(open_store(tmp_path / "state.db")) as store:
        _suppressed(store, 100)
        command = [sys.executable, "-c", CHECKPOINTING, str(tmp_path / "state.db-shm")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with store.erasing() as connection:
                connection.execute(delete(suppressions))
            assert store.sweep([suppressions])
        assert other.returncode == 0
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"secret" not in kept
