"""A way to a database that stops: what a worker sends waits there, and nothing comes back, until it goes on."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class DatabaseProxy:
    """A proxy on a free loopback port, on a thread of its own."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._loop: asyncio.AbstractEventLoop
        self._open: asyncio.Event
        self._ended: asyncio.Event
        self._writers: set[asyncio.StreamWriter] = set()

    def stop(self) -> None:
        """Let nothing through any more, as a cable that is unplugged; no connection is closed."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def go_on(self) -> None:
        """Let all through again, what has waited first."""
        self._loop.call_soon_threadsafe(self._open.set)

    def cut(self) -> None:
        """Close every connection."""

        def close() -> None:
            for writer in self._writers:
                writer.transport.abort()

        self._loop.call_soon_threadsafe(close)

    def lead_to(self, target: int) -> None:
        """Close every connection, and lead the next ones to another server, as a name that was pointed at it does."""
        self._target = target
        self.cut()

    def end(self) -> None:
        """Close every connection, and listen no more."""
        self._loop.call_soon_threadsafe(self._ended.set)

    async def serve(self, ready: threading.Event) -> None:
        """Pass on what comes until `end` is called."""
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._ended.wait()
        server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:  # it is being restarted
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        try:
            await asyncio.wait(
                [asyncio.create_task(self._copy(reader, back)), asyncio.create_task(self._copy(there, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            for end in (writer, back):
                end.transport.abort()
                self._writers.discard(end)

    async def _copy(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                await self._open.wait()
                to.write(data)
                await to.drain()


@contextmanager
def proxying(target: int) -> Iterator[DatabaseProxy]:
    """Yield a proxy of the server at a port of this machine, for the time of the context."""
    proxy = DatabaseProxy(target)
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(proxy.serve(ready)), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield proxy
    finally:
        proxy.end()
        thread.join(10)
