"""What was learned of a server outlives the send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.throttle.learned import LearnedLimits, LearnedQuota

_POSITIVE = st.floats(0.001, 1e6)
_QUOTAS = st.builds(
    LearnedQuota,
    seconds=_POSITIVE,
    count=st.integers(1, 10**6),
    opened_at=st.none() | st.floats(0, 4e9),
    used=st.integers(0, 10**6),
)


@given(
    st.builds(
        LearnedLimits,
        rate=st.none() | _POSITIVE,
        quotas=st.lists(_QUOTAS, max_size=3).map(tuple),
        connections=st.none() | st.integers(1, 100),
        session_length=st.none() | st.integers(1, 1000),
        greylisting_s=st.none() | _POSITIVE,
        took_s=st.none() | st.floats(0, 100),
        evidence=st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=2),
    )
)
def test_limits_are_the_same_after_json(limits: LearnedLimits) -> None:
    assert LearnedLimits.from_json(limits.to_json()) == limits


@pytest.mark.parametrize("text", ["", "x", "[]", "3", '{"rate": -1}', '{"rate": "x"}', '{"quotas": [{}]}'])
def test_from_what_cannot_be_read_nothing_is_learned(text: str) -> None:
    assert LearnedLimits.from_json(text) == LearnedLimits()
