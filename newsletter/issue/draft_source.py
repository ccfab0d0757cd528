"""A draft's texts as its file has them, and the places of words in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import unescape
from itertools import islice
from pathlib import Path

from newsletter.errors import Problem
from newsletter.issue.prose import PROSE_KEYS
from newsletter.issue.richtext import parse
from newsletter.issue.sourcemap import SourceMap
from newsletter.issue.yamltext import (
    Place,
    YamlFault,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
    find_node,
    is_left_open,
    iterate_texts,
    parse_yaml,
    split_lines,
)


@dataclass(frozen=True)
class DraftSource:
    """A draft's file. One that can't be read as YAML has no texts; that problem is told first."""

    path: Path
    text: str

    @cached_property
    def _tree(self) -> YamlNode | None:
        try:
            return parse_yaml(self.text)[0]
        except YamlFault:
            return None

    @cached_property
    def _lines(self) -> list[str]:
        return split_lines(self.text)

    @cached_property
    def _maps(self) -> list[SourceMap]:
        return [SourceMap(text, self._lines) for text in self.texts()]

    @cached_property
    def _lines_of_texts(self) -> set[int]:
        """Return the numbers of lines within texts, which are no comments even where they begin with a #."""
        texts = [value for _, value in iterate_texts(self._tree)]
        return {
            number for text in texts for number in range(text.start.line + 1, text.end.line + (text.end.column > 1))
        }

    def texts(self) -> Iterator[YamlScalar]:
        """Yield every text that readers see, in the file's order."""
        return (value for _, value in self.texts_by_keys())

    def texts_by_keys(self) -> Iterator[tuple[tuple[str, ...], YamlScalar]]:
        """Yield every text that readers see with the keys that lead to it, such as `("sections", "quote", "text")`."""
        for keys, key, value in _iterate_by_keys(self._tree):
            # A figure's number is read as it is written; that of the issue stands at the line's beginning.
            if key.text in PROSE_KEYS or (key.text == "number" and key.start.column > 1):
                yield (*keys, key.text), value

    def map_text(self, text: YamlScalar) -> SourceMap:
        """Return a text as the draft means it, with the place of each character."""
        return SourceMap(text, self._lines)

    def headline(self, number: int) -> YamlScalar | None:
        """Return the headline of an item, counted from 0, first of `items:` and then of `sections:`."""
        if not isinstance(self._tree, YamlMapping):
            return None
        parts = [self._tree.entries[key][1] for key in ("items", "sections") if key in self._tree.entries]
        headlines = (value for part in parts for key, value in iterate_texts(part) if key.text == "headline")
        return next(islice(headlines, number, None), None)

    def at_key(self, *keys: str, code: str, message: str, next_step: str) -> Problem:
        """Return a problem at the value of the first of `keys` that is there."""
        values = [(key.text, value) for key, value in iterate_texts(self._tree)]
        place = next((value.start for name in keys for key, value in values if key == name), None)
        return self._make_problem(place, code, message, next_step)

    def at_value(self, name: str, text: str, *, code: str, message: str, next_step: str) -> Problem:
        """Return a problem at the value `text` of a key `name`, or where a text has these words, as in a picture's."""
        values = (value for key, value in iterate_texts(self._tree) if key.text == name)
        place = next((value.start for value in values if " ".join(value.text.split()) == " ".join(text.split())), None)
        return self._make_problem(place or self.find_words(text), code, message, next_step)

    def at_place(self, place: Place, *, code: str, message: str, next_step: str) -> Problem:
        """Return a problem at a place that is known, as from the map of a text."""
        return self._make_problem(place, code, message, next_step)

    def at_location(self, location: tuple[int | str, ...], *, code: str, message: str, next_step: str) -> Problem:
        """Return a problem at a location such as `("items", 2, "link")`, or as deep as the draft is."""
        return self._make_problem(self.find_location(location), code, message, next_step)

    def find_location(self, location: tuple[int | str, ...], words: str = "") -> Place | None:
        """Return the place of a location, or of `words` in the lines of it if they are there."""
        if self._tree is None:
            return None
        node, key = find_node(self._tree, location)
        start = key.start if key is not None and is_left_open(node) else node.start
        last = max((text.end.line for text in _iterate_scalars(node)), default=start.line)
        for number in range(start.line, last + 1) if words else ():
            at = self._lines[number - 1].find(words, start.column - 1 if number == start.line else 0)
            if at >= 0:
                return Place(number, at + 1)
        return start

    def at_words(
        self, words: str, *, code: str, message: str, next_step: str, within: YamlScalar | None = None, nth: int = 0
    ) -> Problem:
        """Return a problem where `words` are for the `nth` time, across line ends, in the text `within`."""
        return self._make_problem(self.find_words(words, within=within, nth=nth), code, message, next_step)

    def at_pattern(self, pattern: str, *, code: str, message: str, next_step: str) -> Problem:
        """Return a problem where a line has what `pattern` matches; see `find_in_lines`."""
        return self._make_problem(self.find_in_lines(re.compile(pattern, re.IGNORECASE)), code, message, next_step)

    def find_words(self, words: str, *, within: YamlScalar | None = None, nth: int = 0) -> Place | None:
        """Return where `words` are for the `nth` time, counted from 0: in the text `within`, or in any text.

        A place that can't be told exactly is that of the text: there may be emphasis or a field between the words, or
        a character may be written as an entity. Returns None when no text has the words.
        """
        pattern = re.compile(r"\s+".join(map(re.escape, words.split())))
        maps = self._maps if within is None else [SourceMap(within, self._lines)]
        places = [(each, match.start()) for each in maps for match in pattern.finditer(each.text)]
        if places and (within or nth < len(places)):
            text, at = places[min(nth, len(places) - 1)]
            return text.place(at)
        if within:
            return within.start
        if place := self.find_in_lines(pattern):
            return place
        saying = [each for each in self._maps if words in unescape(each.node.text) or _contains(each.text, words)]
        return saying[-1].node.start if saying else None

    def find_in_lines(self, pattern: re.Pattern[str]) -> Place | None:
        """Return where a line that is no comment first has what `pattern` matches, or its last group."""
        for number, line in enumerate(self._lines, start=1):
            is_comment = line.lstrip().startswith("#") and number not in self._lines_of_texts
            if match := None if is_comment else pattern.search(line):
                return Place(number, match.start(match.lastindex or 0) + 1)
        return None

    def _make_problem(self, place: Place | None, code: str, message: str, next_step: str) -> Problem:
        line, column = (place.line, place.column) if place else (0, 0)
        return Problem(path=self.path, line=line, column=column, code=code, message=message, next_step=next_step)


def _iterate_by_keys(
    node: YamlNode | None, keys: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], YamlScalar, YamlScalar]]:
    """Yield the keys above each key, the key, and its text, in the file's order."""
    match node:
        case YamlSequence(entries=entries):
            for entry in entries:
                yield from _iterate_by_keys(entry, keys)
        case YamlMapping(entries=pairs):
            for key, value in pairs.values():
                if isinstance(value, YamlScalar):
                    yield keys, key, value
                else:
                    yield from _iterate_by_keys(value, (*keys, key.text))


def _iterate_scalars(node: YamlNode) -> Iterator[YamlScalar]:
    match node:
        case YamlScalar():
            yield node
        case YamlSequence(entries=entries):
            for entry in entries:
                yield from _iterate_scalars(entry)
        case YamlMapping(entries=pairs):
            for _, value in pairs.values():
                yield from _iterate_scalars(value)


def _contains(text: str, words: str) -> bool:
    return words in " ".join(parse(text)[0].plain().split())
