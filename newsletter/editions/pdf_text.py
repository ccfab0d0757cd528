"""Rich text as data for the PDF's templates, with what is numbered on paper: printed addresses and footnotes."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from wcwidth import wcswidth

from newsletter.editions.pictures import Picture
from newsletter.issue.blocks import (
    Block,
    Blocks,
    CodeBlock,
    Footnote,
    FootnoteMark,
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
    ThematicBreak,
    write_words,
)

Data = dict[str, Any]
# What must not be broken has to fit: 22 lines do, even of nothing but capitals, with 8 of addresses. The short form's
# items are kept together up to that; of what stands below a heading, which moves along, no more than FEW_LINES are.
MOST_LINES, FEW_LINES, _FOR_ADDRESSES, _COLUMNS = 22, 12, 8, 40
_CODE_COLUMNS = {1: 76, 2: 36}  # letters of code in a line, by the number of columns
_TALL_ROW = 10  # lines: a row of a table that has fewer is not broken
_LONG_WORD = re.compile(r"[!-\u052f]{52,}")
_LONG_PART = re.compile(r"[^/?&=.-]{40,}")


class TextConverter:
    """A converter of an issue's texts, in reading order, that counts the numbers which are printed.

    Typst's footnotes won't do, since it may leave one on another page than its number: where a block moves to the next
    page, and for all but the first in a line (typst/typst, issues 5314 and 5405). `resolve` returns the address that a
    link's leads to: an item of the issue as #item-2, or "" where it leads nowhere in the PDF. `select_fonts` returns
    the families for words in another language, None where they are the publication's.
    """

    def __init__(
        self,
        *,
        print_links: bool,
        columns: int = 1,
        pictures: Mapping[str, Picture] | None = None,
        resolve: Callable[[str], str] = str,
        select_fonts: Callable[[str], Sequence[Any] | None] = lambda _: None,
    ) -> None:
        self._print_links = print_links
        self._columns = columns
        self._pictures = pictures or {}
        self._resolve = resolve
        self._select_fonts = select_fonts
        self._numbers = count(1)
        self._ids = count(1)
        self._marks: dict[int, Data] = {}  # of the text at hand, by the footnote's number
        self._addresses: list[Data] | None = None  # of the chunk at hand; None where they are printed in place

    def fit(self, *texts: RichText, most: int = MOST_LINES) -> bool:
        """Return whether the texts have at most that many lines, with what is printed below them.

        They are counted as in the narrower of the layouts, so that they surely fit on a page and into a column.
        """
        lines = 0
        for length in (length for text in texts for length in _measure_text(text)):
            lines += length
            if lines > most:
                return False
        links = (link for text in texts for link in text.links()) if self._print_links else ()
        return lines + sum(1 + len(link.href) // _COLUMNS for link in links) <= most + _FOR_ADDRESSES

    def convert(self, text: RichText | None, level: int, most: int = MOST_LINES) -> list[Data] | None:
        """Return a text in chunks that each stay on one page with their addresses and footnotes.

        It is one chunk if it has at most `most` lines, and else one for each block, where addresses are printed. A
        chunk that is too tall for a page (`tall`) may be broken, and has its addresses in place. `level` is that of
        the text's sub-headings.
        """
        if text is None:
            return None
        self._marks = {}
        is_whole = self.fit(text, most=most)
        if is_whole or not self._print_links:
            return [self._make_chunk(text.blocks, text.footnotes, level, fits=is_whole)]
        chunks = [RichText((block,)) for block in text.blocks]
        if text.footnotes:
            # Below the last words, unless those fill a page themselves.
            last = RichText(text.blocks[-1:], text.footnotes)
            chunks = [*chunks[:-1], last] if self.fit(last) else [*chunks, RichText((), text.footnotes)]
        return [self._make_chunk(part.blocks, part.footnotes, level, fits=self.fit(part)) for part in chunks]

    def convert_line(self, text: RichText | None) -> list[list[Data]] | None:
        """Return the spans of each paragraph of a headline, a credit or a caption, addresses in place."""
        return [self.convert_spans(spans) for spans in text.paragraphs] if text else None

    def convert_spans(self, spans: Spans) -> list[Data]:
        return [data for span in spans for data in self._convert_span(span)]

    def convert_link(self, link: Link | None) -> Data | None:
        """Return a link that stands alone, its address in place."""
        return next(self._convert_span(link)) if link else None

    def convert_picture(self, file: str, alt: str) -> Data:
        picture = self._pictures[file]
        return {"file": f"/{picture.name}", "alt": alt, "width": picture.width, "height": picture.height}

    def _make_chunk(self, blocks: Blocks, footnotes: Sequence[Footnote], level: int, *, fits: bool) -> Data:
        self._addresses = [] if fits else None
        converted = [self._convert_block(block, level) for block in blocks]
        addresses, self._addresses = self._addresses or [], None
        notes = addresses + [self._convert_footnote(footnote, level) for footnote in footnotes]
        return {
            "tall": not fits,
            "sticky": bool(blocks) and isinstance(blocks[-1], Heading),
            "blocks": converted,
            "notes": sorted(notes, key=lambda note: int(note["number"])),
        }

    def _convert_footnote(self, footnote: Footnote, level: int) -> Data:
        blocks = [self._convert_block(block, level) for block in footnote.blocks]
        return {**self._find_mark(footnote.number), "blocks": blocks}

    def _find_mark(self, number: int) -> Data:
        """Return a footnote's number on paper, and its name for links, which is its own in the whole issue."""
        if number not in self._marks:
            shown = next(self._numbers) if self._print_links else number
            self._marks[number] = {"number": shown, "id": f"note-{next(self._ids)}"}
        return self._marks[number]

    def _convert_block(self, block: Block, level: int) -> Data:
        match block:
            case Paragraph(spans):
                return {"kind": "paragraph", "spans": self.convert_spans(spans)}
            case Heading(spans):
                return {"kind": "heading", "level": level, "spans": self.convert_spans(spans)}
            case ListBlock(entries, first):
                converted = [[self._convert_block(inner, level) for inner in entry] for entry in entries]
                return {"kind": "list", "first": first, "tight": block.is_tight, "entries": converted}
            case Quotation(blocks):
                return {"kind": "quote", "blocks": [self._convert_block(inner, level) for inner in blocks]}
            case PictureBlock(file, alt, caption):
                return {
                    "kind": "picture",
                    "picture": self.convert_picture(file, alt),
                    "caption": self.convert_spans(caption),
                }
            case TableBlock():
                return self._convert_table(block)
            case CodeBlock(text):
                longest = _CODE_COLUMNS[self._columns]
                word = re.compile(rf"[!-\u052f]{{{longest},}}")
                return {
                    "kind": "code",
                    "text": make_breakable(text.expandtabs(4), word),
                    "tall": not self.fit(RichText((block,)), most=FEW_LINES),
                }
            case ThematicBreak():
                return {"kind": "break"}

    def _convert_table(self, table: TableBlock) -> Data:
        columns = len(table.header)
        # Typst breaks no word that has no hyphen, so that a table of many columns would leave the page.
        room = 2 * _COLUMNS // self._columns // columns
        word = re.compile(rf"[!-\u052f]{{{max(3, room)},}}") if _measure_width(table) > room * columns else None

        def convert(cell: Spans) -> list[Data]:
            return self.convert_spans(tuple(_break_run(span, word) if word else span for span in cell))

        return {
            "kind": "table",
            "alignments": list(table.alignments),
            "header": [convert(cell) for cell in table.header],
            "rows": [
                {"tall": _measure_row(row, columns) > _TALL_ROW, "cells": [convert(cell) for cell in row]}
                for row in table.rows
            ],
        }

    def _convert_span(self, span: Span) -> Iterator[Data]:
        match span:
            case TextRun():
                yield self._convert_run(span)
            case LineBreak():
                yield {"break": True}
            case FootnoteMark(number):
                yield {"mark": self._find_mark(number)}
            case Link(runs=runs):
                yield {**self._convert_address(span), "spans": [self._convert_run(run) for run in runs]}

    def _convert_run(self, run: TextRun) -> Data:
        data: Data = {"text": make_breakable(run.text)}
        data |= {style: True for style in ("strong", "emphasis", "code", "strike") if getattr(run, style)}
        if run.script:
            data["script"] = run.script
        if run.language:
            data["language"], data["region"] = split_language(run.language)
            if fonts := self._select_fonts(run.language):
                data["font"] = fonts
        return data

    def _convert_address(self, link: Link) -> Data:
        href = self._resolve(link.href)
        if href.startswith("#"):
            return {"to": href.removeprefix("#")}
        if not href:
            return {}
        if not self._print_links:
            return {"href": href}
        printed = {"href": href, "address": make_breakable(href.removeprefix("mailto:"), _LONG_PART)}
        if self._addresses is None:
            return {**printed, "number": 0}
        self._addresses.append(printed | {"number": next(self._numbers)})
        return dict(self._addresses[-1])


def make_breakable(text: str, word: re.Pattern[str] = _LONG_WORD) -> str:
    """Allow line breaks anywhere in words longer than a line, in scripts whose letters don't join."""
    return word.sub(lambda match: "\u200b".join(match[0]), text)


def split_language(tag: str) -> tuple[str, str | None]:
    """Return the language and the region of a BCP 47 tag, the only forms that Typst knows.

    Chinese without a region has that which its script is at home in, since Typst sets its signs by region.
    """
    language, *rest = tag.split("-")
    script = {"hans": "CN", "hant": "TW"} if language.lower() == "zh" else {}
    named = next((part.upper() for part in rest if len(part) == 2), None)
    return language.lower(), named or next((script[part.lower()] for part in rest if part.lower() in script), None)


def measure_words(words: str, columns: int = _COLUMNS) -> int:
    """Estimate how many lines words take in the narrower of the layouts."""
    return 1 + wcswidth(words) // columns


def _measure_text(text: RichText) -> Iterator[int]:
    """Yield estimates of lines: more than fit together for a picture, which is not kept with the text around it."""
    for leaf in text.leaves():
        match leaf:
            case CodeBlock(text=code):
                yield from (measure_words(line) for line in code.split("\n"))
            case PictureBlock():
                yield MOST_LINES + 1
            case TableBlock(header=header, rows=rows):
                yield from (_measure_row(row, len(header)) for row in (header, *rows))
            case Paragraph(spans):
                yield measure_words(write_words(spans))
            case Heading(spans):
                yield 1 + measure_words(write_words(spans))
            case _:
                yield 2


def _measure_row(row: Sequence[Spans], columns: int) -> int:
    return 1 + max(measure_words(write_words(cell), max(3, _COLUMNS // columns)) for cell in row)


def _measure_width(table: TableBlock) -> int:
    """Return the width of a table in letters, each column as wide as its longest word."""
    columns = zip(table.header, *table.rows, strict=True)
    return sum(max(len(word) for cell in column for word in ["", *write_words(cell).split()]) for column in columns)


def _break_run(span: Span, word: re.Pattern[str]) -> Span:
    from dataclasses import replace

    match span:
        case TextRun(text=text):
            return replace(span, text=make_breakable(text, word))
        case Link(runs=runs):
            return replace(span, runs=tuple(replace(run, text=make_breakable(run.text, word)) for run in runs))
        case _:
            return span
