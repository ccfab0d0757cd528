"""A store of an earlier version is brought up to date: whole or not at all, its backup first, on both databases."""

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import Publication
from filelock import FileLock
from old_stores import (
    COUNTERS_3,
    COUNTERS_4,
    COUNTERS_5,
    VERSION_1,
    VERSION_2,
    VERSION_3,
    VERSION_4,
    VERSION_5,
    lay_store,
)
from postgres import Postgres
from smtp_server import Server
from sqlalchemy import Connection, CursorResult, Engine, event, inspect, text

from newsletter.errors import DeliveryError
from newsletter.store import find_store, open_store
from newsletter.store.engine import _database
from newsletter.store.events import stream_events
from newsletter.store.migrations import v4_to_v5, v5_to_v6
from newsletter.workspace import PublicationId

TABLES = ("campaigns", "deliveries", "meta", "suppressions", "templates", "waves")
NEW_IN_6 = ("learned_limits", "send_samples", "shared_rates", "reader_tasks", "warm_ups")
# What tables and columns of earlier versions are called now.
NOW = {"waves": "batches", "runs": "workers"}
COLUMNS = {
    "reader": "subscriber", "run": "worker", "began_at": "started_at", "ending": "why",
}  # fmt: skip
# Opens a store; killed before the first statement that has the words, if there are any.
OPEN = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from newsletter.store import open_store

def before(connection, cursor, statement, *rest):
    if words and words in statement:
        os.kill(os.getpid(), signal.SIGKILL)

place, words = sys.argv[1:]
event.listen(Engine, "before_cursor_execute", before)
store = open_store(place if place.startswith("postgresql:") else Path(place))
print(store.notice)
store.close()
print("alembic" in sys.modules)
"""


@pytest.fixture
def old(place: Path | str, request: pytest.FixtureRequest) -> Path | str:
    """Return a store of version 1, whose only campaign was stopped half way."""
    return lay_store(place, VERSION_1, request, "SELECT setval('templates_id_seq', 2)")


@pytest.fixture
def version4(place: Path | str, request: pytest.FixtureRequest) -> Path | str:
    """Return a store of version 4 with two publications, main and brief."""
    return lay_store(place, VERSION_4, request, COUNTERS_4)


@pytest.fixture
def version5(place: Path | str, request: pytest.FixtureRequest) -> Path | str:
    """Return a store of version 5 with two publications, main and brief."""
    return lay_store(place, VERSION_5, request, COUNTERS_5)


@pytest.fixture
def newest(place: Path | str, request: pytest.FixtureRequest) -> Path | str:
    """Return a store of version 3, one of whose campaigns was stopped half way."""
    return lay_store(place, VERSION_3, request, COUNTERS_3)


@pytest.fixture
def older(place: Path | str, request: pytest.FixtureRequest) -> Path | str:
    """Yield a store of version 2, whose only campaign was stopped half way."""
    numbers = "SELECT setval('templates_id_seq', 2); SELECT setval('deliveries_id_seq', 12)"
    return lay_store(place, VERSION_2, request, numbers)


def _rows(connection: Connection, table: str) -> list[dict[str, object]]:
    rows = [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]
    return sorted(
        rows, key=lambda row: str(row.get("reader") or row.get("subscriber") or sorted(map(str, row.values())))
    )


def _before(place: Path | str) -> dict[str, list[dict[str, object]]]:
    """Return what the tables hold, looked at without opening the store."""
    engine = _database(place, None).engine()
    with engine.connect() as connection:
        found = {table: _rows(connection, table) for table in TABLES}
    engine.dispose()
    return found


def _open(place: Path | str, die_before: str = "") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", OPEN, str(place), die_before], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _shape(connection: Connection) -> dict[str, object]:
    """Every table with its columns, keys and indexes by name, but for the copies of older ones."""
    found = inspect(connection)
    return {
        name: (
            [{**column, "type": str(column["type"])} for column in found.get_columns(name)],
            found.get_pk_constraint(name),
            sorted(found.get_foreign_keys(name), key=str),
            found.get_unique_constraints(name),
            found.get_indexes(name),
        )
        for name in found.get_table_names()
        if "backup" not in name
    }


def test_everyone_is_carried_over_and_numbered_in_the_lists_order(old: Path | str) -> None:
    before = _before(old)
    with closing(open_store(old)) as store, store.reading() as connection:
        after = {table: _rows(connection, NOW.get(table, table)) for table in TABLES}
        numbered = connection.scalars(text("SELECT subscriber FROM deliveries ORDER BY id")).all()
    assert numbered == [row["reader"] for row in sorted(before["deliveries"], key=lambda row: str(row["seq"]).zfill(9))]
    for table in TABLES:
        for was, became in zip(before[table], after[table], strict=True):
            lasting = was.keys() - {"seq", "value", "reason"}
            assert {key: became[COLUMNS.get(key, key)] for key in lasting} == {key: was[key] for key in lasting}
    assert after["meta"] == [{"key": "schema_version", "value": "6"}]
    assert {(row["tries"], row["due"], row["took"]) for row in after["deliveries"]} == {(0, 0.0, None)}


def test_of_version_2_only_suppressions_change(older: Path | str) -> None:
    before = _before(older)
    with closing(open_store(older)) as store, store.reading() as connection:
        assert "had version 2, and has version 6 now" in store.notice
        after = {table: _rows(connection, NOW.get(table, table)) for table in TABLES}
        written = list(stream_events(connection))
    told = [(row.subscriber, row.kind, row.source, row.evidence) for row in written]
    assert written[0].said_at == written[0].at == "2026-11-22T12:11:46.726+00:00"
    for table in set(TABLES) - {"meta", "suppressions"}:
        for was, became in zip(before[table], after[table], strict=True):
            lasting = was.keys() - {"run"} if table == "campaigns" else was.keys()
            assert {key: became[COLUMNS.get(key, key)] for key in lasting} == {key: was[key] for key in lasting}
    assert {(row["subscriber"], row["cause"], row["reason"], row["words"]) for row in after["suppressions"]} == {
        ("gone@example.org", "unsubscribed", "unsubscribed", ""),
        ("bounced@example.org", "bounced", "undetermined", ""),
        ("asked@example.org", "suppressed", "manual", 'asked by telephone, "twice"'),
    }
    assert told == [
        ("gone@example.org", "unsubscribed", "editor", {"words": "unsubscribed"}),
        ("bounced@example.org", "hard bounce", "editor", {"words": "bounced"}),
        ("asked@example.org", "suppressed", "editor", {"words": 'asked by telephone, "twice"'}),
    ]


def test_a_store_migrated_from_version_2_has_the_tables_of_a_new_one(
    older: Path | str, request: pytest.FixtureRequest
) -> None:
    test_a_migrated_store_has_the_tables_of_a_new_one(older, request)


def test_a_store_migrated_from_version_3_has_the_tables_of_a_new_one(
    newest: Path | str, request: pytest.FixtureRequest
) -> None:
    test_a_migrated_store_has_the_tables_of_a_new_one(newest, request)


def test_a_store_migrated_from_version_4_has_the_tables_of_a_new_one(
    version4: Path | str, request: pytest.FixtureRequest
) -> None:
    test_a_migrated_store_has_the_tables_of_a_new_one(version4, request)


def test_a_store_migrated_from_version_5_has_the_tables_of_a_new_one(
    version5: Path | str, request: pytest.FixtureRequest
) -> None:
    test_a_migrated_store_has_the_tables_of_a_new_one(version5, request)


@pytest.mark.parametrize("publication", ["main", "brief"])
def test_of_version_5_every_row_stays_whichever_publication_opens_it(version5: Path | str, publication: str) -> None:
    tables = v5_to_v6.TABLES
    engine = _database(version5, None).engine()
    with engine.connect() as connection:
        before = {table: _rows(connection, table) for table in tables}
    engine.dispose()
    assert all(before.values()), "every table of the sample has rows"
    with closing(open_store(version5, publication=PublicationId(publication))) as store, store.reading() as connection:
        assert "had version 5, and has version 6 now" in store.notice
        after = {table: _rows(connection, table) for table in tables}
        assert [connection.scalar(text(f"SELECT count(*) FROM {table}")) for table in NEW_IN_6] == [0] * len(NEW_IN_6)
    before["meta"] = [{"key": "schema_version", "value": "6"}]
    assert {row.pop("claim") for row in after["deliveries"]} == {None}, "new in version 6"
    assert after == before


@pytest.mark.parametrize("publication", ["main", "brief"])
def test_of_version_4_every_row_stays_whichever_publication_opens_it(version4: Path | str, publication: str) -> None:
    tables = v4_to_v5.TABLES
    engine = _database(version4, None).engine()
    with engine.connect() as connection:
        before = {table: _rows(connection, table) for table in tables}
    engine.dispose()
    with closing(open_store(version4, publication=PublicationId(publication))) as store, store.reading() as connection:
        assert "had version 4, and has version 6 now" in store.notice
        after = {table: _rows(connection, table) for table in tables}
    for row in before["suppressions"]:
        row["until"] = None
    for row in before["consents"]:
        row["batch"] = ""
    before["meta"] = [{"key": "schema_version", "value": "6"}]
    assert {row.pop("claim") for row in after["deliveries"]} == {None}, "new in version 6"
    assert after == before


def test_it_waits_for_a_sender_of_whichever_publication(version4: Path | str, request: pytest.FixtureRequest) -> None:
    campaign = (
        "INSERT INTO campaigns VALUES('brief','2026-11','b1','issue',NULL,'s','d','2026-11-30T06:25:48+00:00',NULL,"
        "NULL,1,'[[]]',0,NULL,NULL,NULL,NULL,NULL)"
    )
    if isinstance(version4, Path):
        with closing(sqlite3.connect(version4)) as connection, connection:
            connection.execute(campaign)
    else:
        server: Postgres = request.getfixturevalue("postgres")
        server.execute(campaign, version4.rpartition("/")[2])
    database = _database(version4, None)
    engine = database.engine()
    with (
        database.sole(engine, "brief@2026-11"),
        pytest.raises(DeliveryError, match=r"An earlier version of this program is sending 2026-11"),
    ):
        open_store(version4)
    engine.dispose()
    with closing(open_store(version4)) as store:
        assert "has version 6 now" in store.notice


def test_a_migrated_store_has_the_tables_of_a_new_one(old: Path | str, request: pytest.FixtureRequest) -> None:
    with closing(open_store(old)) as store, store.reading() as connection:
        migrated = _shape(connection)
    if isinstance(old, Path):
        old.unlink()
    else:
        server: Postgres = request.getfixturevalue("postgres")
        server.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public", old.rpartition("/")[2])
    with closing(open_store(old)) as store, store.reading() as connection:
        assert migrated == _shape(connection)


def test_new_rows_get_new_numbers(old: Path | str) -> None:
    with closing(open_store(old)) as store, store.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO deliveries (publication, issue, subscriber, address, fields, tags, language, template, "
                "state, returns, attempts, tries, due) "
                "SELECT publication, issue, 'new@example.org', address, fields, tags, '', template, "
                "state, 0, 0, 0, 0.0 "
                "FROM deliveries WHERE id = 1"
            )
        )
        assert connection.scalar(text("SELECT id FROM deliveries WHERE subscriber = 'new@example.org'")) == 13


def test_a_copy_of_the_file_is_kept_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
    before = _before(path)
    (tmp_path / "state.db.v1-backup").write_text("an older one")
    (tmp_path / "state.db.v1-backup-2.part").write_text("one that was never finished")
    with closing(open_store(path)) as store:
        assert f"it is kept in {tmp_path / 'state.db.v1-backup-2'}. " in store.notice
    assert (tmp_path / "state.db.v1-backup").read_text() == "an older one"
    copy = tmp_path / "state.db.v1-backup-2"
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    # Put back, it is the store that it was.
    path.unlink()
    copy.rename(path)
    assert _before(path) == before
    assert sorted(file.name for file in tmp_path.iterdir() if "backup" in file.name) == ["state.db.v1-backup"]


@pytest.mark.slow
def test_copies_of_the_tables_are_kept_beside_them(postgres: Postgres) -> None:
    place = postgres.fresh()
    script = re.sub(r"X'([0-9A-F]+)'", r"'\\x\1'", VERSION_1).replace("BLOB", "BYTEA")
    postgres.execute(f"{script}; CREATE TABLE meta_v1_backup (older integer)", place.rpartition("/")[2])
    before = _before(place)
    with closing(open_store(place)) as store, store.reading() as connection:
        assert "the tables meta_v1_backup_2 to suppressions_v1_backup_2" in store.notice
        assert {table: _rows(connection, f"{table}_v1_backup_2") for table in TABLES} == before
        assert _rows(connection, "meta_v1_backup") == []
    postgres.drop(place)


def test_it_is_done_once(old: Path | str) -> None:
    with closing(open_store(old)) as store:
        assert "had version 1, and has version 6 now" in store.notice
        # An earlier version's service holds no lock, and its tables are gone.
        assert store.notice.endswith("can't write down any more who leaves: restart newsletter serve.")
    found = find_store(old)
    assert found is not None
    with closing(found):
        assert found.notice == ""


@pytest.mark.parametrize(
    "words",
    [
        "DROP TABLE deliveries",
        *(
            pytest.param(words, marks=pytest.mark.slow)
            for words in (
                "CREATE TABLE runs",
                "INSERT INTO events",
                "CREATE TABLE deliveries_v3",
                "CREATE TABLE workers",
                "INSERT INTO suppressions (pub",
                "DROP TABLE handled_v3",
                "UPDATE meta",
            )
        ),
    ],
)
def test_killed_half_way_it_is_as_it_was_and_goes_well_again(old: Path | str, words: str) -> None:
    before = _before(old)
    killed = _open(old, die_before=words)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert _before(old) == before
    with closing(open_store(old)) as store, store.reading() as connection:
        assert len(_rows(connection, "deliveries")) == 12


@pytest.mark.slow
def test_of_two_programs_at_once_one_does_it(old: Path | str) -> None:
    both = [_open(old), _open(old)]
    said = [program.communicate(timeout=60) for program in both]
    assert [program.returncode for program in both] == [0, 0], said
    assert sorted("had version 1" in out for out, _ in said) == [False, True]
    with closing(open_store(old)) as store, store.reading() as connection:
        assert len(_rows(connection, "deliveries")) == 12


@pytest.mark.slow
def test_it_waits_for_a_sender_of_the_earlier_version_to_end(old: Path | str) -> None:
    before = _before(old)
    if isinstance(old, Path):
        sending = FileLock(old.parent / "1.1.lock")  # as version 1 took it
    else:
        database = _database(old, None)
        sending = database.sole(database.engine(), "1.1")
    with sending, pytest.raises(DeliveryError, match=r"An earlier version of this program is sending 1\.1") as caught:
        open_store(old)
    assert "Wait until that has ended" in caught.value.next_step
    assert _before(old) == before
    open_store(old).close()


def test_it_is_the_state_of_the_main_publication_and_of_no_other(newest: Path | str) -> None:
    before = _before(newest)
    with pytest.raises(DeliveryError, match="has version 3, and is that of another publication, main") as caught:
        open_store(newest, publication=PublicationId("other"))
    assert caught.value.next_step == "Run a command of the publication main first, such as: newsletter status"
    assert _before(newest) == before
    open_store(newest).close()
    open_store(newest, publication=PublicationId("other")).close()


def test_suppressions_are_carried_over_a_page_at_a_time(newest: Path | str, request: pytest.FixtureRequest) -> None:
    """However many there are: each page's events are found by their index, and no more than a page is in memory."""
    many = 5_000
    number = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many})"
    script = (
        f"INSERT INTO suppressions (reader, cause, words, at) {number} "
        "SELECT 'x' || i || '@example.org', 'unsubscribed', '', '2026-11-01T09:00:00.000+00:00' FROM n"
    )
    if isinstance(newest, Path):
        with closing(sqlite3.connect(newest)) as connection:
            connection.execute(script)
            connection.commit()
    else:
        request.getfixturevalue("postgres").execute(script, newest.rpartition("/")[2])
    asked: list[str] = []
    fetched: list[int] = []
    fetch_all = CursorResult.all

    def count(result: CursorResult[Any]) -> Any:
        rows = fetch_all(result)
        fetched.append(len(rows))
        return rows

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "FROM events" in statement and "subscriber IN" in statement:
            asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CursorResult, "all", count)
        try:
            with closing(open_store(newest)) as store, store.reading() as connection:
                number_now = connection.scalar(text("SELECT count(*) FROM suppressions WHERE subscriber LIKE 'x%'"))
        finally:
            event.remove(Engine, "before_cursor_execute", note)
    assert number_now == many
    assert max(fetched, default=0) <= 1_000
    assert len(asked) >= many // 1_000
    assert all("events.publication =" in statement for statement in asked), "the index begins with it"


def test_a_full_disk_leaves_the_earlier_version(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
    before = _before(path)

    def fill_up(connection: sqlite3.Connection, _record: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")

    event.listen(Engine, "connect", fill_up)
    try:
        with pytest.raises(DeliveryError, match="has no room left on its disk"):
            open_store(path)
    finally:
        event.remove(Engine, "connect", fill_up)
    assert _before(path) == before
    assert not list(tmp_path.glob("*backup*")), "each further try would leave one more"
    open_store(path).close()


def test_without_room_for_the_copy_nothing_is_done(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
    before = _before(path)
    (tmp_path / "state.db.v1-backup.part").mkdir()
    with pytest.raises(DeliveryError, match="has to be brought up to date, and can't be copied first") as caught:
        open_store(path)
    assert caught.value.next_step.startswith("Nothing has changed.")
    assert _before(path) == before


def test_rows_that_belong_to_nothing_are_not_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
        connection.execute("DELETE FROM templates WHERE id = 2")
        connection.commit()
    before = _before(path)
    with pytest.raises(DeliveryError, match="some of its rows belong to others that are not there"):
        open_store(path)
    assert _before(path) == before
    assert not list(tmp_path.glob("*backup*"))


@pytest.mark.slow
def test_alembic_is_imported_when_there_is_something_to_migrate_and_not_else(old: Path | str) -> None:
    for imported in ("True", "False"):
        opened = _open(old)
        out, err = opened.communicate(timeout=60)
        assert out.splitlines()[-1] == imported, err


@pytest.fixture
def half_sent(publication: Publication, old: Path | str) -> Publication:
    """Return the publication whose sending version 1 began, with the record that it left beside the draft."""
    if isinstance(old, Path):
        (publication.root / ".newsletter").mkdir()
        shutil.copyfile(old, publication.root / ".newsletter/state.db")
    else:
        publication.environ["NEWSLETTER_STORE__URL"] = old
    publication.draft("1.1", HALF_SENT)
    (publication.root / "drafts/1.1.sent.toml").write_text('campaign = "37e7cbe53eb78aa4"\nruns = 1\n')
    publication.readers(12)
    return publication


HALF_SENT = """\
volume: 1
number: 1
date: 2026-03-02
items:
  - headline: >-
      A sending that stopped half way
    detail: >-
      Dear {{ name | reader }}, it [began](https://example.org/began) with version 1.
"""


def test_a_send_that_an_earlier_version_began_is_shown_and_goes_on(half_sent: Publication, server: Server) -> None:
    shown = half_sent.run("status", "--json")
    assert "had version 1, and has version 6 now" in shown.stderr
    (status,) = json.loads(shown.stdout)
    begun = {state: count for state, count in status["readers"].items() if count}
    assert begun == {"pending": 2, "sending": 4, "accepted": 4, "deferred": 1, "refused": 1}
    half_sent.through(server)
    done = half_sent.run("send", "1.1", "--yes", "--continue")
    assert "Traceback" not in done.stderr
    # The deferred one and those who had not been taken; what became of the four in hand is for a person to say.
    assert set(server.copies()) == {"reader0003@example.org", "reader0010@example.org", "reader0011@example.org"}
    assert set(server.copies().values()) == {1}
    assert b"it began [1] with version 1" in server.message("reader0003@example.org").replace(b"=\r\n", b"")
    (status,) = json.loads(half_sent.run("status", "--json").stdout)
    ended = {state: count for state, count in status["readers"].items() if count}
    assert ended == {"accepted": 7, "refused": 1, "unknown": 4}
