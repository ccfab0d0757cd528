"""Limits by domain hold in virtual time, whatever is sent to whom, and no domain keeps another one waiting."""

import itertools
from collections import Counter, deque
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.throttle.domains import HOUR_S, DomainLimit, DomainThrottle, describe_domain_limit

LIMITS = st.builds(
    DomainLimit,
    per_second=st.none() | st.floats(0.1, 20),
    per_hour=st.none() | st.integers(1, 30),
    at_once=st.none() | st.integers(1, 4),
)


@given(
    limits=st.dictionaries(st.sampled_from("abc"), LIMITS),
    default=st.none() | LIMITS,
    domains=st.lists(st.sampled_from("abcd"), max_size=120),
    took=st.floats(0.01, 3),
)
def test_no_domain_gets_more_than_its_limit(
    limits: dict[str, DomainLimit], default: DomainLimit | None, domains: list[str], took: float
) -> None:
    throttle = DomainThrottle(limits, default)
    left: dict[str, list[float]] = {}
    ends: deque[tuple[float, str]] = deque()
    for domain in domains:
        now = max(left.get(domain, [0.0])[-1], 0.0)
        while (at := throttle.find_next_departure(domain, now)) > now:
            if at == inf:
                ending = next(end for end in ends if end[1] == domain)
                ends.remove(ending)
                now = max(now, ending[0])
                throttle.record_end(domain)
            else:
                now = at
        throttle.record_departure(domain, now)
        left.setdefault(domain, []).append(now)
        ends.append((now + took, domain))
    for domain, times in left.items():
        limit = limits.get(domain, default)
        if limit is None:
            assert not any(times), "nothing holds it"
            continue
        if limit.per_second is not None:
            assert all(b - a >= 1 / limit.per_second - 1e-6 for a, b in itertools.pairwise(times))
        if limit.per_hour is not None:
            most = max(sum(at <= one < at + HOUR_S - 1e-6 for one in times) for at in times)
            assert most <= limit.per_hour
        if limit.at_once is not None:
            assert max(sum(at - took + 1e-6 < one <= at for one in times) for at in times) <= limit.at_once


def test_the_hour_counts_what_left_before() -> None:
    throttle = DomainThrottle({"a": DomainLimit(per_hour=2)}, recent={"a": [-10.0, -5.0], "b": [-1.0]})
    assert throttle.find_next_departure("a", 0.0) == HOUR_S - 10
    assert throttle.find_next_departure("b", 0.0) == 0.0
    assert throttle.estimate("b", 0.0, 100) == 0.0


@pytest.mark.parametrize(
    ("limit", "left", "seconds"),
    [
        (DomainLimit(per_second=10), 101, 10.0),
        (DomainLimit(per_hour=100), 100, 0.0),
        (DomainLimit(per_hour=100), 101, HOUR_S),
        (DomainLimit(per_hour=100), 350, 3 * HOUR_S),
        (DomainLimit(at_once=2), 350, 0.0),
    ],
)
def test_the_time_that_a_domain_takes_is_known(limit: DomainLimit, left: int, seconds: float) -> None:
    assert DomainThrottle({"a": limit}).estimate("a", 0.0, left) == seconds


def test_a_limit_is_a_sentence() -> None:
    limit = DomainLimit(per_second=0.5, per_hour=1000, at_once=2)
    words = "gmail.com gets no more than 30 messages a minute and 1,000 an hour and 2 at once, as the settings say"
    assert describe_domain_limit("gmail.com", limit) == words
    assert Counter(words)["\n"] == 0


def test_workers_divide_the_limits() -> None:
    limit = DomainLimit(per_second=10.0, per_hour=6, at_once=4)
    throttle = DomainThrottle({"example.org": limit})
    throttle.share(2)
    for moment in (0.0, 0.2):
        assert throttle.find_next_departure("example.org", moment) == moment
        throttle.record_departure("example.org", moment)
        assert throttle.find_next_departure("example.org", 0.1) in (0.2, inf)
    throttle.record_end("example.org")
    throttle.record_departure("example.org", 0.4)
    throttle.record_end("example.org")
    assert throttle.find_next_departure("example.org", 1.0) == 3600.0
