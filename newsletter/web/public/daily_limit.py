"""A limit on how often one reader may have something done within a day."""

from collections.abc import Callable
from time import monotonic

from newsletter.web.public.recent_counts import Counts, RecentCounts
from newsletter.web.public.shared_counts import SharedCounts, SharedKind

_DAY_S = 86_400.0
_READERS = 100_000  # of whom is counted


class DailyLimit:
    """A limit by reader. Only readers with a valid link are counted.

    `shared` is where several processes count together, and `kind` the name of this limit there.
    """

    def __init__(
        self, most: int, clock: Callable[[], float] = monotonic, *, shared: SharedCounts | None = None, kind: str = ""
    ) -> None:
        self._most = most
        self._counts: Counts = SharedKind(shared, kind, _DAY_S) if shared else RecentCounts(_DAY_S, _READERS, clock)

    def take(self, reader: str) -> bool:
        """Count one time of a reader. Return False when it is one too many."""
        return self._counts.take(reader, self._most)

    def give_back(self, reader: str) -> None:
        """Take back one time that was counted, and then could not be written down."""
        self._counts.give_back(reader)
