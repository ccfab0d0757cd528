"""A simulation of several workers in virtual time: each with a Throttle of its own, before one server.

What they have in common is told and heard four times a second, as through the database.
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from math import inf

from throttle.servers import Limit
from throttle.simulation import Simulation

from newsletter.throttle.common_limits import Common, merge_limits
from newsletter.throttle.learned import LearnedLimits

DRAW_S = 0.25


class _Worker(Simulation):
    """A worker: its own connections and throttle; the readers, the server and the clock are everybody's."""

    def __init__(self, several: "Several", limits: Sequence[Limit], connections: int, learned: LearnedLimits | None):
        super().__init__(0, *limits, connections=connections, learned=learned)
        self._several = several
        self._ready = several.ready
        self._left = len(several.ready)

    def _at(self, moment: float, act: Callable[[], None]) -> None:
        def act_then() -> None:
            self._now = moment
            act()

        self._several.at(moment, act_then)

    def _count_sockets(self) -> int:
        return sum(worker._sockets for worker in self._several.workers)

    def draw(self, now: float, *, raises: bool, stopped: bool) -> None:
        self._now = now
        several = self._several
        told = self.throttle.tell()
        several.common = merge_limits(several.common, told)
        self.throttle.hear(now, several.common, len(several.workers), raises=raises, stopped=stopped, told=told)
        self._wake()


class Several:
    """So many workers who send to `readers` together; `ends` are when some of them end."""

    def __init__(
        self,
        workers: int,
        readers: int,
        *limits: Limit,
        connections: int = 5,
        learned: LearnedLimits | None = None,
        ends: Sequence[float] = (),
    ) -> None:
        self.ready: deque[int] = deque(range(readers))
        self.common = Common()
        self._readers = readers
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self.workers: list[_Worker] = []
        self.workers = [_Worker(self, limits, connections, learned) for _ in range(workers)]
        self._all = list(self.workers)
        for moment in ends:
            self.at(moment, lambda: self.workers.pop(0) and None)

    def at(self, moment: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), act))

    def run(self) -> None:
        """Send until everybody has it."""
        for number, worker in enumerate(self._all):
            # They are not in step.
            self.at(DRAW_S * number / len(self._all), lambda worker=worker: self._draw(worker))
        while len(self.accepted) < self._readers and self._events:
            now, _, act = heapq.heappop(self._events)
            if now > 40 * 86400:
                break
            self._now = now
            act()

    def _draw(self, worker: _Worker) -> None:
        if worker not in self.workers:
            worker._ready = deque()
            return
        first = next((one for one in self.workers if one.throttle.is_stopped), worker)
        worker.draw(self._now, raises=worker is self.workers[0], stopped=first is not worker)
        self.at(self._now + DRAW_S, lambda: self._draw(worker))

    @property
    def accepted(self) -> list[float]:
        return [moment for worker in self._all for moment in worker.course.accepted]

    @property
    def seconds(self) -> float:
        return max(self.accepted, default=inf)

    def share_of_refusals(self, after_s: float) -> float:
        """Return refusals for each message accepted, after so many seconds."""
        refused = sum(moment >= after_s for worker in self._all for moment, _ in worker.course.refusals)
        return refused / max(1, sum(moment >= after_s for moment in self.accepted))
