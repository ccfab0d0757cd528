"""The comparison of two texts of a draft: whether newsletter.issue reads both as the same."""

from collections.abc import Callable
from typing import Any

from newsletter.issue.blocks import RichText
from newsletter.issue.inline_text import parse_headline, parse_line, parse_paragraphs
from newsletter.issue.richtext import parse
from newsletter.validation import Fault

# What a key's text may be read as; which one it is depends on the key and on what holds it.
_READINGS: tuple[Callable[[str], tuple[Any, list[Fault]]], ...] = (parse, parse_paragraphs, parse_headline, parse_line)


def has_same_meaning(first: str, second: str) -> bool:
    """Return whether two texts are the same to readers.

    They are compared as each of prose, a headline, a caption and a line that `first` can be. A text that has faults as
    all of them is compared as prose, and has to keep its kinds of faults.
    """
    if first == second:
        return True
    is_valid = False
    for reading in _READINGS:
        value, faults = reading(first)
        if not faults:
            is_valid = True
            if reading(second) != (value, []):
                return False
    return is_valid or _read_faulty(first) == _read_faulty(second)


def _read_faulty(text: str) -> tuple[RichText, set[str]]:
    value, faults = parse(text)
    return value, {fault.code for fault in faults}
