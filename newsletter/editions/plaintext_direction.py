"""The direction of lines of the plaintext edition, in languages that are written from right to left."""

import re
from unicodedata import bidirectional

_MARK, _LEFT_MARK = "\u200f", "\u200e"  # RIGHT-TO-LEFT MARK and LEFT-TO-RIGHT MARK, which have no width
_QUOTED = re.compile(r"(?:> ?)*")
_STRONG = ("L", "R", "AL")
# An address at the end of a line. The mark behind it stands after a space, so that no client takes it into the link.
_ADDRESS = re.compile(r"(?<=\S)( +[a-z]+:\S+| +\S+@\S+)$")


def mark_right_to_left(text: str) -> str:
    """Return a right-to-left text with a mark before each line that a client would take for one from left to right.

    Clients and terminals take each line for a paragraph of its own, and its direction from its first letter (UAX 9, P2
    and P3): a wrapped line of Arabic may begin with a name in Latin letters, and a rule has no letters. Lines of Latin
    letters alone, addresses above all, stay as they are. An address behind right-to-left words is kept apart from Latin
    letters before it, and has its slash at its end.
    """
    return "\n".join(map(_mark_line, text.split("\n")))


def _mark_line(line: str) -> str:
    strong = [kind for kind in map(bidirectional, line) if kind in _STRONG]
    if {"R", "AL"} & set(strong):
        line = _ADDRESS.sub(rf"{_MARK}\1 {_LEFT_MARK}", line)
    if not line.strip() or (strong and (strong[0] != "L" or set(strong) == {"L"})):
        return line
    quoted = _QUOTED.match(line)
    end = quoted.end() if quoted else 0
    return line[:end] + _MARK + line[end:]
