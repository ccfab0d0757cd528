"""Limits on how many join from one network within an hour. They depend on the network alone, and on no address."""

from collections import OrderedDict, deque
from collections.abc import Callable
from time import monotonic

FROM_ANY_FORM = 3  # an hour, before the form has to be the service's own
_NETWORKS = 10_000  # that are remembered
_HOUR_S = 3600.0


class NetworkLimits:
    """Counts by network, kept in memory: of more networks than are remembered, those go that were seen longest ago."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, network: str) -> int:
        """Return how many have joined from a network within the last hour."""
        times = self._times.get(network)
        while times and times[0] <= self._clock() - _HOUR_S:
            times.popleft()
        return len(times) if times else 0

    def add(self, network: str) -> None:
        """Count one who joins. The caller has looked whether there is room for it."""
        self._times.setdefault(network, deque()).append(self._clock())
        self._times.move_to_end(network)
        while len(self._times) > _NETWORKS:
            self._times.popitem(last=False)

    def give_back(self, network: str) -> None:
        """Take back one who was counted, and then could not be written down."""
        if times := self._times.get(network):
            times.pop()
