"""Answer times: how quickly the server answered."""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil

from sqlalchemy import Connection

from newsletter.issue_name import IssueName
from newsletter.ledger.statistics import count_answer_times

# In milliseconds, each about twice the one before.
_ENDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000, 300_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTimeRange:
    """Number of answers that took more than one time and at most another, in milliseconds; None is without an end."""

    above: int
    up_to: int | None
    answers: int


@dataclass(frozen=True, kw_only=True)
class AnswerTimes:
    """Times from handing the server a message to its answer, in milliseconds.

    A quantile is the least time within which that share of the answers came (nearest rank).
    """

    answers: int
    p50: int
    p90: int
    p99: int
    slowest: int
    lapses: Sequence[AnswerTimeRange]


def measure_answers(connection: Connection, issue: IssueName) -> AnswerTimes | None:
    """Return the answer times; None when nothing was answered. Different times alone are kept: they are few."""
    times, counts = array("q"), array("q")
    for took, count in count_answer_times(connection, issue):
        times.append(took)
        counts.append(count)
    if not times:
        return None
    passed = list(accumulate(counts))
    p50, p90, p99 = (times[bisect_left(passed, ceil(passed[-1] * share / 100))] for share in (50, 90, 99))
    filled = [0] * (len(_ENDS) + 1)
    for took, count in zip(times, counts, strict=True):
        filled[bisect_left(_ENDS, took)] += count
    return AnswerTimes(answers=passed[-1], p50=p50, p90=p90, p99=p99, slowest=times[-1], lapses=_trim_ranges(filled))


def _trim_ranges(filled: Sequence[int]) -> list[AnswerTimeRange]:
    """Return the ranges without the empty ones at either end."""
    found = [
        AnswerTimeRange(above=above, up_to=up_to, answers=count)
        for above, up_to, count in zip((-1, *_ENDS), (*_ENDS, None), filled, strict=True)
    ]
    numbers = [number for number, lapse in enumerate(found) if lapse.answers]
    return found[numbers[0] : numbers[-1] + 1]
