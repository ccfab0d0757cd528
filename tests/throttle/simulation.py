"""A simulation of a send in virtual time: the real Throttle, and connections as a worker has them, before a server.

The server's limits are those of servers.py. A message reaches the server at its departure, and is answered `text_s`
seconds later, a refusal `refusal_s` seconds later. A connection may have `window` messages under way, of which the
server looks at one after another.
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import inf

from throttle.servers import Call, Limit, Refusal

from newsletter.backends import Limits
from newsletter.mail.reply_concern import Concern
from newsletter.throttle.advice import Evidence
from newsletter.throttle.controller import Throttle
from newsletter.throttle.learned import LearnedLimits

CONNECTIONS = 10
WAITS = (300.0, 1800.0, 7200.0)
_LOGIN_S = 0.002  # from the banner until messages may leave
_MIDNIGHT = 20_000 * 86400.0  # seconds since 1970, at the zero of virtual time


@dataclass
class Connection:
    """One connection: its number, what it carried, and whether it carries something now."""

    number: int
    longest: int | None
    carried: int = 0
    taken: int = 0
    in_hand: deque[tuple[int, float]] = field(default_factory=deque)  # readers, and when each message left
    is_open: bool = True


@dataclass
class Course:
    """The course of a send: when each message was accepted, and the refusals, of which some could not be avoided."""

    accepted: list[float] = field(default_factory=list)
    delivered: list[int] = field(default_factory=list)
    refusals: list[tuple[float, int]] = field(default_factory=list)  # with how many had been accepted
    lost: int = 0  # readers that ran out of tries
    opened: int = 0
    learned: LearnedLimits | None = None
    estimates: list[tuple[float, float | None]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.accepted[-1] if self.accepted else inf

    def share_of_refusals(self, learning: float = 0.1) -> float:
        """Return refusals for each message accepted, once a share of the messages has been."""
        first = learning * len(self.accepted)
        return sum(before >= first for _, before in self.refusals) / max(1, len(self.accepted) - first)


class Simulation:
    """A send to `readers` through the limits; the time left is estimated once a share `estimate_at` is accepted."""

    def __init__(
        self,
        readers: int,
        *limits: Limit,
        text_s: float = 0.02,
        refusal_s: float = 0.001,
        banner_s: float = 0.001,
        connections: int = CONNECTIONS,
        window: int = 2,
        learned: LearnedLimits | None = None,
        per_second: float | None = None,
        patience_s: float = 30 * 86400.0,
        begin: float = 0.0,
        estimate_at: float = 0.1,
    ) -> None:
        self.course = Course()
        self._limits = limits
        self._text_s, self._refusal_s, self._banner_s = text_s, refusal_s, banner_s
        self._window = window
        self.throttle = Throttle(
            Limits(connections=connections, per_second=per_second),
            now=begin,
            learned=learned,
            wall_clock_shift=_MIDNIGHT,
        )
        self._now = begin
        self._begin = begin
        self._until = begin + patience_s
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._ready: deque[int] = deque(range(readers))
        self._idle: deque[Connection] = deque()
        self._open = self._connecting = self._sockets = 0
        self._put_off: dict[int, int] = {}
        self._troubled: dict[int, int] = {}  # of these, for the server's health
        self._first_put_off: dict[int, float] = {}
        self._tries: dict[int, int] = {}
        self._waiting: dict[int, float] = {}  # readers who wait for their second try
        self._retry_at: dict[int, float] = {}
        self._left = readers
        self._wakes_at = inf
        self._estimate_after = int(estimate_at * readers)

    def run(self) -> Course:
        """Send until everybody is answered for good."""
        self._wake()
        while self._events and self._left:
            self._now, _, act = heapq.heappop(self._events)
            if self._now > self._until:
                break
            act()
        self.course.learned = self.throttle.learned(self._now)
        return self.course

    def _at(self, moment: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), act))

    def _wake(self) -> None:
        """Let messages leave and connections open, as far as the throttle lets them, and come back when it will."""
        throttle, now = self.throttle, self._now
        while self._ready and self._idle:
            at = throttle.find_next_departure(now)
            if at > now:
                self._wake_at(at)
                break
            throttle.record_departure(now)
            self._carry(self._idle.popleft(), self._ready.popleft())
        while self._ready and not self._idle:
            at = max(
                throttle.find_next_connection(now, self._open + self._connecting),
                throttle.find_next_departure(now),
            )
            if at > now:
                self._wake_at(at)
                break
            self._connect()

    def _wake_at(self, at: float) -> None:
        if at < self._wakes_at:
            self._wakes_at = at
            self._at(at, self._ring)

    def _ring(self) -> None:
        self._wakes_at = inf
        self._wake()

    def _connect(self) -> None:
        self._connecting += 1
        self._sockets += 1
        self.course.opened += 1
        number, longest = self.course.opened, self.throttle.begin_session()
        self._at(self._now + self._banner_s, lambda: self._greet(number, longest))

    def _greet(self, number: int, longest: int | None) -> None:
        """Let the server say whether it takes a connection; those that it has not greeted yet count as open."""
        call = Call(self._now, open=self._count_sockets(), number=number)
        refusal = next((one for limit in self._limits if (one := limit.refuse_connection(call))), None)
        if refusal is None:
            self._at(self._now + _LOGIN_S, lambda: self._connected(Connection(number, longest)))
        else:
            silent = not refusal.line
            self._at(self._now + (10.0 if silent else _LOGIN_S), lambda: self._refused(refusal))

    def _count_sockets(self) -> int:
        return self._sockets

    def _connected(self, connection: Connection) -> None:
        self._connecting -= 1
        self._open += 1
        self.throttle.record_connected(self._now)
        self._idle.append(connection)
        self._wake()

    def _refused(self, refusal: Refusal) -> None:
        self._connecting -= 1
        self._sockets -= 1
        if refusal.line:
            self._note(refusal)
            self.throttle.record_connection_refused(self._now, refusal.concern, refusal.evidence)
        else:
            self.throttle.record_connection_refused(self._now, Concern.HEALTH, Evidence())
        self._wake()

    def _note(self, refusal: Refusal) -> None:
        if not refusal.is_free:
            self.course.refusals.append((self._now - self._begin, len(self.course.accepted)))

    def _carry(self, connection: Connection, reader: int) -> None:
        connection.taken += 1
        connection.in_hand.append((reader, self._now))
        if len(connection.in_hand) == 1:
            self._process(connection)
        if len(connection.in_hand) < self._window and not self._is_used(connection):
            self._idle.append(connection)

    def _is_used(self, connection: Connection) -> bool:
        return connection.longest is not None and connection.taken >= connection.longest

    def _process(self, connection: Connection) -> None:
        """Let the server look at the message that comes next on a connection."""
        reader, _ = connection.in_hand[0]
        call = Call(self._now, reader, connection.carried, self._open, connection.number)
        refusal = next((one for limit in self._limits if (one := limit.refuse(call)) is not None), None)
        took = self._text_s if refusal is None else self._refusal_s
        self._at(self._now + took, lambda: self._answer(connection, refusal))

    def _answer(self, connection: Connection, refusal: Refusal | None) -> None:
        now, throttle, course = self._now, self.throttle, self.course
        reader, departed = connection.in_hand.popleft()
        if connection.in_hand and not (refusal is not None and refusal.closes):
            self._process(connection)
        first = self._first_put_off.get(reader)
        waited = None if first is None else departed - first
        if refusal is None:
            connection.carried += 1
            throttle.record_acceptance(now, now - departed, waited)
            course.accepted.append(now - self._begin)
            course.delivered.append(reader)
            self._left -= 1
            if len(course.accepted) == self._estimate_after:
                course.estimates.append((now - self._begin, throttle.estimate(now, self._left)))
            self._go_on(connection)
            if waited is not None:
                self._bring_forward()
            self._wake()
            return
        self._note(refusal)
        self._first_put_off.setdefault(reader, now)
        concern = refusal.concern
        if concern in (Concern.STANDING, Concern.MESSAGE):
            raise AssertionError(f"{refusal.line} is taken as {concern}")
        advice = throttle.record_refusal(
            now,
            concern,
            refusal.evidence,
            took=now - departed,
            session_carried=connection.carried,
            waited=waited,
            put_off=(self._troubled if concern is Concern.HEALTH else self._put_off).get(reader, 0),
        )
        if advice.counts_against_reader:
            tries = self._tries[reader] = self._tries.get(reader, 0) + 1
            retry = throttle.find_retry(now, tries - 1, WAITS, refusal.evidence) if refusal.line[0] == "4" else None
            if retry is None:
                course.lost += 1
                self._left -= 1
        else:
            self._put_off[reader] = self._put_off.get(reader, 0) + 1
            self._troubled[reader] = self._troubled.get(reader, 0) + (concern is Concern.HEALTH)
            retry = advice.retry_reader_at if advice.retry_reader_at is not None else now
        if retry is not None:
            if retry <= now:
                self._ready.append(reader)
            else:
                self._put_back(reader, retry)
        if refusal.closes:
            self._leave(connection)
            throttle.record_connection_lost(now, connection.carried, refusal.evidence)
        elif not advice.keep_session:
            connection.longest = connection.taken
            self._go_on(connection)
        else:
            self._go_on(connection)
        self._wake()

    def _go_on(self, connection: Connection) -> None:
        """Let a connection take a further message, or close it when it takes no more."""
        if not connection.is_open:
            return
        if not self._is_used(connection):
            if connection not in self._idle:
                self._idle.append(connection)
        elif not connection.in_hand:
            self._leave(connection)
            self.throttle.record_connection_closed(self._now, connection.carried)

    def _leave(self, connection: Connection) -> None:
        """End a connection; what it had in hand, and the server has not looked at, is given back."""
        self._open -= 1
        self._sockets -= 1
        connection.is_open = False
        if connection in self._idle:
            self._idle.remove(connection)
        while connection.in_hand:
            reader, departed = connection.in_hand.popleft()
            self.throttle.record_no_answer(self._now, self._now - departed)
            self._ready.appendleft(reader)

    def _put_back(self, reader: int, at: float) -> None:
        self._retry_at[reader] = at
        self._at(at, lambda: self._return(reader))

    def _return(self, reader: int) -> None:
        if self._retry_at.get(reader, inf) <= self._now:
            del self._retry_at[reader]
            self._ready.appendleft(reader)
            self._wake()

    def _bring_forward(self) -> None:
        """Let readers who wait for longer than greylisting asks come earlier."""
        wait = self.throttle.greylisting_s
        if wait is None:
            return
        for reader, at in list(self._retry_at.items()):
            earlier = self._first_put_off[reader] + wait
            if earlier < at:
                self._put_back(reader, max(self._now, earlier))


def find_ideal(
    readers: int,
    limits: Sequence[Limit],
    *,
    text_s: float = 0.02,
    connections: int = CONNECTIONS,
    begin: float = 0.0,
) -> float:
    """Return the seconds that whoever knows the limits needs: each message leaves as soon as all let it through.

    The limits are used up by this, and are to be other objects than those of the simulation.
    """
    carriers = [begin] * connections  # when each is free again
    now = begin
    for _ in range(readers):
        now = max(now, heapq.heappop(carriers))
        while True:
            at = max([now, *(limit.find_opening(now) for limit in limits)])
            if at <= now:
                break
            now = at
        for limit in limits:
            limit.take(now)
        heapq.heappush(carriers, now + text_s)
    return now + text_s - begin
