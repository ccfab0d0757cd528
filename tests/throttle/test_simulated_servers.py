"""The throttle before servers with a limit each: everybody gets it, nearly as fast as the limit lets."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

import pytest
from throttle.servers import (
    Bucket,
    Chance,
    DeadConnections,
    FirstSession,
    Greylisting,
    Limit,
    NewConnections,
    OpenConnections,
    Outage,
    SessionMessages,
    SlidingRate,
    Window,
)
from throttle.simulation import Course, Simulation, find_ideal

_OF_THE_IDEAL = 0.85
_BY_CHANCE = 0.4  # where many are refused by chance in the first second, it takes some more to know it
_REFUSALS = 0.05  # for each message accepted, once the first tenth is


class Case(NamedTuple):
    """A server: so many readers, its limits, and the ideal time where it does not follow from find_opening.

    A limit is learned after the share `learning` of the messages: the first two windows of a long one.
    """

    readers: int
    make: Callable[[], Sequence[Limit]]
    ideal: float | None = None
    options: dict[str, Any] = {}  # noqa: RUF012  # never changed
    learning: float = 0.1


SES = "454 4.7.0 Throttling failure: maximum sending rate exceeded"
POSTFIX = "450 4.7.1 Error: too much mail from 127.0.0.1"
QUOTA = "454 4.7.0 Throttling failure: Daily message quota exceeded."

CASES = {
    "no limit": Case(3_000, list),
    "421 after 50 messages of a connection": Case(
        3_000, lambda: [SessionMessages(50, "421 4.3.2 Service closing", closes=True)]
    ),
    "OpenSMTPD, 100 messages of a session": Case(5_000, lambda: [SessionMessages(100)]),
    "three connections": Case(1_000, lambda: [OpenConnections(3)], 1_000 * 0.02 / 3),
    "five new connections in 10 s": Case(1_000, lambda: [NewConnections(5, 10)], 1_000 * 0.02 / 5),
    "14 a second": Case(700, lambda: [SlidingRate(14, 1, SES)]),
    "100 a second": Case(3_000, lambda: [SlidingRate(100, 1, POSTFIX)]),
    "a rate that halves and doubles": Case(2_000, lambda: [SlidingRate(lambda now: 30 if 15 <= now < 30 else 60)]),
    "three connections, and 40 a second": Case(1_500, lambda: [OpenConnections(3), SlidingRate(40)]),
    "a bucket of 100, 20 a second": Case(1_000, lambda: [Bucket(20, 100, SES)]),
    "300 in 10 s": Case(1_500, lambda: [Window(300, 10, POSTFIX)]),
    "100 in each second": Case(3_000, lambda: [Window(100, 1)]),
    "777 in 37 s": Case(10_000, lambda: [Window(777, 37)]),
    "300 in 15 s, in words that name no limit": Case(
        1_500, lambda: [Window(300, 15, "451 4.3.2 Please try again later")]
    ),
    "30 a minute, as a bucket": Case(500, lambda: [Bucket(0.5, 30)], None, {}, 0.3),
    "100 an hour": Case(1_000, lambda: [Window(100, 3600, "452 4.7.1 hourly limit exceeded")], None, {}, 0.21),
    "100 an hour of the clock": Case(1_000, lambda: [Window(100, 3600, by_clock=True)], None, {"begin": 1_234.0}, 0.21),
    "2,000 a day, and 14 a second": Case(
        10_000, lambda: [SlidingRate(14, 1, SES), Window(2_000, 86400, QUOTA)], None, {}, 0.41
    ),
    "451 to everybody for 15 s": Case(3_000, lambda: [Outage(0, 15)]),
    "no connection for 15 s": Case(5_000, lambda: [Outage(3, 18, refuses_connections=True)]),
    "an outage in the midst": Case(5_000, lambda: [Outage(3, 18)]),
    "greylisting of 10 s": Case(500, lambda: [Greylisting(10)], 11.0),
    "postscreen's first session": Case(200, lambda: [FirstSession()], 0.4),
    "3 % at random": Case(3_000, lambda: [Chance(0.03)], 6.0),
    "slow replies": Case(500, list, None, {"text_s": 0.2}),
    "a slow banner": Case(6_000, list, 17.0, {"banner_s": 5.0}),
    "a half of the connections dead": Case(2_000, lambda: [DeadConnections()], 8.0),
}


@pytest.mark.parametrize("name", CASES)
def test_a_server_is_used_nearly_as_far_as_its_limit_allows(name: str) -> None:
    case = CASES[name]
    course = Simulation(case.readers, *case.make(), **case.options).run()
    ideal = case.ideal if case.ideal is not None else find_ideal(case.readers, case.make(), **case.options)
    _assert_good(course, case.readers, ideal, case.learning)


def _assert_good(course: Course, readers: int, ideal: float, learning: float = 0.1) -> None:
    assert sorted(course.delivered) == list(range(readers))
    assert course.seconds <= ideal / _OF_THE_IDEAL
    assert course.share_of_refusals(learning) <= _REFUSALS


@pytest.mark.parametrize("line", ["451 4.3.0 Temporary system problem", "451 4.7.1 Rate limit exceeded"])
@pytest.mark.parametrize(
    ("make", "readers"),
    [
        (list, 3_000),
        (lambda: [SlidingRate(30)], 700),
        (lambda: [Window(50, 5)], 700),
        (lambda: [Window(300, 10)], 1_500),
    ],
    ids=["no limit", "30 a second", "50 in 5 s", "300 in 10 s"],
)
def test_refusals_by_chance_are_not_taken_for_a_limit(
    make: Callable[[], Sequence[Limit]], readers: int, line: str
) -> None:
    """A server that refused 3 % whatever the rate, in words of a rate, was sent to slower and slower."""
    for seed in range(8):
        by_chance = Chance(0.03, (line,), Random(seed))
        course = Simulation(readers, *make(), by_chance).run()
        assert sorted(course.delivered) == list(range(readers))
        ideal = 6.0 if not make() else find_ideal(readers, make())
        # Whom chance hits three times in a row, while all others are accepted, waits as long as the editor said.
        assert course.accepted[-3] <= ideal / _BY_CHANCE, seed
