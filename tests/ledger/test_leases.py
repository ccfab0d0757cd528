"""A crash is settled by its worker's expired lease and by nothing else; who lost a lease records and claims nothing."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import sleep

import pytest
from leases import crash_workers
from postgres import Postgres
from sqlalchemy import Connection, insert, select, update

from newsletter.clock import parse_instant
from newsletter.ledger import workers as ledger_workers
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.deliveries import Delivery, count_deliveries
from newsletter.ledger.freeze import freeze_batch
from newsletter.ledger.lease_watch import LeaseWatch
from newsletter.ledger.staging import Recipient, stage_recipients
from newsletter.ledger.states import State
from newsletter.ledger.templates import FrozenTemplate
from newsletter.ledger.workers import (
    LEASE_S,
    LeaseLost,
    end_worker,
    extend_lease,
    find_lease,
    find_why_ended,
    is_being_sent,
    register_worker,
    reserve_deliveries,
    settle_expired,
    wait_for_leases,
)
from newsletter.mail.message import Outcome, Result
from newsletter.store import Store, open_store
from newsletter.store.schema import deliveries, workers

CRASHED = "it stopped unexpectedly: it was killed, or its machine went down or slept. Of what it had in hand: 2 unknown"
OVER = -1.0  # seconds: a lease that was over before it began


@pytest.fixture
def frozen(store: Store) -> Store:
    return _begin(store)


def _begin(store: Store) -> Store:
    """Freeze ten recipients, and begin a worker."""
    campaign = Campaign(
        issue="1.1", id="c", subject="s", draft_sha256="d", rules=[[]], created_at=parse_instant("2026-11-30")
    )
    names = [f"r{number}@example.org" for number in range(10)]
    with stage_recipients(store) as staged:
        recipients = [Recipient(subscriber=one, address=one, fields={}, tags=frozenset(), template=0) for one in names]
        staged.fill(recipients, None)
        with staged.durable() as connection:
            freeze_batch(connection, staged, campaign, "", [FrozenTemplate("1", b"{}")])
    register_worker(store, "1.1", "first", host="here")
    return store


def _claim(store: Store, want: int, worker: str = "first") -> list[Delivery]:
    return list(record_and_claim(store, "1.1", worker, want=want).deliveries)


def _accept(store: Store, claims: list[Delivery], worker: str = "first") -> None:
    results = (Result(key=claim.subscriber, outcome=Outcome.ACCEPTED, stage="text", code=250) for claim in claims)
    answers = [claim.with_result(result) for claim, result in zip(claims, results, strict=True)]
    record_and_claim(store, "1.1", worker, results=answers)


def _states(store: Store) -> dict[State, int]:
    return {state: count for state, count in count_deliveries(store, "1.1").by_state.items() if count}


def test_a_worker_that_begins_leaves_alone_what_another_has_a_lease_on(frozen: Store) -> None:
    claims = _claim(frozen, 2)
    register_worker(frozen, "1.1", "second")
    assert len(_claim(frozen, 100, "second")) == 8
    assert _states(frozen) == {State.SENDING: 10}
    _accept(frozen, claims)
    assert _states(frozen) == {State.SENDING: 8, State.ACCEPTED: 2}
    campaign = find_campaign(frozen, "1.1")
    assert campaign is not None
    assert campaign.runs == 2


def test_a_crash_is_settled_when_its_lease_is_over_and_not_before(frozen: Store) -> None:
    _claim(frozen, 2)
    left = settle_expired(frozen, "1.1")
    assert left is not None
    assert 0 < left <= LEASE_S
    assert _states(frozen) == {State.SENDING: 2, State.PENDING: 8}
    extend_lease(frozen, "1.1", "first", lease_s=OVER)
    assert settle_expired(frozen, "1.1") is None
    assert _states(frozen) == {State.UNKNOWN: 2, State.PENDING: 8}
    assert find_why_ended(frozen, "1.1") == CRASHED


def test_the_next_worker_settles_what_is_over(frozen: Store) -> None:
    _claim(frozen, 3)
    extend_lease(frozen, "1.1", "first", lease_s=OVER)
    register_worker(frozen, "1.1", "second")
    assert _states(frozen) == {State.UNKNOWN: 3, State.PENDING: 7}


@pytest.mark.parametrize("late", ["record", "claim", "extend", "reserve", "give back"])
def test_a_worker_that_lost_its_lease_changes_nothing(frozen: Store, late: str) -> None:
    claims = _claim(frozen, 2)
    crash_workers(frozen, "1.1")
    before = _rows(frozen)
    calls = {
        "record": lambda: _accept(frozen, claims),
        "claim": lambda: _claim(frozen, 1),
        "extend": lambda: extend_lease(frozen, "1.1", "first"),
        "reserve": lambda: reserve_deliveries(frozen, "1.1", "first", 1),
        "give back": lambda: record_and_claim(
            frozen, "1.1", "first", returned={claims[0].id: "broke"}, released=[claims[1].id], forgiven=[claims[0].id]
        ),
    }
    with pytest.raises(LeaseLost, match=r"Another process has taken over the sending of 1\.1"):
        calls[late]()
    assert _rows(frozen) == before
    end_worker(frozen, "1.1", "first", "its own words")
    assert _rows(frozen) == before
    assert find_why_ended(frozen, "1.1") == CRASHED


def _rows(store: Store) -> list[tuple[object, ...]]:
    with store.reading() as connection:
        found = [*connection.execute(select(deliveries).order_by(deliveries.c.id))]
        return [tuple(row) for row in (*found, *connection.execute(select(workers)))]


def test_a_lease_that_is_over_and_nobody_has_settled_is_no_lost_one(frozen: Store) -> None:
    """A slow disk, or a machine that slept, with nobody else there: what a server said is recorded."""
    claims = _claim(frozen, 2)
    extend_lease(frozen, "1.1", "first", lease_s=OVER)
    _accept(frozen, claims)
    assert _states(frozen) == {State.ACCEPTED: 2, State.PENDING: 8}
    assert settle_expired(frozen, "1.1") is not None, "it was renewed on the way"


def test_what_is_recorded_has_no_lease_and_one_attempt(frozen: Store) -> None:
    claims = _claim(frozen, 1)
    with frozen.reading() as connection:
        rows = select(deliveries.c.lease_until, deliveries.c.attempts, deliveries.c.worker).order_by(deliveries.c.id)
        until, attempts, worker = connection.execute(rows).first() or ()
        assert until == connection.scalar(select(workers.c.lease_until))
    assert (attempts, worker) == (0, "first")
    _accept(frozen, claims)
    with frozen.reading() as connection:
        assert connection.execute(rows).first() == (None, 1, "first")


def test_a_lease_is_renewed_with_all_that_is_in_hand(frozen: Store) -> None:
    _claim(frozen, 2)
    extend_lease(frozen, "1.1", "first", lease_s=100.0)
    lease = find_lease(frozen, "1.1")
    assert lease is not None
    assert (lease.worker, lease.host) == ("first", "here")
    assert 90 < lease.seconds_left <= 100
    with frozen.reading() as connection:
        of_worker = connection.scalar(select(workers.c.lease_until))
        in_hand = select(deliveries.c.lease_until).where(deliveries.c.state == State.SENDING)
        assert connection.scalars(in_hand).all() == [of_worker, of_worker]


def test_an_end_settles_what_the_worker_itself_had_in_hand(frozen: Store) -> None:
    _claim(frozen, 2)
    register_worker(frozen, "1.1", "second")
    _claim(frozen, 3, "second")
    end_worker(frozen, "1.1", "first", "it was asked to stop")
    assert _states(frozen) == {State.UNKNOWN: 2, State.SENDING: 3, State.PENDING: 5}
    assert find_lease(frozen, "1.1", but="second") is None


def test_what_is_reserved_is_claimed_by_its_worker_alone_and_waits_again_after_a_crash(frozen: Store) -> None:
    assert reserve_deliveries(frozen, "1.1", "first", 4) == 4
    register_worker(frozen, "1.1", "second")
    assert [claim.subscriber for claim in _claim(frozen, 2, "second")] == ["r4@example.org", "r5@example.org"]
    assert reserve_deliveries(frozen, "1.1", "second", 100) == 4
    assert _claim(frozen, 1)[0].subscriber == "r0@example.org"
    extend_lease(frozen, "1.1", "first", lease_s=OVER)
    settle_expired(frozen, "1.1")
    assert _states(frozen) == {State.UNKNOWN: 1, State.SENDING: 2, State.PENDING: 7}
    assert len(_claim(frozen, 100, "second")) == 7, "its own and those that were the other's"


def test_a_worker_that_begins_does_not_touch_the_deferred_of_another(frozen: Store) -> None:
    claims = _claim(frozen, 2)
    result = Result(key="", outcome=Outcome.DEFERRED, stage="rcpt", code=451)
    record_and_claim(frozen, "1.1", "first", results=[one.with_result(result, due=1e12) for one in claims])
    reserve_deliveries(frozen, "1.1", "first", 9)
    register_worker(frozen, "1.1", "second")
    with frozen.reading() as connection:
        due = connection.scalars(select(deliveries.c.due).where(deliveries.c.state == State.DEFERRED)).all()
    assert sorted(due) == [0.0, 1e12]


def test_an_issue_is_being_sent_while_a_lease_lasts(frozen: Store) -> None:
    assert is_being_sent(frozen, "1.1")
    extend_lease(frozen, "1.1", "first", lease_s=OVER)
    assert not is_being_sent(frozen, "1.1")
    lease = find_lease(frozen, "1.1")
    assert lease is not None, "nobody has settled it"
    assert lease.seconds_left < 0


def test_whoever_waits_is_told_how_long_and_settles(frozen: Store) -> None:
    _claim(frozen, 2)
    extend_lease(frozen, "1.1", "first", lease_s=0.5)
    told: list[float] = []
    wait_for_leases(frozen, "1.1", told.append)
    assert len(told) == 1
    assert 0 <= told[0] <= LEASE_S
    assert _states(frozen) == {State.UNKNOWN: 2, State.PENDING: 8}


def test_the_length_is_looked_up_when_it_is_needed(frozen: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _claim(frozen, 1)
    monkeypatch.setattr(ledger_workers, "LEASE_S", OVER)
    extend_lease(frozen, "1.1", "first")
    assert settle_expired(frozen, "1.1") is None


def test_a_crash_is_settled_after_one_length_though_the_clock_went_back(
    frozen: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_workers, "LEASE_S", 0.05)
    extend_lease(frozen, "1.1", "first", lease_s=3600)
    record_and_claim(frozen, "1.1", "first", want=2, lease_s=3600)
    assert reserve_deliveries(frozen, "1.1", "first", 3, lease_s=3600) == 3
    told: list[float] = []
    wait_for_leases(frozen, "1.1", told.append)
    assert [seconds <= 0.05 for seconds in told] == [True]
    assert _states(frozen) == {State.UNKNOWN: 2, State.PENDING: 8}
    register_worker(frozen, "1.1", "second")
    assert len(_claim(frozen, 100, "second")) == 8, "what was reserved waits again"


def test_a_lease_that_is_renewed_is_not_over_however_long_it_is_watched(frozen: Store) -> None:
    seconds = 0.0
    watch = LeaseWatch(LEASE_S, lambda: seconds)
    for _ in range(5):
        extend_lease(frozen, "1.1", "first", lease_s=3600)
        left = settle_expired(frozen, "1.1", watch)
        assert left is not None
        seconds += LEASE_S / 3
    seconds += LEASE_S
    extend_lease(frozen, "1.1", "first", lease_s=3600)
    assert settle_expired(frozen, "1.1", watch) == LEASE_S, "renewed after the last look, just before this one"
    seconds += LEASE_S
    assert settle_expired(frozen, "1.1", watch) is None


def test_a_look_at_leases_does_not_visit_everyone_who_waits(tmp_path: Path) -> None:
    """While a lease is waited for this happens twice a second, and writers stand still meanwhile."""
    steps: list[int] = []

    def count(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(lambda: steps.append(1), 1000)

    with closing(open_store(tmp_path / "state.db")) as store:
        with _begin(store).transaction() as connection:
            columns = ", ".join(column.name for column in deliveries.columns if column.name not in {"id", "subscriber"})
            connection.exec_driver_sql(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
                f"INSERT INTO deliveries (subscriber, {columns}) "
                f"SELECT 'x' || i, {columns} FROM n, (SELECT * FROM deliveries LIMIT 1)"
            )
        with store.transaction() as connection:
            count(connection)  # the pool has the one connection
        assert settle_expired(store, "1.1") is not None
        few = len(steps)
        extend_lease(store, "1.1", "first", lease_s=OVER)
        assert settle_expired(store, "1.1") is None
    assert few < 5
    assert len(steps) > 20, "a crash does visit them: something is counted"


@pytest.fixture
def another(frozen: Store, place: Path | str) -> Iterator[Store]:
    """Yield the same state, opened by somebody else."""
    with closing(open_store(place)) as opened:
        yield opened


def test_settling_and_recording_at_once_are_one_before_the_other(frozen: Store, another: Store) -> None:
    """Whoever comes second sees what the first has done: an answer is recorded or refused, and never both."""
    for _ in range(5):
        claims = _claim(frozen, 1)
        extend_lease(frozen, "1.1", "first", lease_s=0.0)
        refused: list[LeaseLost] = []

        def record(mine: list[Delivery] = claims, lost: list[LeaseLost] = refused) -> None:
            try:
                _accept(frozen, mine)
            except LeaseLost as error:
                lost.append(error)

        recorder = threading.Thread(target=record)
        recorder.start()
        settle_expired(another, "1.1")
        recorder.join()
        with another.reading() as connection:
            state = connection.scalar(select(deliveries.c.state).where(deliveries.c.id == claims[0].id))
        assert state == (State.UNKNOWN if refused else State.ACCEPTED)
        if refused:
            break


def test_a_claim_made_while_a_crash_is_settled_is_left_alone(postgres: Postgres) -> None:
    """PostgreSQL shows a statement that waited for a row the row as it is by then, and all else as it was before."""
    place = postgres.emptied()
    with closing(open_store(place)) as store, closing(open_store(place)) as other:
        claim = _claim(_begin(store), 1)[0]
        mine = deliveries.c.id == claim.id
        with store.transaction() as connection:  # of a worker whose row is gone
            connection.execute(update(deliveries).where(mine).values(worker="gone", lease_until=0.0))
        settling = threading.Thread(target=settle_expired, args=(other, "1.1"))
        with store.transaction() as connection:
            living = select(workers).where(workers.c.id == "first")
            row = dict(connection.execute(living).one()._mapping)
            connection.execute(insert(workers).values(**{**row, "id": "second"}))
            connection.execute(update(deliveries).where(mine).values(worker="second", lease_until=row["lease_until"]))
            settling.start()
            while not postgres.execute("SELECT 1 FROM pg_locks WHERE NOT granted"):
                sleep(0.01)
        settling.join()
        assert _states(store) == {State.SENDING: 1, State.PENDING: 9}
