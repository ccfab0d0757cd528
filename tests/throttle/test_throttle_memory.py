"""What is learned outlives a send, and tells how long the rest of it takes."""

from collections.abc import Callable, Sequence

import pytest
from throttle.servers import Bucket, Greylisting, Limit, OpenConnections, SessionMessages, SlidingRate, Window
from throttle.simulation import Simulation, find_ideal

from newsletter.throttle.holds import HoldKind
from newsletter.throttle.learned import LearnedLimits

_Make = Callable[[], Sequence[Limit]]
SERVERS: dict[str, _Make] = {
    "14 a second": lambda: [SlidingRate(14)],
    "100 a second": lambda: [SlidingRate(100)],
    "a bucket of 5, 20 a second": lambda: [Bucket(20, 5)],
    "300 in 15 s": lambda: [Window(300, 15)],
    "three connections": lambda: [OpenConnections(3)],
    "50 messages of a session": lambda: [SessionMessages(50)],
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_second_send_begins_at_the_learned_pace(name: str) -> None:
    learned = Simulation(1_000, *SERVERS[name]()).run().learned
    assert learned is not None
    again = Simulation(1_000, *SERVERS[name](), learned=LearnedLimits.from_json(learned.to_json()), begin=100_000)
    course = again.run()
    assert sorted(course.delivered) == list(range(1_000))
    assert sum(before < 500 for _, before in course.refusals) <= 10


def test_greylisting_that_is_known_is_waited_for_once() -> None:
    learned = Simulation(200, Greylisting(60)).run().learned
    assert learned is not None
    assert learned.greylisting_s == pytest.approx(60, abs=3)
    course = Simulation(500, Greylisting(60), learned=learned).run()
    assert course.seconds <= 66
    assert not course.refusals  # but for the first tries, which nobody can avoid


@pytest.mark.parametrize("name", ["14 a second", "100 a second", "a bucket of 5, 20 a second", "three connections"])
def test_after_the_first_tenth_the_end_is_known_within_a_tenth(name: str) -> None:
    course = Simulation(3_000, *SERVERS[name]()).run()
    ((at, left),) = course.estimates
    assert left is not None
    assert at + left == pytest.approx(course.seconds, rel=0.1)


def test_what_holds_a_send_is_said_with_the_limit_and_its_evidence() -> None:
    simulation = Simulation(700, *SERVERS["14 a second"]())
    course = simulation.run()
    hold = simulation.throttle.describe_hold(course.seconds)
    assert hold is not None
    assert hold.kind is HoldKind.RATE
    assert hold.words == "the server takes 14 messages a second"
    assert hold.evidence == "451 4.7.1 Rate limit exceeded"


@pytest.mark.slow
def test_a_million_readers_and_days_of_quota() -> None:
    def make() -> list[Limit]:
        return [SlidingRate(50), Window(200_000, 86_400, "454 4.7.0 Throttling failure: Daily message quota exceeded.")]

    course = Simulation(1_000_000, *make()).run()
    assert sorted(course.delivered) == list(range(1_000_000))
    assert course.seconds <= find_ideal(1_000_000, make()) / 0.85
    assert course.share_of_refusals() <= 0.01
