"""A web server on loopback that a test fills with pages, among them those that no server should give.

It speaks HTTP itself, so that it can break its rules: an answer is any bytes, sent in any pieces. It counts what it is
asked, and how many requests of one host are under way at once.
"""

import asyncio
import socket
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Self
from urllib.parse import quote, unquote

from newsletter.fetching.address_guard import AllowedHosts, IPAddress

LOOPBACK = AllowedHosts.parse(["127.0.0.0/8", "::1"])


@dataclass(frozen=True)
class PageRequest:
    """What a client asked: `host` is the Host header without its port, `path` comes with the query, unquoted."""

    method: str
    host: str
    path: str
    headers: Mapping[str, str]


Answer = Callable[[PageRequest], AsyncIterator[bytes]]


def page(
    body: bytes | str = "<p>Here it is.</p>",
    status: int = 200,
    *,
    kind: str = "text/html; charset=utf-8",
    **headers: str,
) -> Answer:
    """Return an answer with that body; underscores in a header's name stand for hyphens."""
    content = body.encode() if isinstance(body, str) else body
    lines = {"Content-Type": kind, "Content-Length": str(len(content))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(
        [f"HTTP/1.1 {status} Status\r\n", *(f"{name}: {value}\r\n" for name, value in lines.items()), "\r\n"]
    )

    async def answer(request: PageRequest) -> AsyncIterator[bytes]:
        yield head.encode("latin-1") + (b"" if request.method == "HEAD" else content)

    return answer


def redirect(to: str, status: int = 302, **headers: str) -> Answer:
    """Return an answer that sends the client elsewhere."""
    return page("", status, Location=to, **headers)


def raw(pieces: Iterable[bytes], *, pause: float = 0) -> Answer:
    """Return an answer of those bytes, head included, with a pause in seconds before each piece; then it hangs up."""

    async def answer(request: PageRequest) -> AsyncIterator[bytes]:
        for piece in pieces:
            await asyncio.sleep(pause)
            yield piece
        yield b""

    return answer


def by_method(**answers: Answer) -> Answer:
    """Return an answer that depends on the method: `by_method(HEAD=page(status=405), GET=page())`."""
    return lambda request: answers[request.method](request)


async def never(request: PageRequest) -> AsyncIterator[bytes]:
    """Answer nothing at all."""
    await asyncio.sleep(3600)
    yield b""


@dataclass
class PageServer:
    """A server to use in a `with` statement. Pages can be added while it runs; what it does not know is 404.

    A path of `pages` may have a host before it, `example.org/page`, which comes first. `delay` is in seconds.
    """

    pages: dict[str, Answer] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    delay: float = 0
    port: int = 0
    requests: list[PageRequest] = field(default_factory=list)
    most_at_once: Counter[str] = field(default_factory=Counter)
    _under_way: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def address(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """Return a page's whole address."""
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{quote(path, safe='/?=&%+~;,')}"

    def count(self, path: str) -> int:
        """Return how many times a path was asked for."""
        return sum(request.path == path for request in self.requests)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(ready))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self, ready: threading.Event) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", self.port, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()
        open_ones = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            while await self._answer(reader, writer):
                pass
        with suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection stays open."""
        first = await reader.readexactly(1)
        if first == b"\x16":  # a TLS handshake, to which web servers answer like this
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return False
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        host = headers.get("host", "").rsplit(":", 1)[0]
        path = unquote(path)
        request = PageRequest(method, host, path, headers)
        self.requests.append(request)
        for key in (host, ""):
            self._under_way[key] += 1
            self.most_at_once[key] = max(self.most_at_once[key], self._under_way[key])
        try:
            await asyncio.sleep(self.delay)
            plain = path.partition("?")[0]
            known = (f"{host}{path}", f"{host}{plain}", path, plain)
            answer = next((self.pages[key] for key in known if key in self.pages), page("", 404))
            async for piece in answer(request):
                if not piece:
                    return False
                writer.write(piece)
                await writer.drain()
        finally:
            for key in (host, ""):
                self._under_way[key] -= 1
        return True


@dataclass
class Names:
    """A resolver that knows what a test says and nothing else, for `WebClient(resolve=...)`.

    Each name has a list of answers; every look-up takes the next one, and the last one stays.
    """

    answers: dict[str, list[list[str]]] = field(default_factory=dict)
    everything: str = ""
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str) -> list[IPAddress]:
        self.asked.append(host)
        left = self.answers.get(host, [[self.everything]] if self.everything else [])
        if not left:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        found = left.pop(0) if len(left) > 1 else left[0]
        return [ip_address(address) for address in found]
