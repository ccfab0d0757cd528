"""After how many refusals a session gives way to a new one."""

import pytest

from newsletter.throttle.session_refusals import SessionRefusals


@pytest.mark.parametrize(("usual_s", "slow_s"), [(0.0, 0.5), (0.02, 0.5), (1.0, 10.0)])
def test_a_server_that_takes_its_time_for_everybody_has_not_turned_slow(usual_s: float, slow_s: float) -> None:
    assert SessionRefusals().find_slow(usual_s) == slow_s


def test_more_refusals_than_have_slowed_a_session_before_are_not_borne_again() -> None:
    refusals = SessionRefusals()
    refusals.record_slow(2)
    refusals.record_slow(3)
    assert refusals.most == 2
