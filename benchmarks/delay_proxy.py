"""A long way to a server on this machine: all bytes arrive half a round trip later, in their order.

    python benchmarks/delay_proxy.py 127.0.0.1 2525 --ms 80

Bandwidth is not limited: any number of bytes is under way at once, as on a fast line across an ocean. Timers are
kept by select(2), which wakes within a tenth of a millisecond; epoll rounds up to whole ones, twice a round trip.
"""

import asyncio
import selectors
import socket
import threading
import time
from argparse import ArgumentParser
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

GREETINGS = 6000  # bytes that the commands before a first text do not come to, with a login and TLS
COMMANDS = 500  # bytes that a QUIT does not come to, with TLS around it


@dataclass
class Passage:
    """What passed on one connection, and when its first and its last text came from the client."""

    up: int = 0
    first_text: float = 0.0
    last_text: float = 0.0


@dataclass
class Way:
    """The proxy as its user sees it."""

    port: int
    passages: list[Passage] = field(default_factory=list)

    def received(self) -> int:
        """Bytes that have come from clients, on all connections."""
        return sum(passage.up for passage in self.passages)


class Half(asyncio.Protocol):
    """One direction's beginning: takes bytes, and hands them to the other end when their time has come."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._under_way: deque[tuple[float, bytes | None]] = deque()
        self._waiting = False
        self.transport: asyncio.Transport | None = None
        self.other: Half | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # for the type checker
        self.transport = transport
        self._arrange()

    def data_received(self, data: bytes) -> None:
        self._send(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._send(None)

    def joined(self, other: "Half") -> None:
        self.other = other
        self._arrange()

    def _send(self, data: bytes | None) -> None:
        self._under_way.append((self._loop.time() + self._delay, data))
        self._arrange()

    def _arrange(self) -> None:
        if self._under_way and not self._waiting and self.other is not None and self.other.transport is not None:
            self._waiting = True
            self._loop.call_at(self._under_way[0][0], self._arrive)

    def _arrive(self) -> None:
        self._waiting = False
        transport = self.other.transport if self.other else None
        while transport and self._under_way and self._under_way[0][0] <= self._loop.time():
            data = self._under_way.popleft()[1]
            if data is None:
                transport.close()
            elif not transport.is_closing():
                transport.write(data)
        self._arrange()


class FromClient(Half):
    def __init__(self, delay: float, host: str, port: int, passage: Passage) -> None:
        super().__init__(delay)
        self._server = (host, port)
        self._passage = passage
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connecting = self._loop.create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        self._passage.up += len(data)
        if self._passage.up > GREETINGS and len(data) > COMMANDS:
            self._passage.last_text = time.perf_counter()
            self._passage.first_text = self._passage.first_text or self._passage.last_text
        super().data_received(data)

    async def _connect(self) -> None:
        try:
            _, server = await self._loop.create_connection(lambda: Half(self._delay), *self._server)
        except OSError:
            self.transport and self.transport.abort()
        else:
            server.joined(self)
            self.joined(server)


@contextmanager
def way_to(host: str, port: int, round_trip: float) -> Iterator[Way]:
    """Yield a proxy in a thread of its own, which listens on a free port of 127.0.0.1. `round_trip` in seconds."""
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    way = Way(0)

    def accept() -> FromClient:
        way.passages.append(Passage())
        return FromClient(round_trip / 2, host, port, way.passages[-1])

    listening = loop.run_until_complete(loop.create_server(accept, "127.0.0.1", 0, backlog=256))
    way.port = listening.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield way
    finally:
        loop.call_soon_threadsafe(listening.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


def ping(port: int, times: int = 20) -> float:
    """Seconds from a NOOP to its reply, the median; a new connection's greeting comes first."""
    took = []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection.makefile("rb") as replies:
            replies.readline()
            for _ in range(times):
                began = time.perf_counter()
                connection.sendall(b"NOOP\r\n")
                replies.readline()
                took.append(time.perf_counter() - began)
            connection.sendall(b"QUIT\r\n")
            replies.read()
    return median(took)


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--ms", type=float, default=80, help="of round trip (80)")
    options = parser.parse_args()
    with way_to(options.host, options.port, options.ms / 1000) as way:
        print(f"127.0.0.1:{way.port}; a NOOP takes {1000 * ping(way.port):.1f} ms. Ctrl-C ends.", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
