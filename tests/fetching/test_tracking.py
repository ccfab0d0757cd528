"""Addresses without the parameters that tell who sent a reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.fetching.tracking import remove_tracking


@pytest.mark.parametrize(
    ("address", "clean"),
    [
        ("https://example.org/a?utm_source=x&utm_medium=email", "https://example.org/a"),
        ("https://example.org/a?id=7&fbclid=abc#part-2", "https://example.org/a?id=7#part-2"),
        ("https://example.org/a?mc_cid=1&page=2&mc_eid=3&q=", "https://example.org/a?page=2&q="),
        ("https://example.org/a?UTM_Campaign=x&b=%C3%A4", "https://example.org/a?b=%C3%A4"),
        ("https://example.org/a#utm_source=feed", "https://example.org/a"),
        ("https://example.org/a?ref=7&source=print", "https://example.org/a?ref=7&source=print"),
        ("https://example.org/a?", "https://example.org/a?"),
        ("https://[broken/?utm_source=x", "https://[broken/?utm_source=x"),
    ],
)
def test_only_tracking_goes(address: str, clean: str) -> None:
    assert remove_tracking(address) == clean


@given(st.lists(st.sampled_from(["utm_source=a", "id=1", "fbclid=2", "q=%20", "x", ""]), max_size=6))
def test_without_tracking_nothing_changes_again(parameters: list[str]) -> None:
    once = remove_tracking(f"https://example.org/?{'&'.join(parameters)}")
    assert remove_tracking(once) == once
    assert "utm_" not in once
    assert [part for part in parameters if part in ("id=1", "q=%20")] == [
        part for part in once.partition("?")[2].split("&") if part in ("id=1", "q=%20")
    ]
