"""A source map: a scalar's text as the draft means it, with the place of each character in the file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from newsletter.issue.prose import unfold
from newsletter.issue.yamltext import Place, YamlScalar
from newsletter.text import without_invisible

_BLANKS = frozenset(" \t\n\r")  # what YAML folds or strips; of its line ends no others are left, see lookalikes.py
_BLOCK_STYLES = (">", "|")
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.|$)")


@dataclass(frozen=True)
class SourceMap:
    """One scalar with the lines of its file.

    Folding has made spaces of line ends; they are line ends again in `text`, since a list or a heading shows only at
    a line's start, and Chinese and Japanese have no spaces there. Below > and | each line keeps the spaces by which it
    is indented deeper than the text, since they say what belongs to an entry of a list.
    """

    node: YamlScalar
    lines: list[str]

    @cached_property
    def text(self) -> str:
        unfolded = self._unfolded
        if self.node.start.line == self.node.end.line or self.node.style in _BLOCK_STYLES:
            return unfolded
        letters = list(unfolded)
        places = self._places
        last = places[0].line if places else 0
        for at, letter in enumerate(letters):
            if letter in _BLANKS:
                continue
            # At a paragraph's end the line end is there already.
            if places[at].line != last and at and letters[at - 1] == " ":
                letters[at - 1] = "\n"
            last = places[at].line
        return "".join(letters)

    @cached_property
    def _unfolded(self) -> str:
        block = self.node.style in _BLOCK_STYLES
        return without_invisible("\n".join(self._cut_lines()) if block else unfold(self.node))

    def _cut_lines(self) -> list[str]:
        """Return the lines of a text below > or |, without the indentation that they have in common."""
        lines = self.lines[self.node.start.line : self.node.end.line]
        first = next((line for line in lines if line.strip(" ")), "")
        # A first line that is indented deeper than the text keeps the difference in what YAML has read.
        text = self.node.text.lstrip("\n")
        indent = _count_spaces(first) - _count_spaces(text)
        end = next(
            (at for at, line in enumerate(lines) if line.strip(" ") and _count_spaces(line) < indent), len(lines)
        )
        cut = [line[indent:] for line in lines[:end]]
        while cut and not cut[-1].strip(" "):
            cut.pop()
        return cut

    def place(self, at: int) -> Place:
        """Return where the character `at` is; the scalar's own place when it has none."""
        places = self._places
        return places[min(at, len(places) - 1)] if places else self.node.start

    @cached_property
    def _places(self) -> list[Place]:
        """The place of each character of the unfolded text; a blank has that of what comes before it.

        All but blanks are in the source in the same order, so each is looked for from the last one on.
        """
        source = self._iterate_source()
        place = self.node.start
        places = []
        for letter in self._unfolded:
            if letter not in _BLANKS:
                place = next((there for found, there in source if found == letter), place)
            places.append(place)
        return places

    def _iterate_source(self) -> Iterator[tuple[str, Place]]:
        """Yield each character but blanks that the scalar's source is read as, with its place."""
        start, end, style = self.node.start, self.node.end, self.node.style
        # The rest of the line of > or | is no text.
        first = start.line + 1 if style in _BLOCK_STYLES else start.line
        for number in range(first, min(end.line, len(self.lines)) + 1):
            line = self.lines[number - 1]
            column = start.column - 1 if number == start.line else 0
            if style in ("'", '"') and number == start.line:
                column += 1
            last = end.column - 1 if number == end.line else len(line)
            while column < last:
                letter, width = line[column], 1
                if style == '"' and letter == "\\":
                    escape = _ESCAPE.match(line, column)
                    width = len(escape[0]) if escape else 1
                    letter = _unescape(line[column : column + width])
                elif style == "'" and line.startswith("''", column):
                    width = 2
                if letter and letter not in _BLANKS:
                    yield letter, Place(number, column + 1)
                column += width


def _count_spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _unescape(escape: str) -> str:
    """Return the character of an escape in double quotes (YAML 1.1, section 5.7); none for a line's end."""
    if escape[1:2] in ("x", "u", "U"):
        return chr(int(escape[2:], 16))
    named = {"0": "\0", "a": "\a", "b": "\b", "v": "\v", "f": "\f", "e": "\x1b", "_": "\xa0", "N": "\x85"}
    return named.get(escape[1:2], escape[1:2])
