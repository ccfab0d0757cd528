"""The text of a back issue as blocks, before it is decided what of it is a headline, a detail or a section."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from newsletter.issue.blocks import (
    Block,
    LineBreak,
    Link,
    ListBlock,
    Paragraph,
    Quotation,
    Span,
    Spans,
    TextRun,
    iterate_spans,
    runs_of,
)

MOST_COMMENTS = 100  # of one issue
MOST_NAMED = 200  # in one remark; a text of ten thousand merge tags has no more of them


@dataclass(frozen=True, slots=True)
class SourceHeading:
    """A heading of any level, from 1 on."""

    level: int
    spans: Spans


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """A picture on a line of its own: how the text names it, its description, title, and where it leads."""

    source: str
    alt: str
    title: str = ""
    link: str = ""


SourceBlock = Block | SourceHeading | SourcePicture
SourceBlocks = tuple[SourceBlock, ...]


@dataclass(slots=True)
class Comments:
    """The remarks on what could not be decided, each once, in the order in which they were made.

    Remarks of one kind are gathered into one, which names all that it is about.
    """

    kinds: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(self, text: str, about: str = "") -> None:
        """Keep a remark; `about` is one of several that it may be about, such as a link."""
        told = self.kinds.setdefault(text, {})
        if about:
            told[about] = None

    def collect(self) -> tuple[str, ...]:
        """Return all remarks."""
        remarks = [self._write(text, list(told)) for text, told in self.kinds.items()]
        rest = len(remarks) - MOST_COMMENTS
        return (*remarks[:MOST_COMMENTS], *((f"{rest:,} more remarks were left out.",) if rest > 0 else ()))

    def _write(self, text: str, told: list[str]) -> str:
        more = f"; and {len(told) - MOST_NAMED:,} more" if len(told) > MOST_NAMED else ""
        return f"{text}: {'; '.join(told[:MOST_NAMED])}{more}" if told else text


def tell_hidden(text: str, comments: Comments) -> None:
    """Remark on a comment of the source, which no reader saw; the mark of an excerpt's end says nothing."""
    if text.strip() not in ("", "more"):
        comments.add("What readers never saw was left out", text.strip())


@dataclass(frozen=True, slots=True)
class SourceText:
    """The blocks of a whole text, and its footnotes by their numbers."""

    blocks: SourceBlocks
    footnotes: Mapping[int, SourceBlocks]


def name_host(address: str) -> str:
    """Return the name of the web site that an address leads to, or the address where it has none."""
    try:
        return (urlsplit(address).hostname or address).removeprefix("www.")
    except ValueError:
        return address


def spans_of(block: SourceBlock) -> Spans:
    """Return the spans of a paragraph or heading, and none of other blocks."""
    return block.spans if isinstance(block, Paragraph | SourceHeading) else ()


def words_of(spans: Spans) -> str:
    """Return the words of spans with single spaces between them."""
    return " ".join("".join("\n" if isinstance(span, LineBreak) else _join(span) for span in spans).split())


def _join(span: Span) -> str:
    return "".join(run.text for run in runs_of(span))


def links_of(spans: Spans) -> tuple[Link, ...]:
    """Return the links among spans."""
    return tuple(span for span in spans if isinstance(span, Link))


def split_into_lines(spans: Spans) -> list[Spans]:
    """Split spans where the source ends a line, with or without a break that readers saw."""
    lines: list[list[Span]] = [[]]
    for span in spans:
        if isinstance(span, LineBreak):
            lines.append([])
        elif isinstance(span, TextRun):
            first, *others = span.text.split("\n")
            lines[-1].append(replace(span, text=first))
            for text in others:
                lines.append([replace(span, text=text)])
        else:
            lines[-1].append(span)
    return [line for spans in lines if words_of(line := strip_spans(tuple(spans)))]


def strip_spans(spans: Spans) -> Spans:
    """Return spans without blanks and breaks at either end."""
    parts = list(spans)
    while parts and (isinstance(parts[0], LineBreak) or _is_blank(parts[0])):
        parts.pop(0)
    while parts and (isinstance(parts[-1], LineBreak) or _is_blank(parts[-1])):
        parts.pop()
    if parts and isinstance(parts[0], TextRun) and not parts[0].code:
        parts[0] = replace(parts[0], text=parts[0].text.lstrip())
    if parts and isinstance(parts[-1], TextRun) and not parts[-1].code:
        parts[-1] = replace(parts[-1], text=parts[-1].text.rstrip())
    return tuple(parts)


def _is_blank(span: Span) -> bool:
    return isinstance(span, TextRun) and not span.text.strip()


def iterate_leaves(blocks: SourceBlocks) -> Iterator[SourceBlock]:
    """Yield every block that holds no other block."""
    for block in blocks:
        match block:
            case ListBlock(entries=entries):
                for entry in entries:
                    yield from iterate_leaves(entry)
            case Quotation(blocks=inner):
                yield from iterate_leaves(inner)
            case _:
                yield block


def spans_within(block: SourceBlock) -> Iterator[Spans]:
    """Yield the spans of a leaf, one for each cell of a table."""
    match block:
        case SourceHeading(spans=spans):
            yield spans
        case SourcePicture():
            return
        case _:
            yield from iterate_spans(block)


def measure_words(blocks: SourceBlocks) -> str:
    """Return all words of blocks, with single spaces between them."""
    return " ".join(words_of(spans) for leaf in iterate_leaves(blocks) for spans in spans_within(leaf)).strip()
