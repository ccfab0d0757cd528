"""A watch on leases by a clock that nobody sets, for a wall clock that went back while a crashed worker had one.

A lease says by the wall clock until when it is. When that goes back an hour, or was wrong when the machine started, the
lease of a crashed worker would last an hour longer. But a worker that lives renews its lease several times within its
length, so one that has stayed the same for the whole length is over, whatever it says.
"""

from collections.abc import Callable, Mapping
from time import monotonic


class LeaseWatch:
    """What one process has seen of an issue's leases, each of `seconds`, and for how long they have stayed the same."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        # It may stop while the machine sleeps, and this then waits longer; a worker counts that time, too.
        self._clock = clock
        self._seen: dict[str, tuple[float, float]] = {}  # by worker: until when the lease is, and since when it says so

    def note(self, leases: Mapping[str, float]) -> None:
        """Take down, by worker, until when each open lease is now."""
        now = self._clock()
        before = self._seen
        self._seen = {
            worker: before[worker] if worker in before and before[worker][0] == until else (until, now)
            for worker, until in leases.items()
        }

    def find_over(self) -> dict[str, float]:
        """Return the leases, by worker, that stayed the same for their whole length, if they are still the same."""
        return {worker: until for worker, (until, _) in self._seen.items() if self.seconds_left(worker) <= 0}

    def seconds_left(self, worker: str) -> float:
        """Return in how many seconds a worker's lease, as it was noted, is over if it stays the same."""
        return self._seconds - (self._clock() - self._seen[worker][1])
