"""The direction of lines of the plaintext edition, in languages that are written from right to left."""

import re
from unicodedata import bidirectional

# Of no width (UAX 9): marks of a direction, and the brackets of a passage that runs from right to left by itself.
_MARK, _LEFT_MARK, _ISOLATE, _END = "\u200f", "\u200e", "\u2067", "\u2069"
_QUOTED = re.compile(r"(?:> ?)*")
_STRONG = ("L", "R", "AL")
# An address at the end of a line. The mark behind it stands after a space, so that no client takes it into the link.
_ADDRESS = re.compile(r"(?<=\S)( +[a-z]+:\S+| +\S+@\S+)$")


def mark_right_to_left(text: str) -> str:
    """Return a right-to-left text with marks by which each of its lines is read so in any client.

    Some take a line's direction from its first letter (UAX 9, P2 and P3), which may be of a Latin name: hence a mark at
    its beginning. Thunderbird shows every plain text from left to right: hence an isolate, within which words and signs
    keep their order. Lines of Latin letters alone, addresses above all, stay as they are. An address behind
    right-to-left words is kept apart from Latin letters before it, and has its slash at its end.
    """
    return "\n".join(map(_mark_line, text.split("\n")))


def _mark_line(line: str) -> str:
    strong = {kind for kind in map(bidirectional, line) if kind in _STRONG}
    if not line.strip() or strong == {"L"}:
        return line
    quoted = _QUOTED.match(line)
    end = quoted.end() if quoted else 0
    before, words = line[:end], line[end:]
    if not strong:
        return before + _MARK + words
    words = _ADDRESS.sub(rf"{_MARK}\1 {_LEFT_MARK}", words)
    return before + _MARK + _ISOLATE + words + _END
