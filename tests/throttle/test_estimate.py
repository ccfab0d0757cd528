"""The time that a send still takes: right within a tenth where it can be known, and none where it can't."""

import pytest
from throttle.simulation import Simulation
from throttle.test_simulated_servers import CASES

from newsletter.backends import Limits
from newsletter.mail.reply_concern import Concern
from newsletter.throttle.advice import Evidence
from newsletter.throttle.controller import Throttle


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("no limit", 0.1),
        ("421 after 50 messages of a connection", 0.1),
        ("14 a second", 0.1),
        ("100 a second", 0.1),
        ("slow replies", 0.1),
        ("451 to everybody for 15 s", 0.1),
        # Of a window nobody knows before it was used up: the others are looked at after that.
        ("three connections", 0.2),
        ("a bucket of 100, 20 a second", 0.3),
        ("300 in 10 s", 0.21),
        ("300 in 10 s", 0.5),
        ("777 in 37 s", 0.16),
        ("100 an hour", 0.11),
        ("100 an hour", 0.65),
        ("100 an hour of the clock", 0.21),
        ("2,000 a day, and 14 a second", 0.21),
        ("an outage in the midst", 0.31),
    ],
)
def test_the_time_left_is_right_within_a_tenth(name: str, share: float) -> None:
    case = CASES[name]
    course = Simulation(case.readers, *case.make(), **case.options, estimate_at=share).run()
    ((at, left),) = course.estimates
    assert left == pytest.approx(course.seconds - at, rel=0.1)


@pytest.mark.parametrize("concern", [Concern.RATE, Concern.HEALTH])
def test_no_time_is_named_while_nobody_knows_when_the_server_takes_mail_again(concern: Concern) -> None:
    throttle = Throttle(Limits(connections=10), now=0.0)
    for number in range(100):
        throttle.record_departure(number / 100)
        throttle.record_acceptance(number / 100 + 0.01, 0.01)
    assert throttle.estimate(1.0, 100) == pytest.approx(1.0, rel=0.1)
    for number in range(10):
        throttle.record_departure(1.0)
        throttle.record_refusal(1.01 + number / 1000, concern, Evidence("rcpt", 451, "4.7.1", "not now"), took=0.01)
    assert throttle.estimate(2.0, 100) is None
    assert throttle.estimate(2.0, 0) == 0.0
