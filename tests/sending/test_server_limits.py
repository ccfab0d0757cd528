"""Servers that take so much and no more: everyone is served, nobody pays for it, and little is refused."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import Publication
from frozen import Frozen
from smtp_server import Provider, provider, serving_in_thread

from newsletter.backends.smtp import SmtpBackend
from newsletter.ledger.states import State
from newsletter.sending.rules import SendingRules, WorkerProgress
from newsletter.store import open_store

_REFUSED_ENVELOPE = "503 5.5.1 no recipient"


@dataclass
class Limited:
    """A server with PIPELINING and one limit: `decide` gives a reply instead of the polite one, or None.

    It is asked with the connection's number, the command and its recipient, if there is one yet. `carried` counts what
    each connection has had accepted, `refused` the replies that were not polite by command.
    """

    decide: Callable[["Limited", int, str, str], str | None]
    carried: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    _failed: set[int] = field(default_factory=set)
    _recipients: dict[int, str] = field(default_factory=dict)

    def say(self, server: Provider, number: int, command: str) -> str | None:
        self.server = server
        if command == "EHLO" and (said := self.decide(self, number, command, "")) is None:
            return "250-here\r\n250 PIPELINING"
        if command == "MAIL":
            self._failed.discard(number)
        if command in ("RCPT", "DATA") and number in self._failed:
            return _REFUSED_ENVELOPE
        said = self.decide(self, number, command, server.recipients.get(number, ""))
        if said is not None and command != "QUIT":
            self.refused[command] += 1
            self._failed.add(number)
        elif command == "TEXT":
            self.carried[number] += 1
        return said


@dataclass
class Sent:
    """What came of a send: the states of the readers, and the rates that were shown meanwhile."""

    states: dict[State, int]
    rates: list[float | None]


@pytest.fixture
def freeze(publication: Publication, tmp_path: Path) -> Iterator[Callable[[int], Frozen]]:
    with closing(open_store(tmp_path / "state.db")) as store:
        yield lambda count: Frozen(publication, store, count)


def _send(campaign: Frozen, limited: Limited, connections: int = 4, rules: SendingRules | None = None) -> Sent:
    rates: list[float | None] = []

    def on_progress(now: WorkerProgress) -> None:
        rates.append(now.rate)

    with provider(limited.say) as server:
        settings = SmtpBackend.Settings(
            host="127.0.0.1", port=server.port, security="none", connections=connections, helo="localhost"
        )
        campaign.send_through(SmtpBackend(settings, Path()), rules or SendingRules(refusals=0.1), on_progress)
    copies = Counter(server.accepted)
    assert max(copies.values()) == 1
    return Sent(campaign.states(), rates)


@pytest.mark.parametrize(
    "reply", ["421 4.7.0 Too many messages in this session", "452 4.5.3 Too many messages sent"], ids=["421", "452"]
)
def test_a_session_that_is_used_up_gives_way_and_is_closed_in_time_afterwards(
    freeze: Callable[[int], Frozen], reply: str
) -> None:
    """OpenSMTPD answers 452 4.5.3 after a hundred messages of a session, and to each MAIL from then on."""
    limited = Limited(
        lambda self, number, command, _: reply if command == "MAIL" and self.carried[number] >= 10 else None
    )
    sent = _send(freeze(200), limited, connections=2)
    assert sent.states == {State.ACCEPTED: 200}
    assert limited.refused.total() <= 2 * 3
    assert sent.rates[-1] is None
    assert max(limited.carried.values()) == 10


def test_connections_too_many_are_not_tried_again_and_again(freeze: Callable[[int], Frozen]) -> None:
    limited = Limited(
        lambda self, number, command, _: (
            "421 4.7.0 too many connections" if command == "" and number in self.server.open[3:] else None
        )
    )
    sent = _send(freeze(300), limited, connections=10)
    assert sent.states == {State.ACCEPTED: 300}
    assert limited.refused[""] <= 10
    assert sent.rates[-1] is None


class Window:
    """So many messages in so many seconds, counted when they are tried."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._taken: deque[float] = deque()

    def is_full(self) -> bool:
        now = time.monotonic()
        while self._taken and self._taken[0] <= now - self._seconds:
            self._taken.popleft()
        if len(self._taken) < self._most:
            self._taken.append(now)
            return False
        return True


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("MAIL", "454 4.7.0 Throttling failure: Maximum sending rate exceeded"),
        ("RCPT", "450 4.7.1 <x@example.org>: Recipient address rejected: Too much mail"),
    ],
)
def test_a_rate_is_found_and_costs_nobody_an_attempt(freeze: Callable[[int], Frozen], stage: str, reply: str) -> None:
    window = Window(50, 0.5)
    limited = Limited(lambda _, __, command, ___: reply if command == stage and window.is_full() else None)
    sent = _send(freeze(300), limited)
    assert sent.states == {State.ACCEPTED: 300}
    assert limited.refused[stage] <= 100
    assert any(rate is not None for rate in sent.rates)


@pytest.mark.slow
def test_a_quota_that_is_open_again_soon_is_waited_for(freeze: Callable[[int], Frozen]) -> None:
    window = Window(40, 1.0)
    reply = "454 4.7.0 Sending quota exceeded, try again in 1 second"
    limited = Limited(lambda _, __, command, ___: reply if command == "MAIL" and window.is_full() else None)
    sent = _send(freeze(100), limited)
    assert sent.states == {State.ACCEPTED: 100}


def test_a_server_in_trouble_for_a_moment_is_asked_rarely_and_nobody_is_put_off(
    freeze: Callable[[int], Frozen],
) -> None:
    ends = time.monotonic() + 2.0
    limited = Limited(
        lambda self, _, command, __: (
            "451 4.3.0 Temporary failure, try again later"
            if command == "RCPT" and len(self.server.accepted) >= 40 and time.monotonic() < ends
            else None
        )
    )
    sent = _send(freeze(150), limited)
    assert sent.states == {State.ACCEPTED: 150}
    assert limited.refused["RCPT"] <= 30


def test_greylisting_is_learned_and_waited_for(freeze: Callable[[int], Frozen]) -> None:
    first: dict[str, float] = {}

    def decide(_: Limited, __: int, command: str, recipient: str) -> str | None:
        if command != "RCPT":
            return None
        now = time.monotonic()
        return "451 4.7.1 Greylisted, please try again later" if now - first.setdefault(recipient, now) < 1.0 else None

    limited = Limited(decide)
    sent = _send(freeze(60), limited, rules=SendingRules(waits=(600.0,)))
    assert sent.states == {State.ACCEPTED: 60}
    assert sent.rates[-1] is None


def test_greylisting_without_end_is_waited_for_as_long_as_for_a_mailbox(freeze: Callable[[int], Frozen]) -> None:
    limited = Limited(
        lambda _, __, command, recipient: (
            "451 4.7.1 Greylisted" if command == "RCPT" and recipient.startswith("reader0003") else None
        )
    )
    sent = _send(freeze(20), limited, rules=SendingRules(waits=(0.1,)))
    assert sent.states == {State.ACCEPTED: 19, State.DEFERRED: 1}
    assert limited.refused["RCPT"] == 3


def test_connections_that_are_dead_hold_up_nobody(freeze: Callable[[int], Frozen]) -> None:
    """A machine of a relay's accepts connections, and says not a word on them."""
    campaign = freeze(100)
    opened: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        with closing(writer):
            if len(opened) % 2:  # the first of all is dead
                await reader.read()
                return
            their_reader, their_writer = await asyncio.open_connection("127.0.0.1", server.port)
            with closing(their_writer):
                await asyncio.gather(pump(reader, their_writer), pump(their_reader, writer))

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(connect, "127.0.0.1", 0)

    with provider(Limited(lambda *_: None).say) as server, serving_in_thread(listen) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        settings = SmtpBackend.Settings(host="127.0.0.1", port=port, security="none", helo="localhost")
        campaign.send_through(SmtpBackend(settings, Path()), SendingRules())
    assert campaign.states() == {State.ACCEPTED: 100}
    assert len(opened) <= 6


def test_full_mailboxes_slow_nobody_else_down(freeze: Callable[[int], Frozen]) -> None:
    limited = Limited(
        lambda _, __, command, recipient: (
            "452 4.2.2 Mailbox full" if command == "RCPT" and int(recipient[6:10]) % 10 == 3 else None
        )
    )
    sent = _send(freeze(200), limited)
    assert sent.states == {State.ACCEPTED: 180, State.DEFERRED: 20}
    assert set(sent.rates) == {None}


def test_a_session_gives_way_before_the_server_ends_it_for_its_refusals(freeze: Callable[[int], Frozen]) -> None:
    """Postfix delays the replies of a session after ten errors in a row, and ends it after twenty."""
    in_a_row: Counter[int] = Counter()

    def decide(_: Limited, number: int, command: str, recipient: str) -> str | None:
        if command == "TEXT":
            in_a_row[number] = 0
        if command != "RCPT" or int(recipient[6:10]) >= 30:
            return None
        in_a_row[number] += 1
        return "421 4.7.0 Too many errors" if in_a_row[number] > 5 else "550 5.1.1 User unknown"

    sent = _send(freeze(60), Limited(decide), connections=2, rules=SendingRules())
    assert sent.states == {State.ACCEPTED: 30, State.REFUSED: 30}
    assert max(in_a_row.values()) <= 4
