"""The small server: one that imposes the limits of server_limits.py, over real sockets, and notes all that happens.

It runs in a thread of its own, announces PIPELINING, ENHANCEDSTATUSCODES and SIZE, and throws away what it takes. A
text takes `text_s` seconds, as with a server that writes to a disk before it answers; then the ideal time depends on
the number of connections and not on this machine's processor.
"""

import asyncio
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from observation import Event, Observation
from server_limits import Limit, Refusal

END = b"\r\n.\r\n"
OK = "250 2.0.0 Ok"
NO_MAIL = "503 5.5.1 MAIL comes first"
NO_RECIPIENT = "554 5.5.1 No valid recipients"


class SmallServer:
    """The state that all sessions of a server share."""

    def __init__(
        self,
        limits: Sequence[Limit],
        *,
        text_s: float = 0.0,
        reply_s: float = 0.0,
        banner_s: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.limits = limits
        self.text_s, self.reply_s, self.banner_s = text_s, reply_s, banner_s
        self.observation = Observation()
        self.began = 0.0  # the time of the first connection
        self.tls = tls
        self.greeted = 0  # sessions that are open
        self.sessions = 0
        self.tls_attempts = 0
        self.transports: set[asyncio.Transport] = set()

    def note(self, kind: str, session: int, what: str = "", *, expected: bool = False) -> None:
        self.observation.add(Event(time.monotonic(), kind, session, what, expected))


class SmallSession(asyncio.Protocol):
    """One connection: commands that have come are obeyed one after another, each when the one before is answered."""

    def __init__(self, server: SmallServer) -> None:
        self._server = server
        server.sessions += 1
        self.number = server.sessions
        self.carried = 0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self.recipient = ""
        self._buffer = bytearray()
        self._searched = 0
        self._in_text = False
        self._busy = True  # until the banner is out
        self._closing = False
        self._is_greeted = False
        self._mail = False
        self._out: deque[bytes] = deque()
        self._replies: list[bytes] = []

    @property
    def now(self) -> float:
        """Return seconds since the server's first connection."""
        return time.monotonic() - self._server.began

    @property
    def open_sessions(self) -> int:
        """Return how many sessions the server has greeted and has now, with this one."""
        return self._server.greeted + (not self._is_greeted)

    @property
    def tls_attempts(self) -> int:
        """Return how often the server has obeyed STARTTLS, with this time."""
        return self._server.tls_attempts

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        server = self._server
        server.began = server.began or time.monotonic()
        server.transports.add(self._transport)
        server.note("connect", self.number)
        if self._ask("connect") is None:
            self._loop.call_later(server.banner_s, self._greet)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's
        self._server.greeted -= self._is_greeted
        self._server.transports.discard(self._transport)
        self._closing = True
        self._server.note("close", self.number, str(self.carried))

    def _greet(self) -> None:
        if self._closing:
            return
        refusal = self._ask("banner")
        self._is_greeted = refusal is None
        self._server.greeted += self._is_greeted
        self._busy = False
        self._reply(refusal.line if refusal else "220 small.example.org ESMTP")
        self._flush()
        self._obey()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._obey()

    def _obey(self) -> None:
        """Obey what is in the buffer, as far as it is whole and nothing before it takes its time."""
        while not self._busy and not self._closing and self._obey_next():
            pass
        self._flush()

    def _obey_next(self) -> bool:
        buffer = self._buffer
        if self._in_text:
            found = buffer.find(END, max(0, self._searched - len(END)))
            if found < 0:
                self._searched = len(buffer)
                return False
            del buffer[: found + len(END)]
            self._in_text = False
            self._take_text()
            return True
        found = buffer.find(b"\n")
        if found < 0:
            return False
        line = bytes(buffer[:found]).strip()
        del buffer[: found + 1]
        self._obey_line(line)
        return True

    def _obey_line(self, line: bytes) -> None:
        server = self._server
        command = line[:4].upper()
        if command == b"EHLO":
            tls = "250-STARTTLS\r\n" if server.tls and not self._transport.get_extra_info("ssl_object") else ""
            self._reply(f"250-small.example.org\r\n{tls}250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 10240000")
        elif command == b"MAIL":
            refusal = self._ask("mail")
            self._mail, self.recipient = refusal is None, ""
            self._reply(refusal.line if refusal else OK)
        elif command == b"RCPT":
            self._obey_recipient(line)
        elif command == b"DATA":
            self._in_text = bool(self.recipient)
            self._searched = 0
            self._reply("354 Go on" if self.recipient else NO_RECIPIENT if self._mail else NO_MAIL)
        elif command == b"STAR":
            self._start_tls()
        elif command == b"QUIT":
            self._reply("221 2.0.0 Bye")
            self._flush()
            self._close()
        else:
            self._mail, self.recipient = False, ""
            self._reply(OK)

    def _obey_recipient(self, line: bytes) -> None:
        if not self._mail:
            self._reply(NO_MAIL)
            return
        self.recipient = line.split(b"<", 1)[-1].split(b">", 1)[0].decode("ascii", "replace")
        refusal = self._ask("rcpt")
        if refusal is not None:
            self.recipient = ""
        self._reply(refusal.line if refusal else OK)

    def _take_text(self) -> None:
        if self._server.text_s:
            self._busy = True
            self._flush()
            self._loop.call_later(self._server.text_s, self._finish_text)
        else:
            self._finish_text()

    def _finish_text(self) -> None:
        if self._closing:
            return
        refusal = self._ask("text")
        if refusal is None:
            self.carried += 1
            self._server.note("accept", self.number, self.recipient)
        self._mail, self.recipient = False, ""
        self._reply(refusal.line if refusal else OK)
        if self._ask("done") is not None:
            self._flush()
            self._close()
        elif self._busy:
            self._busy = False
            self._obey()

    def _ask(self, stage: str) -> Refusal | None:
        """Return the first limit's refusal."""
        for limit in self._server.limits:
            refusal = limit.refuse(stage, self)
            if refusal is not None:
                self._server.note("refuse", self.number, f"{stage}: {refusal.line}", expected=refusal.expected)
                return refusal
        return None

    def _start_tls(self) -> None:
        server = self._server
        if server.tls is None:
            self._reply("502 5.5.1 Not implemented")
            return
        server.tls_attempts += 1
        self._transport.write(b"220 2.0.0 Ready\r\n")
        self._busy = True
        self._buffer.clear()
        if self._ask("starttls") is not None:
            self._loop.call_later(0.01, self._break_handshake)
        else:
            self._handshake = self._loop.create_task(self._shake_hands(server.tls))

    def _break_handshake(self) -> None:
        self._transport.write(b"500 no handshake, but a line of text\r\n")
        self._transport.close()

    async def _shake_hands(self, context: ssl.SSLContext) -> None:
        try:
            transport = await self._loop.start_tls(self._transport, self, context, server_side=True)
        except (OSError, ssl.SSLError):
            return
        self._transport = cast("asyncio.Transport", transport)
        self._busy = False
        self._obey()

    def _reply(self, line: str) -> None:
        self._replies.append(line.encode("ascii") + b"\r\n")
        if line.startswith("421"):
            self._flush()
            self._close()

    def _flush(self) -> None:
        """Write the replies gathered so far: at once, or after the server's delay, in their order."""
        if not self._replies:
            return
        self._out.append(b"".join(self._replies))
        self._replies.clear()
        if self._server.reply_s:
            self._loop.call_later(self._server.reply_s, self._write_next)
        else:
            self._write_next()

    def _write_next(self) -> None:
        data = self._out.popleft()
        if not self._transport.is_closing():
            self._transport.write(data)
            if self._closing and not self._out:
                self._transport.close()

    def _close(self) -> None:
        """Close the connection once what was replied is out."""
        self._closing = True
        if not self._out:
            self._transport.close()


@contextmanager
def running(server: SmallServer) -> Iterator[int]:
    """Run the server for the time of the context; yield its port."""
    ready = threading.Event()
    ports: list[int] = []
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        listening = await loop.create_server(lambda: SmallSession(server), "127.0.0.1", 0, backlog=256)
        ports.append(listening.sockets[0].getsockname()[1])
        ready.set()
        await over.wait()
        listening.close()
        for transport in list(server.transports):
            transport.abort()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
