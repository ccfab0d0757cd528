"""An SMTP server that stands still ends each connection in a bounded time, whatever it stands still at."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from feeds import MemoryFeed, messages
from smtp_server import serving_in_thread

from newsletter.backends import SessionLost, Unreachable
from newsletter.backends.smtp import SmtpBackend
from newsletter.mail.message import Outcome

STARTTLS = b"250-localhost\r\n250 STARTTLS\r\n"
AUTH = b"250-localhost\r\n250 AUTH LOGIN\r\n"
STEP_S = 0.15
BOUND_S = 30.0  # no measure: it ends a test that would last for ever


@contextmanager
def _saying(replies: Sequence[bytes], *, slowly: bytes = b"") -> Iterator[int]:
    """Yield the port of a server that says one reply at once and one after each line, and then no more.

    What is said `slowly` comes for ever, a byte every 50 ms, which never ends a reply.
    """
    over = threading.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for number, reply in enumerate(replies):
                if number:
                    await reader.readline()
                writer.write(reply)
            while not over.is_set():
                await asyncio.sleep(0.05)
                if slowly:
                    writer.write(slowly)
        finally:
            writer.close()

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(talk, "127.0.0.1", 0)

    with serving_in_thread(listen) as listening:
        yield listening.sockets[0].getsockname()[1]
        over.set()


def _backend(port: int, **settings: object) -> SmtpBackend:
    chosen = {"host": "127.0.0.1", "security": "none", "connect_timeout": STEP_S, "timeout": STEP_S, **settings}
    return SmtpBackend(SmtpBackend.Settings(**chosen, port=port), Path())


async def _deliver(backend: SmtpBackend, feed: MemoryFeed) -> None:
    async with asyncio.timeout(BOUND_S), backend.connect() as session:
        await session.deliver(feed)


LOGIN = {"username": "digest", "password": "secret"}
STANDING_STILL = {
    "no banner": ([b""], b"", {}, "connect"),
    "a banner a byte at a time": ([b"220"], b"-", {}, "connect"),
    "a banner without an end": ([b"220-welcome\r\n"], b"220-and wait\r\n", {}, "connect"),
    "no reply to EHLO": ([b"220 ready\r\n"], b"", {}, "ehlo"),
    "no reply to STARTTLS": ([b"220 ready\r\n", STARTTLS], b"", {"security": "starttls"}, "starttls"),
    "STARTTLS without TLS": (
        [b"220 ready\r\n", STARTTLS, b"220 go\r\n"], b"", {"security": "starttls"}, "starttls",
    ),
    "TLS of one byte after another": (
        [b"220 ready\r\n", STARTTLS, b"220 go\r\n\x16\x03\x03"], b"\x00", {"security": "starttls"}, "starttls",
    ),
    "no TLS from the start": ([b""], b"", {"security": "tls"}, "connect"),
    "no reply to AUTH": ([b"220 ready\r\n", AUTH], b"", LOGIN, "auth"),
    "no reply to the password": ([b"220 ready\r\n", AUTH, b"334 VXNlcm5hbWU6\r\n"], b"", LOGIN, "auth"),
}  # fmt: skip


@pytest.mark.parametrize("how", STANDING_STILL)
def test_a_server_that_stands_still_before_the_login_is_left(how: str) -> None:
    replies, slowly, settings, stage = STANDING_STILL[how]
    with _saying(replies, slowly=slowly) as port, pytest.raises(Unreachable) as refused:
        asyncio.run(_deliver(_backend(port, **settings), MemoryFeed([])))
    assert refused.value.stage == stage
    assert refused.value.code is None


def test_steps_that_are_each_in_time_take_no_more_than_two_of_them_together() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for reply in (b"220 ready\r\n", AUTH, b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"235 ok\r\n"):
                await asyncio.sleep(0.8 * 0.5)
                writer.write(reply)
                await reader.readline()
        finally:
            writer.close()

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(talk, "127.0.0.1", 0)

    with serving_in_thread(listen) as listening:
        backend = _backend(listening.sockets[0].getsockname()[1], connect_timeout=0.5, **LOGIN)
        with pytest.raises(Unreachable, match="did not answer within"):
            asyncio.run(_deliver(backend, MemoryFeed([])))


GREETED = [b"220 ready\r\n", b"250 ok\r\n"]


@pytest.mark.parametrize("slowly", [b"", b"2", b"250-wait\r\n"])
def test_a_reply_that_does_not_end_gives_the_message_back(slowly: bytes) -> None:
    feed = MemoryFeed(messages(1))
    with _saying(GREETED, slowly=slowly) as port, pytest.raises(SessionLost, match="no reply to MAIL within"):
        asyncio.run(_deliver(_backend(port, connect_timeout=5.0, timeout=0.3), feed))
    assert feed.outcomes() == {}
    assert [each.key for each, _ in feed.returned] == ["reader0"]


def test_a_text_without_a_reply_is_unknown() -> None:
    feed = MemoryFeed(messages(1))
    replies = [*GREETED, b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"]
    with _saying(replies) as port, pytest.raises(SessionLost, match="no reply to the text within"):
        asyncio.run(_deliver(_backend(port, connect_timeout=5.0, timeout=5.0, text_timeout=0.3), feed))
    assert feed.outcomes() == {"reader0": Outcome.UNKNOWN}
