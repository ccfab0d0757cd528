"""How fast messages may leave, on a clock of the test's own."""

from hypothesis import given
from hypothesis import strategies as st

from newsletter.backends import Limits
from newsletter.throttle.controller import HOUR_S, Throttle


def _departures(throttle: Throttle, count: int, now: float = 0.0) -> list[float]:
    """When that many messages leave, each as soon as it may."""
    moments = []
    for _ in range(count):
        now = throttle.find_next_departure(now)
        throttle.record_departure(now)
        moments.append(now)
    return moments


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
