"""The dispatcher by itself: what it makes of messages that connections give back."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from newsletter.backends import Limits
from newsletter.lease_clock import LeaseClock
from newsletter.ledger.deliveries import Delivery
from newsletter.mail.message import Message, Outcome, Result
from newsletter.sending import connection_feed
from newsletter.sending.collection import Collected
from newsletter.sending.connection_feed import ConnectionFeed
from newsletter.sending.dispatcher import Dispatcher
from newsletter.throttle.controller import Throttle

# A delivery that was claimed for the first time.
CLAIM = Delivery(**{**dict.fromkeys(Delivery._fields), "id": 7, "subscriber": "ada", "attempts": 0, "tries": 0})


def _give_back(why: str, code: int | None) -> Collected:
    async def take_and_give_back() -> Collected:
        lease = LeaseClock(60)
        lease.start(lease.read())
        dispatcher = Dispatcher(Throttle(Limits(), now=0.0), lease)
        message = Message(key="ada", sender="digest@example.org", recipient="ada@example.org", pieces=(b"",))
        dispatcher.supply([(CLAIM, message)])
        feed = ConnectionFeed(dispatcher)
        assert feed.take() is message
        feed.untouched(message, why, code)
        return dispatcher.collect()

    return asyncio.run(take_and_give_back())


@pytest.mark.parametrize("why", ["421 4.3.2 going down", "the server is going down"])
def test_whom_a_server_gives_back_for_reasons_of_its_own_has_lost_no_try(why: str) -> None:
    collected = _give_back(why, 421)
    assert (collected.released, collected.returned) == ([7], {})


@pytest.mark.parametrize("code", [None, 554])
def test_what_counts_is_the_code_and_no_number_among_the_words(code: int | None) -> None:
    collected = _give_back("421 bytes were read", code)
    assert (collected.released, collected.returned) == ([], {7: "421 bytes were read"})


MESSAGE = Message(key="ada", sender="digest@example.org", recipient="ada@example.org", pieces=(b"",))


def _told(act: Callable[[Dispatcher, ConnectionFeed], object], at_most: int | None = None) -> list[bool]:
    """Return what a session is called with, that waits for a message while something happens."""

    async def listen() -> list[bool]:
        lease = LeaseClock(60)
        lease.start(lease.read())
        dispatcher = Dispatcher(Throttle(Limits(), now=0.0), lease)
        feed = ConnectionFeed(dispatcher, at_most)
        told: list[bool] = []
        feed.call_when_ready(told.append)
        assert told == []  # never from within the call
        act(dispatcher, feed)
        assert told == []  # nor from within what another connection does
        for _ in range(3):
            await asyncio.sleep(0)
        return told

    return asyncio.run(listen())


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda dispatcher, _: dispatcher.supply([(CLAIM, MESSAGE)]), [True]),
        (lambda dispatcher, _: dispatcher.halt(), [False]),
        (lambda dispatcher, _: dispatcher.close(), [False]),
        (lambda dispatcher, feed: (feed.close(""), dispatcher.halt()), []),
        (lambda *_: None, []),
    ],
)
def test_a_session_that_is_driven_by_callbacks_is_called_once(
    act: Callable[[Dispatcher, ConnectionFeed], object], told: list[bool]
) -> None:
    assert _told(act) == told


def test_a_session_that_takes_no_more_is_told_so() -> None:
    assert _told(lambda *_: None, at_most=0) == [False]


def test_a_session_that_asks_after_the_end_is_told_so() -> None:
    async def ask() -> list[bool]:
        dispatcher = Dispatcher(Throttle(Limits(), now=0.0), LeaseClock(60))
        dispatcher.halt()
        told: list[bool] = []
        ConnectionFeed(dispatcher).call_when_ready(told.append)
        await asyncio.sleep(0)
        return told

    assert asyncio.run(ask()) == [False]


def test_a_session_is_called_when_the_throttle_and_the_lease_let_its_message_leave() -> None:
    async def wait() -> Sequence[object]:
        lease = LeaseClock(60)  # nobody has asked for it yet
        dispatcher = Dispatcher(Throttle(Limits(per_second=20), now=0.0), lease)
        feed = ConnectionFeed(dispatcher)
        dispatcher.supply([(CLAIM, MESSAGE), (CLAIM._replace(id=8), MESSAGE._replace(key="bob")), (CLAIM, MESSAGE)])
        called = asyncio.Event()
        feed.call_when_ready(lambda _: called.set())
        await asyncio.sleep(0)
        assert dispatcher.lease_doubted.is_set()
        assert not called.is_set()
        lease.start(lease.read())
        dispatcher.wake()
        await called.wait()
        called.clear()
        taken = [feed.take(), feed.take(), feed.take()]
        feed.call_when_ready(lambda _: called.set())
        await called.wait()
        return [*taken, feed.take()]

    *taken, last = asyncio.run(wait())
    assert taken[0] is not None
    assert taken[-1] is None
    assert last is not None


def test_a_session_that_is_called_for_nothing_for_seconds_is_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_feed, "_IDLE_S", 0.01)

    async def idle() -> bool:
        dispatcher = Dispatcher(Throttle(Limits(), now=0.0), LeaseClock(60))
        told = asyncio.get_running_loop().create_future()
        ConnectionFeed(dispatcher).call_when_ready(told.set_result)
        return await told

    assert asyncio.run(idle()) is False


def test_a_message_that_comes_after_the_halt_is_collected_and_not_handed_out() -> None:
    async def supply_late() -> None:
        lease = LeaseClock(60)
        lease.start(lease.read())
        dispatcher = Dispatcher(Throttle(Limits(), now=0.0), lease)
        dispatcher.halt()
        dispatcher.collect()
        dispatcher.supply([(CLAIM, MESSAGE)])
        assert dispatcher.take(dispatcher.read_clock()) is None
        assert dispatcher.changed.is_set()
        assert dispatcher.collect().released == [7]

    asyncio.run(supply_late())


@pytest.mark.parametrize("by_callback", [True, False])
def test_of_two_sessions_of_which_one_suffices_the_other_ends_although_it_is_woken(
    monkeypatch: pytest.MonkeyPatch, by_callback: bool
) -> None:
    monkeypatch.setattr(connection_feed, "_IDLE_S", 0.2)

    async def send_now_and_then() -> list[bool]:
        lease = LeaseClock(60)
        lease.start(lease.read())
        dispatcher = Dispatcher(Throttle(Limits(), now=0.0), lease)
        busy, idle = ConnectionFeed(dispatcher), ConnectionFeed(dispatcher)
        ended: list[bool] = []

        def listen(is_ready: bool = True) -> None:
            if is_ready:
                idle.call_when_ready(listen)
            else:
                ended.append(True)

        async def wait() -> None:
            while await idle.wait():
                pass
            ended.append(True)

        waiting = None if by_callback else asyncio.create_task(wait())
        if by_callback:
            listen()
        for number in range(200):
            if ended:
                break
            dispatcher.supply([(CLAIM._replace(id=number), MESSAGE._replace(key=str(number)))])
            dispatcher.wake()
            assert busy.take() is not None
            busy.answer(Result(key=str(number), outcome=Outcome.ACCEPTED, stage="text"))
            await asyncio.sleep(0.01)
        if waiting is not None:
            waiting.cancel()
        return ended

    assert asyncio.run(send_now_and_then()) == [True]
