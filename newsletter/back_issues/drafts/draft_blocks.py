"""Preparation of blocks for a draft: whatever drafts have no form for becomes what they have, or a remark."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from newsletter.back_issues.markdown.source_text import (
    Comments,
    SourceBlock,
    SourceBlocks,
    SourceHeading,
    SourcePicture,
    name_host,
)
from newsletter.issue.blocks import (
    Block,
    Blocks,
    CodeBlock,
    FootnoteMark,
    Heading,
    LineBreak,
    Link,
    ListBlock,
    Paragraph,
    PictureBlock,
    Quotation,
    Span,
    Spans,
    TableBlock,
    TextRun,
    ThematicBreak,
)

FindPicture = Callable[[str], str | None]
NO_DESCRIPTION = "A picture without a description"
_MOST_LISTS, _MOST_QUOTES = 2, 2


class BlockPreparer:
    """A preparer of blocks. `find_picture` gives the name beside the draft of a picture that will be there."""

    def __init__(self, comments: Comments, find_picture: FindPicture) -> None:
        self._comments = comments
        self._find_picture = find_picture

    def prepare(self, blocks: SourceBlocks) -> Blocks:
        """Return blocks that a draft has a form for."""
        return _join_lists([made for block in blocks for made in self._prepare_block(block, lists=0, quotes=0)])

    def name_picture(self, picture: SourcePicture) -> tuple[str, str] | None:
        """Return a picture's file beside the draft and its description; None with a remark where there is no file."""
        file = self._find_picture(picture.source) if picture.source else None
        if file is None:
            shows = f", which shows: {picture.alt}" if picture.alt else ""
            self._comments.add("Pictures that are not here, or that no edition can show", f"{picture.source}{shows}")
            return None
        if not picture.alt:
            self._comments.add("Pictures without a description, which alt has to say", file)
        return file, picture.alt or picture.title or NO_DESCRIPTION

    def _prepare_block(self, block: SourceBlock, *, lists: int, quotes: int) -> Iterator[Block]:
        match block:
            case SourceHeading(spans=spans):
                yield Heading(_without_breaks(spans))
            case SourcePicture():
                yield from self._prepare_picture(block)
            case ListBlock(entries=entries, first=first):
                yield from self._prepare_list(entries, first, lists, quotes)
            case Quotation(blocks=inner):
                deeper = [made for part in inner for made in self._prepare_block(part, lists=lists, quotes=quotes + 1)]
                yield from [Quotation(_join_lists(deeper))] if quotes < _MOST_QUOTES and deeper else deeper
            case TableBlock(header=header, rows=rows):
                width = len(header)
                kept = tuple(tuple(map(_without_breaks, (*row, *[()] * width)[:width])) for row in rows)
                yield replace(block, header=tuple(map(_without_breaks, header)), rows=kept)
            case _:
                yield block

    def _prepare_picture(self, picture: SourcePicture) -> Iterator[Block]:
        found = self.name_picture(picture)
        if found:
            file, alt = found
            caption = (TextRun(text=picture.title),) if picture.title and picture.title != alt else ()
            yield PictureBlock(file, alt, caption)
        if picture.link and not picture.link.startswith("#") and picture.link != picture.source:
            words = picture.alt or name_host(picture.link)
            yield Paragraph((Link(address=(picture.link,), runs=(TextRun(text=words),)),))

    def _prepare_list(
        self, entries: tuple[SourceBlocks, ...], first: int | None, lists: int, quotes: int
    ) -> Iterator[Block]:
        made = [
            _join_lists([one for part in entry for one in self._prepare_block(part, lists=lists + 1, quotes=quotes)])
            for entry in entries
        ]
        if first not in (None, 1):
            for number, blocks in enumerate(made, start=first or 1):
                yield from _begin_with(f"{number}. " if first is not None else "", blocks)
            return
        kept: list[Blocks] = []
        for blocks in made:
            if lists + 1 < _MOST_LISTS:
                kept.append(blocks)
            else:  # a list within is one too many: its entries follow
                kept += _flatten(blocks)
        yield ListBlock(tuple(blocks for blocks in kept if blocks), first)


def _flatten(blocks: Blocks) -> list[Blocks]:
    """Return an entry, and the entries of the lists within it as entries of their own behind it."""
    entries: list[Blocks] = [()]
    for block in blocks:
        if isinstance(block, ListBlock):
            entries += block.entries
        else:
            entries[-1] = (*entries[-1], block)
    return entries


def _begin_with(words: str, blocks: Blocks) -> Blocks:
    """Return blocks of which the first begins with words, such as a number that no list of a draft begins with."""
    if words and blocks and isinstance(blocks[0], Paragraph):
        return (Paragraph((TextRun(text=words), *blocks[0].spans)), *blocks[1:])
    return blocks


def _join_lists(blocks: list[Block]) -> Blocks:
    """Join lists of the same kind that follow each other: two marks were used for one list, or it would be read so."""
    joined: list[Block] = []
    for block in blocks:
        last = joined[-1] if joined else None
        if (
            isinstance(block, ListBlock)
            and isinstance(last, ListBlock)
            and (block.first is None) == (last.first is None)
        ):
            joined[-1] = ListBlock((*last.entries, *block.entries), last.first)
        else:
            joined.append(block)
    return tuple(joined)


def _without_breaks(spans: Spans) -> Spans:
    kept: list[Span] = [TextRun(text=" ") if isinstance(span, LineBreak) else span for span in spans]
    return tuple(kept)


def simplify(blocks: Blocks) -> Blocks:
    """Return blocks as paragraphs and code alone, with the same words: the last resort."""
    simple: list[Block] = []
    for block in blocks:
        match block:
            case Heading(spans=spans):
                simple.append(Paragraph(spans))
            case ListBlock(entries=entries):
                simple += [made for entry in entries for made in simplify(entry)]
            case Quotation(blocks=inner):
                simple += simplify(inner)
            case TableBlock(header=header, rows=rows):
                simple += [Paragraph(_join_cells(row)) for row in (header, *rows) if any(row)]
            case ThematicBreak():
                continue
            case Paragraph() | PictureBlock() | CodeBlock():
                simple.append(block)
    return tuple(simple)


def _join_cells(cells: tuple[Spans, ...]) -> Spans:
    spans: list[Span] = []
    for cell in cells:
        spans += [TextRun(text=" – "), *cell] if spans else cell
    return tuple(spans)


def keep_marks(block: Block, numbers: set[int]) -> Block:
    """Return a block with the marks of footnotes that are among `numbers`, from which each is taken with its mark.

    A footnote of a draft has one mark alone.
    """

    def keep(spans: Spans) -> Spans:
        kept: list[Span] = []
        for span in spans:
            if isinstance(span, FootnoteMark):
                if span.number not in numbers:
                    continue
                numbers.remove(span.number)
            kept.append(span)
        return tuple(kept)

    match block:
        case Paragraph(spans=spans):
            return Paragraph(keep(spans))
        case Heading(spans=spans):
            return Heading(keep(spans))
        case ListBlock(entries=entries, first=first):
            return ListBlock(tuple(tuple(keep_marks(part, numbers) for part in entry) for entry in entries), first)
        case Quotation(blocks=inner):
            return Quotation(tuple(keep_marks(part, numbers) for part in inner))
        case TableBlock(header=header, rows=rows):
            return replace(block, header=tuple(map(keep, header)), rows=tuple(tuple(map(keep, row)) for row in rows))
        case _:
            return block
