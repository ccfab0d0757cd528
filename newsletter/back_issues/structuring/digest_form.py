"""The digest's own form: a list of headlines, and a list of details in the same order."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.back_issues.markdown.source_lines import DETAILS, HEADLINES
from newsletter.back_issues.markdown.source_text import (
    Comments,
    SourceBlock,
    SourceBlocks,
    SourceHeading,
    measure_words,
    spans_of,
    split_into_lines,
    words_of,
)
from newsletter.issue.blocks import ListBlock, Paragraph, Spans, TextRun, ThematicBreak

_LONGEST_HEADLINE = 220
_ENDS_SENTENCE = re.compile(r"[.!?…][\"”’)\]]*$")
_FEWEST = 4  # entries of a list that is taken for headlines and details without a word that says so


@dataclass(frozen=True, slots=True)
class DigestParts:
    """The parts of a digest: what stands before, headlines with their title, details, and what stands behind.

    `sections` are the blocks from the first heading behind the details on.
    """

    head: SourceBlocks
    title: str
    headlines: tuple[Spans, ...]
    details: tuple[SourceBlocks, ...]
    closing: SourceBlocks
    sections: SourceBlocks = ()


def find_digest(blocks: SourceBlocks, comments: Comments) -> DigestParts | None:
    """Return the parts of a digest, or None for a text of another form."""
    blocks = _raise_bold_lines(blocks)
    titles = {kind: _find_title(blocks, kind) for kind in (HEADLINES, DETAILS)}
    above, below = titles[HEADLINES], titles[DETAILS]
    if above is None and below is not None:
        above = _find_own_title(blocks, below)
    if above is None and below is None:
        return _find_untitled(blocks, comments)
    starts = sorted(at for at in (above, below) if at is not None)
    end = _find_sections(blocks, starts[-1]) if below == starts[-1] else len(blocks)
    regions = {at: blocks[at + 1 : end] for at, end in zip(starts, (*starts[1:], end), strict=True)}
    head, sections = blocks[: starts[0]], blocks[end:]
    if above is None:
        details, closing = _split_details(regions[starts[0]], 0, comments)
        return DigestParts(head, "", (), details, closing, sections)
    title = words_of(spans_of(blocks[above]))
    if below is None:
        found = _find_untitled(regions[above], comments)
        if found is None:
            return None
        return DigestParts((*head, *found.head), title, found.headlines, found.details, found.closing)
    before, headlines, behind = _split_headlines(regions[above], _count_details(regions[below]), comments)
    details, closing = _split_details(regions[below], len(headlines), comments)
    if above > below:
        closing = (*closing, *behind)
    else:
        before = (*before, *behind)
    return DigestParts((*head, *before), title, headlines, details, closing, sections)


def _raise_bold_lines(blocks: SourceBlocks) -> SourceBlocks:
    """Return blocks in which a short line in bold, between two lists behind the title of details, is a heading too."""
    below = _find_title(blocks, DETAILS)
    if below is None:
        return blocks
    heading = blocks[below]
    level = heading.level if isinstance(heading, SourceHeading) else 1
    raised = list(blocks)
    for at in range(below + 2, len(blocks) - 1):
        block = blocks[at]
        lists = isinstance(blocks[at - 1], ListBlock) and isinstance(blocks[at + 1], ListBlock)
        if lists and isinstance(block, Paragraph) and _is_bold_line(block.spans):
            raised[at] = SourceHeading(level, (TextRun(text=words_of(block.spans)),))
    return tuple(raised)


def _is_bold_line(spans: Spans) -> bool:
    words = words_of(spans)
    is_bold = all(isinstance(span, TextRun) and (span.strong or not span.text.strip()) for span in spans)
    return is_bold and 0 < len(words) <= 80 and not _ENDS_SENTENCE.search(words)


def _find_own_title(blocks: SourceBlocks, below: int) -> int | None:
    """Return where a title of its own kind stands above headlines, in a list with as many as there are details."""
    at = max((place for place in range(below) if isinstance(blocks[place], ListBlock)), default=0)
    entries = _entries_of(blocks[at])
    details = _count_details(blocks[below + 1 : _find_sections(blocks, below)])
    if not at or len(entries) != details or not all(map(_is_headline, entries)):
        return None
    title = words_of(spans_of(blocks[at - 1]))
    is_title = isinstance(blocks[at - 1], SourceHeading) or (len(title) <= 80 and not _ENDS_SENTENCE.search(title))
    return at - 1 if title and is_title else None


def _find_sections(blocks: SourceBlocks, title: int) -> int:
    """Return where a section begins behind the details, at a heading of their title's level.

    It stands below some bullets; or it is the only such heading, since several may be those of the details.
    """
    heading = blocks[title]
    level = heading.level if isinstance(heading, SourceHeading) else 1
    below = range(title + 1, len(blocks))
    places = [at for at in below if isinstance(found := blocks[at], SourceHeading) and found.level <= level]
    first = next((at for at in below if isinstance(blocks[at], ListBlock)), len(blocks))
    behind = [at for at in places if at > first]
    lone = places[0] if len(places) == 1 and places[0] > title + 1 else len(blocks)
    return behind[0] if behind else lone


def _find_title(blocks: SourceBlocks, kind: re.Pattern[str]) -> int | None:
    places = (
        at
        for at, block in enumerate(blocks)
        if isinstance(block, SourceHeading) and kind.fullmatch(words_of(block.spans).rstrip(": "))
    )
    return next(places, None)


def _count_details(region: SourceBlocks) -> int:
    """Return how many details there are: the entries of lists, or the paragraphs where there are no lists."""
    lists = [block for block in region if isinstance(block, ListBlock)]
    return sum(len(block.entries) for block in lists) or len([block for block in region if spans_of(block)])


def _split_headlines(
    region: SourceBlocks, details: int, comments: Comments
) -> tuple[SourceBlocks, tuple[Spans, ...], SourceBlocks]:
    """Return what stands before the headlines, the headlines, and what stands behind them."""
    region = tuple(block for block in region if not isinstance(block, ThematicBreak))
    places = [at for at, block in enumerate(region) if isinstance(block, ListBlock)]
    if not places:
        paragraphs = tuple(spans for block in region if (spans := spans_of(block)))
        lines = tuple(line for spans in paragraphs for line in split_into_lines(spans))
        headlines = min(lines, paragraphs, key=lambda found: abs(len(found) - details))
        others = tuple(block for block in region if not spans_of(block))
        if len(headlines) > 1:
            what = "line" if headlines == lines else "paragraph"
            comments.add(f"The headlines had no bullets: each {what} was taken for one.")
        return (), headlines, others
    headlines = tuple(
        spans for at in places for entry in _entries_of(region[at]) if (spans := _flatten_entry(entry, comments))
    )
    others = tuple(block for at, block in enumerate(region) if at > places[0] and at not in places)
    return region[: places[0]], headlines, others


def _entries_of(block: SourceBlock) -> Sequence[SourceBlocks]:
    return block.entries if isinstance(block, ListBlock) else ()


def _flatten_entry(entry: SourceBlocks, comments: Comments) -> Spans:
    """Return a headline's words; what else its entry holds becomes a remark."""
    first = next((block for block in entry if spans_of(block)), None)
    rest = measure_words(tuple(block for block in entry if block is not first))
    if rest:
        comments.add("Below headlines stood", f"{words_of(spans_of(first)) if first else ''}: {rest}")
    return spans_of(first) if first else ()


def _split_details(
    region: SourceBlocks, headlines: int, comments: Comments
) -> tuple[tuple[SourceBlocks, ...], SourceBlocks]:
    """Return the details, and what stands behind them.

    Entries of lists are details; without lists, what stands below sub-headings; without those, paragraphs.
    """
    across = next((at for at, block in enumerate(region) if isinstance(block, ThematicBreak) and at), len(region))
    closing: SourceBlocks = tuple(block for block in region[across:] if not isinstance(block, ThematicBreak))
    region = region[:across]
    places = [at for at, block in enumerate(region) if isinstance(block, ListBlock)]
    parts = [at for at, block in enumerate(region) if isinstance(block, SourceHeading)]
    if len(parts) > 1 and len(parts) >= headlines - 1:
        bounds = zip(parts, (*parts[1:], len(region)), strict=True)
        return tuple(region[start:end] for start, end in bounds), closing
    if not places:
        paragraphs: tuple[SourceBlocks, ...] = tuple((block,) for block in region)
        if headlines and len(paragraphs) > headlines:
            closing = (*region[headlines:], *closing)
            comments.add("The details had no bullets: what stood behind the last of them is the closing note.")
            paragraphs = paragraphs[:headlines]
        return paragraphs, closing
    details: list[SourceBlocks] = []
    for block in region[: places[-1] + 1]:
        if isinstance(block, ListBlock):
            details += block.entries
        elif details:
            details[-1] = (*details[-1], block)
            comments.add(
                f"A paragraph without a bullet was taken into the detail above it: {measure_words((block,))[:80]}"
            )
        else:
            details.append((block,))
    return tuple(details), (*region[places[-1] + 1 :], *closing)


def _find_untitled(blocks: SourceBlocks, comments: Comments) -> DigestParts | None:
    """Find headlines and details in bullets alone: short ones without a full stop first, then as many sentences."""
    places = [at for at, block in enumerate(blocks) if isinstance(block, ListBlock)]
    if not places or any(isinstance(block, SourceHeading) for block in blocks[places[0] : places[-1]]):
        return None
    entries = [entry for at in places for entry in _entries_of(blocks[at])]
    count = _count_headlines(entries)
    if count is None:
        return None
    head = blocks[: places[0]]
    title = ""
    if head and isinstance(head[-1], SourceHeading | Paragraph):
        *lines, last = split_into_lines(spans_of(head[-1])) or [()]
        if is_short := 0 < len(words_of(last)) <= 80 and not _ENDS_SENTENCE.search(words_of(last)):
            title = words_of(last).rstrip(": ")
        if is_short and not lines:
            head = head[:-1]
        elif is_short:
            head = (*head[:-1], *(Paragraph(line) for line in lines))
    between = tuple(b for b in blocks[places[0] : places[-1]] if not isinstance(b, ListBlock | ThematicBreak))
    headlines = tuple(spans for entry in entries[:count] if (spans := _flatten_entry(entry, comments)))
    closing = tuple(b for b in blocks[places[-1] + 1 :] if not isinstance(b, ThematicBreak))
    if between:
        comments.add("Between the bullets stood what is now the introduction")
    return DigestParts((*head, *between), title, headlines, tuple(entries[count:]), closing)


def _count_headlines(entries: Sequence[SourceBlocks]) -> int | None:
    """Return how many entries are headlines: all up to the first that is a sentence, if sentences alone follow."""
    short = [_is_headline(entry) for entry in entries]
    count = next((at for at, is_short in enumerate(short) if not is_short), len(short))
    if len(entries) < _FEWEST:
        return None
    if not count or any(short[count:]):
        lengths = [len(measure_words(entry)) for entry in entries]
        half = len(entries) // 2
        is_halved = len(entries) % 2 == 0 and 2 * max(lengths[:half]) < 3 * min(lengths[half:])
        return half if is_halved and max(lengths[:half]) <= _LONGEST_HEADLINE else None
    rest = len(entries) - count
    return count if rest and abs(count - rest) <= max(1, count // 3) else None


def _is_headline(entry: SourceBlocks) -> bool:
    words = measure_words(entry)
    return len(entry) == 1 and len(words) <= _LONGEST_HEADLINE and not _ENDS_SENTENCE.search(words)
