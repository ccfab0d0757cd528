"""Refusals that come by chance, whatever the rate is: a lower rate helps nobody then."""

from math import sqrt

_LOWER = 0.7  # of the rate at which they began: a limit that was met there would have been kept to by far
_MOST = 0.1  # of the answers: what refuses more is no chance
_LEAST = 0.005  # of the answers: fewer are what a step up or a late message met
_UNLIMITED = 0.04  # of the answers, while no rate is known to be a limit
_NEEDED = 2  # refusals at the lower rate, twice as many each time that it turned out to be a limit after all
_SPREAD, _BEYOND = 2.0, 2.0  # standard deviations, and refusals, by which more than the share are no chance


class ChanceRefusals:
    """What is known of refusals by chance: their `share` of the answers, 0 while there are none.

    The rate is cut for each refusal at first. When they go on at a much lower rate, one here and one there, they don't
    come of the rate: it goes back to what it was, and only more refusals than their share cut it again.
    """

    def __init__(self) -> None:
        self.share = 0.0
        self.began_at: float | None = None  # the rate at which a series of cuts began
        self.before: float | None = None  # the rate in force before it, None for none
        self._answered = self._refused = self._below = 0
        self._needed = _NEEDED

    def begin(self, per_second: float, before: float | None) -> None:
        """Take down at which rate the first of several refusals came, unless a series has begun."""
        if self.began_at is None:
            self.began_at, self.before = per_second, before
            self._answered = self._refused = 1
            self._below = 0

    def end(self) -> None:
        """End the series: the rate has another reason now."""
        self.began_at = None

    def count(self, *, refused: bool) -> None:
        """Count an answer of a message that was not one of a trial."""
        if self.began_at is not None:
            self._answered += 1
            self._refused += refused

    def forget(self, refused: int) -> None:
        """Take back so many refusals in a row: they were no chance."""
        self._refused = max(0, self._refused - refused)

    def is_shown(self, per_second: float) -> bool:
        """Return whether a refusal at this rate shows that those of the series come by chance."""
        if self.began_at is None or per_second >= _LOWER * self.began_at:
            return False
        self._below += 1
        if self._below < self._needed or not _LEAST * self._answered <= self._refused <= _MOST * self._answered:
            return False
        self.share = self._refused / self._answered
        self.began_at = None
        return True

    def explains(self, answered: int, refused: int, *, is_limited: bool) -> bool:
        """Return whether so many refusals among so many answers are no more than chance brings.

        Without a limit on the rate, a few are always taken for chance: a rate that is met there refuses many at once.
        """
        share = self.share or (0.0 if is_limited else _UNLIMITED)
        expected = share * answered
        return share > 0 and refused <= expected + _SPREAD * sqrt(expected) + _BEYOND

    def refute(self) -> None:
        """Learn that it was a limit after all."""
        self.share = 0.0
        self._needed *= 2
