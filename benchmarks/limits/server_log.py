"""A real server's log, read while it is written, as the events of an observation."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from observation import Event, Observation

LOOK_EVERY_S = 0.02
SETTLE_S = 0.5  # in which the log has what happened before the send

# kind, and the groups `what` (words or an address) and `id` (of a message in the queue, to tell when it was accepted)
Patterns = Sequence[tuple[str, re.Pattern[str]]]

POSTFIX: Patterns = (
    ("notice", re.compile(r"qmgr\[\d+\]: (?P<id>\w+): from=<>.*\(queue active\)")),
    ("queued", re.compile(r"qmgr\[\d+\]: (?P<id>\w+): from=<.*\(queue active\)")),
    ("accept", re.compile(r": (?P<id>\w+): to=<(?P<what>[^>]*)>.* status=sent ")),
    ("refuse", re.compile(r"NOQUEUE: reject: (?P<what>(?:MAIL|RCPT) from .*)")),
    ("refuse", re.compile(r"warning: (?P<what>(?:Connection concurrency|Connection rate) limit exceeded.*)")),
    ("refuse", re.compile(r"warning: (?P<what>(?:Message delivery request|Recipient address) rate limit exceeded.*)")),
    ("refuse", re.compile(r"(?P<what>too many errors after .*)")),
    ("connect", re.compile(r"(?:smtpd|postscreen)\[\d+\]: (?:connect|CONNECT) from \S+")),
    ("close", re.compile(r"(?:smtpd|postscreen)\[\d+\]: (?:disconnect|DISCONNECT|HANGUP|PASS) .*")),
)


class ServerLog:
    """A thread that reads what a server appends to its log."""

    def __init__(
        self, path: Path, patterns: Patterns, observation: Observation, is_expected: Callable[[str], bool] | None = None
    ) -> None:
        self._path, self._patterns, self._observation = path, patterns, observation
        self._is_expected = is_expected
        self._queued: dict[str, float] = {}  # when, by the message's number
        self._done: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Read from the log's end on, for the time of the context."""
        time.sleep(SETTLE_S)
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()

    def _follow(self) -> None:
        with self._path.open(encoding="utf-8", errors="replace") as file:
            file.seek(0, 2)
            rest = ""
            while True:
                over = self._over.is_set()
                rest += file.read()
                *lines, rest = rest.split("\n")
                now = time.monotonic()
                for line in lines:
                    self._read(line, now)
                if over:
                    return
                time.sleep(LOOK_EVERY_S)

    def _read(self, line: str, now: float) -> None:
        for kind, pattern in self._patterns:
            found = pattern.search(line)
            if found is None:
                continue
            groups = found.groupdict()
            what, number = groups.get("what") or "", groups.get("id") or ""
            if kind == "queued":
                self._queued.setdefault(number, now)
                return
            if kind == "notice":
                self._done.add(number)
                return
            at = now
            if kind == "accept" and number:
                # Once, whatever the server does with it later; and not the server's own notices, which have no sender.
                at = self._queued.pop(number, now)
                if number in self._done:
                    return
                self._done.add(number)
            expected = kind == "refuse" and self._is_expected is not None and self._is_expected(what)
            self._observation.add(Event(at, kind, 0, what, expected))
            return
