"""Typographic quotation marks, apostrophes, dashes and spaces by language, in a text, its blocks and a whole issue."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import groupby
from typing import Any, get_args, get_type_hints

from newsletter.field import Field, TextWithFields
from newsletter.issue.blocks import (
    Block,
    Blocks,
    Footnote,
    Heading,
    LineBreak,
    Link,
    ListBlock,
    Paragraph,
    PictureBlock,
    Quotation,
    RichText,
    Span,
    Spans,
    TableBlock,
    TextRun,
    runs_of,
)
from newsletter.issue.cjk import is_cjk, is_hangul
from newsletter.issue.field_types import FieldedLine, Line
from newsletter.issue.model import Issue
from newsletter.issue.quotation_marks import QuotationMarks, find_marks
from newsletter.issue.quote_pairing import OPAQUE, Change, find_quote_changes
from newsletter.issue.sections import DraftValue

_NARROW = "\u202f"  # NARROW NO-BREAK SPACE
_ADDRESS = re.compile(
    r"\b(?:https?://|www\.)[^\s\"<>«»“”]*[\w/=&#%~+-]|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
)
_PAUSE = re.compile(r"(?<![./\\])\.{3}(?:\.{3})?(?![./\\])")
_LONG_DASH = re.compile(r"(?<![-<|+–—])---(?![->|+–—])")
# An aside between two dashes that are next to its words, as in Spanish.
_ASIDE = re.compile(r"(?<!\S)(--)(?=[^\W_])(?:[^-]|(?<=[^\W_])-(?=[^\W_])){1,300}?(?<=\S)(--)(?=[\s.,;:!?)]|$)")
_RANGE = re.compile(r"(?<=[^\s<|+–—-])--(?=[^\s>|+–—-])")
# A narrow space is one that was set within guillemets, not one that an editor types around a dash.
_SPACED_DASH = re.compile(
    r"(?<![^ \t\n\u00a0])--(?=[ \t\n\u00a0]+[^\s–—-])"
    r"|(?<=[^\s<|+–—-][ \t\n\u00a0])-(?=[ \t\n\u00a0][^\s>|+–—-])"
)
_BROKEN_OFF = re.compile(r"(?<=[^\W_])--(?=[\s\"'”’»)]|$)")


def typeset_issue(issue: Issue, language: str) -> Issue:
    """Return the issue with every text and line typeset in the publication's language; names and addresses stay."""
    done: dict[int, DraftValue] = {}  # what two issues share is the same value afterwards

    def typeset(whole: Issue) -> Issue:
        part = _typeset_part(whole, language, done)
        assert isinstance(part, Issue)  # noqa: S101  # for mypy: a part keeps its class
        return part

    return issue.typeset_by(typeset)


def _typeset_part(part: DraftValue, language: str, done: dict[int, DraftValue]) -> DraftValue:
    if id(part) not in done:
        lines = _list_lines(type(part))
        values = {name: getattr(part, name) for name in type(part).model_fields}
        changed = {name: _typeset_value(value, name in lines, language, done) for name, value in values.items()}
        done[id(part)] = part.model_copy(update=changed)
    return done[id(part)]


def _typeset_value(value: Any, is_line: bool, language: str, done: dict[int, DraftValue]) -> Any:
    match value:
        case RichText():
            return typeset_text(value, language)
        case DraftValue():
            return _typeset_part(value, language, done)
        case str() if is_line:
            return typeset_pieces((value,), language)[0]
        case tuple() if is_line:
            return typeset_pieces(value, language)
        case (DraftValue(), *_):
            return tuple(_typeset_part(part, language, done) for part in value)
    return value


@cache
def _list_lines(model: type[DraftValue]) -> frozenset[str]:
    """Return the keys of a part of a draft that hold a line of words; an issue's name is none."""
    hints = get_type_hints(model, include_extras=True)
    return frozenset(
        name
        for name, hint in hints.items()
        if name != "corrects" and any(kind in (Line, FieldedLine) for kind in (hint, *get_args(hint)))
    )


def typeset_pieces(pieces: TextWithFields, language: str) -> TextWithFields:
    """Return a line with its quotes and dashes typeset; a field's default is set by itself."""
    lines = typeset_strings([piece if isinstance(piece, str) else None for piece in pieces], language)
    return tuple(
        Field(piece.name, _typeset_string(piece.default, language)) if isinstance(piece, Field) else line or ""
        for piece, line in zip(pieces, lines, strict=True)
    )


def typeset_text(text: RichText, language: str) -> RichText:
    """Return a text with its quotes and dashes typeset, without its code and its links' addresses."""
    notes = tuple(Footnote(note.number, _typeset_blocks(note.blocks, language)) for note in text.footnotes)
    return RichText(_typeset_blocks(text.blocks, language), notes)


def _typeset_blocks(blocks: Blocks, language: str) -> Blocks:
    return tuple(_typeset_block(block, language) for block in blocks)


def _typeset_block(block: Block, language: str) -> Block:
    match block:
        case Paragraph(spans) | Heading(spans):
            return type(block)(_typeset_spans(spans, language))
        case ListBlock(entries, first):
            return ListBlock(tuple(_typeset_blocks(entry, language) for entry in entries), first)
        case Quotation(blocks):
            return Quotation(_typeset_blocks(blocks, language))
        case PictureBlock(file, alt, caption):
            return PictureBlock(file, _typeset_string(alt, language), _typeset_spans(caption, language))
        case TableBlock(header, rows, alignments):
            cells = [tuple(_typeset_spans(cell, language) for cell in row) for row in (header, *rows)]
            return TableBlock(cells[0], tuple(cells[1:]), alignments)
    return block


def _typeset_spans(spans: Spans, language: str) -> Spans:
    """Return the spans of one line; a quotation may open in one and close in another, or within a link."""
    texts = dict[int, str]()  # by the number of the run
    own: list[str | None] = []
    places: list[int] = []
    passages: list[tuple[int, TextRun]] = []
    for number, run in enumerate(_list_runs(spans)):
        if run is None:
            own.append("\n")
        elif run.language and run.language != language:
            own.append(None)
            passages.append((number, run))
        else:
            own.append(None if run.code or run.field else run.text)
            if run.field:
                texts[number] = _typeset_string(run.text, language)
        places.append(number)
    texts |= {place: text for place, text in zip(places, typeset_strings(own, language), strict=True) if text}
    for tongue, group in groupby(passages, key=lambda pair: pair[1].language):
        part = list(group)
        inner = [None if run.code or run.field else run.text for _, run in part]
        set_inner = typeset_strings(inner, tongue)
        texts |= {number: text for (number, _), text in zip(part, set_inner, strict=True) if text}
        texts |= {number: _typeset_string(run.text, tongue) for number, run in part if run.field}
    return _replace_texts(spans, texts)


def _list_runs(spans: Spans) -> Iterator[TextRun | None]:
    """Yield each run; None for a line break. The mark of a footnote is nothing, and an address among words is code."""
    for span in spans:
        if isinstance(span, LineBreak):
            yield None
        elif isinstance(span, Link) and _shows_address(span):
            yield from (replace(run, code=True) for run in span.runs)
        else:
            yield from runs_of(span)


def _shows_address(link: Link) -> bool:
    words = "".join(run.text for run in link.runs).strip()
    return bool(words) and words in link.href and any(sign in words for sign in "./@")


def _replace_texts(spans: Spans, texts: dict[int, str]) -> Spans:
    """Return spans with other texts for the runs that have one, by the numbers that _list_runs counts."""
    number = 0

    def take(run: TextRun) -> TextRun:
        nonlocal number
        number += 1
        return replace(run, text=texts.get(number - 1, run.text))

    changed: list[Span] = []
    for span in spans:
        match span:
            case TextRun():
                changed.append(take(span))
            case Link(address=address, runs=runs):
                changed.append(Link(address=address, runs=tuple(map(take, runs))))
            case LineBreak():
                number += 1
                changed.append(span)
            case _:
                changed.append(span)
    return tuple(changed)


def _typeset_string(text: str, language: str) -> str:
    return typeset_strings([text], language)[0] or ""


def typeset_strings(texts: Sequence[str | None], language: str) -> list[str | None]:
    """Return the parts of one line with typographic quotes, dashes, pauses, and the spaces of French.

    None is a part that is no text, such as code. The stages: what is left out and dashes, quotes, spaces. Setting a
    line again changes nothing.
    """
    marks = find_marks(language)
    stages: tuple[Callable[[str, QuotationMarks], list[Change]], ...] = (
        _find_dash_changes,
        find_quote_changes,
        *((_find_space_changes,) if marks.spaced else ()),
    )
    parts = list(texts)
    for find_changes in stages:
        line = "".join(OPAQUE if part is None else part for part in parts)
        masked = _ADDRESS.sub(lambda match: OPAQUE * len(match[0]), line)
        parts = _change(parts, find_changes(masked, marks))
    return parts


def _change(parts: list[str | None], changes: list[Change]) -> list[str | None]:
    """Return the parts with the changes of their line; one across two parts is made in the first."""
    changed: list[str | None] = []
    start = number = 0
    for part in parts:
        if part is None:
            changed.append(None)
            start += 1
            continue
        end, at, pieces = start + len(part), start, list[str]()
        while number < len(changes) and changes[number].start < end:
            change = changes[number]
            pieces.append(part[at - start : max(0, change.start - start)])
            pieces.append(change.new if change.start >= start else "")
            at = min(change.end, end)
            if change.end > end:
                break
            number += 1
        changed.append("".join([*pieces, part[at - start :]]))
        start = end
    return changed


def _find_dash_changes(text: str, marks: QuotationMarks) -> list[Change]:
    """Return the changes of hyphens to dashes and of full stops to an ellipsis, in their order.

    -- is the short dash and --- the long one, as for Pandoc; between spaces, - and -- are the language's dash.
    """
    found: dict[int, Change] = {}
    if "..." in text:
        for match in _PAUSE.finditer(text):
            doubled = len(match[0]) == 6 or _is_ideographic(text, match.start(), match.end())  # GB/T 15834
            if doubled or len(match[0]) == 3:
                found[match.start()] = Change(match.start(), match.end(), "……" if doubled else "…")
    if "-" in text:
        for match in _ASIDE.finditer(text):
            for group in (1, 2):
                found.setdefault(match.start(group), Change(*match.span(group), marks.dash))
        patterns = ((_LONG_DASH, "—"), (_RANGE, "–"), (_SPACED_DASH, marks.dash), (_BROKEN_OFF, marks.dash))
        for pattern, dash in patterns:
            for match in pattern.finditer(text):
                ideographic = len(match[0]) > 1 and _is_ideographic(text, match.start(), match.end())
                found.setdefault(match.start(), Change(*match.span(), "——" if ideographic else dash))
    return [found[start] for start in sorted(found)]


def _is_ideographic(text: str, start: int, end: int) -> bool:
    """Return whether a sign stands beside a Chinese or Japanese character."""
    return any(is_cjk(neighbour) and not is_hangul(neighbour) for neighbour in text[max(0, start - 1) : end + 1])


@cache
def _compile_spaced(signs: str) -> re.Pattern[str]:
    high = "".join(sign for sign in signs if sign != ":")
    colon = r"(?<=[^\s(\[«“‘¿¡;!?:/])( ?)(?=:(?:[\s»”]|$))"
    if not high:
        return re.compile(colon)
    return re.compile(rf"{colon}|(?<=[^\s(\[«“‘¿¡;!?:/&])( ?)(?=[{high}]+(?:[\s)\]»”’.…,{OPAQUE}—–]|$))")


def _find_space_changes(text: str, marks: QuotationMarks) -> list[Change]:
    """Return the changes that put narrow no-break spaces within guillemets and before the signs that have them."""
    found: dict[int, Change] = {}
    for at, sign in ((match.start(), match[0]) for match in re.finditer("[«»]", text)):
        inner = at + 1 if sign == "«" else at - 1
        neighbour = text[inner] if 0 <= inner < len(text) else "\n"
        if neighbour == " ":
            found[inner] = Change(inner, inner + 1, _NARROW)
        elif not neighbour.isspace() and neighbour not in "«»":
            found[at] = Change(at, at + 1, f"«{_NARROW}" if sign == "«" else f"{_NARROW}»")
    for match in _compile_spaced(marks.spaced).finditer(text):
        at = match.start()
        if match.end() > at:
            found[at] = Change(at, at + 1, _NARROW)
        else:
            found.setdefault(at, Change(at, at + 1, _NARROW + text[at]))
    return [found[start] for start in sorted(found)]
