"""Lines of the plaintext edition: wrapping by columns, and the underlining of titles."""

import re

from wcwidth import wcswidth

WIDTH = 72
# Between a link's words and the number of its note, so that no line begins with the number. Drafts hold no character
# of private use, so none of theirs is taken for it, nor for the others here.
BOUND = "\ue000"
# The end of a line within a paragraph, which wrapping keeps.
BREAK = "\ue001"
# A line of code without anything on it, so that it stays where others in a row are one.
EMPTY = "\ue002"
# Scripts that are written without spaces: kana, Han, Hangul's neighbours, and their full-width signs.
_UNSPACED = re.compile("[\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]")
_ADDRESS = re.compile(r"([a-z]+://[!-~]+)")


def wrap(text: str, first: str = "", rest: str | None = None, width: int = WIDTH) -> str:
    """Wrap `text` at `width` columns, with `first` before its first line and `rest` before the others.

    Words stay whole, addresses above all; text in a script without spaces is broken where Unicode's line
    breaking algorithm (UAX 14) allows it, so that no line begins with a full stop.
    """
    rest = first if rest is None else rest
    lines = text.split(BREAK)
    return "\n".join(_wrap_line(line, rest if number else first, rest, width) for number, line in enumerate(lines))


def _wrap_line(text: str, first: str, rest: str, width: int) -> str:
    text = re.sub(rf"[ \t\n]+{BOUND}", BOUND, text)  # a link's words may end with a space
    lines, line, empty = [], first, True
    for word in re.split("[ \t\n]+", text.strip(" \t\n")):  # a no-break space is part of a word
        for index, piece in enumerate(_split_word(word)):
            space = " " if index == 0 and not empty else ""
            if not empty and count_columns(line) + len(space) + count_columns(piece) > width:
                lines.append(line)
                line, space = rest, ""
            line, empty = line + space + piece, False
    return "\n".join([*lines, line])


def _split_word(word: str) -> list[str]:
    if not _UNSPACED.search(word):
        return [word]
    # Only here, where it is needed: its tables take a while to load.
    from uniseg.linebreak import line_break_units

    parts = _ADDRESS.split(word)  # every second one is an address
    pieces: list[str] = []
    for number, part in enumerate(parts):
        for piece in [part] if number % 2 else line_break_units(part):
            if pieces and piece.startswith(BOUND):
                pieces[-1] += piece
            elif piece:
                pieces.append(piece)
    return pieces


def count_columns(text: str) -> int:
    """Return how many columns a text takes in one line; a full-width character takes two."""
    return max(0, wcswidth(text))


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
    text = re.sub(r"\A(?:[ \t]*\n)+", "", text.replace(BOUND, " ")).rstrip(" \t\n")
    text = re.sub(r"[ \t]*\n", "\n", re.sub(r"\n(?:[ \t]*\n)+", "\n\n", text)) + "\n"
    return re.sub(rf"[ \t]*{EMPTY}", "", text)
