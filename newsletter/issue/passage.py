"""Reading of passages: the inline Markdown of one paragraph, heading or cell becomes spans and faults."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from newsletter.issue.blocks import Link, Spans
from newsletter.issue.excerpt import Excerpt
from newsletter.issue.links import find_link_faults
from newsletter.issue.markdown import MarkupSpan, ParsedParagraph, read_inline
from newsletter.issue.spans import build_spans, join_spans
from newsletter.issue.unsupported import find_unsupported
from newsletter.validation import Fault

# Controls, lone surrogates, private use, the two separators that end a line, and the code points that will never
# be characters (Unicode, 23.7), which XML can't hold.
_UNWELCOME = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\uf8ff\u2028\u2029\ufdd0-\ufdef\ufffe\uffff\U000f0000-\U0010ffff"
    + "".join(chr(plane << 16 | last) for plane in range(1, 15) for last in (0xFFFE, 0xFFFF))
    + "]"
)
_INVISIBLE = {
    "\u2028": "the line separator U+2028",
    "\u2029": "the paragraph separator U+2029",
}
_OPEN_FIELD = re.compile(r"\{\{[^{}]*\}\}")


@dataclass(frozen=True, slots=True)
class Passage:
    """The spans of a paragraph, a heading or a cell; its faults and markup, by their places in the whole text."""

    spans: Spans
    faults: list[Fault]
    markup: list[MarkupSpan]


def read_passage(
    excerpt: Excerpt, marks: dict[str, int], *, bare_links: bool = True, bare_mail: bool = True
) -> Passage:
    """Read inline Markdown. `marks` has the numbers of the footnotes by their labels; new ones are added."""
    source = _OPEN_FIELD.sub(lambda field: field[0].replace("\n", " "), excerpt.text)  # its place may have been folded
    paragraph = read_inline(source, bare_links=bare_links, bare_mail=bare_mail)
    spans, places = build_spans(paragraph.tokens, marks)
    found = [*_find_entity_faults(paragraph), *_find_field_faults(source, paragraph)]
    # A picture's address, or what a list or a table is made of, is not complained of twice.
    others, taken = find_unsupported(source, paragraph)
    found += others
    links = zip((span for span in spans if isinstance(span, Link)), places, strict=True)
    found += [fault for fault in find_link_faults(source, paragraph, links) if not taken[fault.at or 0]]
    # The second of two signs is what opens strong words.
    styles = [
        MarkupSpan("emphasis", token.meta["start"] - (token.type == "strong_open"), 0)
        for token in paragraph.tokens
        if token.type in ("em_open", "strong_open")
    ]
    return Passage(
        join_spans(spans),
        [replace(fault, at=excerpt.place(fault.at or 0)) for fault in found],
        [replace(piece, start=excerpt.place(piece.start)) for piece in (*paragraph.markup, *styles)],
    )


def find_control_characters(source: str) -> Iterator[Fault]:
    """Yield a fault for each character that would act on a terminal or a header instead of being read."""
    for match in _UNWELCOME.finditer(source):
        yield _describe_control(match[0], match.start())


def _describe_control(character: str, at: int) -> Fault:
    if "\ue000" <= character <= "\uf8ff":  # Word pastes its bullets as characters of Symbol and Wingdings
        return Fault(
            code="control-character",
            at=at,
            message=f"a character that one typeface alone has, {character!a}, stands in this text",
            next_step="Where it begins an entry of a list, write - and a space instead. Elsewhere, delete it.",
        )
    name = _INVISIBLE.get(character, f"the control character {character!a}")
    return Fault(
        code="control-character",
        at=at,
        message=f"{name} stands in this text",
        next_step="Delete it; it can't be seen in most editors.",
    )


def _find_entity_faults(paragraph: ParsedParagraph) -> Iterator[Fault]:
    """Find entities such as &#13; for characters which no text may hold."""
    for piece in paragraph.markup:
        if piece.kind == "entity" and _UNWELCOME.search(piece.text):
            yield _describe_control(piece.text, piece.start)


def _find_field_faults(source: str, paragraph: ParsedParagraph) -> Iterator[Fault]:
    """Find what looks like a field and was read as none, in the text or in an address between < and >."""
    text = paragraph.text
    places = [match.start() for match in re.finditer(r"\{\{", text)]
    if not places and "\\{" not in source and "\\}" not in source:
        places = [match.start() for match in re.finditer(r"\}\}", text)]
    places += [
        piece.start
        for piece in paragraph.markup
        if piece.kind == "autolink" and "{{" in source[piece.start : piece.end]
    ]
    # A bare address ends where a field begins.
    places += [
        piece.end for piece in paragraph.markup if piece.kind == "address" and source[piece.end : piece.end + 2] == "{{"
    ]
    for place in sorted(set(places)):
        yield Fault(
            code="field",
            at=place,
            message="this looks like a field, but can't be read as one",
            next_step="Write it as {{ name }} or {{ name | reader }}, in small letters; in an address as "
            "[words](https://example.org/?who={{ email }}).",
        )
