"""The reading order of an issue: every word, link and picture that an edition has to have, one after the other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from visible_text import letters

from newsletter.config.edition_settings import LayoutSettings
from newsletter.editions import EditionContext
from newsletter.issue.blocks import (
    Block,
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
from newsletter.issue.model import Issue
from newsletter.issue.sections import Image, IssueSection, Item, Person

Edition = Literal["html", "text", "pdf", "web"]


@dataclass(frozen=True)
class Words:
    """Words that stand together, and the whole of their paragraph where they are a part of one."""

    text: str
    paragraph: str = ""


@dataclass(frozen=True)
class Alt:
    """What a picture shows."""

    text: str


@dataclass(frozen=True)
class Table:
    """The cells of a table by rows, the header first."""

    rows: tuple[tuple[str, ...], ...]


Piece = Words | Alt | Table | Link


def read_issue(context: EditionContext, issue: Issue, edition: Edition) -> Iterator[Piece]:
    """Yield what an edition of the issue says, in reading order."""
    layout = context.config.layout
    # The plain text begins with the news.
    image = list(read_image(issue.image)) if issue.image else []
    if edition != "text":
        yield from image
    if issue.intro:
        yield from read_text(issue.intro)
    for section in context.list_contents(issue):
        if section.title:
            yield from read_text(section.title)
    if layout.headlines != "above":
        for item in issue.items:
            yield from read_text(item.headline)
    if edition == "text":
        yield from image
    for item in issue.items:
        yield from _read_item(item, layout, in_section=False)
    for section in issue.sections:
        yield from _read_section(context, section)
    if issue.note:
        yield from read_text(issue.note)


def read_image(image: Image) -> Iterator[Piece]:
    """Yield what a picture shows, where it leads, and what stands below it."""
    yield Alt(image.alt)
    yield from (image.link,) if image.link else ()
    for text in image.texts():
        yield from read_text(text)


def _read_item(item: Item, layout: LayoutSettings, *, in_section: bool) -> Iterator[Piece]:
    if in_section or layout.headlines != "list":
        yield from read_text(item.headline)
    if item.image:
        yield from read_image(item.image)
    yield from read_text(item.detail)
    yield from _read_source(item.link)


def _read_source(link: Link | None) -> Iterator[Piece]:
    if link:
        yield Words("".join(run.text for run in link.runs))
        yield link


def _read_section(context: EditionContext, section: IssueSection) -> Iterator[Piece]:
    if section.title:
        yield from read_text(section.title)
    if section.image:
        yield from read_image(section.image)
    if section.text:
        yield from read_text(section.text)
    for figure in section.figures:
        yield from _read_line(figure.number, figure.link)
        yield from read_text(figure.text)
    if section.quote:
        yield from read_text(section.quote.text)
        if section.quote.by:
            yield from _read_line(section.quote.by, section.quote.link)
        else:
            yield from _read_source(section.quote.link)
    for item in section.items:
        yield from _read_item(item, context.config.layout, in_section=True)
    for event in section.events:
        yield Words(context.format_event_time(event))
        yield from _read_line(event.title.plain(), event.link)
        yield from (Words(event.place),) if event.place else ()
    for person in section.people:
        yield from _read_person(person)
    if section.button:
        yield from _read_line(section.button.text, section.button.link)


def _read_person(person: Person) -> Iterator[Piece]:
    if person.image:
        yield from read_image(person.image)
    yield from _read_line(person.name, person.link)
    yield from (Words(person.role),) if person.role else ()
    if person.text:
        yield from read_text(person.text)


def _read_line(words: str, link: Link | None) -> Iterator[Piece]:
    yield Words(words)
    yield from (link,) if link else ()


def read_text(text: RichText) -> Iterator[Piece]:
    """Yield what a text says, its footnotes last."""
    for block in text.blocks:
        yield from _read_block(block)
    for footnote in text.footnotes:
        for block in footnote.blocks:
            yield from _read_block(block)


def _read_block(block: Block) -> Iterator[Piece]:
    match block:
        case Paragraph(spans) | Heading(spans):
            yield from _read_spans(spans)
        case ListBlock(entries=entries):
            for entry in entries:
                for inner in entry:
                    yield from _read_block(inner)
        case Quotation(blocks):
            for inner in blocks:
                yield from _read_block(inner)
        case PictureBlock(alt=alt, caption=caption):
            yield Alt(alt)
            yield from _read_spans(caption)
        case TableBlock(header=header, rows=rows):
            yield Table(tuple(tuple(_join_words(cell) for cell in row) for row in (header, *rows)))
            for row in (header, *rows):
                yield from (span for cell in row for span in cell if isinstance(span, Link))
        case CodeBlock(text=text):
            yield Words(text)
        case ThematicBreak():
            pass


def _read_spans(spans: Spans) -> Iterator[Piece]:
    """Yield the words between marks of footnotes, and the links among them."""
    words = ""
    for span in spans:
        if isinstance(span, FootnoteMark):
            yield Words(words, _join_words(spans))
            words = ""
        words += _join_words((span,))
    yield Words(words, _join_words(spans))
    yield from (span for span in spans if isinstance(span, Link))


def _join_words(spans: Spans) -> str:
    return "".join(run.text for span in spans for run in runs_of(span))


def find_missing(pieces: Iterable[Piece], said: str) -> Piece | None:
    """Return the first piece that does not follow those before it in the letters `said`; None if all of them do."""
    place: int | None = 0
    for piece in pieces:
        place = min((end for form in _list_forms(piece) if (end := _find(form, said, place)) is not None), default=None)
        if place is None:
            return piece
    return None


def _list_forms(piece: Piece) -> list[list[str]]:
    """Return each form that a piece may have, as words one after the other."""
    match piece:
        case Words(text=text) | Alt(text=text):
            return [[text]]
        case Table(rows):
            header, *others = rows
            by_row = [
                word for row in others for name, cell in zip(header, row, strict=True) if cell for word in (name, cell)
            ]
            return [[cell for row in rows for cell in row], by_row]
        case _:
            return [[]]


def _find(form: list[str], said: str, place: int) -> int | None:
    """Return where the words of a form end in `said`, from `place` on; None if they are not there in this order."""
    for words in map(letters, form):
        found = said.find(words, place)
        if found < 0:
            return None
        place = found + len(words)
    return place


def list_links(pieces: Iterable[Piece]) -> list[Link]:
    """Return the links among pieces."""
    return [piece for piece in pieces if isinstance(piece, Link)]
