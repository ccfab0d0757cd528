"""A limit on how often one reader may have something done within a day."""

from collections.abc import Callable
from time import monotonic

from newsletter.web.public.recent_counts import RecentCounts

_DAY_S = 86_400.0
_READERS = 100_000  # of whom is counted


class DailyLimit:
    """A limit by reader. Only readers with a valid link are counted."""

    def __init__(self, most: int, clock: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._counts = RecentCounts(_DAY_S, _READERS, clock)

    def take(self, reader: str) -> bool:
        """Count one time of a reader. Return False when it is one too many."""
        if self._counts.count(reader) >= self._most:
            return False
        self._counts.add(reader)
        return True

    def give_back(self, reader: str) -> None:
        """Take back one time that was counted, and then could not be written down."""
        self._counts.give_back(reader)
