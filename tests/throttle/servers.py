"""Limits of a server in the simulation: each refuses what is beyond it, and knows how soon it lets a message through.

`find_opening` is what the ideal time follows from: whoever knows the limit sends each message as soon as it may.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from newsletter.mail.reply_concern import Concern, classify_reply
from newsletter.throttle.advice import Evidence

RATE = "451 4.7.1 Rate limit exceeded"
TROUBLE = "451 4.3.0 Error: queue file write error"


@dataclass
class Refusal:
    """A refusal: its reply, and whether the server closes the connection; `is_free`: no sender can avoid it."""

    line: str
    stage: str = "rcpt"
    closes: bool = False
    is_free: bool = False

    @property
    def evidence(self) -> Evidence:
        code, _, words = self.line.partition(" ")
        enhanced, _, rest = words.partition(" ")
        if enhanced.count(".") != 2:
            enhanced, rest = "", words
        return Evidence(self.stage, int(code), enhanced or None, rest)

    @property
    def concern(self) -> Concern:
        evidence = self.evidence
        return classify_reply(evidence.code or 0, evidence.enhanced or "", evidence.reply, evidence.stage)


@dataclass
class Call:
    """A message or a connection as the server sees it."""

    now: float
    reader: int = 0
    carried: int = 0  # by its connection
    open: int = 0  # connections, with this one
    number: int = 0  # of the connection


class Limit:
    """A server without a limit."""

    def refuse_connection(self, call: Call) -> Refusal | None:  # noqa: ARG002  # limits are asked so
        return None

    def refuse(self, call: Call) -> Refusal | None:  # noqa: ARG002  # as above
        return None

    def find_opening(self, now: float) -> float:
        """Return when the next message is let through at the earliest."""
        return now

    def take(self, now: float) -> None:
        """Count a message that is let through."""


class SlidingRate(Limit):
    """So many messages in any `seconds`, of those accepted."""

    def __init__(self, count: int | Callable[[float], int], seconds: float = 1.0, line: str = RATE) -> None:
        self._count, self._seconds, self._line = count, seconds, line
        self._taken: deque[float] = deque()

    def _most(self, now: float) -> int:
        return self._count(now) if callable(self._count) else self._count

    def refuse(self, call: Call) -> Refusal | None:
        if self.find_opening(call.now) > call.now:
            return Refusal(self._line)
        self.take(call.now)
        return None

    def find_opening(self, now: float) -> float:
        while self._taken and self._taken[0] <= now - self._seconds:
            self._taken.popleft()
        beyond = len(self._taken) - self._most(now)
        return now if beyond < 0 else self._taken[beyond] + self._seconds

    def take(self, now: float) -> None:
        self._taken.append(now)


class Bucket(Limit):
    """A bucket of tokens."""

    def __init__(self, per_second: float, capacity: float, line: str = RATE) -> None:
        self._per_second, self._capacity, self._line = per_second, capacity, line
        self._tokens, self._at = capacity, 0.0

    def refuse(self, call: Call) -> Refusal | None:
        if self.find_opening(call.now) > call.now + 1e-9:
            return Refusal(self._line)
        self.take(call.now)
        return None

    def find_opening(self, now: float) -> float:
        tokens = min(self._capacity, self._tokens + self._per_second * (now - self._at))
        return now if tokens >= 1 - 1e-9 else now + (1 - tokens) / self._per_second

    def take(self, now: float) -> None:
        self._tokens = min(self._capacity, self._tokens + self._per_second * (now - self._at)) - 1
        self._at = now


class Window(Limit):
    """So many in each window, which begins with the first message after the one before, or by the clock."""

    def __init__(
        self, count: int, seconds: float, line: str = RATE, *, by_clock: bool = False, counts_refused: bool = False
    ) -> None:
        self._most, self._seconds, self._line, self._by_clock = count, seconds, line, by_clock
        self._counts_refused = counts_refused
        self._began, self._count = float("-inf"), 0

    def _begin(self, now: float) -> None:
        if now >= self._began + self._seconds:
            self._began = now // self._seconds * self._seconds if self._by_clock else now
            self._count = 0

    def refuse(self, call: Call) -> Refusal | None:
        self._begin(call.now)
        if self._count >= self._most:
            return Refusal(self._line)
        self._count += 1
        return None

    def find_opening(self, now: float) -> float:
        if now >= self._began + self._seconds or self._count < self._most:
            return now
        return self._began + self._seconds

    def take(self, now: float) -> None:
        self._begin(now)
        self._count += 1


@dataclass
class Outage(Limit):
    """Everything is refused from `begin` to `end`."""

    begin: float
    end: float
    line: str = TROUBLE
    refuses_connections: bool = False

    def refuse_connection(self, call: Call) -> Refusal | None:
        is_out = self.refuses_connections and self.begin <= call.now < self.end
        return Refusal("421 4.3.2 Service shutting down", "connect") if is_out else None

    def refuse(self, call: Call) -> Refusal | None:
        if not self.begin <= call.now < self.end:
            return None
        if self.refuses_connections:
            return Refusal("421 4.3.2 Service shutting down", closes=True)
        return Refusal(self.line)

    def find_opening(self, now: float) -> float:
        return self.end if self.begin <= now < self.end else now


@dataclass
class OpenConnections(Limit):
    """No more than so many connections at once."""

    most: int
    line: str = "421 4.7.0 localhost Error: too many connections from 127.0.0.1"

    def refuse_connection(self, call: Call) -> Refusal | None:
        return Refusal(self.line, "connect") if call.open > self.most else None


@dataclass
class NewConnections(Limit):
    """No more than so many new connections in each window, as Postfix's anvil counts."""

    count: int
    seconds: float
    _began: float = float("-inf")
    _opened: int = 0

    def refuse_connection(self, call: Call) -> Refusal | None:
        if call.now >= self._began + self.seconds:
            self._began, self._opened = call.now, 0
        self._opened += 1
        if self._opened <= self.count:
            return None
        return Refusal("421 4.7.0 localhost Error: too many connections from 127.0.0.1", "connect")


@dataclass
class SessionMessages(Limit):
    """So many messages of a session."""

    most: int
    line: str = "452 4.5.3 Too many messages sent"
    closes: bool = False

    def refuse(self, call: Call) -> Refusal | None:
        return Refusal(self.line, "mail", closes=self.closes) if call.carried >= self.most else None


@dataclass
class Chance(Limit):
    """A share of the messages is refused, whoever they are to."""

    share: float
    lines: Sequence[str] = (
        "451 4.3.0 Temporary system problem. Try again later",
        "451 Temporary local problem - please try later",
        "450 4.3.2 Service currently unavailable",
    )
    _random: Random = field(default_factory=lambda: Random(22))

    def refuse(self, call: Call) -> Refusal | None:  # noqa: ARG002  # as above
        return Refusal(self._random.choice(self.lines)) if self._random.random() < self.share else None


@dataclass
class Greylisting(Limit):
    """Each reader's first tries are put off for so many seconds."""

    seconds: float
    line: str = "451 4.7.1 Greylisted, please try again later"
    _first: dict[int, float] = field(default_factory=dict)

    def refuse(self, call: Call) -> Refusal | None:
        first = self._first.setdefault(call.reader, call.now)
        if call.now - first >= self.seconds and call.now > first:
            return None
        return Refusal(self.line, is_free=first == call.now)


@dataclass
class FirstSession(Limit):
    """What a client's first sessions carry is put off, as by postscreen's deep protocol tests."""

    sessions: int = 1

    def refuse(self, call: Call) -> Refusal | None:
        return Refusal("450 4.3.2 Service currently unavailable") if call.number <= self.sessions else None


@dataclass
class DeadConnections(Limit):
    """Every second connection is accepted and hears nothing: the client's patience ends it."""

    patience_s: float = 10.0

    def refuse_connection(self, call: Call) -> Refusal | None:
        return Refusal("", "connect", is_free=True) if call.number % 2 == 0 else None
