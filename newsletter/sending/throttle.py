"""How fast messages leave: what the backend's limits allow, and less while the server asks for less."""

from collections import deque
from collections.abc import Iterable

from newsletter.backends import Limits

HOUR_S = 3600.0
_BURST_S = 0.05  # as much may leave at once as the rate gives in this time, so that timers can be coarse
_CUT_EVERY_S = 5.0  # what was under way when the rate was cut is still answered: that is one sign, not many
_GROW_EVERY_S = 5.0
_GROWTH = 1.1  # half the rate is whole again after half a minute
_UNMEASURED_GROWTH = 2.0  # where it is not known yet what the server takes
_SLOWEST = 1.0  # messages a second, unless the limits say less
_FREE_AGAIN = 4.0  # without a limit of its own the rate is given free at this many times what it was when it was cut
_MOST_MEASURED = 10_000
_MEASURED = 50  # departures, and answers
_LOOK_BACK_S = 1.0  # over this time is measured what a server takes
_BELOW = 0.9  # of that, so that what is under way finds room as well
_FIRST_REST_S, _LONGEST_REST_S = 0.25, 60.0  # when it takes nothing
_SIGNS = 10  # so many of them put off, and it is no more about single mailboxes


class Throttle:
    """Keeps the time of departures; every moment is given in seconds of one clock that only goes forward.

    `recent` are moments of the last hour at which messages left already, for the limit by the hour.
    """

    def __init__(self, limits: Limits, recent: Iterable[float] = ()) -> None:
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
        """Messages a second at most; None when nothing holds them."""
        return self._rate

    def ready_at(self, now: float) -> float:
        """The moment at which the next message may leave."""
        if self._rate is None and not self._per_hour:
            return now
        self._grow(now)
        at = now if self._rate is None else max(now, self._slot - _BURST_S)
        if self._per_hour and len(self._hour) == self._per_hour:
            at = max(at, self._hour[0] + HOUR_S)
        return at

    def room(self, now: float, seconds: float) -> int | None:
        """How many may leave within the next seconds; None when nothing holds them."""
        if self.ready_at(now) > now + seconds:
            return 0
        rooms = []
        if self._rate is not None:
            rooms.append(max(1, int(self._rate * seconds)))
        if self._per_hour:
            rooms.append(max(1, self._per_hour - sum(moment > now - HOUR_S for moment in self._hour)))
        return min(rooms, default=None)

    def left(self, now: float) -> None:
        """A message was handed over."""
        self._last.append(now)
        if self._per_hour:
            self._hour.append(now)
        if self._rate is not None:
            self._slot = max(self._slot, now) + 1 / self._rate

    def answered(self, now: float, code: int | None, enhanced: str | None) -> None:
        """A reply came. RFC 5321, section 4.2.3; RFC 3463, section 3.8 for 4.7.x.

        421 and 4.7.x are about us. 450 to 454 are as often about one full or busy mailbox, of which every list has
        some: one in a thousand, each halving the rate, would bring it down to that of a walk. So they count when
        they come in numbers.
        """
        put_off = code is not None and 450 <= code <= 454
        self._put_off.append(put_off)
        if code == 421 or (enhanced or "").startswith("4.7.") or (put_off and sum(self._put_off) >= _SIGNS):
            self.slow_down(now)

    def accepted(self, now: float) -> None:
        """Count a message that was taken."""
        self._taken.append(now)

    def asked_for_less(self, now: float) -> None:
        """Slow down after a message that was one too many: go as fast as the server took them in the last second.

        When it took none, the rate halves and rests, longer each time. From then on it is never given free.
        """
        if now - self._told_at < _LOOK_BACK_S or now < self._slot - 1 / (self._rate or 1):
            return  # said of what was under way
        self._told_at = self._cut_at = self._grown_at = now
        self._free_at = float("inf")
        before = self._measured() if self._rate is None else self._rate
        of_late = [moment for moment in self._taken if moment > now - _LOOK_BACK_S]
        span = _LOOK_BACK_S if len(of_late) < len(self._taken) else now - of_late[0] if of_late else 0.0
        taken = len(of_late) / max(span, _BURST_S)
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

    def slow_down(self, now: float) -> None:
        """Halve the rate."""
        if now - self._cut_at < _CUT_EVERY_S:
            return
        before = self._measured() if self._rate is None else self._rate
        slowest = _SLOWEST if self._ceiling is None else min(_SLOWEST, self._ceiling)
        self._rate = max(before / 2, slowest)
        self._free_at = max(self._free_at, _FREE_AGAIN * before)
        self._slot = now + 1 / self._rate
        self._cut_at = self._grown_at = now

    def _measured(self) -> float:
        """Messages a second, of late."""
        if len(self._last) < 2:
            return _SLOWEST
        return (len(self._last) - 1) / max(self._last[-1] - self._last[0], _BURST_S)

    def _grow(self, now: float) -> None:
        """Recover slowly, up to the limit or until there is none."""
        while self._rate is not None and self._rate != self._ceiling and now - self._grown_at >= _GROW_EVERY_S:
            self._grown_at += _GROW_EVERY_S
            self._rate *= self._growth
            if self._ceiling is not None:
                self._rate = min(self._rate, self._ceiling)
            elif self._rate >= self._free_at:
                self._rate = None
