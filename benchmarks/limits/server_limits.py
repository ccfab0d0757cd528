"""Limits that the small server imposes, each one class; a server may have several at once.

A limit is asked at each stage of a session, in the stages' order: connect, banner, starttls, mail, rcpt, text, and
done, after a message was accepted. It returns a refusal, or None.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol


@dataclass(frozen=True)
class Refusal:
    """A reply that refuses; the server closes the connection after one that begins with 421.

    Without a line the server says nothing: it never greets (at connect), breaks the handshake (at starttls), or closes
    the connection (when done). `expected`: the refusal is about a reader, or a part of how the server works, and no
    sender can do without it (a full mailbox, the first try of greylisting). Those are not counted against the sender.
    """

    line: str = ""
    expected: bool = False


class Session(Protocol):
    """A session, as far as limits look at it."""

    number: int  # of the server's sessions, from 1
    carried: int  # messages accepted so far
    recipient: str

    @property
    def now(self) -> float:
        """Return seconds since the server's first connection."""

    @property
    def open_sessions(self) -> int:
        """Return how many sessions the server has greeted and has now, with this one."""

    @property
    def tls_attempts(self) -> int:
        """Return how often the server has obeyed STARTTLS, with this time."""


class Limit(Protocol):
    """What a server imposes."""

    def refuse(self, stage: str, session: Session) -> Refusal | None:
        """Return the refusal of what a session asks for at a stage, or None."""


@dataclass
class SessionMessages:
    """A session carries so many messages: the MAIL after them is refused."""

    most: int
    line: str = "421 4.7.0 Too many messages in this session, closing"

    def refuse(self, stage: str, session: Session) -> Refusal | None:
        return Refusal(self.line) if stage == "mail" and session.carried >= self.most else None


@dataclass
class SessionEnd:
    """The server closes the connection after so many messages, without a reply."""

    most: int

    def refuse(self, stage: str, session: Session) -> Refusal | None:
        return Refusal(expected=True) if stage == "done" and session.carried >= self.most else None


@dataclass
class OpenConnections:
    """Each connection beyond so many at once is refused in place of the banner."""

    most: int
    line: str = "421 4.7.0 Too many concurrent connections from this address"

    def refuse(self, stage: str, session: Session) -> Refusal | None:
        return Refusal(self.line) if stage == "banner" and session.open_sessions > self.most else None


class Rate:
    """So many messages within any second; the others are refused at a stage.

    `per_second` may be a function of the time. Refused messages don't count.
    """

    def __init__(self, per_second: float | Callable[[float], float], line: str, stage: str = "mail") -> None:
        self._per_second = per_second
        self._line = line
        self._stage = stage
        self._taken: deque[float] = deque()

    def refuse(self, stage: str, session: Session) -> Refusal | None:
        if stage != self._stage:
            return None
        now = session.now
        while self._taken and self._taken[0] <= now - 1:
            self._taken.popleft()
        if len(self._taken) + 1 > (self._per_second(now) if callable(self._per_second) else self._per_second):
            return Refusal(self._line)
        self._taken.append(now)
        return None


class TokenBucket:
    """So many messages a second, and as many at once as the bucket holds, as Amazon SES counts."""

    def __init__(self, per_second: float, capacity: float, line: str) -> None:
        self._per_second, self._capacity, self._line = per_second, capacity, line
        self._tokens = capacity
        self._at = 0.0

    def refuse(self, stage: str, session: Session) -> Refusal | None:
        if stage != "text":
            return None
        now = session.now
        self._tokens = min(self._capacity, self._tokens + self._per_second * (now - self._at))
        self._at = now
        if self._tokens < 1:
            return Refusal(self._line)
        self._tokens -= 1
        return None


class Window:
    """So many messages in each window, which begins with the first message after the one before it is over."""

    def __init__(self, most: int, seconds: float, line: str) -> None:
        self._most, self._seconds, self._line = most, seconds, line
        self._began = float("-inf")
        self._count = 0

    def refuse(self, stage: str, session: Session) -> Refusal | None:
        if stage != "rcpt":
            return None
        if session.now - self._began >= self._seconds:
            self._began, self._count = session.now, 0
        if self._count >= self._most:
            return Refusal(self._line)
        self._count += 1
        return None


@dataclass
class Outage:
    """Every recipient is refused until so many seconds after the first connection."""

    seconds: float
    line: str = "451 4.3.0 Error: queue file write error"

    def refuse(self, stage: str, session: Session) -> Refusal | None:
        return Refusal(self.line) if stage == "rcpt" and session.now < self.seconds else None


class Greylisting:
    """Each recipient is refused until so many seconds after the first try for it."""

    def __init__(self, seconds: float, line: str = "451 4.7.1 Greylisted, please try again later") -> None:
        self._seconds, self._line = seconds, line
        self._first: dict[str, float] = {}

    def refuse(self, stage: str, session: Session) -> Refusal | None:
        if stage != "rcpt":
            return None
        if session.recipient not in self._first:
            self._first[session.recipient] = session.now
            return Refusal(self._line, expected=True)
        return Refusal(self._line) if session.now - self._first[session.recipient] < self._seconds else None


@dataclass
class FullMailboxes:
    """One mailbox in so many is full, and stays so."""

    every: int
    line: str = "452 4.2.2 Mailbox full"

    def is_full(self, address: str) -> bool:
        digits = "".join(filter(str.isdigit, address))
        return int(digits) % self.every == self.every - 1

    def refuse(self, stage: str, session: Session) -> Refusal | None:
        return Refusal(self.line, expected=True) if stage == "rcpt" and self.is_full(session.recipient) else None


class RandomFailures:
    """A share of the recipients is refused for a while, whoever they are."""

    LINES = (
        "451 4.3.0 Temporary system problem. Try again later",
        "451 Temporary local problem - please try later",
        "450 4.3.2 Service currently unavailable",
    )

    def __init__(self, share: float) -> None:
        self._share = share
        self._random = Random(22)  # noqa: S311  # the same course in every run

    def refuse(self, stage: str, session: Session) -> Refusal | None:  # noqa: ARG002  # limits are asked so
        if stage != "rcpt" or self._random.random() >= self._share:
            return None
        return Refusal(self._random.choice(self.LINES))


class DeadConnections:
    """Every second connection is accepted and hears nothing."""

    def refuse(self, stage: str, session: Session) -> Refusal | None:
        return Refusal(expected=True) if stage == "connect" and session.number % 2 == 0 else None


@dataclass
class BrokenTls:
    """One TLS handshake in so many fails."""

    every: int

    def refuse(self, stage: str, session: Session) -> Refusal | None:
        broken = stage == "starttls" and session.tls_attempts % self.every == 0
        return Refusal(expected=True) if broken else None
