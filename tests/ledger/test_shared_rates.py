"""Rates that workers keep together: whatever each draws, all of them have no more than the limit."""

import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Publication
from frozen import Frozen
from leases import crash_workers
from sqlalchemy import func, select, update

from newsletter.backends import Limits
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.learned_limits import forget_learned_limits
from newsletter.ledger.shared_rates import (
    SLICE_S,
    RateSlice,
    draw_slice,
    draw_warm_up,
    exchange_limits,
    give_back,
    give_back_warm_up,
    give_up_connections,
)
from newsletter.ledger.warm_up import begin_warm_up_step, find_warm_up_step
from newsletter.ledger.workers import end_worker, register_worker
from newsletter.mail.message import Outcome, Result
from newsletter.store import Store, open_store
from newsletter.store.schema import shared_rates
from newsletter.throttle.common_limits import Common, Told
from newsletter.workspace import PublicationId

SERVER = "mail.example.org:587"


@pytest.fixture
def campaign(publication: Publication, store: Store) -> Frozen:
    campaign = Frozen(publication, store, 12)
    for worker in ("a", "b", "c"):
        register_worker(store, "2.10", worker)
    return campaign


def test_connections_are_divided_among_those_that_live(campaign: Frozen) -> None:
    store, limits = campaign.store, Limits(connections=8)
    assert [draw_slice(store, worker, SERVER, limits).connections for worker in "abc"] == [3, 3, 2]
    end_worker(store, "2.10", "a")
    give_up_connections(store, "a", SERVER)
    assert [draw_slice(store, worker, SERVER, limits, held=2).connections for worker in "bc"] == [4, 4]
    assert draw_slice(store, "b", SERVER, limits).messages is None


def test_who_joins_waits_for_connections_until_the_others_have_given_them_up(
    publication: Publication, store: Store
) -> None:
    Frozen(publication, store, 12)
    limits = Limits(connections=4)
    register_worker(store, "2.10", "a")
    assert draw_slice(store, "a", SERVER, limits) == RateSlice(messages=None, connections=4, is_settled=True)
    register_worker(store, "2.10", "b")
    nothing = RateSlice(messages=0, connections=0, is_settled=False)
    assert draw_slice(store, "b", SERVER, limits) == nothing
    half = RateSlice(messages=None, connections=2, is_settled=False)
    assert draw_slice(store, "a", SERVER, limits, held=4) == half
    assert draw_slice(store, "b", SERVER, limits) == nothing, "they are open still"
    assert draw_slice(store, "a", SERVER, limits, held=3) == half
    assert draw_slice(store, "b", SERVER, limits) == RateSlice(messages=None, connections=1, is_settled=False)
    assert draw_slice(store, "a", SERVER, limits, held=2) == RateSlice(messages=None, connections=2, is_settled=True)
    assert draw_slice(store, "b", SERVER, limits, held=1) == RateSlice(messages=None, connections=2, is_settled=True)
    assert draw_slice(store, "b", "another.example.org", limits).connections == 2


def test_of_more_workers_than_connections_some_have_none_and_draw_nothing(campaign: Frozen) -> None:
    store, limits = campaign.store, Limits(connections=2, per_second=10.0, per_hour=100)
    assert [draw_slice(store, worker, SERVER, limits).connections for worker in "cba"] == [1, 1, 0]
    assert draw_slice(store, "a", SERVER, limits) == RateSlice(messages=0, connections=0, is_settled=False)
    for worker in "bc":
        assert draw_slice(store, worker, SERVER, limits, held=1).connections == 1, "who has one keeps it"
    end_worker(store, "2.10", "b")
    give_up_connections(store, "b", SERVER)
    assert draw_slice(store, "a", SERVER, limits).connections == 1


def test_who_has_no_connection_has_no_part_in_a_rate(campaign: Frozen) -> None:
    store, limits = campaign.store, Limits(connections=2, per_second=40.0)
    assert [draw_slice(store, worker, SERVER, limits).messages for worker in "cba"] == [10, 10, 0]
    heard = [exchange_limits(store, worker, SERVER, NOTHING, is_stopped=False) for worker in "bc"]
    assert [(one.workers, one.raises) for one in heard] == [(2, True), (2, False)]


def test_connections_of_a_dead_worker_are_the_others_a_while_later(campaign: Frozen) -> None:
    store, limits = campaign.store, Limits(connections=6)
    assert [draw_slice(store, worker, SERVER, limits).connections for worker in "abc"] == [2, 2, 2]
    crash_workers(store, "2.10")
    register_worker(store, "2.10", "d")
    assert [draw_slice(store, "d", SERVER, limits).connections for _ in range(2)] == [0, 0]
    with store.transaction() as connection:  # so much later
        connection.execute(update(shared_rates).values(updated_at=shared_rates.c.updated_at - 60))
    assert draw_slice(store, "d", SERVER, limits).connections == 6


def test_no_more_leaves_than_a_rate_by_the_second_gives(campaign: Frozen) -> None:
    store, limits = campaign.store, Limits(connections=3, per_second=200.0)
    began, drawn = time.monotonic(), 0
    while time.monotonic() - began < 0.4:
        for worker in "abc":
            slice_ = draw_slice(store, worker, SERVER, limits).messages
            assert slice_ is not None
            assert slice_ <= 200 * SLICE_S / 3 + 1
            drawn += slice_
        assert drawn <= 200 * (SLICE_S + time.monotonic() - began)
    assert drawn > 200 * SLICE_S
    assert draw_slice(store, "a", "another.example.org", limits).messages == 34
    assert draw_slice(store, "a", "a third", limits, unspent=30).messages == 4


def test_a_slow_rate_gives_one_at_a_time(campaign: Frozen) -> None:
    store, limits = campaign.store, Limits(connections=3, per_second=0.01)
    assert [draw_slice(store, worker, SERVER, limits).messages for worker in "abc"] == [1, 0, 0]


def test_no_hour_has_more_than_its_limit_and_what_was_not_sent_is_given_back(campaign: Frozen) -> None:
    store, limits = campaign.store, Limits(connections=3, per_hour=100)
    drawn = [draw_slice(store, "abc"[number % 3], SERVER, limits).messages or 0 for number in range(60)]
    assert sum(drawn) == 100
    assert max(drawn) == 3
    with store.transaction() as connection:  # as if it had been drawn in the minute before
        first = select(func.min(shared_rates.c.bucket)).where(shared_rates.c.bucket.startswith("hour "))
        minute = connection.scalar(first) or ""
        before = f"hour {int(minute.split()[1]) - 1:012}"
        connection.execute(update(shared_rates).where(shared_rates.c.bucket == minute).values(bucket=before))
    give_back(store, SERVER, limits, 2)
    assert [draw_slice(store, worker, SERVER, limits).messages for worker in "ab"] == [2, 0]


def test_what_was_answered_within_the_hour_before_counts(campaign: Frozen) -> None:
    store = campaign.store
    claimed = record_and_claim(store, "2.10", "a", want=10).deliveries
    answers = [one.with_result(Result(key=one.subscriber, outcome=Outcome.ACCEPTED, stage="text")) for one in claimed]
    record_and_claim(store, "2.10", "a", results=answers)
    assert sum(draw_slice(store, "b", SERVER, Limits(per_hour=12)).messages or 0 for _ in range(9)) == 2


def test_each_publication_has_rates_of_its_own(place: Path | str) -> None:
    limits = Limits(per_second=0.01)
    with closing(open_store(place)) as store:
        assert draw_slice(store, "a", SERVER, limits).messages == 1
        assert draw_slice(store.of(PublicationId("other")), "a", SERVER, limits).messages == 1


def _tell(rate: float | None, seen: int, connections: int | None = None, *, is_new: bool = True) -> Told:
    return Told(rate=rate, connections=connections, seen=seen, is_new=is_new)


NOTHING = _tell(None, 0, is_new=False)


def test_what_one_learns_of_the_server_all_hear(campaign: Frozen) -> None:
    store = campaign.store
    heard = [exchange_limits(store, worker, SERVER, NOTHING, is_stopped=False) for worker in "abc"]
    assert [(one.common, one.workers, one.raises) for one in heard] == [(Common(), 3, one == "a") for one in "abc"]
    told = exchange_limits(store, "b", SERVER, _tell(40.0, 0, 6), is_stopped=False).common
    assert told == Common(rate=40.0, connections=6, version=1)
    assert exchange_limits(store, "c", SERVER, NOTHING, is_stopped=False).common == told
    # Whoever has not heard of it yet takes nothing back, and a refusal at less counts.
    assert exchange_limits(store, "a", SERVER, _tell(60.0, 0, 9), is_stopped=False).common == told
    assert exchange_limits(store, "a", SERVER, _tell(30.0, 0), is_stopped=False).common.rate == 30.0
    assert exchange_limits(store, "b", SERVER, _tell(50.0, 2, 6), is_stopped=False).common.rate == 50.0
    assert exchange_limits(store, "b", "another.example.org", NOTHING, is_stopped=False).common == Common()
    with store.transaction() as connection:
        forget_learned_limits(connection, SERVER)
    assert exchange_limits(store, "a", SERVER, NOTHING, is_stopped=False).common == Common()


def test_one_that_is_alone_knows_best(campaign: Frozen) -> None:
    store = campaign.store
    exchange_limits(store, "a", SERVER, _tell(40.0, 0), is_stopped=False)
    for worker in "ab":
        end_worker(store, "2.10", worker)
    heard = exchange_limits(store, "c", SERVER, _tell(70.0, 0, is_new=False), is_stopped=False)
    assert (heard.common.rate, heard.workers, heard.raises) == (70.0, 1, True)


def test_of_several_that_are_stopped_the_first_finds_out_when_mail_is_taken(campaign: Frozen) -> None:
    store = campaign.store

    def stop(worker: str, *, is_stopped: bool) -> bool:
        return exchange_limits(store, worker, SERVER, NOTHING, is_stopped=is_stopped).is_stopped

    assert [stop("b", is_stopped=True), stop("a", is_stopped=False), stop("c", is_stopped=True)] == [False, True, True]
    assert [stop("b", is_stopped=False), stop("a", is_stopped=False), stop("c", is_stopped=True)] == [True, True, False]
    end_worker(store, "2.10", "c")
    assert stop("a", is_stopped=False) is False


def test_a_warm_up_counts_for_all_workers(campaign: Frozen) -> None:
    store = campaign.store
    with store.transaction() as connection:
        step = find_warm_up_step(connection, SERVER, 10, datetime.now(UTC))
        begin_warm_up_step(connection, SERVER, step)
    drawn = [draw_warm_up(store, SERVER, step) for _ in range(12)]
    assert sum(drawn) == 10
    assert drawn[:3] == [2, 2, 1]
    give_back_warm_up(store, SERVER, step, 1)
    assert [draw_warm_up(store, SERVER, step) for _ in range(2)] == [1, 0]
    for worker in "ab":
        end_worker(store, "2.10", worker)
    assert draw_warm_up(store, SERVER, step) == 5, "what nobody sent is free again"
