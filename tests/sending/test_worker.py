"""A worker with a backend of the test's own: what a plug-in may do to it, and what another process may."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path

import pytest
from conftest import Publication
from frozen import Frozen, Pigeons
from leases import crash_workers

from newsletter.backends import Feed, Limits, SessionLost, Unreachable
from newsletter.errors import DeliveryError
from newsletter.ledger import workers
from newsletter.ledger.campaigns import cancel_campaign
from newsletter.ledger.claims import Claimed, record_and_claim
from newsletter.ledger.deliveries import Delivery, list_recent_answers
from newsletter.ledger.states import State
from newsletter.ledger.workers import find_lease, find_why_ended, register_worker
from newsletter.mail.message import Message, Outcome, Result
from newsletter.sending import claim_loop, connections
from newsletter.sending.rules import SendingRules, WorkerProgress
from newsletter.store import open_store


def _accepted(message: Message) -> Result:
    return Result(key=message.key, outcome=Outcome.ACCEPTED, stage="text", code=250, reply="ok")


@pytest.fixture
def freeze(publication: Publication, tmp_path: Path) -> Iterator[Callable[[int], Frozen]]:
    with closing(open_store(tmp_path / "state.db")) as store:
        yield lambda count: Frozen(publication, store, count)


def test_a_worker_that_was_taken_over_leaves_the_others_claims_alone(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(40)
    theirs: list[Delivery] = []

    async def carry(pigeons: Pigeons, feed: Feed, message: Message) -> None:
        if pigeons.carried == 5:
            crash_workers(campaign.store, "2.10")  # as if this one had stood still for longer than its lease
            register_worker(campaign.store, "2.10", "another")
            theirs.extend(record_and_claim(campaign.store, "2.10", "another", want=10).deliveries)
        feed.answer(_accepted(message))
        await asyncio.sleep(0)

    with pytest.raises(DeliveryError, match="has taken over"):
        campaign.send(carry, Limits(connections=1, window=2))
    answers = [
        claim.with_result(Result(key=claim.subscriber, outcome=Outcome.ACCEPTED, stage="text")) for claim in theirs
    ]
    before = campaign.states().get(State.ACCEPTED, 0)
    record_and_claim(campaign.store, "2.10", "another", results=answers)
    assert campaign.states()[State.ACCEPTED] == before + 10
    assert State.SENDING not in campaign.states()


def test_two_workers_at_once_leave_each_other_s_claims_alone(
    freeze: Callable[[int], Frozen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "LEASE_S", 2.0)
    campaign = freeze(40)
    theirs: list[Delivery] = []

    async def carry(pigeons: Pigeons, feed: Feed, message: Message) -> None:
        if pigeons.carried == 5:
            register_worker(campaign.store, "2.10", "another")
            theirs.extend(record_and_claim(campaign.store, "2.10", "another", want=10).deliveries)
        feed.answer(_accepted(message))
        await asyncio.sleep(0)

    def record_theirs(progress: WorkerProgress) -> None:
        if progress.leased:
            assert progress.leased == 10
            assert campaign.states() == {State.ACCEPTED: 30, State.SENDING: 10}
            result = partial(Result, outcome=Outcome.ACCEPTED, stage="text")
            answers = [claim.with_result(result(key=claim.subscriber)) for claim in theirs]
            record_and_claim(campaign.store, "2.10", "another", results=answers)

    pigeons = Pigeons(carry, Limits(connections=1, window=2))
    campaign.send_through(pigeons, SendingRules(), record_theirs)
    assert pigeons.carried == 30
    assert campaign.states() == {State.ACCEPTED: 40}


@pytest.mark.parametrize("slowly", [False, True])
def test_when_the_ledger_fails_nothing_more_leaves(
    freeze: Callable[[int], Frozen], monkeypatch: pytest.MonkeyPatch, slowly: bool
) -> None:
    campaign = freeze(100)
    real, calls, carried = record_and_claim, Counter[str](), Counter[str]()

    def step(*args: object, **options: object) -> Claimed:
        calls["step"] += 1
        if calls["step"] == 2:
            raise DeliveryError("the disk was full for a moment")
        return real(*args, **options)

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        carried[message.key] += 1
        await asyncio.sleep(0.01)
        feed.answer(_accepted(message))

    monkeypatch.setattr(claim_loop, "record_and_claim", step)
    with pytest.raises(DeliveryError, match="for a moment"):
        campaign.send(carry, Limits(connections=2, window=8, per_second=4 if slowly else None))
    states = campaign.states()
    assert states[State.ACCEPTED] == len(carried) < 32
    assert states[State.PENDING] == 100 - len(carried)


def test_a_record_that_can_not_be_written_ends_the_worker_in_its_own_words(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(3)
    campaign.record = campaign.record.with_name("2.10.yaml") / campaign.record.name  # no folder

    async def carry(_pigeons: Pigeons, _feed: Feed, _message: Message) -> None:
        raise AssertionError("nothing leaves")

    with pytest.raises(DeliveryError) as caught:
        campaign.send(carry, Limits())
    assert find_lease(campaign.store, "2.10") is None
    assert find_why_ended(campaign.store, "2.10") == caught.value.message


def test_a_backend_that_cancels_itself_ends_the_run(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(10)

    async def carry(_pigeons: Pigeons, _feed: Feed, _message: Message) -> None:
        raise asyncio.CancelledError

    with pytest.raises(DeliveryError, match="ended every session"):
        campaign.send(carry, Limits())
    assert sum(campaign.states().values()) == 10


def test_the_tally_is_never_less_than_nothing(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(30)
    seen = Counter[str]()

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        seen[message.key] += 1
        if seen[message.key] == 1:
            feed.answer(Result(key=message.key, outcome=Outcome.DEFERRED, stage="rcpt", code=400, reply="later"))
        elif seen[message.key] < 3:
            feed.untouched(message, "not yet")
        else:
            feed.answer(_accepted(message))

    tallies = campaign.send(carry, Limits(connections=1, window=4), SendingRules(waits=[0.05, 0.05, 0.05]))
    assert all(count >= 0 for tally in tallies for count in tally.values())
    assert tallies[-1][Outcome.ACCEPTED] == 30
    assert tallies[-1][Outcome.DEFERRED] == 0


def test_an_address_that_breaks_each_session_does_not_hold_up_the_others(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(60)
    order: list[str] = []

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        if message.key.startswith("reader0003"):
            feed.untouched(message, "it hung up")
            return
        order.append(message.key)
        feed.answer(_accepted(message))
        await asyncio.sleep(0)

    with suppress(DeliveryError):
        campaign.send(carry, Limits(connections=1, window=2, per_connection=10))
    assert len(order) == 59
    assert campaign.states()[State.ACCEPTED] == 59


def test_who_never_had_mail_counts_towards_no_limit(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(20)
    cancel_campaign(campaign.store, "2.10")
    assert list_recent_answers(campaign.store, 3600, 100) == []


def test_progress_says_what_holds_the_send_and_how_many_are_left(freeze: Callable[[int], Frozen]) -> None:
    seen: list[WorkerProgress] = []

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        feed.answer(_accepted(message))

    pigeons = Pigeons(carry, Limits(connections=1, window=1, per_second=40))
    freeze(8).send_through(pigeons, SendingRules(), seen.append)
    assert seen[0].left == 8
    assert seen[0].rate == 40
    assert seen[0].hold is not None
    assert seen[0].hold.limit == 40
    assert seen[0].eta is None or seen[0].eta > 0
    assert (seen[-1].left, seen[-1].eta) == (0, 0)


def test_connections_knock_a_few_at_a_time(freeze: Callable[[int], Frozen]) -> None:
    """A server's backlog is short: what is more than it holds is dropped, and comes again only after a second."""
    campaign = freeze(100)
    begun: list[float] = []

    class Slow(Pigeons):
        @asynccontextmanager
        async def connect(self) -> AsyncIterator[Pigeons]:
            begun.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.1)
            yield self

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        await asyncio.sleep(0.01)
        feed.answer(_accepted(message))

    campaign.send_through(Slow(carry, Limits(connections=10)), SendingRules())
    assert len(begun) == 10
    # The first is alone; of the others no five begin within 20 ms, however slow this machine is.
    assert all(later - sooner >= 0.019 for sooner, later in zip(begun[1:], begun[5:], strict=False))


def test_a_connection_that_falls_silent_after_a_refusal_takes_no_more(freeze: Callable[[int], Frozen]) -> None:
    """Postfix delays each reply after an error by a second (smtpd_error_sleep_time), and it need not be the tenth.

    Such a session has its place among the connections until it is closed, so that the server never has more of them.
    """
    campaign = freeze(60)
    sessions: list[list[Outcome]] = []
    is_open = most_open = 0

    class Sleeping(Pigeons):
        @asynccontextmanager
        async def connect(self) -> AsyncIterator[Pigeons]:
            nonlocal is_open, most_open
            is_open += 1
            most_open = max(most_open, is_open)
            sessions.append([])
            try:
                yield Session(sessions[-1])
                await asyncio.sleep(0.1)  # it sleeps before the reply to QUIT as well
            finally:
                is_open -= 1

    class Session(Pigeons):
        def __init__(self, answers: list[Outcome]) -> None:
            self._answers = answers

        async def deliver(self, feed: Feed) -> None:
            while (message := feed.take()) is not None or await feed.wait():
                if message is None:
                    continue
                if Outcome.REFUSED in self._answers:
                    await asyncio.sleep(0.6)
                refused = Result(key=message.key, outcome=Outcome.REFUSED, stage="rcpt", code=550, reply="no such user")
                result = refused if len(self._answers) == 4 else _accepted(message)
                self._answers.append(result.outcome)
                feed.answer(result)
                await asyncio.sleep(0.005)

    campaign.send_through(Sleeping(_never, Limits(connections=3)), SendingRules(refusals=None))
    states = campaign.states()
    assert set(states) == {State.ACCEPTED, State.REFUSED}
    assert sum(states.values()) == 60
    assert most_open == 3
    # Each bears one refusal, and what it has in hand then.
    assert len(sessions) >= 60 / 6


def test_what_is_claimed_is_given_back_while_no_connection_can_be_opened(
    freeze: Callable[[int], Frozen], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage may last for as long as a send's patience; another worker or a person can have them meanwhile."""
    monkeypatch.setattr(connections, "_GIVE_BACK_S", 0.3)
    campaign = freeze(60)
    claimed: list[int] = []
    carried: Counter[str] = Counter()

    class Failing(Pigeons):
        @asynccontextmanager
        async def connect(self) -> AsyncIterator[Pigeons]:
            if carried.total() == 10:
                claimed.append(campaign.states().get(State.SENDING, 0))
                if claimed[-1] > 1 and len(claimed) < 12:
                    raise Unreachable("The server can't be reached.")
            yield self

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        carried[message.key] += 1
        feed.answer(_accepted(message))
        if carried.total() == 10:
            raise SessionLost("the connection broke")

    campaign.send_through(Failing(carry, Limits(connections=1)), SendingRules())
    assert claimed[0] > 1
    assert claimed[-1] <= 1, "one message is kept, to ask with"
    assert campaign.states() == {State.ACCEPTED: 60}
    assert set(carried.values()) == {1}


async def _never(_pigeons: Pigeons, _feed: Feed, _message: Message) -> None:
    raise AssertionError("each session carries by itself")
