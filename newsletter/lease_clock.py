"""A worker's lease as this machine's clocks show it, for the moment before each message leaves.

The ledger knows whose a lease is, but asking it before each message would cost more than the message. So the worker
counts the time since it last asked for the lease, by two clocks at once. One alone would not do: a clock that only goes
forward may stand still while the machine sleeps (clock_gettime(2): CLOCK_MONOTONIC), and the wall clock can be set.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from math import inf

_MARGIN = 0.1  # of the lease: what is checked here still has to reach the network
_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)  # Linux: only goes forward, and counts the time asleep
# Within so many seconds by that clock the others need not be read again.
_KNOWN_FOR_S = 0.0 if _BOOTTIME is None else 0.02

CLOCKS = (time.monotonic if _BOOTTIME is None else partial(time.clock_gettime, _BOOTTIME), time.time)


class LeaseClock:
    """A lease of so many seconds; it is valid while no clock says that more time has passed since it was asked for."""

    def __init__(self, seconds: float, clocks: Sequence[Callable[[], float]] | None = None) -> None:
        self.seconds = seconds
        self._longest = seconds * (1 - _MARGIN)
        self._clocks = clocks or CLOCKS
        self._elapsed = self._clocks[0]
        self._since: list[tuple[Callable[[], float], float]] = []
        self._known_until = -inf  # by the first clock

    def read(self) -> Sequence[float]:
        """Return what the clocks show; to be taken before the ledger is asked for the lease."""
        return [clock() for clock in self._clocks]

    def start(self, asked_at: Sequence[float]) -> None:
        """Count from then on, when the ledger has granted the lease."""
        self._since = list(zip(self._clocks, asked_at, strict=True))
        self._known_until = -inf

    @property
    def is_valid(self) -> bool:
        """Whether the lease is certain to last. A clock that jumped, back or forward, makes it uncertain."""
        now = self._elapsed()
        if now < self._known_until:
            return True
        longest = self._longest
        for clock, asked_at in self._since:  # no `all`: a generator takes twice as long, for each message
            if not -longest < clock() - asked_at < longest:
                return False
        self._known_until = now + _KNOWN_FOR_S if self._since else -inf
        return bool(self._since)
