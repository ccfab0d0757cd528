"""After how many refusals a session gives way to a new one."""

import pytest

from newsletter.throttle.session_refusals import SessionRefusals


@pytest.mark.parametrize(
    ("took", "usual_s", "is_slow"),
    [
        (0.02, 0.02, False),
        (0.4, 0.02, False),  # a moment's delay
        (3.0, 0.02, True),
        (3.0, 1.0, False),  # a server that takes its time for everybody
        (15.0, 1.0, True),
    ],
)
def test_a_session_that_turned_slow_after_a_refusal_is_known_by_its_next_message(
    took: float, usual_s: float, is_slow: bool
) -> None:
    refusals = SessionRefusals()
    before = refusals.most
    refusals.record_next(1, took, usual_s)
    assert (refusals.is_slow, refusals.most) == ((True, 1) if is_slow else (False, before))


def test_more_refusals_than_have_slowed_a_session_before_are_not_borne_again() -> None:
    refusals = SessionRefusals()
    refusals.record_next(2, 4.0, 0.02)
    refusals.record_next(3, 4.0, 0.02)
    assert refusals.most == 2
