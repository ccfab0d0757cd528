"""The formatting of a draft: one width, `>-` where prose needs it, no blanks at the ends of lines, the same issue.

The source is edited by the places that its YAML has. A round trip through a YAML library would keep comments too, but
write every text and every indentation anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from wcwidth import wcswidth

from newsletter.drafting.draft_lines import EditableDraft, read_editable
from newsletter.drafting.meaning import has_same_meaning
from newsletter.drafting.prose_layout import WIDTH, lay_out
from newsletter.errors import DraftError
from newsletter.issue.draft import parse_draft, require_issue
from newsletter.issue.prose import PROSE_KEYS
from newsletter.issue.sourcemap import SourceMap
from newsletter.issue.yamltext import Place, YamlScalar
from newsletter.text import without_invisible

_HEADER = re.compile(r"[>|][-+0-9]*")
_COMMENT = re.compile(r"[ \t]*(#.*)?")
_INDENT = 2  # columns of a text below its key
_ABOVE_KEY = re.compile(r" *(?:- +)*")


def format_draft(source: str, path: Path = Path("draft.yaml"), language: str = "") -> str:
    """Return a draft's source as `draft fmt` writes it; newsletter.issue reads the same issue in it.

    Prose below > or | stands below `>-`, filled up to WIDTH columns, and so does prose that takes several lines in
    quotes or without, or is wider than that. Blanks at lines' ends go, and so do blank lines but one, a byte order mark
    and characters that nobody sees. Line ends are all those of the first line. Comments and keys stay in their order.

    Raises DraftError with every problem of a draft that is not valid.
    """
    body = source.removeprefix("\ufeff")
    issue = require_issue(parse_draft(path, body, language))
    formatted = _format(body, path)
    if formatted != body and parse_draft(path, formatted, language).issue != issue:
        raise DraftError(
            f"{path.name} can't be formatted without changing what it says, and is left as it is.",
            next_step="This is a fault of the program, not yours. Please report it with the draft.",
        )
    return formatted


def _format(source: str, path: Path) -> str:
    draft = read_editable(source, path)
    edits = {edit.first: edit for edit in _find_edits(draft)}
    lines: list[str] = []
    number = 0
    while number < len(draft.lines):
        edit = edits.get(number)
        if edit:
            lines += edit.lines
            number = edit.last + 1
        else:
            line = draft.lines[number].rstrip(" \t")
            if line or (lines and lines[-1]):
                lines.append(line)
            number += 1
    while lines and not lines[-1]:
        lines.pop()
    return "".join(f"{line}{draft.line_end}" for line in lines)


@dataclass(frozen=True, slots=True)
class _Edit:
    """The lines from `first` to `last`, counted from 0, and what is written in their place."""

    first: int
    last: int
    lines: tuple[str, ...]


def _find_edits(draft: EditableDraft) -> Iterator[_Edit]:
    """Yield the lines of every text that takes several, those that stay as they are too, and of comments below them."""
    for key, value, in_flow in _iterate_scalars(draft.nodes):
        first, last = (key or value).start_mark.line, draft.find_last_line(value)
        is_wide = wcswidth(draft.lines[last][: value.end_mark.column]) > WIDTH
        if key is None or in_flow or key.value not in PROSE_KEYS:
            edits: list[_Edit] = []
        elif value.style in (">", "|"):
            edits = _lay_out_block(draft, key, value)
        else:
            edits = _put_below(draft, key, value) if first < last or is_wide or _hides_something(value) else []
        if not edits and first < last:
            edits = [_Edit(first, last, draft.lines[first : last + 1])]
        yield from edits


def _hides_something(value: yaml.ScalarNode) -> bool:
    """Return whether a text has characters that nobody sees and that newsletter.issue leaves out."""
    return bool(without_invisible(value.value) != value.value)


def _lay_out_block(draft: EditableDraft, key: yaml.ScalarNode, value: yaml.ScalarNode) -> list[_Edit]:
    """Return a text that stands below > or | as it stands below `>-`."""
    first, column = value.start_mark.line, value.start_mark.column
    line = draft.lines[first]
    header = f"{line[:column]}>-{_HEADER.sub('', line[column:], count=1)}".rstrip(" \t")
    return _write(draft, key, value, _Edit(first, draft.find_last_line(value), (header,)))


def _put_below(draft: EditableDraft, key: yaml.ScalarNode, value: yaml.ScalarNode) -> list[_Edit]:
    """Return a text in quotes or without, put below `>-`; none where comments or other signs stand around it."""
    first, last = key.start_mark.line, value.end_mark.line
    head = draft.lines[first][: key.end_mark.column]
    if not _ABOVE_KEY.fullmatch(head[: key.start_mark.column]):
        return []
    start = value.start_mark
    between = [draft.lines[first][key.end_mark.column :], *draft.lines[first + 1 : start.line + 1]]
    between[-1] = between[-1][: start.column - (key.end_mark.column if first == start.line else 0)]
    comment = _COMMENT.fullmatch(draft.lines[last][value.end_mark.column :])
    below = "".join(draft.lines[last + 1 : last + 2])
    # Below >-, `#1` without a space would be taken for words that were to be part of the text.
    if "".join(between).strip() != ":" or comment is None or re.match(r"\s*#[^\s#]", below):
        return []
    header = f"{head}: >-{' ' + comment[1] if comment[1] else ''}".rstrip(" \t")
    return _write(draft, key, value, _Edit(first, last, (header,)))


def _write(draft: EditableDraft, key: yaml.ScalarNode, value: yaml.ScalarNode, edit: _Edit) -> list[_Edit]:
    """Return an edit, which has the header alone, with the text's lines, and with the comments below them."""
    margin = key.start_mark.column + _INDENT
    text = SourceMap(_convert(value), list(draft.lines)).text
    lines = lay_out(text, WIDTH - margin)
    if not has_same_meaning(text, "\n".join(lines)):
        return []
    edits = [replace(edit, lines=(*edit.lines, *(" " * margin + line if line else "" for line in lines)))]
    for number in range(edit.last + 1, len(draft.lines)):
        words = draft.lines[number].strip(" \t")
        depth = len(draft.lines[number]) - len(draft.lines[number].lstrip(" "))
        if words and not words.startswith("#"):
            break
        if words and depth >= margin:  # else it would be taken for text
            edits.append(_Edit(number, number, (" " * key.start_mark.column + words,)))
    return edits


def _iterate_scalars(
    node: yaml.Node, key: yaml.ScalarNode | None = None, *, in_flow: bool = False
) -> Iterator[tuple[yaml.ScalarNode | None, yaml.ScalarNode, bool]]:
    """Yield each value that is a text, with its key, and whether it stands in brackets or braces."""
    match node:
        case yaml.ScalarNode():
            if node.value or node.style:  # else it has the place of whatever comes next
                yield key, node, in_flow
        case yaml.SequenceNode():
            for entry in node.value:
                yield from _iterate_scalars(entry, in_flow=in_flow or bool(node.flow_style))
        case yaml.MappingNode():
            for name, value in node.value:
                yield from _iterate_scalars(value, name, in_flow=in_flow or bool(node.flow_style))


def _convert(node: yaml.ScalarNode) -> YamlScalar:
    start, end = node.start_mark, node.end_mark
    return YamlScalar(
        node.value, node.style, Place(start.line + 1, start.column + 1), Place(end.line + 1, end.column + 1)
    )
