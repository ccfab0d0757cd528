"""Several workers before one server, who learn its limits together."""

from collections.abc import Callable

import pytest
from throttle.servers import Bucket, Limit, Outage, SlidingRate
from throttle.several import Several
from throttle.simulation import find_ideal

from newsletter.throttle.learned import LearnedLimits

_CONNECTIONS = 8
_OF_THE_IDEAL = 0.85
_REFUSALS = 0.05

SERVERS: dict[str, tuple[int, Callable[[], Limit]]] = {
    "40 a second": (2_000, lambda: SlidingRate(40)),
    "100 a second": (4_000, lambda: SlidingRate(100)),
    "a bucket of 100, 20 a second": (1_000, lambda: Bucket(20, 100)),
    "an outage": (5_000, lambda: Outage(3, 18)),
}


@pytest.mark.parametrize("workers", [2, 3, 4])
@pytest.mark.parametrize("name", SERVERS)
def test_workers_use_a_server_together_nearly_as_far_as_it_allows(name: str, workers: int) -> None:
    readers, make = SERVERS[name]
    several = Several(workers, readers, make(), connections=_CONNECTIONS // workers)
    several.run()
    ideal = find_ideal(readers, [make()], connections=_CONNECTIONS)
    assert len(several.accepted) == readers
    assert several.seconds <= ideal / _OF_THE_IDEAL
    assert several.share_of_refusals(0.2 * several.seconds) <= _REFUSALS


def test_a_rate_that_was_learned_is_everybodys_together() -> None:
    several = Several(3, 800, SlidingRate(40), learned=LearnedLimits(rate=38.0, took_s=0.02))
    several.run()
    assert several.seconds <= 800 / 40 / _OF_THE_IDEAL
    assert several.share_of_refusals(1.0) <= _REFUSALS
    rates = [worker.throttle.learned(several.seconds).rate for worker in several.workers]
    assert all(rate is not None and 34 < rate < 42 for rate in rates), rates


def test_what_a_worker_leaves_is_taken_by_the_others() -> None:
    several = Several(3, 1_500, SlidingRate(40), ends=[12.0])
    several.run()
    assert several.seconds <= 1_500 / 40 / _OF_THE_IDEAL
