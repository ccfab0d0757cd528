"""An item as the program writes it, and its place in a draft that is there."""

import copy
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import yaml

from newsletter.drafting.draft_lines import DraftTree, EditableDraft, is_left_open, make_edit_error, read_editable
from newsletter.drafting.prose_layout import format_prose
from newsletter.issue.yamltext import Place
from newsletter.validation import Fault

# An address that YAML reads as it is, without quotes.
_PLAIN = re.compile(r"(?:https?://|mailto:)[!-~]*[^\s:\x00-\x20\x7f-\uffff]")
_FIRST_DASH = 2  # columns that the items of a draft are indented by


@dataclass(frozen=True, kw_only=True)
class NewItem:
    """A headline with its detail, as Markdown, and the address of its source."""

    headline: str
    detail: str
    link: str | None = None


def compose_item(headline: str, detail: str, link: str | None = None) -> str:
    """Return the YAML of one item as it stands below `items:`: its lines, each with a line feed.

    The texts are Markdown, and newsletter.issue reads them as they were given.
    """
    return _compose(NewItem(headline=headline, detail=detail, link=link), _FIRST_DASH, _FIRST_DASH + 2)


def _compose(item: NewItem, dash: int, keys: int) -> str:
    """Return an item whose dash and whose keys stand in these columns, counted from 0."""
    margin = " " * keys
    headline = re.sub(r"\s*[\n\r\x85\u2028\u2029]\s*", " ", item.headline.strip())
    written = f"{margin}headline: >-\n{_write(headline, keys + 2)}{margin}detail: >-\n{_write(item.detail, keys + 2)}"
    if item.link:
        link = " ".join(item.link.split())
        written += f"{margin}link: {link if _PLAIN.fullmatch(link) else json.dumps(link, ensure_ascii=False)}\n"
    return f"{' ' * dash}-{written[dash + 1 :]}"


def _write(text: str, indent: int) -> str:
    lines = format_prose(text, indent)
    return f"{lines}\n" if lines else ""


def add_item(source: str, item: NewItem, path: Path = Path("draft.yaml")) -> str:
    """Return a draft's source with an item after its last one, and all else byte for byte as it was.

    The last one is that of `items:`, or of the last section with items where there are none. A draft without either
    gets `items:`. `path` names the draft in errors.

    Raises DraftError, with the place and what to do, for a draft that YAML can't read and for a list of items in
    brackets.
    """
    bom, body = ("\ufeff", source[1:]) if source.startswith("\ufeff") else ("", source)
    draft = read_editable(body, path)
    values, found = copy.deepcopy(draft.values), _find_items(draft, path)
    _, held = read_editable(f"items:\n{_compose(item, found.dash, found.keys)}", path).values.popitem()
    found.pick(values).extend(held)
    edited = _insert(draft, found, item)
    if read_editable(edited, path).values != values:
        raise make_edit_error(path, Place(found.line + 1, 1), _UNSAFE)
    return bom + edited


_UNSAFE = Fault(
    code="shape",
    message="an item can't be added below this line without changing something else",
    next_step="Add it by hand: `- headline: >-` and `detail: >-` below the last one.",
)


@dataclass(frozen=True, slots=True)
class _ItemsPlace:
    """Where an item goes: after a line, counted from 0, with its dash and its keys in these columns.

    `section` is the number of the section whose items these are. `empty` are the brackets of an empty list, in their
    line; `before` is what comes before the item.
    """

    line: int
    dash: int = _FIRST_DASH
    keys: int = _FIRST_DASH + 2
    section: int | None = None
    empty: tuple[int, int] | None = None
    before: str = ""

    def pick(self, values: dict[str, Any]) -> list[DraftTree]:
        """Return the list of items in a draft's values; one that is not there is made."""
        held = values if self.section is None else values["sections"][self.section]
        if not held.get("items"):
            held["items"] = []
        return cast("list[DraftTree]", held["items"])


def _insert(draft: EditableDraft, place: _ItemsPlace, item: NewItem) -> str:
    written = place.before + _compose(item, place.dash, place.keys)
    if place.empty:
        start, end = place.empty
        line = draft.lines[place.line]
        cut = line[:start].rstrip(" ") + line[end:]
        draft = replace(draft, lines=(*draft.lines[: place.line], cut, *draft.lines[place.line + 1 :]))
    return draft.insert_after(place.line, written)


def _find_items(draft: EditableDraft, path: Path) -> _ItemsPlace:
    """Return where the next item goes."""
    keys = {key.value: (key, value) for key, value in draft.nodes.value}
    if "items" in keys:
        return _find_end(draft, *keys["items"], path)
    sections = keys["sections"][1].value if "sections" in keys else ()
    for number, section in reversed(list(enumerate(sections))):
        for key, value in section.value if isinstance(section, yaml.MappingNode) else ():
            if key.value == "items" and isinstance(value, yaml.SequenceNode) and value.value:
                return replace(_find_end(draft, key, value, path), section=number)
    return _find_new_key(draft)


def _find_end(draft: EditableDraft, key: yaml.Node, items: yaml.Node, path: Path) -> _ItemsPlace:
    """Return the place after the last of these items."""
    if is_left_open(items):
        dash = key.start_mark.column + _FIRST_DASH
        return _ItemsPlace(key.end_mark.line, dash, dash + 2)
    start, end = items.start_mark, items.end_mark
    if isinstance(items, yaml.SequenceNode) and not items.value and start.line == end.line:
        dash = key.start_mark.column + _FIRST_DASH
        return _ItemsPlace(start.line, dash, dash + 2, empty=(start.column, end.column))
    if not isinstance(items, yaml.SequenceNode) or items.flow_style:
        fault = Fault(
            code="shape",
            message="these items are written in brackets, to which none can be added"
            if isinstance(items, yaml.SequenceNode)
            else "this is no list of items",
            next_step="Write each item below `items:` on lines of its own, as `- headline: >-` and `detail: >-`.",
        )
        raise make_edit_error(path, Place(start.line + 1, start.column + 1), fault)
    *others, last = items.value
    line = draft.find_last_line(items)
    keys = start.column + 2
    if isinstance(last, yaml.MappingNode) and not last.flow_style:
        keys = last.start_mark.column
    between = draft.lines[draft.find_last_line(others[-1]) + 1 : last.start_mark.line] if others else ()
    parted = any(not between_line.strip() for between_line in between)
    return _ItemsPlace(line, start.column, max(keys, start.column + 2), before="\n" if parted else "")


def _find_new_key(draft: EditableDraft) -> _ItemsPlace:
    """Return the place of `items:` in a draft without: before its sections and its note, or at its end."""
    line, parted = -1, False
    for key, value in draft.nodes.value:
        if key.value in ("sections", "note"):
            break
        line = key.end_mark.line if is_left_open(value) else draft.find_last_line(value)
        parted = not "".join(draft.lines[line + 1 : line + 2]).strip() and line + 2 < len(draft.lines)
    if line < 0:
        line = draft.nodes.start_mark.line - 1
    margin = " " * draft.nodes.start_mark.column
    before = ("\n" if parted else "") + f"{margin}items:\n"
    return _ItemsPlace(line, len(margin) + _FIRST_DASH, len(margin) + _FIRST_DASH + 2, before=before)
