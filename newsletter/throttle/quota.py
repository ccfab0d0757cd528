"""Quotas: windows of a minute, an hour or a day with so many messages."""

from collections import deque
from collections.abc import Iterable

from newsletter.throttle.stoppage import ROUND_S, find_margin

HOUR_S = 3600.0
_ALIKE = 0.1  # two windows that differ by less have one limit
_LEAST = 4  # messages in a window; fewer come from a rate
_LATE = 1.5  # times its length: what opens later is another window
_LONGER, _LEAST_LONGER_S = 0.02, 0.3  # a window that is still shut at its end: Postfix's anvil counts whole seconds
_SURELY_SHUT = 0.98  # of the time after which it was open: a window by the clock varies with when it was begun
_HALF = 0.5  # of the count: what refuses earlier is another limit
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
    """A window in which the server takes `count` messages.

    `shut_s` and `open_s` are seconds since its beginning: it was seen to be shut still at the first, and open at the
    second. It is kept to once a second window was alike, or when it is `known`.
    """

    def __init__(self, count: int, shut_s: float, open_s: float, *, known: bool = False) -> None:
        self.count = count
        self.shut_s, self.open_s = shut_s, open_s
        self.is_kept = known
        self.began: float | None = None
        self.used = 0  # by messages that left
        self._accepted = 0
        self._since_try = 0
        self._is_trying = False  # whether one message more is let through
        self._before: tuple[float | None, int, int] = (None, 0, 0)  # the window before: its beginning and its use

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

    def begin(self, now: float, used: int) -> None:
        """Begin a new window, with what is used of it."""
        self.began, self.used, self._accepted = now, used, used
        self._is_trying = False

    def has_opened(self, now: float) -> bool:
        """Return whether a new window begins with the next message."""
        return self.began is None or now >= self.began + self.opens_after_s

    def find_next_departure(self, now: float) -> float:
        """Return when the next message may leave."""
        if not self.is_kept or self.used < self.count or self.has_opened(now):
            return now
        if self._since_try >= _TRY_MORE_AFTER and self.used == self._accepted:
            return now
        return (self.began or 0.0) + self.opens_after_s

    def count_room(self, now: float) -> int:
        """Return how many may leave now."""
        return self.count if self.has_opened(now) else self.count - self.used

    def estimate(self, now: float, left: int, per_second: float) -> float:
        """Return how many seconds so many messages take, when each window's leave at so many a second.

        Those that have left and are not answered yet are among them.
        """
        left -= self.count if self.has_opened(now) else self.count - self._accepted
        if left <= 0:
            return 0.0
        opens = now if self.began is None else max(now, self.began + self.opens_after_s)
        windows, last = divmod(left - 1, self.count)
        return opens - now + windows * self.opens_after_s + (last + 1) / per_second

    def record_departure(self, now: float) -> bool:
        """Count a message that leaves; return whether it is the first after a window that was used up."""
        is_first = self.is_kept and self.has_opened(now)
        was_used_up = is_first and self.began is not None and self.used >= self.count
        if is_first:
            self._before = (self.began, self.used, self._accepted)
            self.begin(now, 0)
        if self.used >= self.count and self.is_kept:
            self._is_trying = True
        else:
            self._since_try += 1
        self.used += 1
        return was_used_up

    def record_acceptance(self, departed: float) -> None:
        """Count a message that was accepted."""
        if self.began is not None and departed >= self.began:
            self._accepted += 1
            if self._is_trying:
                self.count = max(self.count, self._accepted)

    def record_refusal(self, departed: float) -> bool:
        """Take back a message that was refused. Return whether it was one beyond the count, which still holds then."""
        if self.began is None or departed < self.began:
            return False
        self.used = max(0, self.used - 1)
        was_trying, self._is_trying = self._is_trying, False
        if was_trying:
            self._since_try = 0
        return was_trying

    def take_back(self, departed: float) -> None:
        """Learn that the window was still shut when a message left that was to begin a new one."""
        self.began, self.used, self._accepted = self._before
        self.shut_s = departed - (self.began or 0.0)
        self.open_s = max(self.open_s, self.shut_s + max(_LONGER * self.shut_s, _LEAST_LONGER_S))

    def is_used_up(self, at: float, opened: float | None = None) -> bool:
        """Return whether a stoppage that began then, and ended when the window `opened`, may be this window's end."""
        if self.began is None or at >= self.began + self.open_s or self._accepted < _LEAST:
            return False
        is_alike = self._differs_little() or (self.is_kept and self._accepted >= _HALF * self.count)
        return is_alike and (opened is None or opened - self.began < _LATE * self.open_s)

    def learn(self, shut: float, opened: float) -> None:
        """Learn from the window's end: it was still shut and open at these moments. A new one has begun with one."""
        assert self.began is not None  # noqa: S101  # for mypy
        is_alike = self._differs_little()
        self.count = self._accepted
        shut_s, open_s = shut - self.began, opened - self.began
        if shut_s >= self.open_s:  # it was still shut when it should have been open
            self.shut_s, self.open_s, is_alike = shut_s, open_s, False
        else:
            self.open_s = min(open_s, self.open_s)
            self.shut_s = min(max(shut_s, self.shut_s), _SURELY_SHUT * self.open_s)
        self.is_kept = is_alike or self.is_kept
        self.begin(opened, 1)

    def _differs_little(self) -> bool:
        return abs(self._accepted - self.count) <= max(1, _ALIKE * self.count)

    @staticmethod
    def may_be(count: int) -> bool:
        """Return whether so many messages, accepted before a stoppage, may have been a window's."""
        return count >= _LEAST
