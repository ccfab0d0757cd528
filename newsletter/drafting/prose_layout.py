"""The lines of a prose text in a draft: paragraphs filled up to one width, and all else as it was written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from markdown_it.token import Token

from newsletter.drafting.meaning import has_same_meaning
from newsletter.drafting.paragraph_layout import fill_paragraph, join_paragraph
from newsletter.issue.block_parser import parse_blocks
from newsletter.issue.excerpt import Excerpt
from newsletter.text import without_invisible

WIDTH = 110  # columns of a line, its indentation included
# What YAML allows in no text (YAML 1.1, section 4.1.1), and what it alone takes for a line's end.
_NOT_ALLOWED = re.compile("[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_END = re.compile("\r\n?|[\x85\u2028\u2029]")
_NOTE_MARK = re.compile(r"\[\^[^\[\]\s]+\]:\s*")


def format_prose(text: str, indent: int = 0) -> str:
    """Return a text as the lines to stand below `key: >-`, each behind `indent` spaces, up to WIDTH columns wide.

    Paragraphs are filled, also within lists, quotations and footnotes; tables, code, pictures and line breaks keep
    their lines. newsletter.issue reads the lines as the same text; it reads those below > as those below |, so that
    `>-` can say everything. Characters that YAML does not allow are left out.
    """
    margin = " " * indent
    return "\n".join(margin + line if line else "" for line in lay_out(text, WIDTH - indent))


def lay_out(text: str, width: int) -> list[str]:
    """Return a text's lines, its paragraphs filled up to `width` columns where that changes nothing for readers."""
    lines = _tidy(text)
    source = "\n".join(lines)
    if not source:
        return []
    paragraphs = list(_find_paragraphs(source, width))
    filled = _replace(lines, paragraphs)
    if has_same_meaning(source, "\n".join(filled)):
        return filled
    kept: list[_Paragraph] = []
    for paragraph in paragraphs:
        if has_same_meaning(source, "\n".join(_replace(lines, [*kept, paragraph]))):
            kept.append(paragraph)
    return _replace(lines, kept)


def _tidy(text: str) -> list[str]:
    """Return a text's lines without what no reader sees: blanks at their ends, and blank lines but one between blocks.

    Where lines are deeper than the first, or code, their indentation stays; two blanks that break a line do, too.
    """
    clean = without_invisible(_NOT_ALLOWED.sub("", _LINE_END.sub("\n", text)))
    lines = clean.rstrip().split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    if not lines:
        return []
    depth = len(lines[0]) - len(lines[0].lstrip(" \t"))
    lines = [line[min(depth, len(line) - len(line.lstrip(" "))) :] for line in lines]
    lines[0] = lines[0].lstrip(" \t")
    tidied = _tidy_lines(lines)
    if not has_same_meaning("\n".join(lines), _join(tidied)):
        tidied = _keep_meaning(lines, tidied)
    return [line for line in tidied if line is not None]


def _tidy_lines(lines: list[str]) -> list[str | None]:
    """Return for each line what is to stand in its place, None for a blank line that is one too many."""
    code = _find_code(parse_blocks("\n".join(lines))[0])
    tidied: list[str | None] = []
    last = ""
    for number, (line, after) in enumerate(pairwise([*lines, ""])):
        if number in code:
            last = line
            tidied.append(line)
            continue
        words = line.rstrip(" \t")
        if words or last:
            last = f"{words}  " if words and line.endswith("  ") and after.strip() else words
            tidied.append(last)
        else:
            tidied.append(None)
    return tidied


def _keep_meaning(lines: list[str], tidied: list[str | None]) -> list[str | None]:
    """Return the lines, tidied where that changes nothing: behind a backslash a blank keeps it from breaking a line."""
    source = "\n".join(lines)
    result: list[str | None] = [*lines]
    for number, line in enumerate(tidied):
        if line != lines[number]:
            tried = [*result[:number], line, *result[number + 1 :]]
            if has_same_meaning(source, _join(tried)):
                result = tried
    return result


def _join(lines: list[str | None]) -> str:
    return "\n".join(line for line in lines if line is not None)


def _find_code(tokens: list[Token]) -> set[int]:
    """Return the numbers of the lines that are code, counted from 0."""
    return {line for token in tokens if token.type == "fence" and token.map for line in range(*token.map)}


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """A paragraph in a text: its first line, how many it has, and the lines that it should have."""

    first: int
    count: int
    lines: tuple[str, ...]


def _find_paragraphs(source: str, width: int) -> Iterator[_Paragraph]:
    """Yield the paragraphs that would have other lines than they have."""
    lines = source.split("\n")
    for opening, words in pairwise(parse_blocks(source)[0]):
        if opening.type != "paragraph_open" or not words.meta:
            continue
        excerpt: Excerpt = words.meta["excerpt"]
        first = source.count("\n", 0, excerpt.places[0])
        count = excerpt.text.count("\n") + 1
        start = source.rfind("\n", 0, excerpt.places[0]) + 1
        prefix = source[start : excerpt.places[0]]
        margin = " " * 4 if _NOTE_MARK.fullmatch(prefix) else re.sub(r"[^>\t]", " ", prefix)
        filled = fill_paragraph(join_paragraph(excerpt.text), width, len(prefix), len(margin))
        new = tuple((margin if number else prefix) + line for number, line in enumerate(filled))
        if new != tuple(lines[first : first + count]):
            yield _Paragraph(first, count, new)


def _replace(lines: list[str], paragraphs: list[_Paragraph]) -> list[str]:
    result = list(lines)
    for paragraph in reversed(paragraphs):
        result[paragraph.first : paragraph.first + paragraph.count] = paragraph.lines
    return result
