"""Diagnostic text: the words of a notice that are about one address."""

import re

from newsletter.feedback.mail.recognition import addresses
from newsletter.feedback.text_lines import cut_lines
from newsletter.text import escape_controls

# "------ This is a copy of the message ------": the words about an address end there.
_RULE = re.compile(r"(?i)\s*[-=_*#]{2,}.*\b(?:copy|original|headers?|below|returned)\b")
_LONGEST, _MOST_LINES, _LONGEST_LINE, _MOST_NEAR = 500, 400, 500, 15


def make_line(words: str) -> str:
    """Return the words as one printable line, not too long to be shown."""
    return escape_controls(" ".join(words[: 4 * _LONGEST].split()))[:_LONGEST]


def split_lines(text: str) -> list[str]:
    """Return the lines of a notice that are looked at."""
    return list(cut_lines(text, _MOST_LINES, _LONGEST_LINE))


def find_near(address: str, among: list[str]) -> str:
    """Return the lines about an address, up to those about another; empty where none names it.

    They begin at the last line that begins with the address, else at the first that names it: a notice lists all
    addresses first, and says last what became of each.
    """
    naming = [number for number, row in enumerate(among) if address.casefold() in row.casefold()] if address else []
    if not naming:
        return ""
    heads = [
        number for number in naming if among[number].lstrip(" \t<\"'(*-").casefold().startswith(address.casefold())
    ]
    about: list[str] = []
    for row in among[heads[-1] if heads else naming[0] :][:_MOST_NEAR]:
        others = {addresses.normalise(match[0]) for match in addresses.find_addresses(row)}
        if about and (_RULE.match(row) or (others and address not in others and not row[:1].isspace())):
            break
        about.append(row)
    return "\n".join(about)
