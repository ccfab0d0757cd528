"""Limits of a server that several workers learn together: each tells what it found out, and hears of the others."""

from dataclasses import dataclass

from newsletter.throttle.connection_limit import ConnectionLimit
from newsletter.throttle.departures import Departures


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """Limits of a server on all workers together; None where it has shown none. `version` grows with each change."""

    rate: float | None = None
    connections: int | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Limits that a worker believes to be the server's on all, where it knew the common ones of `seen` before.

    `is_new` is False when it has found out nothing since.
    """

    rate: float | None
    connections: int | None
    seen: int
    is_new: bool


def merge_limits(common: Common, told: Told) -> Common:
    """Return the common limits after a worker has told its own.

    What another worker has changed meanwhile stands, unless a refusal has shown this one that it is less still.
    """
    if not told.is_new:
        return common
    if told.seen == common.version:
        return Common(rate=told.rate, connections=told.connections, version=common.version + 1)
    rate = min((one for one in (common.rate, told.rate) if one is not None), default=None)
    connections = min((one for one in (common.connections, told.connections) if one is not None), default=None)
    if (rate, connections) == (common.rate, common.connections):
        return common
    return Common(rate=rate, connections=connections, version=common.version + 1)


class CommonLimits:
    """A worker's part in what several learn together."""

    def __init__(self, departures: Departures, connections: ConnectionLimit) -> None:
        self._departures = departures
        self._connections = connections
        self._seen = 0
        self._heard: tuple[float | None, int | None] = (None, None)
        self._is_owed = False  # whether others found out the rate while this one was in a stoppage

    def tell(self) -> Told:
        """Return what this worker believes; in a stoppage, whose rate is a passing one, what it last heard."""
        own = self._read()
        return Told(rate=own[0], connections=own[1], seen=self._seen, is_new=own != self._heard)

    def hear(self, now: float, common: Common, workers: int, *, raises: bool, stopped: bool, told: Told) -> None:
        """Go by the common limits, into which this worker's were merged as it `told` them."""
        is_told = common.version != self._seen
        before = self._read()
        if before != (told.rate, told.connections):  # it has found out more meanwhile, which it tells next
            self._departures.share_among(workers, raises=raises, stopped=stopped)
            self._connections.share(workers)
            return
        self._departures.share_among(workers, raises=raises, stopped=stopped)
        self._connections.share(workers)
        self._seen = common.version
        is_stopped = self._departures.stoppage is not None
        if is_told or self._is_owed:
            if (self._is_owed or common.rate != before[0]) and not is_stopped:
                self._departures.rate.follow(now, None if common.rate is None else common.rate / workers)
            share = None if common.connections is None else max(1, common.connections // workers)
            if share != self._connections.learned:
                self._connections.follow(now, share)
        self._is_owed = is_stopped and (is_told or self._is_owed)
        if self._is_owed:
            self._heard = common.rate, self._connections.in_all
        else:
            self._heard = self._read()

    def _read(self) -> tuple[float | None, int | None]:
        rate = self._departures.rate
        if self._is_owed or self._departures.stoppage is not None:
            return self._heard[0], self._connections.in_all
        return rate.in_all_proven if rate.is_learned else None, self._connections.in_all
