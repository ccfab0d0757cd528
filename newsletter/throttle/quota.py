"""Quotas: windows of a minute, an hour or a day with so many messages."""

from collections import deque
from collections.abc import Iterable

from newsletter.throttle.stoppage import ROUND_S, find_margin

HOUR_S = 3600.0
_ALIKE = 0.1  # two windows that differ by less have one limit
_LEAST = 4  # messages in a window; fewer come from a rate
_TRY_MORE_AFTER = 60  # messages: then one beyond the count shows whether it still holds


class HourlyLimit:
    """The configured limit of messages within any hour, by the times at which they left."""

    def __init__(self, count: int, recent: Iterable[float]) -> None:
        self._count = count
        self._times: deque[float] = deque(recent, maxlen=count)

    def find_next_departure(self, now: float) -> float:
        """Return when the next message may leave."""
        return max(now, self._times[0] + HOUR_S) if len(self._times) == self._count else now

    def record_departure(self, now: float) -> None:
        """Count a message that leaves."""
        self._times.append(now)

    def count_room(self, now: float) -> int:
        """Return how many may leave now."""
        return self._count - sum(moment > now - HOUR_S for moment in self._times)


class Quota:
    """A window that was seen to be used up after `count` messages and to open again.

    `shut_s` and `open_s` are seconds since its beginning: it was still shut at the first, and open at the second. It is
    kept to once a second window was alike, or when it is `known`.
    """

    def __init__(self, count: int, shut_s: float, open_s: float, *, known: bool = False) -> None:
        self.count = count
        self.shut_s, self.open_s = shut_s, open_s
        self.is_kept = known
        self.began: float | None = None
        self.used = 0
        self._since_more = 0

    @property
    def seconds(self) -> float:
        """Return the window's length: a round number between what was seen, where there is one."""
        for seconds in ROUND_S:
            if self.shut_s < seconds + find_margin(seconds) and seconds <= self.open_s:
                return float(seconds)
        return self.open_s

    @property
    def opens_after_s(self) -> float:
        """Return after how many seconds since its beginning the next window is surely open."""
        return min(self.open_s, self.seconds + find_margin(self.seconds))

    def find_next_departure(self, now: float) -> float:
        """Return when the next message may leave."""
        if not self.is_kept or self.began is None or self.used < self.count:
            return now
        opens = self.began + self.opens_after_s
        if now >= opens or self._since_more >= _TRY_MORE_AFTER:
            return now
        return opens

    def count_room(self, now: float) -> int:
        """Return how many may leave now."""
        if self.began is None or now >= self.began + self.opens_after_s:
            return self.count
        return self.count - self.used

    def estimate(self, now: float, left: int, per_second: float) -> float:
        """Return how many seconds so many messages take, when each window's leave at so many a second."""
        opens = now if self.began is None else max(now, self.began + self.opens_after_s)
        left -= self.count_room(now)
        if left <= 0:
            return 0.0
        windows, last = divmod(left - 1, self.count)
        return opens - now + windows * self.opens_after_s + (last + 1) / per_second

    def record_departure(self, now: float) -> None:
        """Count a message that leaves; the first after the window's end begins a new one."""
        if self.began is None or now >= self.began + self.opens_after_s:
            self.began, self.used = now, 0
        self.used += 1
        self._since_more = 0 if self.used > self.count else self._since_more + 1

    def record_refusal(self) -> None:
        """Take back a message that was refused, and so used nothing of the window."""
        self.used = max(0, self.used - 1)

    def compare(self, count: int, shut_s: float, open_s: float) -> bool:
        """Learn from a further window that was used up; return False when it was another kind of limit."""
        if count < _LEAST:
            return False
        is_alike = abs(count - self.count) <= max(1, _ALIKE * self.count)
        self.count = count
        if shut_s < self.open_s and self.shut_s < open_s:
            self.shut_s, self.open_s = max(shut_s, self.shut_s), min(open_s, self.open_s)
        else:
            self.shut_s, self.open_s, is_alike = shut_s, open_s, False
        self.is_kept = is_alike or self.is_kept
        return True

    @staticmethod
    def may_be(count: int) -> bool:
        """Return whether so many messages, accepted before a stoppage, may have been a window's."""
        return count >= _LEAST
