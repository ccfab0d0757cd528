"""Counts, by name, of what was done of late. They are kept in memory until the service ends."""

from collections import OrderedDict, deque
from collections.abc import Callable
from time import monotonic
from typing import Protocol


class Counts(Protocol):
    """Counts by name within a time, of one process or of several."""

    def count(self, name: str) -> int: ...

    def take(self, name: str, most: int) -> bool: ...

    def give_back(self, name: str) -> None: ...


class RecentCounts:
    """Counts by name of the last `seconds`. Of more names than `remembered`, those go that were counted longest ago."""

    def __init__(self, seconds: float, remembered: int, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._remembered = remembered
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, name: str) -> int:
        """Return how often something was done within that time."""
        times = self._times.get(name)
        while times and times[0] <= self._clock() - self._seconds:
            times.popleft()
        return len(times) if times else 0

    def add(self, name: str) -> None:
        """Count one time. The caller has looked whether there is room for it."""
        self._times.setdefault(name, deque()).append(self._clock())
        self._times.move_to_end(name)
        while len(self._times) > self._remembered:
            self._times.popitem(last=False)

    def take(self, name: str, most: int) -> bool:
        """Count one time, unless that makes more than `most`. Return whether it was counted."""
        if self.count(name) >= most:
            return False
        self.add(name)
        return True

    def give_back(self, name: str) -> None:
        """Take back one time that was counted, and then could not be written down."""
        if times := self._times.get(name):
            times.pop()
