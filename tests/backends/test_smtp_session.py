"""An SMTP session over real sockets, and its deadlines by a clock of the test's own."""

import asyncio
import selectors
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from certificate import make_certificate
from feeds import CallingMemoryFeed, MemoryFeed, message, messages
from smtp_server import POLITE, running, scripted

from newsletter.backends import SessionLost
from newsletter.backends.smtp import SmtpBackend
from newsletter.backends.smtp.dialogue import Dialogue
from newsletter.backends.smtp.extensions import Extensions
from newsletter.backends.smtp.session import Deadlines, SmtpSession
from newsletter.mail.message import Outcome, Result

EXTENSIONS = {(): 1, ("PIPELINING",): 2, ("PIPELINING", "CHUNKING"): 5}
PIPELINING = b"250-ok\r\n250 PIPELINING\r\n"
CHUNKING = b"250-ok\r\n250-CHUNKING\r\n250 PIPELINING\r\n"


def _backend(port: int, **settings: Any) -> SmtpBackend:
    chosen = {"host": "localhost", "security": "none", "chunking": True, "window": 5, **settings, "port": port}
    return SmtpBackend(SmtpBackend.Settings(**chosen), Path())


async def _deliver(backend: SmtpBackend, feed: MemoryFeed) -> None:
    async with backend.connect() as session:
        await session.deliver(feed)


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
@pytest.mark.parametrize("extensions", EXTENSIONS)
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("kind", [MemoryFeed, CallingMemoryFeed])
def test_every_message_arrives_once_and_whole(
    security: str,
    extensions: tuple[str, ...],
    late: bool,
    kind: type[MemoryFeed],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context, path = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    options = {} if security == "none" else {"certificate": context, "tls": security == "tls"}
    feed = kind(messages(30, size=20_000), late=late)
    with running(extensions=extensions, **options) as server, asyncio.Runner() as runner:
        runner.run(_deliver(_backend(server.port, security=security), feed))
    assert feed.outcomes() == {each.key: Outcome.ACCEPTED for each in messages(30)}
    assert dict(server.stored) == {each.recipient: each.data for each in messages(30, size=20_000)}
    assert len(server.stored) == 30
    assert feed.most_in_hand == (1 if late and not extensions else EXTENSIONS[extensions])


@pytest.mark.parametrize("extensions", EXTENSIONS)
def test_refusals_reach_those_whom_they_are_for(extensions: tuple[str, ...]) -> None:
    feed = MemoryFeed(messages(12))
    with running(extensions=extensions) as server:
        server.refuse = {f"reader{number}@example.org": "550 5.1.1 unknown" for number in (0, 3, 4)}
        server.answer = {f"reader{number}@example.org": "452 4.3.1 full" for number in (5, 11)}
        asyncio.run(_deliver(_backend(server.port), feed))
        assert server.copies() == {f"reader{number}@example.org": 1 for number in (1, 2, 6, 7, 8, 9, 10)}
    stages = {key: result.stage for key, result in feed.results.items() if result.outcome is not Outcome.ACCEPTED}
    assert stages == {"reader0": "rcpt", "reader3": "rcpt", "reader4": "rcpt", "reader5": "text", "reader11": "text"}


@pytest.mark.parametrize("extensions", EXTENSIONS)
def test_a_message_that_is_too_large_for_the_server_is_not_begun(extensions: tuple[str, ...]) -> None:
    feed = MemoryFeed([*messages(2), message("large", size=9000), message("small")])
    with running(extensions=extensions, size=8000) as server:
        asyncio.run(_deliver(_backend(server.port), feed))
        assert len(server.stored) == 3
    assert feed.results["large"].outcome is Outcome.REFUSED
    assert "the server takes 8,000 at most" in feed.results["large"].reply


@pytest.mark.parametrize("greeting", [POLITE["EHLO"], PIPELINING, CHUNKING])
def test_it_ends_with_quit(greeting: bytes) -> None:
    commands: list[str] = []

    def answer(command: str) -> bytes:
        commands.append(command)
        return greeting if command == "EHLO" else b"550 no\r\n" if command == "RCPT" else POLITE[command]

    with scripted(answer) as (port, _):
        asyncio.run(_deliver(_backend(port), MemoryFeed(messages(3))))
        asyncio.run(_deliver(_backend(port), MemoryFeed([])))
    assert commands.count("QUIT") == 2
    assert commands.index("QUIT") == len(commands) - 3  # the second session says EHLO and QUIT alone


class _Patient(MemoryFeed):
    async def wait(self) -> bool:
        await asyncio.Event().wait()
        return True


class _Silent(CallingMemoryFeed):
    def call_when_ready(self, ready: Callable[[bool], None]) -> None:
        del ready  # and never call


@pytest.mark.parametrize("kind", [_Patient, _Silent])
def test_a_server_that_closes_interrupts_the_wait_for_a_message(kind: type[MemoryFeed]) -> None:
    def answer(command: str) -> bytes:
        return b"250 ok\r\n421 4.3.2 going down\r\n" if command == "TEXT" else POLITE[command]

    feed = kind(messages(1))
    with (
        scripted(answer) as (port, _),
        asyncio.Runner() as runner,
        pytest.raises(SessionLost, match=r"421 4\.3\.2 going down") as lost,
    ):
        runner.run(_deliver(_backend(port), feed))
    assert lost.value.code == 421
    assert feed.outcomes() == {"reader0": Outcome.ACCEPTED}


def test_what_is_given_back_has_the_code_that_ended_the_connection() -> None:
    feed = MemoryFeed(messages(1))
    reply = b"421 4.3.2 going down\r\n"
    answer = {**POLITE, "MAIL": reply}.__getitem__
    with scripted(answer) as (port, _), pytest.raises(SessionLost):
        asyncio.run(_deliver(_backend(port), feed))
    assert feed.codes == {"reader0": 421}


@pytest.mark.parametrize("pipelining", [False, True])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_no_text_leaves_while_the_feed_says_that_none_may(stage: str, pipelining: bool) -> None:
    """It is held back, and sent when it may; or given back when the connection is broken off."""
    for ends_well in (True, False):
        feed = MemoryFeed(messages(1))
        commands: list[str] = []

        def answer(command: str, feed: MemoryFeed = feed, commands: list[str] = commands) -> bytes:
            commands.append(command)
            if command == stage:
                feed.is_open = False
            return PIPELINING if command == "EHLO" and pipelining else POLITE[command]

        async def deliver(port: int, feed: MemoryFeed = feed, ends_well: bool = ends_well) -> None:
            delivering = asyncio.create_task(_deliver(_backend(port), feed))
            while feed.is_open or feed.refused < 3:
                await asyncio.sleep(0.001)
            if ends_well:
                feed.is_open = True
            else:
                delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)

        with scripted(answer) as (port, _):
            asyncio.run(deliver(port))
        if ends_well:
            assert feed.outcomes() == {"reader0": Outcome.ACCEPTED}
        else:
            assert "TEXT" not in commands
            assert feed.outcomes() == {}
            assert [each.key for each, _ in feed.returned] == ["reader0"]


def test_when_it_is_cancelled_what_has_not_left_is_given_back() -> None:
    feed = MemoryFeed(messages(3))
    silent = threading.Event()

    async def deliver(port: int) -> None:
        loop, delivering = asyncio.get_running_loop(), asyncio.current_task()
        cancel.append(lambda: loop.call_soon_threadsafe(delivering.cancel))
        await _deliver(_backend(port), feed)

    cancel: list[Callable[[], object]] = []

    def answer(command: str) -> bytes:
        if command == "TEXT":
            silent.set()
            cancel[0]()
        return b"" if silent.is_set() else PIPELINING if command == "EHLO" else POLITE[command]

    with scripted(answer) as (port, _), pytest.raises(asyncio.CancelledError):
        asyncio.run(deliver(port))
    assert feed.outcomes() == {"reader0": Outcome.UNKNOWN}
    assert [each.key for each, _ in feed.returned] == ["reader1"]
    assert feed.in_hand == {}


def test_a_feed_that_fails_is_heard() -> None:
    class Faulty(MemoryFeed):
        def answer(self, result: Result) -> None:
            raise ValueError(f"no such message: {result.key}")

    with running() as server, pytest.raises(ValueError, match="no such message: reader0"):
        asyncio.run(_deliver(_backend(server.port), Faulty(messages(2))))


def test_a_server_that_stops_reading_gets_no_more_than_what_is_under_way() -> None:
    feed = MemoryFeed(messages(100, size=1_000_000))

    done = threading.Event()

    def answer(command: str) -> bytes | None:
        if command == "EHLO":
            return CHUNKING
        done.wait(timeout=60)
        return None

    with scripted(answer) as (port, _texts):
        with pytest.raises(SessionLost, match=r"has read nothing for 0\.5 seconds"):
            asyncio.run(_deliver(_backend(port, host="127.0.0.1", window=100, timeout=0.5), feed))
        done.set()
    assert 1 <= feed.most_in_hand < 50
    assert set(feed.outcomes().values()) == {Outcome.UNKNOWN}
    assert len(feed.outcomes()) == feed.most_in_hand


class _Clock(asyncio.SelectorEventLoop):
    """Time passes when nothing else is to be done, and then at once."""

    def __init__(self) -> None:
        clock = self
        self.now = 0.0

        class Selector(selectors.DefaultSelector):
            def select(self, timeout: float | None = None) -> list[Any]:
                clock.now += timeout or 0
                return super().select(0 if timeout is not None else None)

        super().__init__(Selector())

    def time(self) -> float:
        return self.now


class _Line(asyncio.Transport):
    """A connection to nobody: keeps what is written, and has as much of it left as a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unsent = 0
        self.server: Callable[[bytes], None] = lambda _data: None

    def get_extra_info(self, *_: object) -> "_Line":
        return self

    def setsockopt(self, *_: object) -> None:
        pass

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def write(self, data: Any) -> None:
        self.written += data
        self.server(data)

    def abort(self) -> None:
        pass


def _lost_after(talk: Callable[[SmtpSession, _Line, _Clock], None], feed: MemoryFeed) -> tuple[float, str]:
    """When and why a session with the deadlines of RFC 5321 ends."""
    loop = _Clock()

    async def deliver() -> tuple[float, str]:
        line = _Line()
        dialogue = Dialogue(Extensions(pipelining=True))
        session = SmtpSession(line, dialogue, Deadlines(command=300, text=600))
        talk(session, line, loop)
        with pytest.raises(SessionLost) as lost:
            await session.deliver(feed)
        return loop.time(), str(lost.value)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(deliver())


def test_a_command_waits_five_minutes_for_its_reply() -> None:
    feed = MemoryFeed(messages(2))
    when, why = _lost_after(lambda session, line, loop: None, feed)
    assert 300 <= when < 301
    assert why == "no reply to MAIL within 300 seconds"
    assert [each.key for each, _ in feed.returned] == ["reader0"]


def test_a_text_waits_ten_minutes_for_its_reply() -> None:
    def talk(session: SmtpSession, line: _Line, loop: _Clock) -> None:
        loop.call_at(100, session.data_received, b"250 ok\r\n250 ok\r\n")
        loop.call_at(350, session.data_received, b"354 go\r\n")

    feed = MemoryFeed(messages(2))
    when, why = _lost_after(talk, feed)
    assert 950 <= when < 951
    assert why == "no reply to the text within 600 seconds"
    assert feed.outcomes() == {"reader0": Outcome.UNKNOWN}
    assert [each.key for each, _ in feed.returned] == ["reader1"]


def test_a_reply_that_dribbles_in_is_no_reply() -> None:
    def talk(session: SmtpSession, line: _Line, loop: _Clock) -> None:
        for minute in range(60):
            loop.call_at(60 * minute, session.data_received, b"2" if minute == 0 else b"5")

    when, why = _lost_after(talk, MemoryFeed(messages(1)))
    assert 300 <= when < 301
    assert why == "no reply to MAIL within 300 seconds"


def _reading(bytes_each_200_s: int, of: int) -> Callable[[SmtpSession, _Line, _Clock], None]:
    def talk(session: SmtpSession, line: _Line, loop: _Clock) -> None:
        def read(rest: int) -> None:
            line.unsent = rest

        loop.call_at(1, session.data_received, b"250 ok\r\n250 ok\r\n354 go\r\n")
        for step in range(20):
            loop.call_at(1 + 200 * step, read, of - step * bytes_each_200_s)

    return talk


def test_a_long_text_may_take_its_time_as_long_as_the_server_reads() -> None:
    feed = MemoryFeed(messages(1))
    when, why = _lost_after(_reading(1_000_000, of=20_000_000), feed)
    assert 1 + 19 * 200 + 300 <= when <= 1 + 19 * 200 + 900
    assert why == "the server has read nothing for 300 seconds"
    assert feed.outcomes() == {"reader0": Outcome.UNKNOWN}


def test_a_server_that_reads_a_few_bytes_a_second_is_given_up() -> None:
    feed = MemoryFeed(messages(1))
    when, why = _lost_after(_reading(1000, of=20_000), feed)
    assert 900 <= when <= 1 + 900 + 20_000 / 4096 + 300
    assert why.startswith("the server reads too slowly: ")
    assert feed.outcomes() == {"reader0": Outcome.UNKNOWN}


def test_waiting_for_a_message_is_not_waiting_for_the_server() -> None:
    class Hourly(MemoryFeed):
        async def wait(self) -> bool:
            await asyncio.sleep(3600)
            return await super().wait()

    def talk(session: SmtpSession, line: _Line, loop: _Clock) -> None:
        replies = {b"M": b"250 ok\r\n250 ok\r\n354 go\r\n", b"F": b"250 ok\r\n"}
        line.server = lambda data: loop.call_soon(session.data_received, replies[data[:1]])
        loop.call_at(9000, session.data_received, b"421 4.4.2 idle for too long\r\n")

    when, why = _lost_after(talk, Hourly(messages(3), late=True))
    assert when == 9000
    assert why == "421 4.4.2 idle for too long"
