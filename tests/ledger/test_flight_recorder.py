"""After a crash the flight recorder is believed where it can be, and nowhere else; then the ledger alone speaks."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from leases import crash_workers
from postgres import Postgres

from newsletter.clock import parse_instant
from newsletter.ledger import flight_files
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.deliveries import Delivery, stream_deliveries
from newsletter.ledger.flight_files import Flight, read_flight
from newsletter.ledger.flight_recorder import FlightRecorder
from newsletter.ledger.flight_slots import CLAIM_AT, number_claim, read_unnoted_claim
from newsletter.ledger.freeze import freeze_batch
from newsletter.ledger.staging import Recipient, stage_recipients
from newsletter.ledger.states import State
from newsletter.ledger.templates import FrozenTemplate
from newsletter.ledger.workers import end_worker, find_why_ended, register_worker, settle_expired
from newsletter.mail.message import Outcome, Result
from newsletter.store import Store, open_store
from newsletter.workspace import PublicationId

ACCEPTED = Result(key="", outcome=Outcome.ACCEPTED, stage="text", code=250, enhanced="2.0.0", reply="Ok")
REFUSED = Result(key="", outcome=Outcome.REFUSED, stage="rcpt", code=550, enhanced="5.1.1", reply="r3@example.org?")
DEFERRED = Result(key="", outcome=Outcome.DEFERRED, stage="text", code=451, enhanced="4.3.2", reply="Later")
LOST = Result(key="", outcome=Outcome.UNKNOWN, stage="text", reply="the connection broke")
ODD = Result(key="", outcome=Outcome.ACCEPTED, stage="a stage of a plug-in's own", code=7, enhanced="no such", reply="")
# By delivery, what was noted of it in this order, and what it is after a crash.
HISTORIES: list[tuple[Callable[[FlightRecorder, Delivery], None], State]] = [
    (lambda recorder, one: None, State.PENDING),
    (lambda recorder, one: recorder.note_envelope(one.id), State.PENDING),
    (lambda recorder, one: recorder.note_text(one.id), State.UNKNOWN),
    (lambda recorder, one: recorder.note_handed_over(one.id), State.UNKNOWN),
    (lambda recorder, one: (recorder.note_text(one.id), recorder.note_given_back(one.id))[0], State.PENDING),
    (lambda recorder, one: recorder.note_answer(one.with_result(ACCEPTED)), State.ACCEPTED),
    (lambda recorder, one: recorder.note_answer(one.with_result(REFUSED)), State.REFUSED),
    (lambda recorder, one: recorder.note_answer(one.with_result(DEFERRED, due=1e12)), State.DEFERRED),
    (lambda recorder, one: (recorder.note_text(one.id), recorder.note_answer(one.with_result(LOST)))[0], State.UNKNOWN),
    (lambda recorder, one: (recorder.note_text(one.id), recorder.note_answer(one.with_result(ODD)))[0], State.UNKNOWN),
]
SLOTS = len(HISTORIES)


@pytest.fixture
def frozen(store: Store, tmp_path: Path) -> Store:
    store.folder = tmp_path
    return _begin(store)


def _begin(store: Store) -> Store:
    """Freeze as many recipients as there are histories, and begin a worker."""
    campaign = Campaign(
        issue="1.1", id="c", subject="s", draft_sha256="d", rules=[[]], created_at=parse_instant("2026-11-30")
    )
    names = [f"r{number}@example.org" for number in range(SLOTS)]
    with stage_recipients(store) as staged:
        recipients = [Recipient(subscriber=one, address=one, fields={}, tags=frozenset(), template=0) for one in names]
        staged.fill(recipients, None)
        with staged.durable() as connection:
            freeze_batch(connection, staged, campaign, "", [FrozenTemplate("1", b"{}")])
    register_worker(store, "1.1", "first", host="here")
    return store


def _claim(store: Store, recorder: FlightRecorder, want: int = SLOTS) -> list[Delivery]:
    number = recorder.begin_claim()
    claimed = record_and_claim(store, "1.1", "first", want=want, claim=number).deliveries
    recorder.note_claim(claimed)
    return list(claimed)


def _deliveries(store: Store) -> list[Delivery]:
    return list(stream_deliveries(store, "1.1"))


def _states(store: Store) -> list[State]:
    return [one.state for one in _deliveries(store)]


def _live(store: Store) -> None:
    """Claim everyone as the worker, and note a history of each."""
    with FlightRecorder.open(store, "first", SLOTS) as recorder:
        for (note, _), one in zip(HISTORIES, _claim(store, recorder), strict=True):
            note(recorder, one)


def test_what_was_not_begun_waits_and_what_was_answered_is_recorded(frozen: Store) -> None:
    _live(frozen)
    crash_workers(frozen, "1.1")
    assert find_why_ended(frozen, "1.1").endswith(
        "slept. Of what it had in hand: 3 answered, 3 waiting again, 4 unknown"
    )
    assert _states(frozen) == [state for _, state in HISTORIES]
    after = _deliveries(frozen)
    assert [(one.stage, one.code, one.enhanced) for one in after[5:8]] == [
        ("text", 250, None), ("rcpt", 550, "5.1.1"), ("text", 451, "4.3.2"),
    ]  # fmt: skip
    assert (after[7].due, after[7].tries) == (1e12, 1)
    assert [one.attempts for one in after] == [0, 0, 1, 1, 0, 1, 1, 1, 1, 1]
    assert {one.lease_until for one in after} == {None}
    assert {one.reply for one in after if one.state is State.UNKNOWN} == {
        "the program ended before the server's reply was recorded"
    }


def test_a_worker_that_ends_by_itself_settles_what_it_could_not_record(frozen: Store) -> None:
    _live(frozen)
    end_worker(frozen, "1.1", "first", "the store was away")
    assert _states(frozen) == [state for _, state in HISTORIES]


def test_a_deferred_one_that_was_claimed_again_and_not_begun_is_deferred_as_before(frozen: Store) -> None:
    with FlightRecorder.open(frozen, "first", SLOTS) as recorder:
        one, *_ = _claim(frozen, recorder, want=1)
        deferred = one.with_result(DEFERRED, due=5.0)
        recorder.note_answer(deferred)
        number = recorder.begin_claim()
        again = record_and_claim(frozen, "1.1", "first", results=[deferred], want=1, moment=6.0, claim=number)
        assert [each.id for each in again.deliveries] == [one.id]
        # Killed before the slots of that claim were written: the old one still says "answered".
    crash_workers(frozen, "1.1")
    (after, *_) = _deliveries(frozen)
    assert (after.state, after.attempts, after.tries, after.due, after.code) == (State.DEFERRED, 1, 1, 5.0, 451)


def test_what_the_server_s_limits_deferred_costs_no_try_after_a_crash_either(frozen: Store) -> None:
    with FlightRecorder.open(frozen, "first", SLOTS) as recorder:
        one, *_ = _claim(frozen, recorder, want=1)
        recorder.note_answer(one.with_result(DEFERRED, due=5.0)._replace(tries=one.tries))
    crash_workers(frozen, "1.1")
    (after, *_) = _deliveries(frozen)
    assert (after.state, after.attempts, after.tries, after.due) == (State.DEFERRED, 1, 0, 5.0)


def test_of_a_claim_whose_slots_are_not_written_nothing_was_handed_over(frozen: Store) -> None:
    with FlightRecorder.open(frozen, "first", SLOTS) as recorder:
        first = _claim(frozen, recorder, want=2)
        recorder.note_text(first[0].id)
        number = recorder.begin_claim()
        record_and_claim(frozen, "1.1", "first", want=3, claim=number)
    crash_workers(frozen, "1.1")
    assert _states(frozen)[:5] == [State.UNKNOWN, *4 * [State.PENDING]]


def test_what_an_earlier_version_claimed_is_unknown_beside_a_file(frozen: Store) -> None:
    with FlightRecorder.open(frozen, "first", SLOTS):
        record_and_claim(frozen, "1.1", "first", want=SLOTS)
    crash_workers(frozen, "1.1")
    assert _states(frozen) == [State.UNKNOWN] * SLOTS


def test_a_slot_that_was_used_again_says_nothing_of_its_first_delivery(frozen: Store) -> None:
    with FlightRecorder.open(frozen, "first", 1) as recorder:
        (one,) = _claim(frozen, recorder, want=1)
        recorder.note_text(one.id)
        recorder.free([one.id])  # not recorded: as in an older copy of the database
        (other,) = _claim(frozen, recorder, want=1)
        recorder.note_answer(other.with_result(ACCEPTED))
    crash_workers(frozen, "1.1")
    assert _states(frozen)[:2] == [State.UNKNOWN, State.ACCEPTED]


def test_what_has_no_slot_is_unknown(frozen: Store) -> None:
    with FlightRecorder.open(frozen, "first", 2) as recorder:
        for one in _claim(frozen, recorder, want=4):
            recorder.note_envelope(one.id)
    crash_workers(frozen, "1.1")
    assert _states(frozen)[:4].count(State.PENDING) == 2
    assert _states(frozen)[:4].count(State.UNKNOWN) == 2


def test_of_a_process_that_may_go_on_only_answers_are_believed(frozen: Store) -> None:
    with FlightRecorder.open(frozen, "first", SLOTS) as recorder:
        for (note, _), one in zip(HISTORIES, _claim(frozen, recorder), strict=True):
            note(recorder, one)
        crash_workers(frozen, "1.1")
        answered = (State.ACCEPTED, State.REFUSED, State.DEFERRED)
        assert _states(frozen) == [state if state in answered else State.UNKNOWN for _, state in HISTORIES]
        assert _files(frozen), "it is the process's that stands still"
    settle_expired(frozen, "1.1")
    assert not _files(frozen)


def test_a_forked_child_does_not_pass_for_its_parent(frozen: Store) -> None:
    with FlightRecorder.open(frozen, "first", SLOTS) as recorder:
        _claim(frozen, recorder)
        forking = multiprocessing.get_context("fork")
        asked, told = forking.Event(), forking.Event()
        child = forking.Process(target=lambda: (told.set(), asked.wait(60)))
        child.start()
        assert told.wait(60)
    try:
        flight = read_flight(frozen, "first")
        assert flight is not None
        assert flight.has_ended
    finally:
        asked.set()
        child.join()


def test_the_file_is_the_owners_alone_small_without_addresses_and_removed(frozen: Store) -> None:
    _live(frozen)
    (path,) = _files(frozen)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size == 128 + 64 * (SLOTS + 1)
    assert b"example" not in path.read_bytes()
    crash_workers(frozen, "1.1")
    assert not _files(frozen)


def test_without_a_file_the_ledger_alone_speaks(frozen: Store, tmp_path: Path) -> None:
    frozen.folder = tmp_path / "a file"
    frozen.folder.touch()
    _live(frozen)
    crash_workers(frozen, "1.1")
    assert set(_states(frozen)) == {State.UNKNOWN}


def test_a_worker_that_lives_keeps_its_file_while_another_is_settled(frozen: Store) -> None:
    register_worker(frozen, "1.1", "second")
    with FlightRecorder.open(frozen, "second", 1):
        pass  # its process stands still no more, and its lease is not over
    _live(frozen)
    end_worker(frozen, "1.1", "first")
    assert [path.name for path in _files(frozen)] == ["flight-second"]


def _files(store: Store) -> list[Path]:
    assert store.folder is not None
    return sorted(store.folder.glob("flight-*"))


# What is on the disk may be anything.


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Yield a store beside which lies the file of a worker that was killed with every history in hand."""
    with closing(open_store(tmp_path_factory.mktemp("flown") / "state.db")) as store:
        _begin(store)
        _live(store)
        yield store


def _verdicts(flight: Flight | None) -> list[str]:
    """Return what would become of each delivery of the claim 1, and of the claims that are not there."""
    if flight is None:
        return ["unknown"] * 3 * (SLOTS + 3)
    return [
        "waits" if flight.is_unbegun(key, claim) else str(flight.find_answer(key, claim) or "unknown")
        for claim in (1, 0, 2)
        for key in range(SLOTS + 3)
    ]


@contextmanager
def _damaged(store: Store, data: bytes) -> Iterator[None]:
    (path,) = _files(store)
    whole = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(whole)


def _is_believed_less(store: Store, data: bytes) -> bool:
    """Return whether a changed file says of each claim what the whole one says, or nothing."""
    right = _verdicts(read_flight(store, "first"))
    with _damaged(store, data):
        said = _verdicts(read_flight(store, "first"))
    return all(one in (other, "unknown") for one, other in zip(said, right, strict=True))


def test_the_whole_file_is_believed(flown: Store) -> None:
    assert {verdict.partition("(")[0] for verdict in _verdicts(read_flight(flown, "first"))} == {
        "waits", "NotedAnswer", "unknown",
    }  # fmt: skip


def test_no_changed_byte_is_believed(flown: Store) -> None:
    (path,) = _files(flown)
    whole = path.read_bytes()
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= (1, 0x80, 0xFF)[at % 3]
        assert _is_believed_less(flown, bytes(data)), f"byte {at}"


@given(at=st.integers(0, 128 + 64 * (SLOTS + 1) - 1), written=st.binary(min_size=1, max_size=200))
def test_nothing_that_was_written_over_is_believed(flown: Store, at: int, written: bytes) -> None:
    (path,) = _files(flown)
    whole = path.read_bytes()
    assert _is_believed_less(flown, (whole[:at] + written + whole[at + len(written) :])[: len(whole)])
    assert _is_believed_less(flown, whole[:at] + bytes(len(written)) + whole[at + len(written) :])


@pytest.mark.parametrize("change", [-1, 1])
def test_no_file_of_another_size_is_believed(flown: Store, change: int) -> None:
    (path,) = _files(flown)
    whole = path.read_bytes()
    lengths = range(len(whole)) if change < 0 else range(len(whole) + 1, len(whole) + 200)
    for length in lengths:
        with _damaged(flown, whole[:length].ljust(length, b"\0")):
            assert read_flight(flown, "first") is None


@given(first=st.integers(0, SLOTS - 1), second=st.integers(0, SLOTS - 1))
def test_slots_that_changed_places_say_the_same(flown: Store, first: int, second: int) -> None:
    (path,) = _files(flown)
    data = bytearray(path.read_bytes())
    one, other = (slice(128 + 64 * number, 192 + 64 * number) for number in (first, second))
    data[one], data[other] = data[other], data[one]
    assert _is_believed_less(flown, bytes(data))


def test_no_changed_byte_of_the_last_claim_is_believed() -> None:
    for claim in (1, 2, 255, 256, 70_000, 2**31 - 1):
        right = number_claim(claim, is_noted=False).to_bytes(8, "little")
        assert read_unnoted_claim(bytes(CLAIM_AT) + right) == claim
        for at in range(8):
            for change in range(1, 256):
                wrong = bytearray(right)
                wrong[at] ^= change
                assert read_unnoted_claim(bytes(CLAIM_AT) + wrong) is None


@given(delivery=st.integers(1, 2**62), claim=st.integers(2, 2**31 - 1))
def test_an_older_claims_slot_says_nothing(flown: Store, delivery: int, claim: int) -> None:
    flight = read_flight(flown, "first")
    assert flight is not None
    assert not flight.is_unbegun(delivery, claim)
    assert flight.find_answer(delivery, claim) is None


def test_after_a_restart_of_the_machine_it_says_nothing_and_goes(
    flown: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = _files(flown)
    whole = path.read_bytes()
    (tmp_path / "boot_id").write_text("another\n")
    monkeypatch.setattr(flight_files, "_BOOT_ID", tmp_path / "boot_id")
    assert read_flight(flown, "first") is None
    assert flight_files.list_flights(flown) == []
    assert not path.exists()
    path.write_bytes(whole)
    monkeypatch.setattr(flight_files, "_BOOT_ID", tmp_path / "no such machine")
    assert read_flight(flown, "first") is None


def test_beside_another_publication_database_or_worker_it_says_nothing(flown: Store, tmp_path: Path) -> None:
    (path,) = _files(flown)
    assert read_flight(flown.of(PublicationId("brief")), "first") is None
    path.with_name("flight-second").write_bytes(path.read_bytes())
    assert read_flight(flown, "second") is None
    path.with_name("flight-second").unlink()
    with closing(open_store(tmp_path / "state.db")) as other:
        (tmp_path / "flight-first").write_bytes(path.read_bytes())
        assert read_flight(other, "first") is None
        assert flight_files.list_flights(other) == [], "it may be of use to whose it is"
        assert (tmp_path / "flight-first").exists()


def test_by_another_address_of_the_same_database_it_is_believed(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.fresh()
    with closing(open_store(url, folder=tmp_path)) as store:
        _live(_begin(store))
    with closing(open_store(url.replace("127.0.0.1", "localhost"), folder=tmp_path)) as same:
        assert read_flight(same, "first") is not None
        assert flight_files.list_flights(same) == ["first"]


def test_neither_a_link_nor_a_pipe_is_read(flown: Store, tmp_path: Path) -> None:
    assert flown.folder is not None
    (path,) = _files(flown)
    linked = flown.folder / "flight-linked"
    linked.symlink_to(path)
    assert read_flight(flown, "linked") is None
    linked.unlink()
    os.mkfifo(linked)
    assert read_flight(flown, "linked") is None
    assert flight_files.list_flights(flown) == ["first"]
    linked.unlink()


KILLED = """
import os, signal, sys
from pathlib import Path
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.flight_recorder import FlightRecorder
from newsletter.store import open_store

place, folder = sys.argv[1:]
store = open_store(place if place.startswith("postgresql:") else Path(place), folder=Path(folder))
with FlightRecorder.open(store, "first", 10) as recorder:
    claimed = record_and_claim(store, "1.1", "first", want=4, claim=recorder.begin_claim()).deliveries
    recorder.note_claim(claimed)
    recorder.note_envelope(claimed[1].id)
    recorder.note_text(claimed[2].id)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_process_that_was_killed_leaves_what_it_noted(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place: Path | str = tmp_path / "state.db"
    if kind == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        place = server.fresh()
    with closing(open_store(place, folder=tmp_path)) as store:
        _begin(store)
        killed = subprocess.run([sys.executable, "-c", KILLED, str(place), str(tmp_path)], check=False)
        assert killed.returncode == -signal.SIGKILL
        crash_workers(store, "1.1")
        assert _states(store)[:5] == [State.PENDING, State.PENDING, State.UNKNOWN, State.PENDING, State.PENDING]
        assert not _files(store)
    if kind == "postgresql":
        server.drop(str(place))
