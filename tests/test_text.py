"""Texts for people: sizes as they are written for them."""

import pytest

from newsletter.text import format_size


@pytest.mark.parametrize(
    ("octets", "decimals", "written"),
    [
        (0, 1, "0 bytes"),
        (1, 1, "1 byte"),
        (512, 1, "512 bytes"),
        (83_123, 0, "83 kB"),
        (83_123, 1, "83.1 kB"),
        (1_234_567, 1, "1.2 MB"),
        (25_000_000, 0, "25 MB"),
    ],
)
def test_a_size_is_written_in_decimal_units(octets: int, decimals: int, written: str) -> None:
    assert format_size(octets, decimals) == written
