"""Workers and their leases, with a process that stands still: what blocks the event loop stops all of a worker."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Publication
from frozen import Frozen, Pigeons

from newsletter.backends import Feed, Limits
from newsletter.errors import DeliveryError
from newsletter.ledger import workers
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.flight_recorder import FlightRecorder
from newsletter.ledger.states import State
from newsletter.ledger.workers import LeaseLost, end_worker, find_lease, register_worker
from newsletter.mail.message import Message, Outcome, Result
from newsletter.sending import claim_loop, lease_keeper
from newsletter.sending.rules import SendingRules, WorkerProgress
from newsletter.sending.takeover import lock_campaign
from newsletter.store import Busy, open_store

LEASE_S = 0.3


def _accepted(message: Message) -> Result:
    return Result(key=message.key, outcome=Outcome.ACCEPTED, stage="text", code=250, reply="ok")


@pytest.fixture
def freeze(
    publication: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int], Frozen]]:
    monkeypatch.setattr(workers, "LEASE_S", LEASE_S)
    with closing(open_store(tmp_path / "state.db")) as store:
        yield lambda count: Frozen(publication, store, count)


def test_whoever_stood_still_while_another_took_over_sends_and_records_nothing_more(
    freeze: Callable[[int], Frozen],
) -> None:
    campaign = freeze(40)
    accepted_before: list[int] = []
    may_send: list[bool] = []

    async def carry(pigeons: Pigeons, feed: Feed, message: Message) -> None:
        if pigeons.carried == 5:
            time.sleep(1.2 * LEASE_S)  # all of the worker is to stand still, but for a commit under way
            register_worker(campaign.store, "2.10", "another")
            accepted_before.append(campaign.states().get(State.ACCEPTED, 0))
            may_send.append(feed.may_send())
        feed.answer(_accepted(message))
        await asyncio.sleep(0.01)

    pigeons = Pigeons(carry, Limits(connections=1, window=4))
    with pytest.raises(LeaseLost, match="has taken over"):
        campaign.send_through(pigeons, SendingRules())
    assert pigeons.carried == 5
    assert may_send == [False]
    states = campaign.states()
    assert states.get(State.ACCEPTED, 0) == accepted_before[0]
    assert State.SENDING not in states
    assert states[State.UNKNOWN] <= 8, "what it had claimed: two windows"


def test_whoever_stood_still_and_was_not_missed_goes_on(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(40)
    taken: list[Message | None] = []

    async def carry(pigeons: Pigeons, feed: Feed, message: Message) -> None:
        if pigeons.carried == 5:
            time.sleep(1.2 * LEASE_S)  # all of the worker is to stand still
            taken.append(feed.take())
        feed.answer(_accepted(message))
        await asyncio.sleep(0)

    campaign.send(carry, Limits(connections=1, window=4))
    assert taken == [None], "nothing leaves before the ledger was asked"
    assert campaign.states() == {State.ACCEPTED: 40}


@pytest.mark.slow
def test_a_lease_is_renewed_while_a_server_takes_its_time(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(3)
    left: list[float] = []

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        await asyncio.sleep(1.5 * LEASE_S)
        lease = find_lease(campaign.store, "2.10")
        assert lease is not None
        left.append(lease.seconds_left)
        feed.answer(_accepted(message))

    campaign.send(carry, Limits())
    assert len(left) == 3
    assert min(left) > 0
    assert find_lease(campaign.store, "2.10") is None


def test_what_a_crashed_worker_had_in_hand_is_settled_when_its_lease_is_over(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(20)
    register_worker(campaign.store, "2.10", "crashed", lease_s=3 * LEASE_S)
    record_and_claim(campaign.store, "2.10", "crashed", want=4, lease_s=3 * LEASE_S)
    while_sending: list[int] = []

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        while_sending.append(campaign.states().get(State.SENDING, 0))
        feed.answer(_accepted(message))
        await asyncio.sleep(0)

    waits: list[tuple[int, float | None]] = []
    pigeons = Pigeons(carry, Limits(connections=1, window=4))
    campaign.send_through(pigeons, SendingRules(), lambda now: waits.append((now.leased, now.resting_until)))
    assert min(while_sending) >= 4, "nobody settles them before"
    assert campaign.states() == {State.ACCEPTED: 16, State.UNKNOWN: 4}
    assert [until for leased, until in waits if leased == 4]
    assert all(until is not None for leased, until in waits if leased)


def test_what_a_crashed_worker_had_not_begun_is_sent_by_the_one_that_waited_for_it(
    freeze: Callable[[int], Frozen],
) -> None:
    campaign = freeze(20)
    register_worker(campaign.store, "2.10", "crashed", lease_s=3 * LEASE_S)
    with FlightRecorder.open(campaign.store, "crashed", 4) as recorder:
        number = recorder.begin_claim()
        claims = record_and_claim(
            campaign.store, "2.10", "crashed", want=4, lease_s=3 * LEASE_S, claim=number
        ).deliveries
        recorder.note_claim(claims)
        recorder.note_text(claims[0].id)

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        feed.answer(_accepted(message))
        await asyncio.sleep(0)

    campaign.send(carry, Limits(connections=1, window=4))
    assert campaign.states() == {State.ACCEPTED: 19, State.UNKNOWN: 1}


def test_a_worker_that_was_asked_to_stop_waits_for_nobody(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(20)
    register_worker(campaign.store, "2.10", "crashed", lease_s=3600)
    record_and_claim(campaign.store, "2.10", "crashed", want=20, lease_s=3600)

    async def carry(_pigeons: Pigeons, _feed: Feed, _message: Message) -> None:
        raise AssertionError("nobody waits")

    def on_progress(now: WorkerProgress) -> None:
        if now.leased:
            signal.raise_signal(signal.SIGTERM)

    campaign.send_through(Pigeons(carry, Limits()), SendingRules(), on_progress)
    assert campaign.states() == {State.SENDING: 20}


def test_a_campaign_is_held_by_one_process_until_its_lease_runs_out(
    freeze: Callable[[int], Frozen], tmp_path: Path
) -> None:
    store = freeze(3).store
    with closing(open_store(tmp_path / "state.db")) as other, lock_campaign(store, "2.10"):
        with pytest.raises(Busy), lock_campaign(other, "2.10"):
            raise AssertionError("it has no worker yet, and may be asking its editor")
        register_worker(store, "2.10", "first", lease_s=3600)
        with pytest.raises(Busy), lock_campaign(other, "2.10"):
            raise AssertionError("its lease is not over")
        end_worker(store, "2.10", "first")
        register_worker(store, "2.10", "second", lease_s=-1)
        with lock_campaign(other, "2.10"), closing(open_store(tmp_path / "state.db")) as third:
            with pytest.raises(Busy), lock_campaign(third, "2.10"):
                raise AssertionError("two took over at once")
            register_worker(other, "2.10", "third", lease_s=3600)
            with pytest.raises(Busy), lock_campaign(third, "2.10"):
                raise AssertionError("it was taken over by one that lives")


@pytest.mark.parametrize("sends", [False, True])
def test_a_stopped_process_is_taken_over_from_as_often_as_needed(
    freeze: Callable[[int], Frozen], tmp_path: Path, sends: bool
) -> None:
    first = freeze(3).store
    with closing(open_store(tmp_path / "state.db")) as second, closing(open_store(tmp_path / "state.db")) as third:
        with lock_campaign(first, "2.10"):
            register_worker(first, "2.10", "stopped", lease_s=-1)
            with lock_campaign(second, "2.10"):
                assert find_lease(second, "2.10") is None, "it was settled"
                with pytest.raises(Busy), lock_campaign(third, "2.10"):
                    raise AssertionError("the second is asking its editor")
                if sends:
                    register_worker(second, "2.10", "second", lease_s=3600)
                    with pytest.raises(Busy), lock_campaign(third, "2.10"):
                        raise AssertionError("the second sends")
                    end_worker(second, "2.10", "second")
            # The second has ended, or its editor said no, and the first still stands still.
            with pytest.raises(Busy), lock_campaign(third, "2.10", may_take_over=False):
                raise AssertionError("the first may still send what it has in hand")
            with lock_campaign(third, "2.10"):
                pass
        # The first has ended. Whoever comes now and asks an editor is not taken over from.
        with lock_campaign(second, "2.10"), pytest.raises(Busy), lock_campaign(third, "2.10"):
            raise AssertionError("the second is asking its editor")


def test_who_was_overtaken_is_still_known_after_the_campaign_began_again(
    freeze: Callable[[int], Frozen], publication: Publication, tmp_path: Path
) -> None:
    first = freeze(3).store
    with closing(open_store(tmp_path / "state.db")) as second, lock_campaign(first, "2.10"):
        register_worker(first, "2.10", "stopped before its first claim", lease_s=-1)
        with lock_campaign(second, "2.10"):
            Frozen(publication, second, 4)
            register_worker(second, "2.10", "second", lease_s=3600)
            end_worker(second, "2.10", "second")
        with lock_campaign(second, "2.10"):
            pass


def test_a_store_that_stays_away_ends_a_worker_whose_texts_are_held_back(
    freeze: Callable[[int], Frozen], monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = freeze(40)
    away: list[bool] = []

    def gone(work: Callable[..., object]) -> Callable[..., object]:
        def ask(*arguments: object, **named: object) -> object:
            if away:
                raise DeliveryError("The connection to the store was lost.")
            return work(*arguments, **named)

        return ask

    monkeypatch.setattr(lease_keeper, "extend_lease", gone(lease_keeper.extend_lease))
    monkeypatch.setattr(claim_loop, "record_and_claim", gone(claim_loop.record_and_claim))
    carried_then: list[int] = []

    async def carry(pigeons: Pigeons, feed: Feed, message: Message) -> None:
        if pigeons.carried == 4:
            away.append(True)
            carried_then.append(pigeons.carried)
            while feed.may_send():
                await asyncio.sleep(0.01)
            async with asyncio.timeout(20):
                while not feed.may_send():  # as a session of SMTP holds a text back
                    await asyncio.sleep(0.01)
        feed.answer(_accepted(message))
        await asyncio.sleep(0.01)

    pigeons = Pigeons(carry, Limits(connections=1, window=1))
    with pytest.raises(DeliveryError, match="The connection to the store was lost"):
        campaign.send_through(pigeons, SendingRules())
    assert pigeons.carried == carried_then[0] == 4
