"""Addresses on a list that may be meant by one that is not on it."""

from collections.abc import Sequence
from difflib import get_close_matches

from newsletter.address import local_part_of

MOST_CANDIDATES = 1000


def may_be_meant(candidate: str, key: str) -> bool:
    """Return whether a subscriber of the list is worth comparing: a slip is seldom made in the first letter."""
    return candidate[:1] == key[:1] or candidate.startswith(f"{local_part_of(key)}@")


def choose_nearest(key: str, candidates: Sequence[str]) -> str:
    """Return the candidate that is nearly the same, or an empty string."""
    return next(iter(get_close_matches(key, candidates, n=1, cutoff=0.8)), "")
