"""The number of connections: as many as the server bears, found by those that it refuses."""

from math import inf

_FIRST_ALONE_S = 1.0  # one login shows whether it is accepted; a server that is only slow does not hold the others
_SHORTEST_REST_S, _LONGEST_REST_S = 0.2, 60.0  # between tries to connect that fail
_REST_GROWTH = 0.1  # of the time since the first of them failed, so that the end is found late by less than that
_ONE_MORE_S, _LONGEST_ONE_MORE_S = 15.0, 600.0  # until one connection more than the server bore is tried
_ONE_MORE_SOON_S = 0.2  # when several were refused together: how many less the server bears is found one by one
_GIVE_UP_EVERY_S = 0.5  # of several that are told at once of one too many, one is closed


class ConnectionLimit:
    """How many connections there may be: at most `most`, and so many as the server bears.

    `open` are those that are ready for messages.
    """

    def __init__(self, most: int, learned: int | None, now: float, *, is_known: bool = False) -> None:
        self._most = most
        self._workers = 1  # that share the server's number
        self.learned = None if learned is None else min(learned, most)
        self.open = 0
        self._is_known = is_known  # the login was accepted in an earlier send
        self._has_opened = False
        self._began: float | None = None
        self._rest_until = now
        self._failing_since: float | None = None
        self._one_more_at = now
        self._one_more_s = _ONE_MORE_S
        self._given_up_at = -inf
        self._count = 0  # those open and being opened, when it was last asked for
        self._together = 0  # that were being opened together with the first that was one too many

    def set_most(self, most: int) -> None:
        """Set how many connections there may be at most."""
        self._most = most

    def share(self, workers: int) -> None:
        """Be the limit of one of so many workers."""
        if workers != self._workers and self.learned is not None:
            self.learned = max(1, self.learned * self._workers // workers)
        self._workers = workers

    def follow(self, now: float, connections: int | None) -> None:
        """Go by the number that another of the workers found out."""
        self.learned = connections
        self._one_more_at = now + self._one_more_s

    @property
    def in_all(self) -> int | None:
        """Return how many connections the server bears of all workers together; None where it has shown no limit."""
        return None if self.learned is None else self.learned * self._workers

    def find_next(self, now: float, count: int) -> float:
        """Return when one connection more may be opened, where there are `count` with those that are being opened."""
        self._count = count
        if count >= self._most:
            return inf
        if count == 0:
            if self._began is None:
                self._began = now
            return max(now, self._rest_until)
        if self.open == 0 and self._failing_since is not None:
            return inf  # one at a time finds out whether the server takes connections again
        at = max(now, self._rest_until)
        if not self._has_opened and not self._is_known:
            return max(at, (now if self._began is None else self._began) + _FIRST_ALONE_S)
        if self.learned is not None and count >= self.learned:
            # One more at a time.
            return inf if count > self.learned else max(at, self._one_more_at)
        return at

    def record_connected(self, now: float) -> None:
        """Count a connection that is open."""
        self.open += 1
        self._has_opened = True
        self._failing_since, self._rest_until = None, now
        self._together = max(0, self._together - 1)
        if self.learned is not None and self.open > self.learned:
            self.learned = self.open
            self._one_more_s = _ONE_MORE_S
            self._one_more_at = now + _ONE_MORE_SOON_S

    def record_refused(self, now: float, *, is_too_many: bool) -> None:
        """Count a connection that could not be opened; `is_too_many`: the server says that there are enough."""
        if is_too_many and self.open:
            if self._together:
                self._together -= 1
                return
            is_first = self.learned is None
            self._limit(now, self.open)
            if is_first and self._count > self.open + 1:
                self._together = self._count - self.open - 1
                self._one_more_at = now + _ONE_MORE_SOON_S
            return
        if self._failing_since is None:
            self._failing_since = now
        rest_s = _REST_GROWTH * (now - self._failing_since)
        self._rest_until = now + min(max(_SHORTEST_REST_S, rest_s), _LONGEST_REST_S)

    def give_up(self, now: float, carried: int) -> bool:
        """Return whether a connection is to be closed that is told of too many, after it carried so many messages."""
        if self.open < 2 or (carried and now - self._given_up_at < _GIVE_UP_EVERY_S):
            return False
        self._given_up_at = now
        self._limit(now, self.open - 1)
        return True

    def record_ended(self) -> None:
        """Count a connection that is no longer open."""
        self.open = max(0, self.open - 1)

    def _limit(self, now: float, connections: int) -> None:
        if self.learned is None or connections < self.learned:
            self.learned = connections
        else:
            self._one_more_s = min(2 * self._one_more_s, _LONGEST_ONE_MORE_S)
        self._one_more_at = now + self._one_more_s
