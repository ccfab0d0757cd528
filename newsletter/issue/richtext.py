"""Reading of rich text: Markdown becomes blocks of spans, or faults where an edition could not show it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from markdown_it.token import Token

from newsletter.field import Field, TextWithFields
from newsletter.issue import markdown_lists
from newsletter.issue.block_parser import Excerpt, parse_blocks
from newsletter.issue.blocks import (
    Alignment,
    Block,
    Blocks,
    CodeBlock,
    Heading,
    Link,
    ListBlock,
    Paragraph,
    Quotation,
    RichText,
    Spans,
    TableBlock,
    ThematicBreak,
)
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
_PARAGRAPHS = re.compile(r"\n(?:[ \t]*\n)+[ \t]*")
_OPEN_FIELD = re.compile(r"\{\{[^{}]*\}\}")


def parse(source: str) -> tuple[RichText, list[Fault]]:
    """Read prose: Markdown as blocks of spans. Return the text and all faults in it, in the order of their places."""
    faults = list(find_control_characters(source))
    # Spaces behind the first line's start may say how deep it is.
    start = len(source) - len(source.lstrip())
    start -= len(source[:start]) - len(source[:start].rstrip(" \t"))
    tokens, told = parse_blocks(source[start:].rstrip())
    reader = _BlockReader(tokens)
    blocks = reader.read_blocks()
    faults += [replace(fault, at=start + (fault.at or 0)) for fault in (*told, *reader.faults())]
    return RichText(blocks), sorted(faults, key=lambda fault: fault.at or 0)


def parse_headline(source: str) -> tuple[RichText, list[Fault]]:
    """Read a text that becomes a link as a whole, and so may hold none: each that it does hold is a fault."""
    text, faults, markup = _parse_paragraphs(source, bare_links=True)
    faults = [replace(fault, next_step=_WORDS_ALONE) if fault.code in _OF_BLOCKS else fault for fault in faults]
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
    text, faults, markup = _parse_paragraphs(source, bare_links=False)
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


# Codes of faults whose next step is meant for texts with blocks, or with styles and links.
_OF_BLOCKS = ("code", "footnote", "heading", "list", "picture", "quote", "rule", "table")
_OF_TEXTS = (*_OF_BLOCKS, "html", "language", "reference", "strikethrough", "unclosed")
_WORDS_ALONE = "Write the words alone; a backslash before a mark keeps it: \\*."
_SHOWN = {
    "link": "a link",
    "autolink": "a link",
    "backticks": "code",
    "emphasis": "emphasis",
    "strike": "a mark that strikes words out",
    "sup": "a raised word",
    "sub": "a lowered word",
    "language": "the mark of another language",
}


def _parse_paragraphs(source: str, *, bare_links: bool) -> tuple[RichText, list[Fault], list[MarkupSpan]]:
    """Read paragraphs alone: every block is a fault."""
    faults = list(find_control_characters(source))
    parts = list(_split(source))
    leaves = [_read_leaf(part, bare_links=bare_links, bare_mail=False) for part in parts]
    faults += [fault for leaf in leaves for fault in leaf.faults]
    faults += _find_loose_list(parts)
    text = RichText(tuple(Paragraph(leaf.spans) for leaf in leaves))
    return text, sorted(faults, key=lambda fault: fault.at or 0), [piece for leaf in leaves for piece in leaf.markup]


def _split(source: str) -> Iterator[Excerpt]:
    """Yield each paragraph."""
    end = len(source.rstrip())
    start = len(source) - len(source.lstrip())
    for blank in _PARAGRAPHS.finditer(source, start, end):
        yield Excerpt(source[start : blank.start()].rstrip(), (0,), (start,))
        start = blank.end()
    yield Excerpt(source[start:end], (0,), (start,))


@dataclass(frozen=True, slots=True)
class _Leaf:
    """The spans of a paragraph, a heading or a cell; its faults and markup, by their places in the whole text."""

    spans: Spans
    faults: list[Fault]
    markup: list[MarkupSpan]


def _read_leaf(excerpt: Excerpt, *, bare_links: bool = True, bare_mail: bool = True) -> _Leaf:
    source = _OPEN_FIELD.sub(lambda field: field[0].replace("\n", " "), excerpt.text)  # its place may have been folded
    paragraph = read_inline(source, bare_links=bare_links, bare_mail=bare_mail)
    spans, places = build_spans(paragraph.tokens)
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
    return _Leaf(
        join_spans(spans),
        [replace(fault, at=excerpt.place(fault.at or 0)) for fault in found],
        [replace(piece, start=excerpt.place(piece.start)) for piece in (*paragraph.markup, *styles)],
    )


def _find_loose_list(paragraphs: Sequence[Excerpt]) -> Iterator[Fault]:
    listed = markdown_lists.find_loose_list([paragraph.text for paragraph in paragraphs])
    if listed is not None:
        yield markdown_lists.describe_loose_list(paragraphs[listed].place(0))


class _BlockReader:
    """A reader of block tokens, which builds their blocks and keeps the faults of their words."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = iter(tokens)
        self._faults: list[Fault] = []
        self._paragraphs: list[Excerpt] = []

    def faults(self) -> list[Fault]:
        """Return the faults of what was read."""
        told = {fault.at for fault in self._faults}
        return [*self._faults, *(fault for fault in _find_loose_list(self._paragraphs) if fault.at not in told)]

    def read_blocks(self) -> Blocks:
        """Return the blocks up to the end of what holds them."""
        blocks: list[Block] = []
        for token in self._tokens:
            if token.nesting < 0:
                break
            blocks.append(self._read_block(token))
        return tuple(blocks)

    def _read_block(self, token: Token) -> Block:
        match token.type:
            case "heading_open":
                return Heading(self._read_words())
            case "bullet_list_open" | "ordered_list_open":
                first = int(token.attrs.get("start", 1)) if token.type == "ordered_list_open" else None
                entries = []
                for entry in self._tokens:
                    if entry.nesting < 0:
                        break
                    entries.append(self.read_blocks())
                return ListBlock(tuple(entries), first)
            case "blockquote_open":
                return Quotation(self.read_blocks())
            case "table_open":
                return self._read_table()
            case "fence":
                return CodeBlock(token.content.removesuffix("\n"), next(iter(token.info.split()), ""))
            case "hr":
                return ThematicBreak()
            case _:
                return Paragraph(self._read_words(is_paragraph=True))

    def _read_words(self, *, is_paragraph: bool = False) -> Spans:
        """Return the spans of the block that was opened, up to its end."""
        excerpt: Excerpt = next(self._tokens).meta["excerpt"]
        next(self._tokens)
        if is_paragraph:
            self._paragraphs.append(excerpt)
        leaf = _read_leaf(excerpt)
        self._faults += leaf.faults
        return leaf.spans

    def _read_table(self) -> TableBlock:
        rows: list[tuple[Spans, ...]] = []
        cells: list[Spans] = []
        alignments: list[Alignment] = []
        for token in self._tokens:
            match token.type:
                case "th_open" | "td_open":
                    cells.append(self._read_words())
                    if token.type == "th_open":
                        alignments.append(_ALIGNMENTS[str(token.attrs.get("style", ""))])
                case "tr_close":
                    rows.append(tuple(cells))
                    cells = []
                case "table_close":
                    break
        return TableBlock(rows[0], tuple(rows[1:]), tuple(alignments))


_ALIGNMENTS: dict[str, Alignment] = {
    "": "", "text-align:left": "left", "text-align:center": "center", "text-align:right": "right",
}  # fmt: skip


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
