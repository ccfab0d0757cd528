"""A limit on how often one reader may come back or give a reason: each of these events is stored for good.

Leaving is never refused. Since leaving again is no news, what one link can have written down is bounded by this.
"""

from collections import deque
from collections.abc import Callable
from time import monotonic

from newsletter.subscribers.feedback_events import EventKind

LIMITED = (EventKind.RETURNED, EventKind.REASON)
MOST_A_DAY = 10
_DAY_S = 86_400.0


class ReturnLimit:
    """Counts by reader, kept in memory until the service ends. Only readers with a valid link are counted."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._times: dict[tuple[str, EventKind], deque[float]] = {}

    def take(self, reader: str, kind: EventKind) -> bool:
        """Count one event of a reader. Return False when it is one too many."""
        if kind not in LIMITED:
            return True
        times = self._times.setdefault((reader, kind), deque())
        while times and times[0] <= self._clock() - _DAY_S:
            times.popleft()
        if len(times) >= MOST_A_DAY:
            return False
        times.append(self._clock())
        return True

    def give_back(self, reader: str, kind: EventKind) -> None:
        """Take back one event that was counted, and then could not be stored."""
        if times := self._times.get((reader, kind)):
            times.pop()
