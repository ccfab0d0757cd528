"""`newsletter preview` as a real process, and what it says to a browser."""

import json
import queue
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from conftest import Publication
from forked import Run
from playwright.sync_api import BrowserContext

PATIENCE = 60  # seconds: far more than anything takes, on a machine that is busy with other tests


@dataclass
class Preview:
    """A running preview: its address, the cookie that is let in there, and what it has printed."""

    process: Run
    port: int
    address: str
    cookie: str
    printed: list[str] = field(default_factory=list)

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers with small letters, and body; with the cookie, unless `headers` have another."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.putrequest(method, path, skip_host=bool(headers and "Host" in headers))
        for name, value in {"Cookie": self.cookie, **(headers or {})}.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content

    def text(self, path: str) -> str:
        status, _, body = self.ask(path)
        assert status == 200, body
        return body.decode()

    def let_in(self, context: BrowserContext) -> None:
        """As if its address had been opened there."""
        name, _, value = self.cookie.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": f"http://127.0.0.1:{self.port}", "httpOnly": True,
                              "sameSite": "Strict"}])  # fmt: skip

    def token(self) -> str:
        return re.findall('name="preview-token" content="([^"]+)"', self.text("/2.10"))[0]

    def states(self, draft: str = "2.10", reader: str = "") -> Iterator[dict[str, Any]]:
        """Each state as the page gets it, the present one first."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", f"/{draft}/events?reader={reader}", headers={"Cookie": self.cookie})
        answer: HTTPResponse = connection.getresponse()
        try:
            last = time.monotonic()
            while line := answer.readline():
                assert time.monotonic() - last < PATIENCE, "no other state came"
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])
                    last = time.monotonic()
        finally:
            connection.close()

    def until(self, good: Callable[[dict[str, Any]], object], draft: str = "2.10", reader: str = "") -> dict[str, Any]:
        """Return the first state that is as it should be."""
        seen = []
        began = time.monotonic()
        for state in self.states(draft, reader):
            if good(state):
                return state
            seen.append(state)
            if time.monotonic() - began > PATIENCE:
                break
        raise AssertionError(f"It never came to that: {seen[-1:]}")

    def says(self, words: str) -> None:
        """Wait until the terminal shows these words."""
        began = time.monotonic()
        while words not in "\n".join(self.printed):
            assert time.monotonic() - began < PATIENCE, "\n".join(self.printed)
            time.sleep(0.02)

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE)


@contextmanager
def previewing(publication: Publication, *args: str, no_open: bool = True, enter: bool = True) -> Iterator[Preview]:
    """Yield the command from its printing the address until the context ends; `enter` opens the address."""
    process = publication.start("preview", *(["--no-open"] if no_open else []), *args)
    lines: queue.Queue[str] = queue.Queue()
    printed: list[str] = []

    def read(stream: Any) -> None:
        for line in stream:
            printed.append(line.rstrip("\n"))
            lines.put(line)
        lines.put("")

    readers = [threading.Thread(target=read, args=[stream], daemon=True) for stream in (process.stdout, process.stderr)]
    for reader in readers:
        reader.start()
    try:
        address = None
        while address is None:
            line = lines.get(timeout=PATIENCE)
            assert line, "\n".join(printed)
            address = re.search(r"(http://127\.0\.0\.1:(\d+)(/[^\s?]+))(\?key=\S+)", line)
        preview = Preview(process, int(address[2]), address[1], "", printed)
        if enter:
            _, headers, _ = preview.ask(address[3] + address[4])
            preview.cookie = headers["set-cookie"].partition(";")[0]
        yield preview
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=PATIENCE)
        for reader in readers:
            reader.join(timeout=PATIENCE)
        with process:
            pass  # its pipes are closed
