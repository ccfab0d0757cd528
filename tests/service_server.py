"""`newsletter serve` as a real process, and what it says to clients."""

import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from conftest import ROOT, Publication
from forked import Run

from newsletter.subscribers.secret_keys import create_secret_keys, require_secret_keys
from newsletter.subscribers.tokens import TokenSigner

HOST = "news.example.org"
PATIENCE = 40  # seconds: far more than anything takes, on a machine that is busy with other tests
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ONE_CLICK = b"List-Unsubscribe=One-Click"
# What readers may choose, in three languages.
PREFERENCES = """
[preferences]
topics = { energy = "Energy & climate", trade = "Trade" }
summary = "once a month"
[languages.ja]
title = "太平洋"
summary = "月に一度"
[languages.ja.topics]
energy = "エネルギー"
[languages.ar]
"""
Answer = tuple[int, dict[str, str], bytes]


def served(publication: Publication) -> Publication:
    """Return the publication with a service, and with keys."""
    publication.environ["NEWSLETTER_SERVICE__URL"] = f"https://{HOST}"
    create_secret_keys(publication.root)
    return publication


def made(root: Path) -> Publication:
    """Return a publication for tests that share one; its issue 2.10 has been sent."""
    (root / "drafts").mkdir(parents=True)
    for name in ("newsletter.toml", "drafts/2.10.yaml", "drafts/2.10-lead.jpg"):
        shutil.copyfile(ROOT / name, root / name)
    (root / "drafts/2.10.sent.toml").touch()
    return served(Publication(root))


def token(publication: Publication, reader: str, issue: str = "2.10") -> str:
    workspace = publication.workspace
    return TokenSigner(require_secret_keys(workspace), workspace.config.subscriber_list.id).write(issue, reader)


@dataclass
class Service:
    """A running service, and what it has printed."""

    publication: Publication
    process: Run
    port: int
    printed: list[str] = field(default_factory=list)

    def ask(self, path: str, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Status, headers with small letters, and body."""
        connection = self.connect()
        try:
            return ask(connection, path, method, body, headers)
        finally:
            connection.close()

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def post(self, reader: str, body: bytes = ONE_CLICK, headers: Mapping[str, str] = FORM) -> Answer:
        return self.ask(f"/u/{token(self.publication, reader)}", "POST", body, headers)

    def says(self, words: str) -> None:
        """Wait until it has printed these words."""
        began = time.monotonic()
        while words not in "\n".join(self.printed):
            assert time.monotonic() - began < PATIENCE, "\n".join(self.printed)
            time.sleep(0.02)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE)


def ask(
    connection: HTTPConnection, path: str, method: str = "GET", body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:  # fmt: skip
    connection.request(method, path, body, {"Host": HOST, **(headers or {})})
    answer = connection.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


@contextmanager
def serving(publication: Publication, *args: str) -> Iterator[Service]:
    """Yield the command at a free port, from its printing the address until the end of the context."""
    process = publication.start("serve", *(args or ("--port", "0")))
    printed: list[str] = []

    def read(stream: Any) -> None:
        for line in stream:
            printed.append(line.rstrip("\n"))

    readers = [threading.Thread(target=read, args=[stream], daemon=True) for stream in (process.stdout, process.stderr)]
    for reader in readers:
        reader.start()
    try:
        began, address = time.monotonic(), None
        while address is None:
            running = process.poll() is None
            address = re.search(r"listens at http://127\.0\.0\.1:(\d+)", "\n".join(printed))
            assert running, "\n".join(printed)
            assert time.monotonic() - began < PATIENCE
            time.sleep(0.02)
        yield Service(publication, process, int(address[1]), printed)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(timeout=PATIENCE)
        for reader in readers:
            reader.join(timeout=PATIENCE)
        with process:
            pass  # its pipes are closed
