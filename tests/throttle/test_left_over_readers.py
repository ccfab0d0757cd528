"""Readers whom a server's trouble hits alone, while others are accepted, are not waited for as for an outage."""

from newsletter.backends import Limits
from newsletter.mail.reply_concern import Concern
from newsletter.throttle.advice import Evidence
from newsletter.throttle.controller import Throttle

TROUBLE = Evidence("rcpt", 451, "4.3.0", "Temporary lookup failure")


def _throttle_after(accepted_from: float, count: int = 60) -> Throttle:
    throttle = Throttle(Limits(connections=4), now=0.0)
    for number in range(count):
        now = accepted_from + 0.01 * number
        throttle.record_departure(now)
        throttle.record_acceptance(now, 0.005)
    return throttle


def _refuse(throttle: Throttle, now: float, *, waited: float | None, put_off: int) -> bool:
    throttle.record_departure(now)
    advice = throttle.record_refusal(now, Concern.HEALTH, TROUBLE, session_carried=9, waited=waited, put_off=put_off)
    return advice.counts_against_reader


def test_the_third_time_counts_when_many_others_were_accepted_meanwhile() -> None:
    throttle = _throttle_after(10.0)
    assert not _refuse(throttle, 11.0, waited=None, put_off=0)
    assert not _refuse(throttle, 11.5, waited=2.0, put_off=1)
    assert _refuse(throttle, 12.0, waited=2.5, put_off=2)


def test_it_counts_in_a_stoppage_that_only_such_readers_have_made() -> None:
    throttle = _throttle_after(10.0)
    counted = [
        _refuse(throttle, 11.0 + 0.1 * tries, waited=1.0 + 0.1 * tries, put_off=min(tries, 1)) for tries in range(8)
    ]
    assert not any(counted)
    assert throttle.find_next_departure(11.8) > 11.8
    assert _refuse(throttle, 20.0, waited=10.0, put_off=2)


def test_it_does_not_count_in_an_outage_that_began_before() -> None:
    throttle = _throttle_after(10.0)
    for tries in range(7):
        assert not _refuse(throttle, 11.0 + tries, waited=float(tries), put_off=tries)
