"""A test whether a share of refusals is larger than an editor allows, or only looks so by chance."""

from collections.abc import Sequence
from math import exp, inf, log, log1p

# How wrong a stop may be, however long the list: once in a thousand lists whose true share is the allowed one.
MISTAKES = 0.001
# The larger shares that are looked for, as parts of the way from the allowed one to all.
_LOOKED_FOR = (0.05, 0.15, 0.4, 0.9)


class ShareTest:
    """A sequential test of one share, which may be asked after every answer.

    It compares how likely what was seen is under a larger share and under the allowed one (Wald, 1945), on average over
    several larger ones. Under the allowed share, or a smaller one, that average reaches 1 / `mistakes` at any time with
    a probability of at most `mistakes` (Ville's inequality for non-negative supermartingales), so that looking again
    and again makes it no more likely.
    """

    def __init__(self, allowed: float, mistakes: float = MISTAKES) -> None:
        """Make the test of a share of 1 that is above 0 and below 1."""
        # The logarithms of larger / allowed, and of (1 - larger) / (1 - allowed).
        self._steps: Sequence[tuple[float, float]] = [
            (log1p(part * (1 - allowed) / allowed), log1p(-part)) for part in _LOOKED_FOR
        ]
        self._enough = log(len(_LOOKED_FOR) / mistakes)

    def is_larger(self, refused: int, answered: int) -> bool:
        """Return whether so many of those who were answered are more than chance makes of the allowed share."""
        return self._weigh(refused, answered - refused) >= self._enough

    def _weigh(self, refused: int, others: int) -> float:
        """Return the logarithm of the sum of the likelihood ratios."""
        ratios = [refused * per_refused + others * per_other for per_refused, per_other in self._steps]
        largest = max(ratios, default=-inf)
        return largest + log(sum(exp(ratio - largest) for ratio in ratios))
