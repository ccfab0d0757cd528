"""Composition of a draft's YAML from a back issue, with a comment wherever something could not be decided."""

import datetime
import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from newsletter.back_issues.back_issue import BackIssue, FoundItem, FoundPicture, FoundSection
from newsletter.drafting import format_prose
from newsletter.issue.draft_schema import SCHEMA_NAME
from newsletter.issue.sections import MAX_ITEMS
from newsletter.text import escape_controls, format_count

MARK = "# import: "
_WIDTH = 110


def compose_back_issue(issue: BackIssue, date: datetime.date) -> str:
    """Return the draft of a back issue of this date: its texts below `>-`, its remarks as comments."""
    issue = _part_items(issue)
    lines = [f"# yaml-language-server: $schema={SCHEMA_NAME}"]
    lines += _write_comments(issue.comments, "")
    lines += [f"{key}: {value}" for key, value in (("volume", issue.volume), ("number", issue.number)) if value]
    lines.append(f"date: {date}")
    lines += _write_text("title", issue.title, 0)
    lines += _write_text("headlines_title", issue.headlines_title, 0)
    lines += _write_text("intro", issue.intro, 0)
    if issue.picture:
        lines += _write_picture(issue.picture)
    if issue.items:
        lines += ["items:", *_write_items(issue.items, 2)]
    if issue.sections:
        lines += ["sections:", *(line for section in issue.sections for line in _write_section(section))]
    lines += _write_text("note", issue.note, 0)
    return "\n".join(lines) + "\n"


def _part_items(issue: BackIssue) -> BackIssue:
    """Return an issue whose lists of items are no longer than a draft's may be: the rest goes on in sections."""
    first, *others = _cut(issue.items) or [()]
    sections = [FoundSection(items=items) for items in others]
    for section in issue.sections:
        items, *more = _cut(section.items) or [()]
        sections += [replace(section, items=items), *(FoundSection(items=part) for part in more)]
    return replace(issue, items=first, sections=tuple(sections))


def _cut(items: Sequence[FoundItem]) -> list[tuple[FoundItem, ...]]:
    return [tuple(items[at : at + MAX_ITEMS]) for at in range(0, len(items), MAX_ITEMS)]


def list_comments(issue: BackIssue) -> tuple[str, ...]:
    """Return an issue's remarks, each once, with the number of its places where there are several."""
    comments = list(issue.comments)
    for section in (FoundSection(items=issue.items), *issue.sections):
        comments += section.comments
        comments += [comment for item in section.items for comment in item.comments]
    counts = Counter(comments)
    return tuple(text if count == 1 else f"{text} ({format_count(count, 'place')})" for text, count in counts.items())


def _write_comments(comments: Iterable[str], margin: str) -> Iterator[str]:
    """Yield each remark as a YAML comment of one or more lines, with nothing in it that YAML or a terminal obeys."""
    for comment in comments:
        words = " ".join(escape_controls(" ".join(comment.split())).split())
        first, *others = textwrap.wrap(words, _WIDTH - len(margin), break_long_words=False, break_on_hyphens=False)
        yield f"{margin}{MARK}{first}"
        yield from (f"{margin}#   {line}" for line in others)


def _write_text(key: str, text: str, indent: int) -> Iterator[str]:
    if text:
        margin = " " * indent
        yield f"{margin}{key}: >-"
        yield format_prose(text, indent + 2)


def _write_link(link: str | None, indent: int) -> Iterator[str]:
    if link:
        is_plain = re.fullmatch(r"https?://[!-~]*[\w/]", link, re.ASCII)  # which YAML reads as it is
        yield f"{' ' * indent}link: {link if is_plain else json.dumps(link, ensure_ascii=False)}"


def _write_picture(picture: FoundPicture) -> Iterator[str]:
    yield "image:"
    yield f"  file: {json.dumps(picture.source, ensure_ascii=False)}"
    yield from _write_text("alt", picture.alt, 2)
    yield from _write_text("caption", picture.caption, 2)
    yield from _write_text("credit", picture.credit, 2)
    yield from _write_link(picture.link, 2)


def _write_items(items: Iterable[FoundItem], indent: int) -> Iterator[str]:
    margin = " " * indent
    for item in items:
        yield from _write_comments(item.comments, margin)
        headline, *others = _write_text("headline", item.headline, indent + 2)
        yield f"{margin}- {headline.lstrip()}"
        yield from others
        yield from _write_text("detail", item.detail, indent + 2)
        yield from _write_link(item.link, indent + 2)


def _write_section(section: FoundSection) -> Iterator[str]:
    yield from _write_comments(section.comments, "  ")
    lines = [*_write_text("title", section.title, 4), *_write_text("text", section.text, 4)]
    if section.items:
        lines += ["    items:", *_write_items(section.items, 6)]
    yield f"  - {lines[0].lstrip()}"
    yield from lines[1:]
