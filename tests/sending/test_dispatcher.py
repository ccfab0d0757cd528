"""The dispatcher by itself: what it makes of messages that connections give back."""

import asyncio

import pytest

from newsletter.backends import Limits
from newsletter.ledger.deliveries import Delivery
from newsletter.mail.message import Message
from newsletter.sending.connections import ConnectionFeed
from newsletter.sending.dispatcher import Collected, Dispatcher
from newsletter.sending.lease_clock import LeaseClock
from newsletter.sending.throttle import Throttle

# A delivery that was claimed for the first time.
CLAIM = Delivery(**{**dict.fromkeys(Delivery._fields), "id": 7, "subscriber": "ada", "attempts": 0, "tries": 0})


def _give_back(why: str, code: int | None) -> Collected:
    async def take_and_give_back() -> Collected:
        lease = LeaseClock(60)
        lease.start(lease.read())
        dispatcher = Dispatcher(Throttle(Limits()), lease)
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
