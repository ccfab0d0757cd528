"""The block tree of a text: paragraphs, lists, quotations, pictures, tables and code, which each edition renders.

A block holds other blocks, or spans: runs of words in one style, links, line breaks and marks of footnotes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from newsletter.field import Field, FieldWriter, TextWithFields, fill_address, write_default

Alignment = Literal["", "left", "center", "right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRun:
    """A text in one style. Where `field` names a field, `text` is its default.

    `script` says whether it is set above or below the line, `language` (BCP 47) in which language a passage is that is
    not in the publication's; "" is neither.
    """

    text: str
    strong: bool = False
    emphasis: bool = False
    code: bool = False
    strike: bool = False
    script: Literal["", "super", "sub"] = ""
    language: str = ""
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link: its words, and its address, which may have fields behind its host alone."""

    address: TextWithFields
    runs: tuple[TextRun, ...]

    @property
    def href(self) -> str:
        """Return the address with the defaults of its fields, for no single reader."""
        return self.to(write_default)

    def to(self, fields: FieldWriter) -> str:
        """Return the address with what `fields` writes in it, percent-encoded."""
        return fill_address(self.address, fields)


@dataclass(frozen=True, slots=True)
class LineBreak:
    """The end of a line within a paragraph, as in a poem or a postal address."""


@dataclass(frozen=True, slots=True)
class FootnoteMark:
    """The mark of a footnote, by its number in its text, from 1 on."""

    number: int


Span = TextRun | Link | LineBreak | FootnoteMark
Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of running words."""

    spans: Spans


@dataclass(frozen=True, slots=True)
class Heading:
    """A sub-heading within a text, one level below the title of the item or section that holds the text."""

    spans: Spans


@dataclass(frozen=True, slots=True)
class ListBlock:
    """A list. `first` is the number of its first entry, None for bullets. An entry's blocks may hold another list."""

    entries: tuple["Blocks", ...]
    first: int | None = None

    @property
    def is_tight(self) -> bool:
        """Whether each entry is one paragraph, perhaps with a list below it, so that no space is wanted between."""
        return all(sum(isinstance(block, Paragraph) for block in entry) <= 1 for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Quotation:
    """A passage of somebody else's words, set apart from the text."""

    blocks: "Blocks"


@dataclass(frozen=True, slots=True)
class PictureBlock:
    """A picture within a text: a file beside the draft, what it shows, and the words below it."""

    file: str
    alt: str
    caption: Spans = ()


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table: one row of headers, rows of as many cells, and an alignment for each column."""

    header: tuple[Spans, ...]
    rows: tuple[tuple[Spans, ...], ...]
    alignments: tuple[Alignment, ...]


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Lines of code, kept as they are; `language` is the programming language's name, or ""."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class ThematicBreak:
    """A line across, where a text turns to something else."""


Block = Paragraph | Heading | ListBlock | Quotation | PictureBlock | TableBlock | CodeBlock | ThematicBreak
Blocks = tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Footnote:
    """The text of a footnote, by the number of its mark."""

    number: int
    blocks: Blocks


@dataclass(frozen=True, slots=True)
class RichText:
    """A text as blocks, with its footnotes in the order of their marks."""

    blocks: Blocks
    footnotes: tuple[Footnote, ...] = ()

    @property
    def paragraphs(self) -> tuple[Spans, ...]:
        """Return the spans of each paragraph, for a text that holds nothing else, such as a headline or a credit."""
        return tuple(block.spans for block in self.blocks if isinstance(block, Paragraph))

    def leaves(self) -> Iterator[Block]:
        """Yield every block that holds no other block, in reading order, those of the footnotes last."""
        yield from _iterate_leaves(self.blocks)
        for footnote in self.footnotes:
            yield from _iterate_leaves(footnote.blocks)

    def spans(self) -> Iterator[Span]:
        """Yield every span in reading order, without lines of code."""
        for leaf in self.leaves():
            for spans in iterate_spans(leaf):
                yield from spans

    def runs(self) -> Iterator[TextRun]:
        """Yield every run of words, those of links too."""
        for span in self.spans():
            yield from runs_of(span)

    def links(self) -> Iterator[Link]:
        """Yield every link in reading order."""
        return (span for span in self.spans() if isinstance(span, Link))

    def pictures(self) -> Iterator[PictureBlock]:
        """Yield every picture in reading order."""
        return (leaf for leaf in self.leaves() if isinstance(leaf, PictureBlock))

    def fields(self) -> Iterator[Field]:
        """Yield every field, in the words and in the links' addresses."""
        yield from (Field(run.field, run.text) for run in self.runs() if run.field)
        yield from (piece for link in self.links() for piece in link.address if isinstance(piece, Field))

    def pieces(self) -> TextWithFields:
        """Return the words alone and the fields among them, in one line."""
        return tuple(Field(run.field, run.text) if run.field else run.text for run in self.runs())

    def plain(self, fields: FieldWriter = write_default) -> str:
        """Return the words alone, fields as `fields` writes them, blocks apart by a blank line."""
        parts = (_write_leaf(leaf, fields) for leaf in self.leaves())
        return "\n\n".join(part for part in parts if part is not None)


def iterate_spans(leaf: Block) -> Iterator[Spans]:
    """Yield the spans that a block holds itself: one line of them, or one for each cell of a table."""
    match leaf:
        case Paragraph(spans) | Heading(spans):
            yield spans
        case PictureBlock(caption=caption):
            yield caption
        case TableBlock(header=header, rows=rows):
            for row in (header, *rows):
                yield from row


def runs_of(span: Span) -> tuple[TextRun, ...]:
    """Return the runs of words of a span; those of a link, and none of a break or a mark."""
    match span:
        case TextRun():
            return (span,)
        case Link(runs=runs):
            return runs
        case LineBreak() | FootnoteMark():
            return ()


def write_words(spans: Spans, fields: FieldWriter = write_default) -> str:
    """Return the words of spans alone, with a space for a line break."""
    words = ""
    for span in spans:
        words += " " if isinstance(span, LineBreak) else "".join(_write_run(run, fields) for run in runs_of(span))
    return words


def _write_run(run: TextRun, fields: FieldWriter) -> str:
    return fields(run.field, run.text) if run.field else run.text


def _write_leaf(leaf: Block, fields: FieldWriter) -> str | None:
    """Return a leaf's words, the cells of a table apart by tabs; None for a line across, and a picture's caption."""
    match leaf:
        case CodeBlock(text=text):
            return text
        case TableBlock(header=header, rows=rows):
            return "\n".join("\t".join(write_words(cell, fields) for cell in row) for row in (header, *rows))
        case ThematicBreak() | PictureBlock(caption=()):
            return None
        case _:
            return "".join(write_words(spans, fields) for spans in iterate_spans(leaf))


def _iterate_leaves(blocks: Blocks) -> Iterator[Block]:
    for block in blocks:
        match block:
            case ListBlock(entries=entries):
                for entry in entries:
                    yield from _iterate_leaves(entry)
            case Quotation(blocks=inner):
                yield from _iterate_leaves(inner)
            case _:
                yield block
