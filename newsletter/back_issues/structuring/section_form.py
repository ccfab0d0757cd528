"""The form of weeklies and other texts: sections by their headings, items by sub-headings or by bullets with a lead."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from newsletter.back_issues.back_issue import FoundItem, FoundSection
from newsletter.back_issues.drafts.draft_writing import DraftWriter
from newsletter.back_issues.markdown.source_text import (
    Comments,
    SourceBlock,
    SourceBlocks,
    SourceHeading,
    strip_spans,
    words_of,
)
from newsletter.back_issues.structuring.item_pairing import make_item, make_lone_headline
from newsletter.issue.blocks import LineBreak, Link, ListBlock, Paragraph, Span, Spans, TextRun, ThematicBreak

_SEPARATOR = re.compile(r"^\s*(?:[:.!?]+(?=\s|$)|[–—|]|-(?=\s))\s*")
_FEWEST_WORDS = 3  # behind a lead, for a bullet to be more than a link with its author
_LONGEST_LEAD = 160


@dataclass(frozen=True, slots=True)
class LeadEntry:
    """An entry of a list that begins with a headline: strong words or a link."""

    headline: Spans
    detail: SourceBlocks


def find_sections(blocks: SourceBlocks) -> int:
    """Return where the first section begins, the number of blocks where there are no headings."""
    return next((at for at, block in enumerate(blocks) if isinstance(block, SourceHeading)), len(blocks))


def write_sections(blocks: SourceBlocks, writer: DraftWriter, comments: Comments) -> tuple[FoundSection, ...]:
    """Return the sections of blocks that begin with a heading, each with its items and texts in their order."""
    level = _find_level(blocks)
    sections: list[FoundSection] = []
    for heading, body in _split_at(blocks, level):
        title = writer.write_headline(heading) if heading else ""
        found = _write_section(title, heading, body, writer)
        if not found and title:
            comments.add("Sections that held nothing", words_of(heading))
        sections += found
    return tuple(sections)


def _find_level(blocks: SourceBlocks) -> int:
    """Return the highest level of headings that parts the blocks: a single one above it is a stray."""
    levels = [block.level for block in blocks if isinstance(block, SourceHeading)]
    several = (level for level in sorted(set(levels)) if sum(other <= level for other in levels) > 1)
    return next(several, min(levels, default=1))


def _split_at(blocks: SourceBlocks, level: int) -> list[tuple[Spans, SourceBlocks]]:
    """Split blocks at the headings of a level or above; each part has its heading, the first perhaps none."""
    parts: list[tuple[Spans, list[SourceBlock]]] = []
    for block in blocks:
        if isinstance(block, SourceHeading) and block.level <= level:
            parts.append((block.spans, []))
        elif parts:
            parts[-1][1].append(block)
        else:
            parts.append(((), [block]))
    return [(heading, tuple(body)) for heading, body in parts]


def _write_section(title: str, heading: Spans, body: SourceBlocks, writer: DraftWriter) -> list[FoundSection]:
    """Return a section, and untitled ones behind it where a text follows its items."""
    body = _trim(body)
    links = tuple(span for span in heading if isinstance(span, Link))
    if links:  # a title leads nowhere in a draft
        body = (Paragraph(_join_links(links)), *body)
    levels = [block.level for block in body if isinstance(block, SourceHeading)]
    sections: list[FoundSection] = []
    if levels:
        parts = _split_at(body, min(levels))
        texts = [part for lead, part in parts if not lead]
        items = tuple(_write_item(lead, part, writer) for lead, part in parts if lead)
        for part in texts:
            sections += write_blocks(part, writer)
        sections = _add_items(sections, items)
    else:
        sections = write_blocks(body, writer)
    if not sections:
        return []
    return [replace(sections[0], title=title), *sections[1:]]


def _add_items(sections: list[FoundSection], items: tuple[FoundItem, ...]) -> list[FoundSection]:
    if sections and not sections[-1].items:
        return [*sections[:-1], replace(sections[-1], items=items)]
    return [*sections, FoundSection(items=items)]


def _write_item(lead: Spans, body: SourceBlocks, writer: DraftWriter) -> FoundItem:
    body = _trim(body)
    return make_item(lead, body, writer) if body else make_lone_headline(lead, writer)


def write_blocks(body: SourceBlocks, writer: DraftWriter) -> list[FoundSection]:
    """Return untitled sections of blocks without headings: texts, and lists whose entries all have a lead as items."""
    sections: list[FoundSection] = []
    text: list[SourceBlock] = []
    for block in (*body, None):
        leads = read_leads(block) if isinstance(block, ListBlock) else ()
        if block is not None and not leads:
            text.append(block)
            continue
        if written := writer.write_prose(_trim(tuple(text))):
            sections.append(FoundSection(text=written))
        text = []
        if leads:
            items = tuple(make_item(lead.headline, lead.detail, writer) for lead in leads)
            sections = _add_items(sections, items)
    return sections


def read_leads(block: ListBlock) -> tuple[LeadEntry, ...]:
    """Return the entries of a list as headlines with details, if each of them begins with strong words or a link."""
    leads: list[LeadEntry] = []
    for entry in block.entries:
        lead = _read_lead(entry)
        if lead is None:
            return ()
        leads.append(lead)
    return tuple(leads)


def _read_lead(entry: SourceBlocks) -> LeadEntry | None:
    if not entry or not isinstance(entry[0], Paragraph):
        return None
    spans = entry[0].spans
    count = _count_lead(spans)
    headline, rest = strip_spans(spans[:count]), spans[count:]
    if not 0 < len(words_of(headline)) <= _LONGEST_LEAD or any(isinstance(span, LineBreak) for span in headline):
        return None
    below, behind = entry[1:], _cut_separator(rest, is_closed=_ends_closed(headline))
    if behind is None:  # the sentence goes on, so that the detail says the lead again
        return LeadEntry(_as_words(headline), entry) if len(words_of(rest).split()) >= _FEWEST_WORDS else None
    if not below and len(words_of(behind).split()) < _FEWEST_WORDS:
        return None
    return LeadEntry(_without_colon(headline), (*((Paragraph(behind),) if behind else ()), *below))


def _count_lead(spans: Spans) -> int:
    """Return how many spans make a lead: a link, or the strong ones."""
    if spans and isinstance(spans[0], Link):
        return 1
    return next((at for at, span in enumerate(spans) if not _is_strong(span)), len(spans))


def _is_strong(span: Span) -> bool:
    match span:
        case TextRun(text=text, strong=strong):
            return strong or not text.strip()
        case Link(runs=runs):
            return all(run.strong for run in runs)
        case _:
            return False


def _ends_closed(spans: Spans) -> bool:
    return words_of(spans).rstrip('"”’)').endswith((":", ".", "!", "?"))


def _cut_separator(rest: Spans, *, is_closed: bool) -> Spans | None:
    """Return what stands behind a lead and its colon or dash; None where the lead's sentence goes on."""
    rest = rest[1:] if rest and isinstance(rest[0], LineBreak) else rest
    first = rest[0] if rest else None
    if first is None:
        return ()
    if isinstance(first, TextRun) and not first.strong and (match := _SEPARATOR.match(first.text)):
        return strip_spans((replace(first, text=first.text[match.end() :]), *rest[1:]))
    if isinstance(first, TextRun) and "\n" in first.text[:2] and first.text.strip()[:1].isupper():
        return strip_spans(rest)
    return strip_spans(rest) if is_closed else None


def _without_colon(headline: Spans) -> Spans:
    """Return a headline without the colon or full stop that parts it from its detail, and without strong words."""
    *others, last = headline
    match last:
        case TextRun(text=text):
            last = replace(last, text=text.rstrip(":. ") or text)
        case Link(runs=(*runs, run)):
            last = replace(last, runs=(*runs, replace(run, text=run.text.rstrip(":. ") or run.text)))
    return _weaken((*others, last))


def _as_words(headline: Spans) -> Spans:
    """Return a headline's words alone; its links stay in the detail, which says it again."""
    runs = (run for span in headline for run in (span.runs if isinstance(span, Link) else (span,)))
    return _weaken(tuple(runs))


def _weaken(spans: Sequence[Span]) -> Spans:
    weak: list[Span] = []
    for span in spans:
        match span:
            case TextRun():
                weak.append(replace(span, strong=False))
            case Link(runs=runs):
                weak.append(replace(span, runs=tuple(replace(run, strong=False) for run in runs)))
            case _:
                weak.append(span)
    return tuple(weak)


def _join_links(links: Sequence[Link]) -> Spans:
    spans: list[Span] = []
    for link in links:
        spans += [TextRun(text=", "), link] if spans else [link]
    return tuple(spans)


def _trim(blocks: SourceBlocks) -> SourceBlocks:
    """Return blocks without lines across at either end."""
    kept = list(blocks)
    while kept and isinstance(kept[0], ThematicBreak):
        kept.pop(0)
    while kept and isinstance(kept[-1], ThematicBreak):
        kept.pop()
    return tuple(kept)
