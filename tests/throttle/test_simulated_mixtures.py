"""Mixtures of limits: everybody is served once, and no limit misleads what is learned of another."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from throttle.servers import (
    Bucket,
    Chance,
    Limit,
    OpenConnections,
    Outage,
    SessionMessages,
    SlidingRate,
    Window,
)
from throttle.simulation import CONNECTIONS, WAITS, Simulation, find_ideal

_LEARNING_S = 60.0  # and the mixture's longest outage and window, once more
_OF_THE_IDEAL = 0.7  # of a mixture that changes all the time; single limits are held to 0.85
_OF_ANY = 0.4  # of the slowest: two of 300, an hour's window in whose first one there was an outage, come to 0.41

_Make = Callable[[], Limit]


def _change(rate: int, now: float) -> int:
    """Return a rate that doubles every other twenty seconds."""
    return rate if now % 40 < 20 else 2 * rate


def _draw_rate(draw: st.DrawFn) -> _Make:
    per_second = draw(st.sampled_from([5, 14, 30, 60, 100, 200]))
    return draw(
        st.sampled_from(
            [
                partial(SlidingRate, per_second),
                partial(SlidingRate, partial(_change, per_second)),
                partial(Window, per_second, 1),
                partial(Bucket, per_second, draw(st.sampled_from([1, 5, 20, 100, 300]))),
            ]
        )
    )


@st.composite
def _mixtures(draw: st.DrawFn) -> tuple[list[_Make], int, float]:
    """Draw limits, how many connections they bear, and the seconds of their longest outage and window together."""
    limits: list[_Make] = []
    connections, seconds = CONNECTIONS, 0.0
    if draw(st.booleans()):
        limits.append(_draw_rate(draw))
    if draw(st.booleans()):
        length = draw(st.sampled_from([5, 10, 15, 37, 60, 3600]))
        seconds += length
        count = draw(st.sampled_from([50, 100, 300, 1000]))
        limits.append(partial(Window, count, length, by_clock=draw(st.booleans())))
    if draw(st.booleans()):
        begin, length = draw(st.sampled_from([0, 2, 10, 30])), draw(st.sampled_from([3, 15, 60, 300]))
        # Of the last few readers each is tried often meanwhile, which counts in the end: the editor's wait follows.
        seconds += length + WAITS[0] / 2
        limits.append(partial(Outage, begin, begin + length, refuses_connections=draw(st.booleans())))
    if draw(st.booleans()):
        connections = draw(st.integers(1, 6))
        limits.append(partial(OpenConnections, connections))
    if draw(st.booleans()):
        limits.append(partial(SessionMessages, draw(st.sampled_from([5, 20, 100])), closes=draw(st.booleans())))
    if draw(st.booleans()):
        limits.append(partial(Chance, 0.03))
    return limits, connections, seconds


def _assert_served(
    mixture: tuple[Sequence[_Make], int, float],
    readers: int,
    text_s: float,
    refusal_s: float,
    window: int,
    share: float,
) -> None:
    limits, connections, seconds = mixture
    simulation = Simulation(
        readers, *(make() for make in limits), text_s=text_s, refusal_s=refusal_s, window=window, patience_s=1e6
    )
    course = simulation.run()
    ideal = find_ideal(readers, [make() for make in limits], text_s=text_s, connections=connections)
    assert sorted(course.delivered) == list(range(readers))
    assert course.seconds <= ideal / share + 2 * seconds + _LEARNING_S
    assert len(course.refusals) <= readers + 200


_SENDS = {
    "mixture": _mixtures(),
    "readers": st.sampled_from([50, 200, 700]),
    "text_s": st.sampled_from([0.002, 0.02, 0.1]),
    "refusal_s": st.sampled_from([0.001, 0.02]),
    "window": st.integers(1, 2),
}


# The same draws each time: what is found is mended, and not by chance in another's change.
@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(**_SENDS)
def test_everybody_is_served_whatever_limits_come_together(
    mixture: tuple[Sequence[_Make], int, float], readers: int, text_s: float, refusal_s: float, window: int
) -> None:
    _assert_served(mixture, readers, text_s, refusal_s, window, _OF_THE_IDEAL)


@pytest.mark.slow
@settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(**_SENDS)
def test_everybody_is_served_in_many_more_mixtures(
    mixture: tuple[Sequence[_Make], int, float], readers: int, text_s: float, refusal_s: float, window: int
) -> None:
    _assert_served(mixture, readers, text_s, refusal_s, window, _OF_ANY)
