"""A stoppage: a time in which a server takes nothing, and single messages find out when it takes mail again."""

from bisect import bisect_right
from math import inf

# Windows are round: Postfix's anvil_rate_time_unit is 60 s, cPanel's limit is by the hour, Gmail's by the day.
ROUND_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
CLOCK_S = (60, 3600, 86400)  # some begin with the minute, the hour or the day
_LATER, _LATER_S = 0.01, 2.0  # after a round time: clocks differ, and a message takes its way
_LEAST_LATER_S = 0.03
_GROWTH = 0.3  # of the time since it began, so that the end is found late by less than that
_APART = 0.02  # of that time: no probes are nearer to each other
_LONG_S = 5.0  # from then on the intervals grow less
ROUNDING_S = 1e-6  # a departure is computed from an answer's time and how long it took
LOST_S = 300.0  # RFC 5321, section 4.5.3.2: a reply may take minutes; a probe without one is no longer waited for


class Stoppage:
    """A time in which everything is refused. One message at a time probes, at intervals that grow with its length.

    `window_began` is when the window began that may be used up. `expected` is when it should open, as a span of times.
    The wait before the first probe is `first_s`; those after five seconds are the share `growth` of the time since it
    began, and none is longer than `longest_s`.
    """

    def __init__(
        self,
        began: float,
        *,
        first_s: float,
        growth: float,
        longest_s: float,
        window_began: float,
        expected: tuple[float, float] | None = None,
        wall_clock_shift: float = 0.0,
    ) -> None:
        self.began = began
        self.refused_at = began  # the last time at which it was surely shut
        self._window_began = window_began
        self._expected = expected
        self._shift = wall_clock_shift
        self._first_s, self._growth, self._longest_s = first_s, growth, longest_s
        self._probe_at: float | None = None  # of the one under way
        self.next_probe = expected[0] if expected else began + first_s

    def find_next_departure(self, now: float) -> float:
        """Return when the next probe may leave; infinity while one is under way."""
        if self._probe_at is None:
            return max(now, self.next_probe)
        return inf if now - self._probe_at < LOST_S else now

    def record_departure(self, now: float) -> None:
        """Count a probe that leaves."""
        self._probe_at = now

    def is_probe(self, departed: float) -> bool:
        """Return whether a message that left then is the probe under way."""
        return self._probe_at is not None and departed >= self._probe_at - ROUNDING_S

    def record_refusal(self, now: float, wait: float | None = None) -> None:
        """Count a probe that was refused; `wait` is after how many seconds the server says that it is worth a try."""
        departed = self._probe_at if self._probe_at is not None else now
        self._probe_at = None
        self.refused_at = departed
        self.next_probe = now + wait if wait is not None else max(now, self._find_next_probe(departed))

    def release_probe(self) -> None:
        """Let another message probe: the connection of this one broke."""
        self._probe_at = None

    def _find_next_probe(self, now: float) -> float:
        """Return when to probe: within the expected span, else at the next round time or after a growing interval."""
        if self._expected is not None:
            first, last = self._expected
            if now < last:
                return min(last, now + max((last - first) / 4, self._first_s))
        elapsed = now - self.began
        growth = _GROWTH if elapsed < _LONG_S else self._growth
        grown = now + min(max(self._first_s, growth * elapsed), self._longest_s)
        return min(grown, self._find_round_time(now + _APART * elapsed, grown - now))

    def _find_round_time(self, after: float, least: float) -> float:
        """Return the next time at which a window may open whose length is round, and is `least` seconds or more."""
        begun = after - self._window_began
        place = bisect_right(ROUND_S, begun, key=lambda seconds: seconds + find_margin(seconds))
        times = [inf]
        if place < len(ROUND_S):
            times.append(self._window_began + ROUND_S[place] + find_margin(ROUND_S[place]))
        for seconds in CLOCK_S:
            if seconds >= least:
                times.append(((after + self._shift) // seconds + 1) * seconds - self._shift + find_margin(seconds))
        return min(times)


def find_margin(seconds: float) -> float:
    """Return how long after the end of a window of so many seconds it is surely open."""
    return min(max(_LATER * seconds, _LEAST_LATER_S), _LATER_S)
