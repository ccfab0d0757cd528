"""Parsing of YAML into text with places: every scalar stays as it was written, and every node knows its line.

A loader would read `2.10` as 2.1 and `no` as False, accept duplicate keys, and crash on deep nesting. So the nodes are
built here from the events of libyaml's parser, which does not recurse.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import yaml

from newsletter.text import quote_text
from newsletter.validation import Fault

MAX_DEPTH = 16
MAX_NODES = 20_000  # some ten times what 200 items with all that they may hold come to
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # YAML 1.1, section 4.1.4, as libyaml counts them


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class YamlScalar:
    """A text; `style` is the sign that YAML began it with, such as > or a quotation mark."""

    text: str
    style: str | None
    start: Place
    end: Place


@dataclass(frozen=True, slots=True)
class YamlSequence:
    """A list."""

    start: Place
    entries: "list[YamlNode]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class YamlMapping:
    """Keys with their values, by the keys' texts."""

    start: Place
    entries: "dict[str, tuple[YamlScalar, YamlNode]]" = field(default_factory=dict)


YamlNode = YamlScalar | YamlSequence | YamlMapping


def is_left_open(node: YamlNode) -> bool:
    """Return whether a key has nothing after it, as in `note:`; `note: ""` is an empty text."""
    return isinstance(node, YamlScalar) and not node.text and not node.style


class _Mark(Protocol):
    """A place as yaml.Mark and its counterpart in C have it, counted from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class YamlFault(Exception):
    """A text that can't be read as YAML, or uses more of it than drafts may."""

    def __init__(self, place: Place, fault: Fault) -> None:
        super().__init__(fault.message)
        self.place = place
        self.fault = fault


def split_lines(source: str) -> list[str]:
    """Split a text into lines where YAML does."""
    return _LINE_BREAK.split(source)


def parse_yaml(source: str) -> tuple[YamlNode | None, list[tuple[Place, Fault]]]:
    """Return the tree of the one document in `source` (None when it is empty), and its duplicate keys.

    Raises YamlFault for what can't be read, and for aliases, tags and deep nesting.
    """
    builder = _Builder()
    try:
        for event in yaml.parse(source, Loader=yaml.CSafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        # libyaml reports an open quote at the file's end; the place to mend is where it was opened.
        opened = "quoted scalar" in (error.context or "")
        place = _convert_mark(error.context_mark if opened else error.problem_mark or error.context_mark)
        raise YamlFault(place, Fault(code="yaml", message=error.problem or "this is not YAML", next_step="")) from error
    except yaml.YAMLError as error:
        raise _find_not_allowed(source) from error
    return builder.root, builder.duplicates


def _find_not_allowed(source: str) -> YamlFault:
    """Return the fault of the first character that YAML allows in no text (YAML 1.1, section 4.1.1)."""
    for number, line in enumerate(split_lines(source), start=1):
        if match := _NOT_ALLOWED.search(line):
            message = f"the character U+{ord(match[0]):04X}, which YAML does not allow, stands here"
            return YamlFault(
                Place(number, match.start() + 1), Fault(code="yaml", message=message, next_step="Delete it.")
            )
    fault = Fault(code="yaml", message="YAML can't read this file", next_step="Save it as plain UTF-8 text.")
    return YamlFault(Place(1, 1), fault)


def _convert_mark(mark: _Mark | None) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


class _Builder:
    """A builder of nodes from events, without recursion."""

    def __init__(self) -> None:
        self.root: YamlNode | None = None
        self.duplicates: list[tuple[Place, Fault]] = []
        self._open: list[YamlSequence | YamlMapping] = []
        self._nodes = 0
        self._keys: list[YamlScalar | None] = []

    def take(self, event: yaml.Event) -> None:
        start = _convert_mark(event.start_mark)
        match event:
            case yaml.AliasEvent():
                raise YamlFault(
                    start,
                    Fault(
                        code="alias",
                        message="references (*name) are not used in drafts",
                        next_step="Text that begins with * needs >- before it, on a line of its own.",
                    ),
                )
            case yaml.DocumentStartEvent() if self.root is not None:
                raise YamlFault(
                    start,
                    Fault(
                        code="documents",
                        message="a second document begins here (---)",
                        next_step="Keep one issue in one file.",
                    ),
                )
            case yaml.ScalarEvent():
                self._refuse_anchors(event, start)
                self._add(YamlScalar(event.value, event.style, start, _convert_mark(event.end_mark)))
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._refuse_anchors(event, start)
                if len(self._open) >= MAX_DEPTH:
                    raise YamlFault(
                        start,
                        Fault(
                            code="depth",
                            message=f"this is nested over {MAX_DEPTH} deep",
                            next_step="Text that begins with [ or { needs >- before it.",
                        ),
                    )
                node = YamlSequence(start) if isinstance(event, yaml.SequenceStartEvent) else YamlMapping(start)
                self._add(node)
                self._open.append(node)
                self._keys.append(None)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._open.pop()
                self._keys.pop()

    def _refuse_anchors(self, event: "yaml.ScalarEvent | yaml.CollectionStartEvent", start: Place) -> None:
        if event.anchor is not None or event.tag is not None:
            raise YamlFault(
                start,
                Fault(
                    code="tag",
                    message="anchors (&name) and tags (!name) are not used in drafts",
                    next_step="Text that begins with & or ! needs >- before it, on a line of its own.",
                ),
            )

    def _add(self, node: YamlNode) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise YamlFault(
                node.start,
                Fault(
                    code="too-many",
                    message=f"the draft has more than {MAX_NODES:,} keys and values, and this is the first too many",
                    next_step="A draft holds one issue of 200 items at most.",
                ),
            )
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        key = self._keys[-1]
        if isinstance(parent, YamlSequence):
            parent.entries.append(node)
        elif key is None:
            if not isinstance(node, YamlScalar):
                raise YamlFault(
                    node.start,
                    Fault(
                        code="key",
                        message="a list or a mapping can't be a key",
                        next_step="Text that begins with [, { or {{ needs >- before it.",
                    ),
                )
            self._keys[-1] = node
        else:
            if key.text in parent.entries:
                first = parent.entries[key.text][0].start.line
                self.duplicates.append(
                    (
                        key.start,
                        Fault(
                            code="duplicate-key",
                            message=f"{quote_text(key.text)} stands here a second time (first in line {first})",
                            next_step="Keep one of the two; an item of its own begins with a dash: - headline: >-"
                            if key.text in ("headline", "detail")
                            else "Keep one of the two.",
                        ),
                    )
                )
            else:
                parent.entries[key.text] = (key, node)
            self._keys[-1] = None


def iterate_texts(node: YamlNode | None) -> Iterator[tuple[YamlScalar, YamlScalar]]:
    """Yield each key with its text, wherever it stands in the tree."""
    match node:
        case YamlSequence(entries=entries):
            for entry in entries:
                yield from iterate_texts(entry)
        case YamlMapping(entries=pairs):
            for key, value in pairs.values():
                if isinstance(value, YamlScalar):
                    yield key, value
                else:
                    yield from iterate_texts(value)


def find_node(root: YamlNode, location: tuple[int | str, ...]) -> tuple[YamlNode, YamlScalar | None]:
    """Return the deepest node on the way to a location, keys and numbers of entries, with its key if it has one."""
    node, key = root, None
    for part in location:
        if isinstance(node, YamlMapping) and part in node.entries:
            key, node = node.entries[str(part)]
        elif isinstance(node, YamlSequence) and isinstance(part, int) and part < len(node.entries):
            key, node = None, node.entries[part]
    return node, key
