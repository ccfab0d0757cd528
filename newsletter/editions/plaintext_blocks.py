"""Blocks of the plaintext edition: lists, quotations, tables, code and pictures as lines within 72 columns."""

from collections.abc import Callable
from dataclasses import dataclass

from newsletter.editions.plaintext_spans import write_runs, write_spans
from newsletter.editions.plaintext_tables import write_table
from newsletter.editions.plaintext_wrapping import BOUND, EMPTY, WIDTH, count_columns, underline, wrap
from newsletter.field import FieldWriter
from newsletter.issue.blocks import (
    Block,
    Blocks,
    CodeBlock,
    FootnoteMark,
    Heading,
    Link,
    ListBlock,
    Paragraph,
    PictureBlock,
    Quotation,
    RichText,
    Spans,
    TableBlock,
    ThematicBreak,
    runs_of,
)
from newsletter.translation import ENGLISH, Translator

_ACROSS = "* * *"
_CODE_INDENT = " " * 4
_ITEM_INDENT = 4  # columns, of an item whose number has two digits


# Returns what stands in a picture's place, given what it shows.
PictureWords = Callable[[str], str]
# Returns what the note of a link says, given its address; None for a link that leads nowhere in this edition.
NoteFinder = Callable[[str], str | None]


@dataclass(frozen=True)
class Note:
    """The note of a link, for a template to print."""

    number: int
    href: str


class PlaintextWriter:
    """The writer of one issue's texts. It numbers links and footnotes in reading order, and keeps their notes."""

    def __init__(self, fields: FieldWriter, find_note: NoteFinder, translator: Translator = ENGLISH) -> None:
        self._fields = fields
        self._find_note = find_note
        self._translator = translator
        self._count = 0
        self._notes: dict[int, str] = {}  # the words of each note that no call of `take_notes` has returned yet
        self._marks: dict[int, int] = {}  # the number of its note by each footnote's, of the text that is being written

    def plain(self, text: RichText) -> str:
        """Return the words alone, without their links: for headlines."""
        lines = ((run for span in spans for run in runs_of(span)) for spans in text.paragraphs)
        return " ".join(write_runs(line, self._fields) for line in lines)

    def paragraphs(self, text: RichText) -> list[str]:
        """Return each paragraph, not wrapped, with a [number] behind every link.

        Raises ValueError for a text that holds other blocks, which would be lost.
        """
        if text.footnotes or not all(isinstance(block, Paragraph) for block in text.blocks):
            raise ValueError("this text holds more than paragraphs: write {{ text | prose(picture) }}")
        return [self._write_spans(paragraph) for paragraph in text.paragraphs]

    def link(self, link: Link) -> str:
        """Return the words of a link that stands by itself, with its [number]."""
        return self._write_spans((link,))

    def number(self, link: Link) -> str:
        """Return the [number] of a link whose words are others than its own, to be put behind those."""
        number = self._number(link)
        return f"{BOUND}[{number}]" if number else ""

    def prose(self, text: RichText, picture: PictureWords, first: str = "", rest: str | None = None) -> str:
        """Return a text's blocks as lines, with `first` before the first line and `rest` before the others."""
        rest = first if rest is None else rest
        self._marks = {}
        written = self._write_blocks(text.blocks, picture, first, rest)
        indent = " " * count_columns(rest)
        for footnote in text.footnotes:
            number = self._marks[footnote.number]
            hanging = indent + " " * len(f"[{number}] ")
            lines = self._write_blocks(footnote.blocks, picture, hanging, hanging).splitlines()
            self._notes[number] = "\n".join(line[len(indent) :] for line in lines).lstrip(" ")
        return written

    def take_notes(self, indent: str = "") -> str:
        """Return the notes of all links and footnotes that were written since the last call, in lines of their own."""
        notes, self._notes = self._notes, {}
        lines = (line for number in sorted(notes) for line in f"[{number}] {notes[number]}".splitlines())
        return "\n".join(indent + line for line in lines)

    def take_links(self) -> list[Note]:
        """Return the notes of all links that were written since the last call, for templates that have no footnotes."""
        notes, self._notes = self._notes, {}
        return [Note(number, notes[number]) for number in sorted(notes)]

    def _write_spans(self, spans: Spans) -> str:
        return write_spans(spans, self._fields, self._number)

    def _number(self, span: Link | FootnoteMark) -> int | None:
        """Return the number of the note of a link or a footnote, None for a link that has none.

        A footnote that is marked twice has the same number twice.
        """
        if isinstance(span, FootnoteMark):
            if span.number not in self._marks:
                self._count += 1
                self._marks[span.number] = self._count
            return self._marks[span.number]
        note = self._find_note(span.to(self._fields))
        if note is None:
            return None
        self._count += 1
        hanging = " " * len(f"[{self._count}] ")
        self._notes[self._count] = wrap(note, hanging, width=WIDTH - _ITEM_INDENT).lstrip(" ")
        return self._count

    def _write_blocks(
        self, blocks: Blocks, picture: PictureWords, first: str, rest: str, *, tight: bool = False
    ) -> str:
        parts = (
            self._write_block(block, picture, rest if number else first, rest) for number, block in enumerate(blocks)
        )
        return ("\n" if tight else f"\n{rest.rstrip()}\n").join(parts)

    def _write_block(self, block: Block, picture: PictureWords, first: str, rest: str) -> str:
        match block:
            case Paragraph(spans):
                return wrap(self._write_spans(spans), first, rest)
            case Heading(spans):
                return underline(wrap(self._write_spans(spans), first, rest), indent=rest)
            case ListBlock():
                return self._write_list(block, picture, first, rest)
            case Quotation(blocks):
                return self._write_blocks(blocks, picture, f"{first}> ", f"{rest}> ")
            case PictureBlock(alt=alt, caption=caption):
                shown = wrap(picture(alt), first, rest)
                return f"{shown}\n{wrap(self._write_spans(caption), rest)}" if caption else shown
            case TableBlock(header=header, rows=rows, alignments=alignments):
                cells = [[self._write_spans(cell) for cell in row] for row in (header, *rows)]
                return write_table(cells[0], cells[1:], alignments, first, rest, self._write_labelled)
            case CodeBlock(text=text):
                lines = [f"{_CODE_INDENT}{line}" if line.strip() else EMPTY for line in text.rstrip("\n").split("\n")]
                return "\n".join((rest if number else first) + line for number, line in enumerate(lines))
            case ThematicBreak():
                return f"{first}{_ACROSS}"

    def _write_labelled(self, label: str, value: str) -> str:
        return self._translator.translate("{label}: {value}", label=label, value=value)

    def _write_list(self, block: ListBlock, picture: PictureWords, first: str, rest: str) -> str:
        """Return a list with hanging indents; its numbers stand below each other by their last digits."""
        last = (block.first or 0) + len(block.entries) - 1
        marks = [
            "- " if block.first is None else f"{number}. ".rjust(len(f"{last}. "))
            for number in range(block.first or 0, last + 1)
        ]
        tight = block.is_tight  # asked once: it looks at every entry
        entries = (
            self._write_blocks(entry, picture, (rest if number else first) + mark, rest + " " * len(mark), tight=tight)
            for number, (mark, entry) in enumerate(zip(marks, block.entries, strict=True))
        )
        return ("\n" if tight else f"\n{rest.rstrip()}\n").join(entries)
