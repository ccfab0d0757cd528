"""Reading of rich text: Markdown becomes blocks of spans, or faults where an edition could not show it."""

import re
from collections.abc import Iterator
from dataclasses import replace

from markdown_it.token import Token

from newsletter.field import Field, TextWithFields, split_fields
from newsletter.issue import markdown_lists
from newsletter.issue.blocks import Link, Paragraph, RichText, Span, Spans, TextRun, runs_of
from newsletter.issue.cjk import join_lines
from newsletter.issue.links import LinkPlace, find_link_faults
from newsletter.issue.markdown import MarkupSpan, ParsedParagraph, read_inline
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
_PARAGRAPHS = re.compile(r"\n(?:[ \t]*\n)+[ \t]*")
_OPEN_FIELD = re.compile(r"\{\{[^{}]*\}\}")


def parse(source: str) -> tuple[RichText, list[Fault]]:
    """Read inline Markdown; a blank line starts a paragraph. Return the text and all faults in it."""
    text, faults, _ = _parse(source, bare_links=True)
    return text, faults


def parse_headline(source: str) -> tuple[RichText, list[Fault]]:
    """Read a text that becomes a link as a whole, and so may hold none: each that it does hold is a fault."""
    text, faults, markup = _parse(source, bare_links=True)
    faults = [replace(fault, next_step=_WORDS_ALONE) if fault.code == "heading" else fault for fault in faults]
    faults += [
        Fault(
            code="headline-link",
            at=piece.start,
            message="a headline leads to its own detail, so it can't hold another link",
            next_step="Move the link into the detail.",
        )
        for piece in markup
        if piece.kind in ("link", "autolink", "address")
    ]
    return text, faults


def parse_line(source: str) -> tuple[TextWithFields, list[Fault]]:
    """Read a line that is shown as it is: fields, escapes and entities, but no styles and no links."""
    text, faults, markup = _parse(source, bare_links=False)
    faults = [replace(fault, next_step=_WORDS_ALONE) if fault.code in _OF_TEXTS else fault for fault in faults]
    told = {fault.at for fault in faults}
    faults += [
        Fault(
            code="markup",
            at=piece.start,
            message=f"{_SHOWN[piece.kind]} can't stand here: the marks would be shown as they are",
            next_step=_WORDS_ALONE,
        )
        for piece in markup
        if piece.kind in _SHOWN and piece.start not in told
    ]
    pieces: list[str | Field] = []
    for run in text.runs():
        if run.field:
            pieces.append(Field(run.field, run.text))
        elif pieces and isinstance(pieces[-1], str):
            pieces[-1] += run.text
        else:
            pieces.append(run.text)
    return tuple(pieces), faults


# Codes of faults whose next step is meant for texts with styles, links and paragraphs.
_OF_TEXTS = ("footnote", "heading", "html", "list", "quote", "reference", "strikethrough", "unclosed")
_WORDS_ALONE = "Write the words alone; a backslash before a mark keeps it: \\*."
_SHOWN = {"link": "a link", "autolink": "a link", "backticks": "code", "emphasis": "emphasis"}


def _parse(source: str, *, bare_links: bool) -> tuple[RichText, list[Fault], list[MarkupSpan]]:
    faults = list(find_control_characters(source))
    source = _OPEN_FIELD.sub(lambda field: field[0].replace("\n", " "), source)  # its place may have been folded
    paragraphs: list[Paragraph] = []
    markup: list[MarkupSpan] = []
    listed = markdown_lists.find_loose_list(source)
    for start, part in _split(source):
        paragraph = read_inline(part, bare_links=bare_links)
        spans, places = _build_spans(paragraph.tokens)
        paragraphs.append(Paragraph(_join_paragraph(spans)))
        found = [*_find_entity_faults(paragraph), *_find_field_faults(part, paragraph)]
        # A picture's address, or what a list or a table is made of, is not complained of twice.
        others, taken = find_unsupported(part, paragraph)
        found += others
        if start == listed and not taken[0]:
            found.append(markdown_lists.describe_loose_list(0))
        links = zip(RichText((Paragraph(spans),)).links(), places, strict=True)
        found += [fault for fault in find_link_faults(part, paragraph, links) if not taken[fault.at or 0]]
        faults += [replace(fault, at=start + (fault.at or 0)) for fault in found]
        # The second of two signs is what opens strong words.
        styles = [
            MarkupSpan("emphasis", token.meta["start"] - (token.type == "strong_open"), 0)
            for token in paragraph.tokens
            if token.type in ("em_open", "strong_open")
        ]
        markup += [replace(piece, start=start + piece.start) for piece in (*paragraph.markup, *styles)]
    return RichText(tuple(paragraphs)), sorted(faults, key=lambda fault: fault.at or 0), markup


def _split(source: str) -> Iterator[tuple[int, str]]:
    """Yield each paragraph with the place where it starts."""
    end = len(source.rstrip())
    start = len(source) - len(source.lstrip())
    for blank in _PARAGRAPHS.finditer(source, start, end):
        yield start, source[start : blank.start()].rstrip()
        start = blank.end()
    yield start, source[start:end]


def _build_spans(tokens: list[Token]) -> tuple[Spans, list[LinkPlace]]:
    spans: list[Span] = []
    places: list[LinkPlace] = []
    style = TextRun(text="")
    href: str | None = None
    inside: list[TextRun] = []
    for token in tokens:
        match token.type:
            case "strong_open" | "strong_close":
                style = replace(style, strong=token.nesting == 1)
            case "em_open" | "em_close":
                style = replace(style, emphasis=token.nesting == 1)
            case "link_open":
                href, inside = str(token.attrs["href"]), []
                places.append(LinkPlace(token.meta["start"], token.meta["address"]))
            case "link_close":
                spans.append(Link(address=split_fields(href or ""), runs=tuple(inside)))
                href = None
            case _:
                # A hard break is a line's end after a backslash: a space, as most lines' ends are.
                run = replace(
                    style,
                    text=" " if token.type == "hardbreak" else token.content,
                    code=token.type == "code_inline",
                    field=token.meta["name"] if token.type == "field" else None,
                )
                if not (run.text or run.field):
                    continue
                if href is None:
                    spans.append(run)
                else:
                    inside.append(run)
    return tuple(spans), places


def _join_paragraph(paragraph: Spans) -> Spans:
    """Return the paragraph in one line, with a space where its lines end, or nothing in Chinese and Japanese."""
    lines = iter(join_lines([run.text for span in paragraph for run in runs_of(span)]))

    def joined(run: TextRun) -> TextRun:
        return replace(run, text=next(lines))

    spans: list[Span] = []
    for span in paragraph:
        match span:
            case Link(address=address, runs=runs):
                spans.append(Link(address=address, runs=tuple(map(joined, runs))))
            case TextRun():
                run = joined(span)
                if run.text or run.field:
                    spans.append(run)
            case _:
                spans.append(span)
    return tuple(spans)


def find_control_characters(source: str) -> Iterator[Fault]:
    """Yield a fault for each character that would act on a terminal or a header instead of being read."""
    for match in _UNWELCOME.finditer(source):
        yield _describe_control(match[0], match.start())


def _describe_control(character: str, at: int) -> Fault:
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
