"""Messages signed on threads beside the loop: each leaves with its signature, or waits again."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dkim
import pytest
from conftest import Publication
from frozen import Frozen, Pigeons

from newsletter.backends import Feed, Limits, SenderRefused
from newsletter.errors import DeliveryError
from newsletter.ledger.states import State
from newsletter.mail.dkim_keys import generate_dkim_key
from newsletter.mail.message import Message, Outcome, Result
from newsletter.sending.rules import SendingRules, load_signature
from newsletter.store import open_store

_LIMITS = Limits(connections=3, window=4)


@pytest.fixture
def frozen(publication: Publication, tmp_path: Path) -> Iterator[Frozen]:
    with closing(open_store(tmp_path / "state.db")) as store:
        yield Frozen(publication, store, 60)


def test_each_message_is_signed_on_a_thread_beside_the_loop(publication: Publication, frozen: Frozen) -> None:
    pem, record = generate_dkim_key("rsa")
    publication.environ |= {"NEWSLETTER_DKIM__KEY": pem.decode(), "NEWSLETTER_DKIM__SELECTOR": "s1"}
    sign = load_signature(publication.workspace)
    assert sign is not None
    threads: set[str] = set()
    carried: list[Message] = []

    def sign_here(message: Message) -> Message:
        threads.add(threading.current_thread().name.partition("_")[0])
        return sign(message)

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        carried.append(message)
        feed.answer(Result(key=message.key, outcome=Outcome.ACCEPTED, stage="text"))
        await asyncio.sleep(0)

    frozen.send(carry, _LIMITS, SendingRules(sign=sign_here))
    assert frozen.states() == {State.ACCEPTED: 60}
    assert len({message.recipient for message in carried}) == 60
    assert all(dkim.verify(message.data, dnsfunc=lambda *_, **__: record.encode()) for message in carried)
    assert threads == {"signing"}


def test_whoever_is_being_signed_for_when_the_sending_halts_waits_again(frozen: Frozen) -> None:
    halted = threading.Event()

    def sign(message: Message) -> Message:
        if message.recipient > "reader0004@example.org":  # no more are signed together, wherever this runs
            assert halted.wait(10)
        return message

    async def carry(_pigeons: Pigeons, _feed: Feed, _message: Message) -> None:
        asyncio.get_running_loop().call_later(0.1, halted.set)
        raise SenderRefused("you are not known here")

    with pytest.raises(SenderRefused):
        frozen.send(carry, Limits(connections=1, window=8), SendingRules(sign=sign))
    assert State.SENDING not in frozen.states()
    assert frozen.states()[State.PENDING] >= 59


def test_nothing_leaves_without_its_signature(frozen: Frozen) -> None:
    unsigned = iter(range(60))
    carried: list[str] = []

    def sign(message: Message) -> Message:
        if next(unsigned) == 20:
            raise ValueError("no key")
        return message

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        carried.append(message.recipient)
        feed.answer(Result(key=message.key, outcome=Outcome.ACCEPTED, stage="text"))
        await asyncio.sleep(0)

    with pytest.raises(DeliveryError, match="could not be signed"):
        frozen.send(carry, _LIMITS, SendingRules(sign=sign))
    assert +Counter(frozen.states()) == +Counter({State.ACCEPTED: len(carried), State.PENDING: 60 - len(carried)})
