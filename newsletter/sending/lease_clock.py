"""A worker's lease as this machine's clocks show it, for the moment before each message leaves.

The ledger knows whose a lease is, but asking it before each message would cost more than the message. So the worker
counts the time since it last asked for the lease, by two clocks at once. One alone would not do: a clock that only goes
forward may stand still while the machine sleeps (clock_gettime(2): CLOCK_MONOTONIC), and the wall clock can be set.
"""

import time
from collections.abc import Callable, Sequence

_MARGIN = 0.1  # of the lease: what is checked here still has to reach the network


def _find_elapsed_clock() -> Callable[[], float]:
    """Return a clock that only goes forward: on Linux one that counts the time asleep as well."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic if boottime is None else lambda: time.clock_gettime(boottime)


CLOCKS = (_find_elapsed_clock(), time.time)


class LeaseClock:
    """A lease of so many seconds; it is valid while no clock says that more time has passed since it was asked for."""

    def __init__(self, seconds: float, clocks: Sequence[Callable[[], float]] | None = None) -> None:
        self.seconds = seconds
        self._longest = seconds * (1 - _MARGIN)
        self._clocks = clocks or CLOCKS
        self._since: list[tuple[Callable[[], float], float]] = []

    def read(self) -> Sequence[float]:
        """Return what the clocks show; to be taken before the ledger is asked for the lease."""
        return [clock() for clock in self._clocks]

    def start(self, asked_at: Sequence[float]) -> None:
        """Count from then on, when the ledger has granted the lease."""
        self._since = list(zip(self._clocks, asked_at, strict=True))

    @property
    def is_valid(self) -> bool:
        """Whether the lease is certain to last. A clock that jumped, back or forward, makes it uncertain."""
        longest = self._longest
        for clock, asked_at in self._since:  # no `all`: a generator takes twice as long, for each message
            if not -longest < clock() - asked_at < longest:
                return False
        return bool(self._since)
