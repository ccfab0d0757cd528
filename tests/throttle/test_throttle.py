"""How fast messages may leave, on a clock of the test's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.backends import Limits
from newsletter.mail.reply_concern import Concern
from newsletter.throttle.advice import Evidence
from newsletter.throttle.controller import HOUR_S, Throttle


def _departures(throttle: Throttle, count: int, now: float = 0.0) -> list[float]:
    """When that many messages leave, each as soon as it may."""
    moments = []
    for _ in range(count):
        now = throttle.find_next_departure(now)
        throttle.record_departure(now)
        moments.append(now)
    return moments


def _refuse(throttle: Throttle, now: float, code: int | None, enhanced: str | None = None) -> None:
    throttle.record_refusal(now, Concern.READER, Evidence(code=code, enhanced=enhanced))


def test_without_a_limit_everything_leaves_at_once() -> None:
    assert _departures(Throttle(Limits(), now=0.0), 1000) == [0.0] * 1000


@given(rate=st.floats(0.01, 5000), count=st.integers(2, 300))
def test_never_more_a_second_than_the_limit(rate: float, count: int) -> None:
    moments = _departures(Throttle(Limits(per_second=rate), now=0.0), count)
    assert moments == sorted(moments)
    # Over any span, what leaves is what the rate gives for it and for the burst that timers need.
    for span in (1, count // 2, count - 1):
        for first, last in zip(moments, moments[span:], strict=False):
            assert span <= (last - first + 0.06) * rate + 1


@given(limit=st.integers(1, 50), sent=st.lists(st.floats(0, HOUR_S - 1), max_size=60))
def test_never_more_in_an_hour_than_the_limit_whatever_left_before(limit: int, sent: list[float]) -> None:
    before = sorted(sent)[-limit:]
    throttle = Throttle(Limits(per_hour=limit), now=HOUR_S, recent=before)
    moments = [*before, *_departures(throttle, 2 * limit, now=HOUR_S)]
    for first, last in zip(moments, moments[limit:], strict=False):
        assert last - first >= HOUR_S - 1e-6


def test_the_room_ahead_is_what_may_leave_soon() -> None:
    assert Throttle(Limits(), now=0.0).count_room(0.0, 2) is None
    assert Throttle(Limits(per_second=10), now=0.0).count_room(0.0, 2) == 20
    full = Throttle(Limits(per_hour=3), now=2.0, recent=[0.0, 1.0, 2.0])
    assert full.count_room(10.0, 2) == 0
    assert full.count_room(HOUR_S + 0.5, 2) == 1
    assert Throttle(Limits(per_second=100, per_hour=5), now=0.0, recent=[0.0]).count_room(1.0, 2) == 4


def test_a_server_that_asks_for_less_gets_half_and_it_grows_back_slowly() -> None:
    throttle = Throttle(Limits(per_second=100), now=0.0)
    now = _departures(throttle, 200)[-1]
    _refuse(throttle, now, 421)
    assert throttle.rate == 50
    _refuse(throttle, now + 0.5, 421)
    assert throttle.rate == 50  # the answers to what was under way are no second sign
    throttle.find_next_departure(now + 15)
    assert 50 < (throttle.rate or 0) < 100
    throttle.find_next_departure(now + 100)
    assert throttle.rate == 100


def test_without_a_limit_the_rate_is_half_of_what_it_was_and_free_in_the_end() -> None:
    throttle = Throttle(Limits(), now=0.0)
    for number in range(101):
        throttle.record_departure(number / 20)
    _refuse(throttle, 5.0, 421)
    assert throttle.rate == pytest.approx(10)
    _refuse(throttle, 10.0, 450, "4.7.0")
    assert throttle.rate == pytest.approx(5)
    throttle.find_next_departure(10.0 + 600)
    assert throttle.rate is None


@given(st.lists(st.floats(0, 100), max_size=60))
def test_however_often_it_is_asked_something_still_leaves(gaps: list[float]) -> None:
    throttle, now = Throttle(Limits(per_second=5), now=0.0), 0.0
    for gap in gaps:
        now += gap
        _refuse(throttle, now, 421)
    assert 1 <= (throttle.rate or 0) <= 5
    assert throttle.find_next_departure(now) <= now + 1


@pytest.mark.parametrize(
    ("code", "enhanced", "asks"),
    [
        (421, None, True), (450, "4.7.1", True), (450, None, False), (451, "4.3.0", False), (452, "4.2.2", False),
        (550, "5.7.1", False), (None, "4.7.0", True), (400, "4.7.28", True), (None, None, False),
        (400, "4.71.0", False),
    ],
)  # fmt: skip
def test_which_single_replies_are_about_how_much_is_sent(code: int | None, enhanced: str | None, asks: bool) -> None:
    throttle = Throttle(Limits(per_second=100), now=0.0)
    _refuse(throttle, 10.0, code, enhanced)
    assert (throttle.rate == 50) is asks


def test_a_busy_mailbox_here_and_there_does_not_slow_a_list_down() -> None:
    throttle = Throttle(Limits(per_second=100), now=0.0)
    for number in range(1000):
        if number % 20 == 0:
            _refuse(throttle, number / 100, 452)
        else:
            throttle.record_acceptance(number / 100)
    assert throttle.rate == 100


@pytest.mark.parametrize("code", [450, 451, 452, 454])
def test_many_put_off_in_a_row_do(code: int) -> None:
    throttle = Throttle(Limits(per_second=100), now=0.0)
    for number in range(15):
        _refuse(throttle, number / 100, code, "4.3.2")
    assert throttle.rate == 50
