"""A draft's texts as its file has them, each with the place where it stands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from newsletter.errors import Problem
from newsletter.issue.prose import PROSE_KEYS, unfold
from newsletter.issue.richtext import parse
from newsletter.issue.yamltext import YamlFault, YamlNode, YamlScalar, iterate_texts, parse_yaml, split_lines


@dataclass(frozen=True)
class DraftSource:
    """A draft's file. What can't be read as YAML has no texts: it has a problem that comes first."""

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

    def texts(self) -> Iterator[YamlScalar]:
        """Every text that readers see, in the file's order."""
        return (value for key, value in iterate_texts(self._tree) if key.text in PROSE_KEYS)

    def headline(self, number: int) -> YamlScalar | None:
        """Return the headline of an item, counted from 0."""
        found = [value for key, value in iterate_texts(self._tree) if key.text == "headline"]
        return found[number] if number < len(found) else None

    def at_key(self, *keys: str, code: str, message: str, next_step: str) -> Problem:
        """Return a problem at the value of the first of `keys` that is there."""
        values = [(key.text, value) for key, value in iterate_texts(self._tree)]
        place = next((value.start for name in keys for key, value in values if key == name), None)
        line, column = (place.line, place.column) if place else (0, 0)
        return Problem(path=self.path, line=line, column=column, code=code, message=message, next_step=next_step)

    def at_words(
        self, words: str, *, code: str, message: str, next_step: str, within: YamlScalar | None = None, nth: int = 0
    ) -> Problem:
        """Return a problem where `words` are for the `nth` time, across line ends, in the text `within`."""
        first, last = (within.start.line, within.end.line) if within else (1, len(self._lines))
        pattern = re.compile(r"\s+".join(map(re.escape, words.split())))
        lines = [
            "" if within is None and line.lstrip().startswith("#") else line for line in self._lines[first - 1 : last]
        ]
        joined = "\n".join(lines)
        matches = list(pattern.finditer(joined))
        line, column = (first, within.start.column) if within else (0, 0)
        if not within and len(matches) <= nth:  # there may be emphasis or a field between the words
            texts = [text for text in self.texts() if _says(text, words)]
            line, column = (texts[-1].start.line, texts[-1].start.column) if texts else (0, 0)
        elif matches:
            start = matches[min(nth, len(matches) - 1)].start()
            line = first + joined.count("\n", 0, start)
            column = start - (joined.rfind("\n", 0, start) + 1) + 1
        return Problem(path=self.path, line=line, column=column, code=code, message=message, next_step=next_step)


def _says(text: YamlScalar, words: str) -> bool:
    return words in " ".join(parse(unfold(text))[0].plain().split())
