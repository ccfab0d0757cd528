"""A limit on how often one reader may have something done within a day."""

from collections import OrderedDict, deque
from collections.abc import Callable
from time import monotonic

_DAY_S = 86_400.0
_READERS = 100_000  # of whom is counted; those who came first are forgotten


class DailyLimit:
    """Counts by reader, kept in memory until the service ends. Only readers with a valid link are counted."""

    def __init__(self, most: int, clock: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, reader: str) -> bool:
        """Count one time of a reader. Return False when it is one too many."""
        times = self._times.setdefault(reader, deque())
        self._times.move_to_end(reader)
        if len(self._times) > _READERS:
            self._times.popitem(last=False)
        while times and times[0] <= self._clock() - _DAY_S:
            times.popleft()
        if len(times) >= self._most:
            return False
        times.append(self._clock())
        return True
