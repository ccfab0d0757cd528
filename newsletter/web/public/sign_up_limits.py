"""Limits on how many join from one network within an hour. They depend on the network alone, and on no address."""

from collections.abc import Callable
from time import monotonic

from newsletter.web.public.recent_counts import Counts, RecentCounts
from newsletter.web.public.shared_counts import SharedCounts, SharedKind

FROM_ANY_FORM = 3  # an hour, before the form has to be the service's own
_NETWORKS = 10_000  # that are remembered
_HOUR_S = 3600.0


def count_networks(shared: SharedCounts | None, publication: str) -> Counts:
    """Return the counts by network of one process, or those that several share."""
    return SharedKind(shared, f"{publication} sign-up", _HOUR_S) if shared else NetworkLimits()


class NetworkLimits(RecentCounts):
    """Counts by network of those who have joined within the last hour."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(_HOUR_S, _NETWORKS, clock)
