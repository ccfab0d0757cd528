"""One store on two databases: its transactions, its stage, its locks."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from postgres import Postgres
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    func,
    insert,
    literal,
    select,
    text,
    true,
)

from newsletter.errors import DeliveryError
from newsletter.store import Busy, Staging, Store, engine, find_store, open_store, suppressions
from newsletter.store.engine import KeptConnection, insert_new
from newsletter.store.prepared_statements import PreparedStatement
from newsletter.store.schema import suppressions as kept

HOLDER = """
import sys
from pathlib import Path
from newsletter.store import open_store
place = sys.argv[1] if sys.argv[1].startswith("postgresql:") else Path(sys.argv[1])
with open_store(place).sole(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""
staged = Table("staged", MetaData(), Column("id", Integer, primary_key=True), Column("subscriber", String),
               prefixes=["TEMPORARY"])  # fmt: skip


class Mishap(Exception):
    """Anything that ends a transaction before its end."""


def _suppress(store: Store, reader: str) -> None:
    with store.transaction() as connection:
        suppressions.suppress(connection, reader, "unsubscribed")


def _fail_to_suppress(store: KeptConnection, reader: str) -> None:
    with store.transaction() as connection:
        suppressions.suppress(connection, reader, "unsubscribed")
        raise Mishap


def _move(staging: Staging, *, mishap: bool = False) -> None:
    columns = (
        literal("main"),
        staged.c.subscriber,
        literal("bounced"),
        *[literal("")] * 4,
        literal("moved"),
        literal("now"),
    )
    moved = select(*columns).where(true()).order_by(staged.c.id)
    with staging.durable() as connection:
        connection.execute(insert_new(connection, kept).from_select([*kept.c.keys()][: len(columns)], moved))
        if mishap:
            raise Mishap


def _suppressed(connection: Connection) -> set[str]:
    return set(_words(connection))


def _words(connection: Connection) -> dict[str, str]:
    return {row.subscriber: row.words for row in suppressions.stream_suppressions(connection)}


@contextmanager
def _holder(place: Path | str, name: str) -> Iterator["subprocess.Popen[str]"]:
    """Yield a process that holds `name` until it is told to end."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place), name], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_transaction_stands_or_falls_as_one(store: Store, place: Path | str) -> None:
    def fail() -> None:
        with store.transaction() as connection:
            suppressions.suppress(connection, "a@example.org", "unsubscribed")
            raise Mishap

    with pytest.raises(Mishap):
        fail()
    _suppress(store, "b@example.org")
    with closing(open_store(place)) as another, another.reading() as connection:
        assert _suppressed(connection) == {"b@example.org"}


def test_looking_makes_nothing(place: Path | str, request: pytest.FixtureRequest) -> None:
    assert find_store(place) is None
    if isinstance(place, Path):
        assert list(place.parent.iterdir()) == []
    else:
        server: Postgres = request.getfixturevalue("postgres")
        assert server.execute("SELECT * FROM pg_tables WHERE schemaname = 'public'", place.rpartition("/")[2]) == []


def test_what_is_there_is_found(store: Store, place: Path | str) -> None:
    _suppress(store, "a@example.org")
    found = find_store(place)
    assert found is not None
    with closing(found), found.reading() as connection:
        assert _suppressed(connection) == {"a@example.org"}


def test_programs_that_begin_together_make_one_store(place: Path | str) -> None:
    stores: list[Store] = []
    threads = [threading.Thread(target=lambda: stores.append(open_store(place))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 4
    for number, store in enumerate(stores):
        _suppress(store, f"r{number}@example.org")
    with stores[0].reading() as connection:
        assert len(_suppressed(connection)) == 4
    for store in stores:
        store.close()


def test_whoever_reads_waits_for_no_writer_and_sees_one_moment(store: Store, place: Path | str) -> None:
    _suppress(store, "a@example.org")
    with closing(open_store(place)) as other, store.transaction() as writing:
        suppressions.suppress(writing, "b@example.org", "unsubscribed")
        with other.reading() as connection:
            assert _suppressed(connection) == {"a@example.org"}
    with closing(open_store(place)) as other, other.reading() as connection:
        assert len(_suppressed(connection)) == 2
        _suppress(store, "c@example.org")
        assert len(_suppressed(connection)) == 2
    with store.reading() as connection:
        assert len(_suppressed(connection)) == 3


def test_a_transaction_may_be_another_threads(store: Store) -> None:
    thread = threading.Thread(target=_suppress, args=(store, "a@example.org"))
    thread.start()
    thread.join()
    with store.reading() as connection:
        assert _suppressed(connection) == {"a@example.org"}


def test_what_is_there_already_is_left_alone(store: Store) -> None:
    with store.transaction() as connection:
        assert suppressions.suppress(connection, "a@example.org", "bounced")
        assert not suppressions.suppress(connection, "a@example.org", "bounced", "again")
        assert suppressions.list_causes(connection, "a@example.org") == {"bounced": ""}
        assert suppressions.unsuppress(connection, "a@example.org")
        assert not suppressions.unsuppress(connection, "a@example.org")


def test_each_cause_is_lifted_for_itself(store: Store) -> None:
    with store.transaction() as connection:
        assert suppressions.suppress(connection, "a@example.org", "bounced", "mailbox gone")
        assert suppressions.suppress(connection, "a@example.org", "unsubscribed")
        assert suppressions.count_by_cause(connection) == {"bounced": 1, "unsubscribed": 1}
        assert suppressions.unsuppress(connection, "a@example.org", "unsubscribed")
        assert not suppressions.unsuppress(connection, "a@example.org", "unsubscribed")
        assert suppressions.list_causes(connection, "a@example.org") == {"bounced": "mailbox gone"}


def test_a_staged_list_is_kept_in_one_transaction_and_blocks_nobody(store: Store, place: Path | str) -> None:
    with closing(open_store(place)) as other, store.staging() as staging:
        with staging.local() as connection:
            staged.create(connection)
        # Somebody else writes meanwhile, and both go on.
        with other.transaction() as writing:
            suppressions.suppress(writing, "r1@example.org", "bounced", "known")
            for number in range(3):
                with staging.local() as connection:
                    connection.execute(insert(staged).values(id=number, subscriber=f"r{number}@example.org"))
                    assert _suppressed(connection) == set()
        with pytest.raises(Mishap):
            _move(staging, mishap=True)
        _move(staging)
        with staging.local() as connection:
            assert connection.scalar(select(func.count()).select_from(staged)) == 3
        with other.reading() as connection:
            assert _words(connection) == {
                "r0@example.org": "moved", "r1@example.org": "known", "r2@example.org": "moved",
            }  # fmt: skip


def test_a_stage_is_its_owners_alone_and_gone_at_the_end(store: Store) -> None:
    with store.staging() as one, store.staging() as two:
        for staging in (one, two):
            with staging.local() as connection:
                staged.create(connection)
                connection.execute(insert(staged).values(subscriber="r@example.org"))
                assert connection.scalar(select(func.count()).select_from(staged)) == 1
    with store.staging() as staging, staging.local() as connection:
        staged.create(connection)


@pytest.mark.slow
def test_one_process_holds_a_name(store: Store, place: Path | str) -> None:
    with _holder(place, "2.10") as process:
        with pytest.raises(Busy), store.sole("2.10"):
            pytest.fail("it was held twice")
        with store.sole("2.11"), pytest.raises(Busy), store.sole("2.11"):
            pytest.fail("it was held twice by one process")
        process.communicate("", timeout=60)
    with store.sole("2.10"):
        pass
    with store.sole("2.10"):
        pass


def test_a_name_is_free_when_its_holder_is_killed(store: Store, place: Path | str) -> None:
    with _holder(place, "2.10") as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
    with store.sole("2.10"):
        pass


def test_two_publications_share_a_database_in_two_schemas(postgres: Postgres) -> None:
    url = postgres.fresh()
    postgres.execute("CREATE SCHEMA other", url.rpartition("/")[2])
    with (
        closing(open_store(url)) as one,
        closing(open_store(f"{url}?options=-csearch_path%3Dother")) as other,
        one.sole("2.10"),
        other.sole("2.10"),
    ):
        _suppress(one, "a@example.org")
        with other.reading() as connection:
            assert _suppressed(connection) == set()
    postgres.drop(url)


def test_no_plan_that_was_made_for_a_small_table_is_kept_while_it_grows(postgres: Postgres) -> None:
    """An import of 200,000 subscribers read the whole table for each thousand, by the plan of the first ones."""
    with closing(open_store(postgres.emptied())) as store, store.reading() as connection:
        assert connection.scalar(text("SHOW plan_cache_mode")) == "force_custom_plan"


def test_transactions_over_a_kept_connection_stand_or_fall_one_by_one(store: Store) -> None:
    with store.keeping() as kept:
        with kept.transaction() as connection:
            suppressions.suppress(connection, "a", "unsubscribed")
        with pytest.raises(Mishap):
            _fail_to_suppress(kept, "b")
        with store.reading() as reading:
            assert _suppressed(reading) == {"a"}
        with kept.transaction() as connection:
            suppressions.suppress(connection, "c", "unsubscribed")
            held = connection
        with kept.transaction() as connection:
            assert connection is held
        _suppress(store, "d")  # nothing is locked meanwhile
    with store.reading() as reading:
        assert _suppressed(reading) == {"a", "c", "d"}


def test_a_kept_connection_that_rested_is_looked_at_before_it_is_used(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.keeping() as kept:
        with kept.transaction() as connection:
            held = connection
        monkeypatch.setattr(engine, "_KEPT_S", -1.0)
        with kept.transaction() as connection:
            assert connection is not held
            assert held.closed


def test_a_prepared_statement_fails_in_the_words_of_the_store(store: Store) -> None:
    given = {"publication": "main", "subscriber": "ada@example.org"}
    row = {column.name: given.get(column.name, "x") for column in kept.c}
    statement = PreparedStatement(insert(kept).values({name: bindparam(name) for name in row}))

    def insert_twice() -> None:
        with store.transaction() as connection:
            statement.execute_many(connection, [row, row])

    with pytest.raises(DeliveryError) as refused:
        insert_twice()
    assert refused.value.__cause__ is None  # which may quote the row
    assert "ada" not in str(refused.value)
    with store.reading() as reading:
        assert _suppressed(reading) == set()


def test_a_kept_connection_that_a_server_has_ended_is_opened_anew(postgres: Postgres) -> None:
    with closing(open_store(postgres.fresh())) as store, store.keeping() as kept:
        with kept.transaction() as connection:
            mine = connection.scalar(text("SELECT pg_backend_pid()"))
        with store.transaction() as other:
            other.execute(text("SELECT pg_terminate_backend(:mine, 5000)"), {"mine": mine})
        with kept.transaction() as connection:
            assert connection.scalar(text("SELECT pg_backend_pid()")) != mine
