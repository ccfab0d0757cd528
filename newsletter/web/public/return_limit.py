"""A limit on how often one reader may come back or give a reason: each of these events is stored for good.

Leaving is never refused. Since leaving again is no news, what one link can have written down is bounded by this.
"""

from collections.abc import Callable
from time import monotonic

from newsletter.subscribers.feedback_events import EventKind
from newsletter.web.public.daily_limit import DailyLimit
from newsletter.web.public.shared_counts import SharedCounts

LIMITED = (EventKind.RETURNED, EventKind.REASON)
MOST_A_DAY = 10


class ReturnLimit:
    """A limit by reader and kind of event, for the kinds in LIMITED."""

    def __init__(
        self, clock: Callable[[], float] = monotonic, *, shared: SharedCounts | None = None, whose: str = ""
    ) -> None:
        self._limits = {kind: DailyLimit(MOST_A_DAY, clock, shared=shared, kind=f"{whose} {kind}") for kind in LIMITED}

    def take(self, reader: str, kind: EventKind) -> bool:
        """Count one event of a reader. Return False when it is one too many."""
        return kind not in self._limits or self._limits[kind].take(reader)

    def give_back(self, reader: str, kind: EventKind) -> None:
        """Take back one event that was counted, and then could not be stored."""
        if kind in self._limits:
            self._limits[kind].give_back(reader)
