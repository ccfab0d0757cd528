"""The lines of a draft's source, and where a node of its YAML has its last one."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from newsletter.errors import DraftError, Problem
from newsletter.issue.lookalikes import find_conflicts, find_lookalike, replace_separators
from newsletter.issue.prose import advise
from newsletter.issue.sourcemap import SourceMap
from newsletter.issue.yamltext import (
    Place,
    YamlFault,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
    parse_yaml,
    split_lines,
)
from newsletter.validation import Fault

LINE_END = re.compile("\r\n|[\n\r]")
# A draft's values as plain texts, lists and dictionaries.
DraftTree: TypeAlias = "str | list[DraftTree] | dict[str, DraftTree]"


@dataclass(frozen=True)
class EditableDraft:
    """A draft's source that YAML can read: its lines, their ends, and the tree with its marks.

    `nodes` is the tree as PyYAML has it, since that knows where lists in brackets end; `values` has its texts.
    """

    lines: tuple[str, ...]
    ends: tuple[str, ...]
    nodes: yaml.MappingNode
    values: dict[str, DraftTree]

    @property
    def line_end(self) -> str:
        """Return what ends the file's first line, or a line feed."""
        return self.ends[0] or "\n"

    def find_last_line(self, node: yaml.Node) -> int:
        """Return the number, counted from 0, of the last line that holds any of a node's text, comments left out."""
        if isinstance(node, yaml.ScalarNode) and node.style in (">", "|"):
            last = node.end_mark.line
            # The end is where the next text begins, unless the file ends within the text.
            if last < len(self.lines) and node.end_mark.column < len(self.lines[last]):
                last -= 1
            last = min(last, len(self.lines) - 1)
            while last > node.start_mark.line and not self.lines[last].strip(" "):
                last -= 1
            return last
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            *_, entry = node.value
            if isinstance(node, yaml.MappingNode):
                key, value = entry
                return key.end_mark.line if is_left_open(value) else self.find_last_line(value)
            return node.end_mark.line if is_left_open(entry) else self.find_last_line(entry)
        return node.end_mark.line

    def insert_after(self, line: int, text: str) -> str:
        """Return the source with lines, each with a line feed, after line number `line`, or first of all after -1."""
        new = text.replace("\n", self.line_end)
        before = "".join(map("".join, zip(self.lines[: line + 1], self.ends[: line + 1], strict=True)))
        if line >= 0 and not self.ends[line]:
            before += self.line_end
        return before + new + "".join(map("".join, zip(self.lines[line + 1 :], self.ends[line + 1 :], strict=True)))


def read_editable(source: str, path: Path) -> EditableDraft:
    """Return a draft that can be edited. Raises DraftError with a place for what YAML or git's conflicts make of it."""
    text, _ = replace_separators(source)
    lines = split_lines(text)
    for place, fault in find_conflicts(lines):
        raise make_edit_error(path, place, fault)
    try:
        root, duplicates = parse_yaml(text)
    except YamlFault as error:
        misread = find_lookalike(lines, error.place.line) if not error.fault.next_step else None
        place, fault = misread or (error.place, advise(error, lines))
        raise make_edit_error(path, place, fault) from error
    for place, fault in duplicates:
        raise make_edit_error(path, place, fault)
    nodes = yaml.compose(text, Loader=yaml.CSafeLoader)
    if not isinstance(root, YamlMapping) or not isinstance(nodes, yaml.MappingNode) or nodes.flow_style:
        fault = Fault(
            code="shape",
            message="a draft begins with a key such as `volume: 2`",
            next_step="`newsletter draft new` writes one to compare with.",
        )
        raise make_edit_error(path, Place(1, 1), fault)
    values = _convert(root, lines)
    assert isinstance(values, dict)  # noqa: S101  # for mypy: a mapping's values are a dictionary
    return EditableDraft(tuple(LINE_END.split(source)), (*LINE_END.findall(source), ""), nodes, values)


def make_edit_error(path: Path, place: Place, fault: Fault) -> DraftError:
    """Return the error of a draft that can't be edited, because of a fault in one place."""
    problem = Problem(
        path=path, line=place.line, column=place.column, code=fault.code, message=fault.message,
        next_step=fault.next_step,
    )  # fmt: skip
    return DraftError(f"The draft {path.name} can't be changed as it is.", problems=(problem,))


def is_left_open(node: yaml.Node) -> bool:
    """Return whether a key or a dash has nothing after it; such a node has the place of whatever comes next."""
    return isinstance(node, yaml.ScalarNode) and not node.value and not node.style


def _convert(node: YamlNode, lines: list[str]) -> DraftTree:
    match node:
        case YamlScalar():
            return SourceMap(node, lines).text
        case YamlSequence():
            return [_convert(entry, lines) for entry in node.entries]
        case YamlMapping():
            return {key: _convert(value, lines) for key, (_, value) in node.entries.items()}
