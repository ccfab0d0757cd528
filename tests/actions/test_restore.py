"""The state backed up while it is written to, put back, and moved between databases with all its history."""

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Publication, Run
from leases import crash_workers
from postgres import Postgres
from scheduling import HOUR, put_in
from smtp_server import Server
from sqlalchemy import Float, Integer, String, insert, select

from newsletter.actions.erase import pseudonyms
from newsletter.actions.move_state import move_rows
from newsletter.actions.restore_state import replace_state
from newsletter.address import subscriber_key
from newsletter.clock import parse_instant
from newsletter.errors import ConfigError, DeliveryError
from newsletter.ledger.campaigns import Campaign, cancel_campaign
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.erasure import erase_from_store
from newsletter.ledger.freeze import freeze_batch
from newsletter.ledger.issue_tests import record_test
from newsletter.ledger.schedule import list_scheduled, schedule_campaign
from newsletter.ledger.staging import Recipient, stage_recipients
from newsletter.ledger.states import State
from newsletter.ledger.templates import FrozenTemplate
from newsletter.ledger.workers import register_worker
from newsletter.store import Store, open_store, suppressions
from newsletter.store.copying import back_up
from newsletter.store.erased import add_erased, list_erased_digests
from newsletter.store.generations import current_generation
from newsletter.store.publication_facts import note_erasing_key
from newsletter.store.schema import (
    consent_words,
    consents,
    handovers,
    import_changes,
    imports,
    learned_limits,
    metadata,
    preferences,
    reader_requests,
    reader_tasks,
    send_samples,
    shared_rates,
    subscribers,
    transactional_mails,
    warm_ups,
    worker_tallies,
)
from newsletter.subscribers import suppression
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.workspace import PublicationId

KEYS = SecretKeys(("token" * 8,), "forgotten" * 5)
Rows = dict[str, list[tuple[object, ...]]]


def _fill(store: Store, issue: str = "1.1", readers: int = 3, due: str | None = None) -> None:
    """Make a campaign with a worker, results, a test and a date; a reader who left, one who is back, one erased."""
    campaign = Campaign(issue=issue, id=f"id of {issue}", subject="Grüße, 猫", draft_sha256="d", rules=[["board"]],
                        created_at=datetime(2026, 11, 1, 9, tzinfo=UTC))  # fmt: skip
    names = [f"r{number}@example.org" for number in range(readers)]
    fields = {"name": "Zoë"}
    entries = (
        Recipient(subscriber=name, address=name, fields=fields, tags=frozenset({"board"}), template=0) for name in names
    )
    with store.reading() as connection:
        erased = list_erased_digests(connection)
    with stage_recipients(store) as staged:
        staged.fill(entries, None)
        with staged.durable() as connection:
            freeze_batch(connection, staged, campaign, "", [FrozenTemplate("1", bytes(range(256)))], erased=erased)
    register_worker(store, issue, f"run of {issue}")
    record_and_claim(store, issue, f"run of {issue}", want=1)
    crash_workers(store, issue)
    record_test(store, issue, "a" * 64)
    if due:
        with store.transaction() as connection:
            schedule_campaign(connection, issue, parse_instant(due), parse_instant(due))
    bounced = Event(
        subscriber="r1@example.org",
        kind=EventKind.HARD,
        source=EventSource.MAIL,
        issue=issue,
        evidence={"code": "5.1.1"},
    )
    record_events(store, KEYS, [bounced], handled=[f"mail about {issue}"])
    record_events(
        store, KEYS, [Event(subscriber="r2@example.org", kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE)]
    )
    suppression.unsuppress(store, KEYS, "r2@example.org")
    with store.transaction() as connection:
        add_erased(connection, KEYS.digest("erased@example.org"))
        note_erasing_key(connection, KEYS.fingerprint)
        current_generation(connection)
        for table in (
            subscribers, consent_words, consents, reader_requests, transactional_mails, preferences, imports,
            import_changes, reader_tasks, learned_limits, shared_rates, send_samples, handovers, worker_tallies,
            warm_ups,
        ):  # fmt: skip
            texts = [column.name for column in table.c if isinstance(column.type, String)]
            numbers = [one.name for one in table.c if isinstance(one.type, Integer | Float) and one.name != "id"]
            values: dict[str, object] = {name: f"{name} of {issue}" for name in texts} | dict.fromkeys(numbers, 2)
            given = {"publication": store.publication, "words_sha256": f"sha256 of {issue}", "issue": issue}
            if table is send_samples:  # which `status` reads
                values |= dict.fromkeys(("began_at", "at", "ends_at"), "2026-11-01T09:00:00+00:00") | {"hold": ""}
            connection.execute(insert(table).values({**values, **{k: v for k, v in given.items() if k in table.c}}))


_STATE = [*metadata.tables["deliveries"].c.keys()].index("state")


def _rows(store: Store) -> Rows:
    with store.reading() as connection:
        return {
            table.name: [(*row,) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        }


@pytest.mark.parametrize("way", ["sqlite to postgresql", "postgresql to sqlite", "sqlite to sqlite"])
def test_a_state_moves_with_all_its_history(postgres: Postgres, tmp_path: Path, way: str) -> None:
    first, _, last = way.split()
    source = tmp_path / "state.db" if first == "sqlite" else postgres.emptied()
    place = postgres.emptied() if last == "postgresql" else tmp_path / "moved/state.db"
    with closing(open_store(source)) as old, closing(open_store(place)) as new:
        _fill(old)
        before = _rows(old)
        assert all(before.values()), "each table has something"
        counts = move_rows(old, new, str(place), tmp_path / "kept.db")
        assert _rows(new) == before
        assert counts == {name: len(rows) for name, rows in before.items()}
        with pytest.raises(DeliveryError):  # a service that still runs
            record_events(
                old, None, [Event(subscriber="r0@example.org", kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE)]
            )
        _fill(new, "1.2")  # numbers go on where they were
        assert len(_rows(new)["deliveries"]) == 6
    with pytest.raises(DeliveryError, match="has been moved to"):
        open_store(source)
    with closing(open_store(source, though_moved=True)) as old, closing(open_store(place)) as new:
        move_rows(new, old, str(source), tmp_path / "again.db")
    with closing(open_store(source)) as old:
        assert len(_rows(old)["deliveries"]) == 6
    with closing(open_store(tmp_path / "kept.db")) as kept:
        assert _rows(kept) == before


def test_a_state_that_is_there_already_is_not_moved_over(place: Path | str, tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "old.db")) as old, closing(open_store(place)) as new:
        _fill(old)
        record_events(
            new, None, [Event(subscriber="r0@example.org", kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE)]
        )
        before = _rows(old), _rows(new)
        with pytest.raises(DeliveryError, match="already, and who left by that one would") as refused:
            move_rows(old, new, "there", tmp_path / "kept.db")
        assert "Nothing has changed. Name another" in refused.value.next_step
        assert (_rows(old), _rows(new)) == before
        assert not (tmp_path / "kept.db").exists()


@pytest.mark.slow
def test_nothing_is_moved_or_put_back_while_an_issue_is_being_sent(place: Path | str, tmp_path: Path) -> None:
    with closing(open_store(place)) as store, closing(open_store(tmp_path / "other.db")) as other:
        _fill(store)
        back_up(store, tmp_path / "backup.db")
        before = _rows(store)
        with store.sole("1.1"):
            with pytest.raises(DeliveryError, match=r"1\.1 is being sent"):
                move_rows(store, other, "there", tmp_path / "kept.db")
            with pytest.raises(DeliveryError, match=r"1\.1 is being sent"):
                replace_state(tmp_path / "backup.db", place, None, tmp_path, KEYS)
        cancel_campaign(store, "1.1")
        with store.sole("1.1"), pytest.raises(DeliveryError, match=r"1\.1 is being sent"):
            move_rows(store, other, "there", tmp_path / "kept.db")  # to new readers, though it was at its end
        assert _rows(other)["campaigns"] == []
        assert _rows(store)["deliveries"] != before["deliveries"]


def test_a_backup_is_whole_private_and_keeps_nobody_waiting(place: Path | str, tmp_path: Path) -> None:
    file = tmp_path / "backups" / "state.db"
    with closing(open_store(place)) as store:
        _fill(store)
        stop = threading.Event()
        written: list[str] = []

        def serve() -> None:
            while not stop.is_set():
                reader = f"left{len(written)}@example.org"
                record_events(
                    store, None, [Event(subscriber=reader, kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE)]
                )
                written.append(reader)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with store.sole("1.1"):  # being sent
                for _ in range(3):
                    back_up(store, file)
        finally:
            stop.set()
            thread.join()
        back_up(store, file)
        assert written
        with closing(open_store(file)) as copy:
            assert _rows(copy) == _rows(store)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["state.db"]


def test_a_backup_is_put_back_and_who_left_since_stays_out(place: Path | str, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    with closing(open_store(place)) as store:
        _fill(store, due="2026-12-01T09:00:00+00:00")
        back_up(store, file)
        record_events(
            store, None, [Event(subscriber="later@example.org", kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE)]
        )
        cancel_campaign(store, "1.1")
        done = replace_state(file, place, None, tmp_path, KEYS)
        assert (done.left, done.held) == (1, ["1.1"])
        now = _rows(store)
        assert {row[1] for row in now["suppressions"]} == {"r1@example.org", "later@example.org"}
        assert [row[_STATE] for row in now["deliveries"]] == ["unknown", "pending", "pending"]
        assert list_scheduled(store) == ["1.1"]
        assert done.kept
    with closing(open_store(done.kept)) as before:
        assert {row[_STATE] for row in _rows(before)["deliveries"]} == {"cancelled"}
    assert not [path for path in tmp_path.iterdir() if "restoring" in path.name]


def test_whoever_was_erased_since_the_backup_is_erased_again(place: Path | str, tmp_path: Path) -> None:
    claimed, waiting = "r1@example.org", "r2@example.org"
    with closing(open_store(place)) as store:
        _fill(store)
        suppression.unsuppress(store, None, claimed)
        register_worker(store, "1.1", "a run that died")
        assert [claim.subscriber for claim in record_and_claim(store, "1.1", "a run that died", want=1).deliveries] == [
            claimed
        ]
        back_up(store, tmp_path / "backup.db")
        crash_workers(store, "1.1")
        for gone in (claimed, waiting):
            digest = KEYS.digest(gone)
            erase_from_store(store, gone, pseudonyms(digest), digest, KEYS.fingerprint)
        with pytest.raises(ConfigError, match="asked to be erased, and the keys"):
            replace_state(tmp_path / "backup.db", place, None, tmp_path)
        replace_state(tmp_path / "backup.db", place, None, tmp_path, KEYS)
        known = repr(_rows(store))
        assert claimed not in known
        assert waiting not in known
        found = {state: count for state, count in count_deliveries(store, "1.1").by_state.items() if count}
        assert found == {State.SUPPRESSED: 1, State.CANCELLED: 1, State.UNKNOWN: 1}
    if isinstance(place, Path):
        assert not any(waiting.encode() in path.read_bytes() for path in tmp_path.glob("state.db*"))


def test_a_backup_brings_the_state_to_a_machine_that_has_none(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "there.db")) as store:
        _fill(store)
        back_up(store, tmp_path / "backup.db")
        before = _rows(store)
    place = tmp_path / "clone/.newsletter/state.db"
    done = replace_state(tmp_path / "backup.db", place, None, place.parent)
    assert (done.kept, done.left, done.held) == (None, 0, [])
    with closing(open_store(place)) as store:
        assert _rows(store) == before
    assert place.parent.stat().st_mode & 0o777 == 0o700


def test_a_damaged_state_gives_way_to_a_backup(tmp_path: Path) -> None:
    place = tmp_path / "state.db"
    with closing(open_store(place)) as store:
        _fill(store, readers=200)
        back_up(store, tmp_path / "backup.db")
        before = _rows(store)
    text = bytearray(place.read_bytes())
    for damaged in (b"no database at all", bytes(text[:4096] + b"\xff" * (len(text) - 4096))):
        place.write_bytes(damaged)
        done = replace_state(tmp_path / "backup.db", place, None, tmp_path, KEYS)
        assert done.kept
        assert done.kept.read_bytes() == damaged
        with closing(open_store(place)) as store:
            assert _rows(store) == before


@pytest.mark.parametrize("content", [b"", b"email\na@example.org\n", b"SQLite format 3\0" + b"x" * 5000])
def test_what_is_no_backup_changes_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with closing(open_store(tmp_path / "state.db")) as store:
        _fill(store)
        before = _rows(store)
        with pytest.raises(DeliveryError, match="backup") as refused:
            replace_state(tmp_path / "file", tmp_path / "state.db", None, tmp_path, KEYS)
        assert refused.value.next_step.startswith("Nothing has changed. Name a file")
        assert _rows(store) == before


def test_a_backup_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.executescript((Path(__file__).parent.parent / "store/version2.sql").read_text())
    before = (tmp_path / "old.db").read_bytes()
    replace_state(tmp_path / "old.db", tmp_path / "state.db", None, tmp_path, KEYS)
    with closing(open_store(tmp_path / "state.db")) as store:
        assert _rows(store)["campaigns"]
    assert (tmp_path / "old.db").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir() if "state" not in path.name) == ["1.1.lock", "old.db"]


def test_restoring_asks_and_holds_what_may_have_left(digest: Publication, server: Server, run: Run) -> None:
    digest.readers(3)
    with closing(open_store(digest.workspace.database)) as store:
        now = datetime.now(UTC)
        put_in(digest, store, now, now + HOUR)
    assert run("state", "backup", "backups/state.db").exit_code == 0
    assert run("outbox", "run").exit_code == 0
    (digest.root / "drafts/2.10.sent.toml").unlink()
    asked = run("state", "restore", "backups/state.db", input="n\n")
    assert asked.exit_code == 1
    assert "Put backups/state.db in the place of the state in .newsletter/state.db?" in asked.output
    done = run("state", "restore", "backups/state.db", input="y\n")
    assert done.exit_code == 0, done.output
    assert "2.10 was in the outbox, and may have left since" in done.output
    assert "it is kept in .newsletter/state.before-restore.db" in done.output
    assert run("outbox", "run").exit_code == 1
    assert len(server.stored) == 3


def test_moving_asks_and_says_what_to_write(digest: Publication, run: Run, postgres: Postgres) -> None:
    with closing(open_store(digest.workspace.database)) as store:
        _fill(store)
    url = postgres.emptied()
    asked = run("state", "move", url, input="n\n")
    assert asked.exit_code == 1
    assert f"Move the state to {url}?" in asked.output
    done = run("state", "move", url, input="y\n")
    assert done.exit_code == 0, done.output
    assert "1 issue, 3 deliveries, 3 events, 1 suppression, 1 erased. Each number was compared." in done.output
    assert f'url = "{url}"' in done.output
    refused = run("status")
    assert isinstance(refused.exception, DeliveryError)
    assert "has been moved to" in refused.exception.message
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWSLETTER_STORE__URL", url)
        assert "1.1" in run("status").output
    same = run("state", "move", "sqlite:///.newsletter/state.db")
    assert same.exit_code == 1
    wrong = run("state", "move", "mysql://there/state")
    assert "names no state that this version can keep" in getattr(wrong.exception, "message", "")


def test_a_backup_asks_before_it_writes_over(digest: Publication, run: Run) -> None:
    assert "There is no state yet" in str(run("state", "backup", "state.db").exception)
    with closing(open_store(digest.workspace.database)) as store:
        _fill(store)
    assert run("state", "backup", "backup.db").exit_code == 0
    assert run("state", "backup", "backup.db", input="n\n").exit_code == 1
    assert run("state", "backup", "backup.db", "--yes").exit_code == 0
    assert "is the state itself" in str(run("state", "backup", ".newsletter/state.db", "--yes").exception)


def _is_suppressed(store: Store, address: str) -> bool:
    with store.reading() as connection:
        return bool(suppressions.list_causes(connection, subscriber_key(address)))


def test_a_database_of_two_publications_moves_and_is_put_back_as_a_whole(place: Path | str, tmp_path: Path) -> None:
    """A publication that began after the backup keeps what it has."""
    backup, left = tmp_path / "backup.db", subscriber_key("left@example.org")
    with closing(open_store(place)) as store:
        _fill(store)
        with store.of(PublicationId("other")).transaction() as connection:
            suppressions.suppress(connection, left, "unsubscribed")
        back_up(store, backup)
        for later in ("other", "third"):
            with store.of(PublicationId(later)).transaction() as connection:
                suppressions.suppress(connection, subscriber_key(f"later@{later}.example.org"), "unsubscribed")
        before = _rows(store)
    restored = replace_state(backup, place, None, tmp_path / "kept", KEYS)
    assert restored.left == 1, "of the two that the backup knows; the third was left alone"
    with closing(open_store(place)) as store, closing(open_store(tmp_path / "new.db")) as target:
        other, third = store.of(PublicationId("other")), store.of(PublicationId("third"))
        assert _is_suppressed(other, left)
        assert _is_suppressed(other, "later@other.example.org")
        assert _is_suppressed(third, "later@third.example.org")
        assert not _is_suppressed(third, left)
        assert _rows(store)["deliveries"] == before["deliveries"]
        rows = _rows(store)
        move_rows(store, target, "elsewhere", tmp_path / "kept.db")
        assert _rows(target) == rows


def test_another_publication_that_is_being_sent_keeps_the_database_where_it_is(
    place: Path | str, tmp_path: Path
) -> None:
    with closing(open_store(place, publication=PublicationId("other"))) as store:
        _fill(store)
        register_worker(store, "1.1", "another", lease_s=3600)
        back_up(store, tmp_path / "backup.db")
    with pytest.raises(DeliveryError, match=r"1\.1 is being sent"):
        replace_state(tmp_path / "backup.db", place, None, tmp_path / "kept", KEYS)


def test_whom_another_publication_erased_is_not_brought_back_without_its_keys(
    place: Path | str, tmp_path: Path
) -> None:
    with closing(open_store(place)) as store:
        _fill(store)
        back_up(store, tmp_path / "backup.db")
        with store.of(PublicationId("other")).transaction() as connection:
            add_erased(connection, "0123")
            note_erasing_key(connection, "another key")
        before = _rows(store)
        with pytest.raises(ConfigError, match="other, which is in the same database, has erased people since"):
            replace_state(tmp_path / "backup.db", place, None, tmp_path / "kept", KEYS)
        assert _rows(store) == before
        back_up(store, tmp_path / "newer.db")
    assert replace_state(tmp_path / "newer.db", place, None, tmp_path / "kept", KEYS).left == 0


def test_a_store_is_not_moved_while_one_that_took_a_campaign_over_sends_it(place: Path | str, tmp_path: Path) -> None:
    """It holds the lock of the worker that it took over from, which has ended since, and not the campaign's own."""
    with closing(open_store(place)) as store, closing(open_store(tmp_path / "other.db")) as other:
        _fill(store)
        register_worker(store, "1.1", "another", lease_s=3600)
        with pytest.raises(DeliveryError, match=r"1\.1 is being sent"):
            move_rows(store, other, "there", tmp_path / "kept.db")
        assert _rows(other)["campaigns"] == []
