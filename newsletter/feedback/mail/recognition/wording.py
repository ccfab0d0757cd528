"""What a server said of one address, out of all that a notice says."""

import re

from newsletter.feedback.mail.recognition import addresses, mime
from newsletter.text import escape_controls

# "------ This is a copy of the message ------": below it nothing more is said.
_RULE = re.compile(r"(?i)\s*[-=_*#]{2,}.*\b(?:copy|original|headers?|below|returned)\b")
_LONGEST, _MOST_LINES, _LONGEST_LINE, _MOST_NEAR = 500, 400, 500, 15


def one_line(words: str) -> str:
    """The words fit to be shown."""
    return escape_controls(" ".join(words[: 4 * _LONGEST].split()))[:_LONGEST]


def rows(text: str) -> list[str]:
    """The lines of a notice that are looked at."""
    return list(mime.lines(text, _MOST_LINES, _LONGEST_LINE))


def near(address: str, among: list[str]) -> str:
    """From the last line that begins with the address, else the first that names it, up to another's; may be empty.

    A notice names it first where it lists all of them, and last where it says what came of each.
    """
    named = [number for number, row in enumerate(among) if address.casefold() in row.casefold()] if address else []
    if not named:
        return ""
    heads = [number for number in named if among[number].lstrip(" \t<\"'(*-").casefold().startswith(address.casefold())]
    said: list[str] = []
    for row in among[heads[-1] if heads else named[0] :][:_MOST_NEAR]:
        others = {addresses.normal(match[0]) for match in addresses.found(row)}
        if said and (_RULE.match(row) or (others and address not in others and not row[:1].isspace())):
            break
        said.append(row)
    return "\n".join(said)
