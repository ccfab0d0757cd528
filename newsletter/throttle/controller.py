"""The throttle: messages leave as fast as the backend's limits allow, and slower while the server asks for less."""

from collections import deque
from collections.abc import Iterable, Sequence
from math import inf

from newsletter.backends import Limits
from newsletter.mail.reply_concern import Concern
from newsletter.throttle.advice import Advice, Evidence
from newsletter.throttle.holds import Hold, HoldKind
from newsletter.throttle.learned import LearnedLimits

HOUR_S = 3600.0
_BURST_S = 0.05  # as much may leave at once as the rate gives in this time, so that timers can be coarse
_CUT_EVERY_S = 5.0  # what was under way when the rate was cut is still answered: that is one sign, not many
_GROW_EVERY_S = 5.0
_GROWTH = 1.1  # half the rate is whole again after half a minute
_UNMEASURED_GROWTH = 2.0  # where it is not known yet what the server takes
_SLOWEST = 1.0  # messages a second, unless the limits say less
_FREE_AGAIN = 4.0  # without a limit, the rate is free again at this many times what it was when it was cut
_MOST_MEASURED = 10_000
_MEASURED = 50  # departures, and answers
_LOOK_BACK_S = 1.0  # over this time is measured what a server takes
_BELOW = 0.9  # of that, so that what is under way finds room as well
_FIRST_REST_S, _LONGEST_REST_S = 0.25, 60.0  # when it takes nothing
_SIGNS = 10  # so many of them put off, and it is no more about single mailboxes


class Throttle:
    """A limit on departures and connections, by what came of earlier ones.

    Times are seconds of one clock that only goes forward; `now` is never less than in the call before. `recent` are
    times within the last hour at which messages left already, for the limit by the hour. `learned` is what an earlier
    send found out about this server. A moment of the clock plus `wall_clock_shift` is seconds since 1970.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        now: float,
        recent: Iterable[float] = (),
        learned: LearnedLimits | None = None,
        wall_clock_shift: float = 0.0,
    ) -> None:
        del now, learned, wall_clock_shift
        self._connections = limits.connections
        self._per_connection = limits.per_connection
        self._ceiling = limits.per_second
        self._rate = limits.per_second  # None: as fast as it goes
        self._per_hour = limits.per_hour
        self._hour: deque[float] = deque(recent, maxlen=limits.per_hour) if limits.per_hour else deque(maxlen=0)
        self._last: deque[float] = deque(maxlen=_MEASURED)
        self._taken: deque[float] = deque(maxlen=_MOST_MEASURED)
        self._rests = 0
        self._growth = _GROWTH
        self._told_at = float("-inf")
        self._put_off: deque[bool] = deque(maxlen=_MEASURED)
        self._slot = 0.0
        self._cut_at = float("-inf")
        self._grown_at = 0.0
        self._free_at = 0.0

    @property
    def rate(self) -> float | None:
        """Messages a second at most; None without a limit."""
        return self._rate

    def find_next_departure(self, now: float) -> float:
        """Return the time at which the next message may leave."""
        if self._rate is None and not self._per_hour:
            return now
        self._grow(now)
        at = now if self._rate is None else max(now, self._slot - _BURST_S)
        if self._per_hour and len(self._hour) == self._per_hour:
            at = max(at, self._hour[0] + HOUR_S)
        return at

    def count_room(self, now: float, seconds: float) -> int | None:
        """Return how many may leave within the next seconds; None without a limit."""
        if self.find_next_departure(now) > now + seconds:
            return 0
        rooms = []
        if self._rate is not None:
            rooms.append(max(1, int(self._rate * seconds)))
        if self._per_hour:
            rooms.append(max(1, self._per_hour - sum(moment > now - HOUR_S for moment in self._hour)))
        return min(rooms, default=None)

    def record_departure(self, now: float) -> None:
        """Count a message that was handed over."""
        self._last.append(now)
        if self._per_hour:
            self._hour.append(now)
        if self._rate is not None:
            self._slot = max(self._slot, now) + 1 / self._rate

    def record_acceptance(self, now: float, took: float = 0.0, waited: float | None = None) -> None:
        """Count a message that was accepted `took` seconds after it left.

        `waited` is how long before its departure its reader was first put off, None at a first try.
        """
        del took, waited
        self._taken.append(now)
        self._put_off.append(False)

    def record_refusal(
        self,
        now: float,
        concern: Concern,
        evidence: Evidence,
        *,
        took: float = 0.0,
        session_carried: int = 0,
        waited: float | None = None,
    ) -> Advice:
        """Count a message that was refused or put off, and return what to do about it.

        `took` and `waited` are as in record_acceptance; `session_carried` is how many messages its connection had had
        accepted before.
        """
        del took, session_carried, waited
        if concern in (Concern.RATE, Concern.CONNECTIONS):
            self.reduce(now)
            return Advice()
        put_off = evidence.code is not None and 450 <= evidence.code <= 454
        self._put_off.append(put_off)
        # 421 (RFC 5321, section 4.2.3) and 4.7.x (RFC 3463, section 3.8) are about the sender. 450 to 454 are as often
        # about one full or busy mailbox, of which every list has some, so they count only when they are many.
        asks_for_less = evidence.code == 421 or (evidence.enhanced or "").startswith("4.7.")
        if asks_for_less or (put_off and sum(self._put_off) >= _SIGNS):
            self.halve(now)
        return Advice(counts_against_reader=concern in (Concern.READER, Concern.PERHAPS_STANDING))

    def find_next_connection(self, now: float, open: int) -> float:  # noqa: A002  # how many are open
        """Return when one connection more may be opened; infinity while `open` is all there may be.

        `open` includes those that are being opened.
        """
        return now if open < self._connections else inf

    def record_connected(self, now: float) -> None:
        """Count a connection that is open and ready for messages."""

    def record_connection_refused(self, now: float, concern: Concern, evidence: Evidence) -> None:
        """Count a connection that could not be opened; `evidence` has a reply where there was one."""
        del evidence
        if concern in (Concern.RATE, Concern.CONNECTIONS):
            self.reduce(now)

    def record_connection_lost(self, now: float, carried: int, evidence: Evidence) -> None:
        """Count a connection that the other side ended, after it had `carried` so many messages."""

    def record_connection_closed(self, now: float, carried: int) -> None:
        """Count a connection that this side ended."""

    @property
    def session_length(self) -> int | None:
        """Return after how many messages a connection is to be closed; None for no such limit."""
        return self._per_connection

    def record_announced_length(self, messages: int) -> None:
        """Take in how many messages a session may carry, as the server says in reply to EHLO (RFC 9422, MAILMAX)."""
        self._per_connection = min(messages, self._per_connection or messages)

    def find_retry(
        self,
        now: float,
        tries: int,
        waits: Sequence[float],
        evidence: Evidence,
        first_put_off_at: float | None = None,
    ) -> float | None:
        """Return when a reader is tried again who was put off now; None when it was the last try.

        `tries` is how many tries came before this one, `waits` the seconds that an editor wants between them, and
        `first_put_off_at` when the first was put off, where that is known.
        """
        del evidence, first_put_off_at
        return now + waits[tries] if tries < len(waits) else None

    @property
    def greylisting_s(self) -> float | None:
        """Return after how many seconds a second try is accepted, while first ones are not; None when not so."""
        return None

    def describe_hold(self, now: float) -> Hold | None:
        """Return what holds the send now; None when nothing does."""
        if self._rate is None:
            return None
        return Hold(
            kind=HoldKind.RATE,
            words=f"{self._rate:.3g} messages a second leave",
            limit=self._rate,
            until=self._slot if self._slot > now + _LOOK_BACK_S else None,
        )

    def estimate(self, now: float, left: int) -> float | None:
        """Return how many seconds it takes until `left` messages are delivered; None while that is not known."""
        rate = self._rate or (self._measure_rate() if len(self._last) > 1 else None)
        return None if rate is None else max(0.0, self.find_next_departure(now) - now) + left / rate

    def learned(self, now: float) -> LearnedLimits:
        """Return what is known about the server by now."""
        del now
        return LearnedLimits()

    def reduce(self, now: float) -> None:
        """Lower the rate to that of the messages that the server took in the last second.

        When it took none, the rate is halved after a rest, longer each time. From then on there is always a limit.
        """
        if now - self._told_at < _LOOK_BACK_S or now < self._slot - 1 / (self._rate or 1):
            return  # this is about messages that were under way then
        self._told_at = self._cut_at = self._grown_at = now
        self._free_at = float("inf")
        before = self._measure_rate() if self._rate is None else self._rate
        taken = self._measure_acceptance(now)
        slowest = _SLOWEST if self._ceiling is None else min(_SLOWEST, self._ceiling)
        if taken:
            self._rests = 0
            rest, self._growth = 0.0, _GROWTH
            self._rate = max(min(_BELOW * taken, before), slowest)
        else:
            rest = min(_FIRST_REST_S * 2**self._rests, _LONGEST_REST_S)
            self._rests += 1
            self._growth = _UNMEASURED_GROWTH
            self._rate = max(before / 2, slowest)
        self._slot = now + max(rest, 1 / self._rate)

    def _measure_acceptance(self, now: float) -> float:
        """Return how many messages a second were accepted lately."""
        lately = [moment for moment in self._taken if moment > now - _LOOK_BACK_S]
        if not lately:
            return 0.0
        span = _LOOK_BACK_S if len(lately) < len(self._taken) else now - lately[0]
        return len(lately) / max(span, _BURST_S)

    def halve(self, now: float) -> None:
        """Halve the rate."""
        if now - self._cut_at < _CUT_EVERY_S:
            return
        before = self._measure_rate() if self._rate is None else self._rate
        slowest = _SLOWEST if self._ceiling is None else min(_SLOWEST, self._ceiling)
        self._rate = max(before / 2, slowest)
        self._free_at = max(self._free_at, _FREE_AGAIN * before)
        self._slot = now + 1 / self._rate
        self._cut_at = self._grown_at = now

    def _measure_rate(self) -> float:
        """Return how many messages a second left lately."""
        if len(self._last) < 2:
            return _SLOWEST
        return (len(self._last) - 1) / max(self._last[-1] - self._last[0], _BURST_S)

    def _grow(self, now: float) -> None:
        """Raise the rate slowly, up to the limit or until there is none."""
        while self._rate is not None and self._rate != self._ceiling and now - self._grown_at >= _GROW_EVERY_S:
            self._grown_at += _GROW_EVERY_S
            self._rate *= self._growth
            if self._ceiling is not None:
                self._rate = min(self._rate, self._ceiling)
            elif self._rate >= self._free_at:
                self._rate = None
