"""Lines of the plaintext edition: wrapping by columns, and the underlining of titles."""

import re

from wcwidth import wcswidth

WIDTH = 72
_SHORT = 30  # columns
# Between a link's words and the number of its note, so that no line begins with the number. Drafts hold no character
# of private use, so none of theirs is taken for it, nor for the others here.
BOUND = "\ue000"
# The end of a line within a paragraph, which wrapping keeps.
BREAK = "\ue001"
# A line of code without anything on it, so that it stays where others in a row are one.
EMPTY = "\ue002"
# Between a mark of style and the words that it belongs to, so that no line begins with a closing one.
JOIN = "\ue003"
# Scripts that are written without spaces, and whose lines may be broken between letters: kana, Han, their neighbours
# and full-width signs. Thai, Lao, Khmer and Burmese have neither: only a dictionary knows their words.
_UNSPACED = re.compile("[\u2e80-\u312f\u3190-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff9f\U00020000-\U0003ffff]")
# Korean has spaces, and no word of it is broken.
_KOREAN = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]")
_ADDRESS = re.compile(r"[a-z]+://[!-~]+|[!-~]+@[!-~]+")
# Signs that no line begins with, even where a space stands before them (UAX 14, LB 13).
_CLOSING = re.compile(r"[!?;:,.…。、，．！？；：）)\]}」』】〉》〕»”’％%]+")


def wrap(text: str, first: str = "", rest: str | None = None, width: int = WIDTH) -> str:
    """Wrap `text` at `width` columns, with `first` before its first line and `rest` before the others.

    Words stay whole, addresses above all; text in Chinese and Japanese is broken where Unicode's line breaking
    algorithm (UAX 14) allows it, so that no line begins with a full stop or a small kana. Thai has no spaces between
    words, and is broken at those between sentences alone.
    """
    rest = first if rest is None else rest
    lines = text.split(BREAK)
    return "\n".join(_wrap_line(line, rest if number else first, rest, width) for number, line in enumerate(lines))


def _wrap_line(text: str, first: str, rest: str, width: int) -> str:
    text = re.sub(rf"[ \t\n]+{BOUND}", BOUND, text)  # a link's words may end with a space
    lines, line, empty = [], first, True
    for word in _split_words(text):
        for index, piece in enumerate(_split_word(word)):
            space = " " if index == 0 and not empty else ""
            if not empty and count_columns(line) + len(space) + count_columns(piece) > width:
                lines.append(line)
                line, space = rest, ""
            line, empty = line + space + piece, False
    return "\n".join([*lines, line])


def _split_words(text: str) -> list[str]:
    """Return the words between spaces; a sign that ends a sentence is part of the word before it, with the space."""
    words: list[str] = []
    for word in re.split("[ \t\n]+", text.strip(" \t\n")):  # a no-break space is part of a word
        closes = words and _CLOSING.fullmatch(word.replace(JOIN, ""))
        if closes and count_columns(words[-1]) < _SHORT:  # behind an address there may be no room for it
            words[-1] += f" {word}"
        else:
            words.append(word)
    return words


def _split_word(word: str) -> list[str]:
    """Return the pieces of a word that may stand in lines of their own: all of it, or parts in Chinese and Japanese."""
    if not _UNSPACED.search(word):
        return [word]
    # Only here, where it is needed: its tables take a while to load.
    from uniseg.linebreak import line_break_units

    # An address is a word of letters to the algorithm, so that it stays whole, and its surroundings are what they are.
    seen = _ADDRESS.sub(lambda match: "x" * len(match[0]), word)
    pieces: list[str] = []
    begin = 0
    for unit in line_break_units(seen):
        piece = word[begin : begin + len(unit)]
        begin += len(unit)
        if pieces and _belong_together(pieces[-1], piece):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces


def _belong_together(before: str, after: str) -> bool:
    """Return whether no line may end between two pieces, though the algorithm, which knows no marks, allows it."""
    is_korean = bool(_KOREAN.match(after) or _KOREAN.match(before[-1]))
    return (
        after.startswith((BOUND, JOIN))
        or before.endswith(JOIN)
        or (is_korean and before[-1].isalnum() and after[0].isalnum())
    )


def count_columns(text: str) -> int:
    """Return how many columns a text takes in one line; a full-width character takes two."""
    return max(0, wcswidth(text.replace(JOIN, "")))


def fill_columns(text: str, columns: int) -> str:
    """Return a text with spaces behind it, so that it takes so many columns."""
    return text + " " * max(0, columns - count_columns(text))


def underline(text: str, mark: str = "-", indent: str = "") -> str:
    """Return a title with a line of `mark` below it, as long as its longest line behind `indent`."""
    columns = max([1, *map(count_columns, text.splitlines())]) - len(indent)
    return f"{text}\n{indent}{mark * max(1, columns)}"


def finish_lines(text: str) -> str:
    """Return the whole text with one blank line where there are several, and without marks and spaces at lines' ends.

    Lines of code without anything on them stay as many as they are.
    """
    text = re.sub(r"\A(?:[ \t]*\n)+", "", text.replace(BOUND, " ").replace(JOIN, "")).rstrip(" \t\n")
    text = re.sub(r"[ \t]*\n", "\n", re.sub(r"\n(?:[ \t]*\n)+", "\n\n", text)) + "\n"
    return re.sub(rf"[ \t]*{EMPTY}", "", text)
