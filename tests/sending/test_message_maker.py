"""Messages signed by processes beside the loop: each leaves with its signatures, or waits again."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
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
from newsletter.sending.rules import SendingRules
from newsletter.store import open_store

_LIMITS = Limits(connections=3, window=4)
_RSA, _RSA_RECORD = generate_dkim_key("rsa")
_ED25519, _ED25519_RECORD = generate_dkim_key("ed25519")


@pytest.fixture
def frozen(publication: Publication, tmp_path: Path) -> Iterator[Frozen]:
    with closing(open_store(tmp_path / "state.db")) as store:
        yield Frozen(publication, store, 60)


@pytest.fixture
def rules(publication: Publication) -> SendingRules:
    key = (_RSA + _ED25519).decode()
    publication.environ |= {"NEWSLETTER_DKIM__KEY": key, "NEWSLETTER_DKIM__SELECTOR": "r1,e1"}
    return SendingRules.from_workspace(publication.workspace)


def _find_signing() -> list[int]:
    """Return the processes that sign for this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # one that has just ended
            if int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1]) == os.getpid():
                found += [int(folder.name)] * (b"signing_process" in (folder / "cmdline").read_bytes())
    return found


def test_each_message_is_signed_by_a_process_beside_the_loop(frozen: Frozen, rules: SendingRules) -> None:
    carried: list[Message] = []
    signing: set[int] = set()

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        carried.append(message)
        signing.update(_find_signing())
        feed.answer(Result(key=message.key, outcome=Outcome.ACCEPTED, stage="text"))
        await asyncio.sleep(0)

    frozen.send(carry, _LIMITS, rules)
    records = {b"r1._domainkey.example.org.": _RSA_RECORD, b"e1._domainkey.example.org.": _ED25519_RECORD}
    assert frozen.states() == {State.ACCEPTED: 60}
    assert len({message.recipient for message in carried}) == 60
    for message in carried:
        verifier = dkim.DKIM(message.data)
        assert [verifier.verify(number, dnsfunc=lambda name, **_: records[name].encode()) for number in (0, 1)]
    assert signing
    assert not _find_signing()


def test_whoever_is_being_signed_for_when_the_sending_halts_waits_again(frozen: Frozen, rules: SendingRules) -> None:
    async def carry(_pigeons: Pigeons, _feed: Feed, _message: Message) -> None:
        for process in _find_signing():
            os.kill(process, signal.SIGSTOP)
            asyncio.get_running_loop().call_later(0.1, os.kill, process, signal.SIGCONT)
        raise SenderRefused("you are not known here")

    with pytest.raises(SenderRefused):
        frozen.send(carry, Limits(connections=1, window=8), rules)
    assert State.SENDING not in frozen.states()
    assert frozen.states()[State.PENDING] >= 59


def test_nothing_leaves_without_its_signature(frozen: Frozen, rules: SendingRules) -> None:
    carried: list[str] = []

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        assert message.data.startswith(b"DKIM-Signature:")
        carried.append(message.recipient)
        if len(carried) == 20:
            for process in _find_signing():
                os.kill(process, signal.SIGKILL)
        feed.answer(Result(key=message.key, outcome=Outcome.ACCEPTED, stage="text"))
        await asyncio.sleep(0)

    with pytest.raises(DeliveryError, match="could not be signed"):
        frozen.send(carry, _LIMITS, rules)
    assert 20 <= len(carried) < 60
    assert +Counter(frozen.states()) == +Counter({State.ACCEPTED: len(carried), State.PENDING: 60 - len(carried)})
    assert not _find_signing()


def test_signals_that_end_the_sending_leave_it_its_signatures(frozen: Frozen, rules: SendingRules) -> None:
    """A service manager sends SIGTERM to every process of the service, and a terminal SIGINT to those in front."""

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        for process in _find_signing():
            os.kill(process, signal.SIGTERM)
            os.kill(process, signal.SIGINT)
        feed.answer(Result(key=message.key, outcome=Outcome.ACCEPTED, stage="text"))
        await asyncio.sleep(0)

    frozen.send(carry, _LIMITS, rules)
    assert frozen.states() == {State.ACCEPTED: 60}
