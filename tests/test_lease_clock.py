"""The lease by clocks that a test owns: a machine that sleeps, a wall clock that is set."""

import pytest

from newsletter.lease_clock import CLOCKS, LeaseClock

LEASE_S = 15.0


class Clocks:
    """A clock that only goes forward, and the one on the wall."""

    def __init__(self) -> None:
        self.elapsed = 100.0
        self.wall = 1_800_000_000.0

    def lease(self) -> LeaseClock:
        clock = LeaseClock(LEASE_S, (lambda: self.elapsed, lambda: self.wall))
        clock.start(clock.read())
        return clock

    def pass_by(self, elapsed: float, wall: float) -> None:
        self.elapsed += elapsed
        self.wall += wall


@pytest.mark.parametrize(
    ("elapsed", "wall", "valid"),
    [
        pytest.param(0, 0, True, id="at once"),
        pytest.param(5, 5, True, id="a third of it is over"),
        pytest.param(14.9, 14.9, False, id="nearly over: what leaves now has to arrive, too"),
        pytest.param(15, 15, False, id="over"),
        pytest.param(0.5, 3600, False, id="a machine that slept, whose clock that only goes forward stood still"),
        pytest.param(3600, 0.5, False, id="a machine that slept, and whose wall clock was not set yet"),
        pytest.param(5, -3600, False, id="the wall clock was set back"),
        pytest.param(5, 3605, False, id="the wall clock was set forward"),
        pytest.param(5, 6, True, id="the wall clock was put right by a second"),
    ],
)
def test_a_lease_lasts_as_long_as_both_clocks_say(elapsed: float, wall: float, valid: bool) -> None:
    clocks = Clocks()
    lease = clocks.lease()
    clocks.pass_by(elapsed, wall)
    assert lease.is_valid is valid


def test_a_lease_counts_from_when_it_was_asked_for() -> None:
    clocks = Clocks()
    lease = clocks.lease()
    clocks.pass_by(10, 10)
    asked_at = lease.read()
    clocks.pass_by(10, 10)  # so long did the ledger take
    assert not lease.is_valid
    lease.start(asked_at)
    assert lease.is_valid
    clocks.pass_by(4, 4)
    assert not lease.is_valid


def test_a_lease_that_was_never_granted_is_none() -> None:
    assert not LeaseClock(LEASE_S).is_valid


def test_the_machine_s_own_clocks_agree_while_it_is_awake() -> None:
    lease = LeaseClock(LEASE_S, CLOCKS)
    lease.start(lease.read())
    assert lease.is_valid
