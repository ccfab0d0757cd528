"""Promise: what is asked, and so what is remembered, has no password of anybody's."""

import pytest

from newsletter.link_check.link_plan import find_asked_address


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("https://ada:secret@example.org/a?b=1#c", "https://example.org/a?b=1"),
        ("https://a@b@example.org:8443/@ada", "https://example.org:8443/@ada"),
        ("https://example.org/@ada?mail=a@b", "https://example.org/@ada?mail=a@b"),
        ("http://[", "http://["),
    ],
)
def test_a_password_is_not_asked_with(address: str, asked: str) -> None:
    assert find_asked_address(address) == asked
