"""Pairing of headlines with details by their order, and headlines for details that have none."""

import re
from collections.abc import Sequence

from newsletter.back_issues.back_issue import FoundItem
from newsletter.back_issues.drafts.draft_words import write_address
from newsletter.back_issues.drafts.draft_writing import DraftWriter
from newsletter.back_issues.markdown.source_text import (
    Comments,
    SourceBlocks,
    links_of,
    measure_words,
    spans_of,
    words_of,
)
from newsletter.issue.blocks import Paragraph, Spans, TextRun
from newsletter.text import format_count

_LONGEST_HEADLINE = 120
_SENTENCE = re.compile(r"(.{15,}?[^.\s]{3,}[.!?][\"”’)]*)(?=\s|$)")
NO_HEADLINE = "No headline was found for this detail; this is how it begins."
NO_DETAIL = "No detail was found for this headline; its own words stand in its place."


def pair_items(
    headlines: Sequence[Spans], details: Sequence[SourceBlocks], writer: DraftWriter, comments: Comments
) -> tuple[FoundItem, ...]:
    """Return items of headlines and details by their order; those that are left alone say so."""
    if headlines and details and len(headlines) != len(details):
        comments.add(
            f"There are {format_count(len(headlines), 'headline')} and {format_count(len(details), 'detail')}: they "
            "were paired by their order, so look whether each headline belongs to its detail."
        )
    paired = [make_item(headline, detail, writer) for headline, detail in zip(headlines, details, strict=False)]
    paired += [make_lone_headline(headline, writer) for headline in headlines[len(paired) :]]
    paired += [make_lone_detail(detail, writer) for detail in details[min(len(headlines), len(details)) :]]
    return tuple(paired)


def make_item(headline: Spans, detail: SourceBlocks, writer: DraftWriter) -> FoundItem:
    """Return an item; links of its headline go to its source and, where there are several, below its detail."""
    written = writer.write_prose(detail)
    if not written:
        return make_lone_headline(headline, writer)
    addresses = [(link, address) for link in links_of(headline) if (address := writer.find_address(link))]
    others = [f"[{writer.write_headline(link.runs)}]({write_address(address)})" for link, address in addresses[1:]]
    return FoundItem(
        headline=writer.write_headline(headline),
        detail="\n\n".join([written, *others]),
        link=addresses[0][1] if addresses else None,
    )


def make_lone_headline(headline: Spans, writer: DraftWriter) -> FoundItem:
    """Return an item of a headline without a detail, whose words are its detail."""
    return FoundItem(
        headline=writer.write_headline(headline),
        detail=writer.write_prose((Paragraph(headline),)),
        comments=(NO_DETAIL,),
    )


def make_lone_detail(detail: SourceBlocks, writer: DraftWriter) -> FoundItem:
    """Return an item of a detail without a headline, which is taken from how it begins."""
    return FoundItem(
        headline=writer.write_headline((TextRun(text=shorten_beginning(detail)),)),
        detail=writer.write_prose(detail),
        comments=(NO_HEADLINE,),
    )


def shorten_beginning(blocks: SourceBlocks) -> str:
    """Return the first sentence of blocks, or as many of its words as a headline has room for."""
    words = next((text for block in blocks if (text := words_of(spans_of(block)))), "") or measure_words(blocks)[:500]
    sentence = _SENTENCE.match(words[:500])
    words = sentence[1] if sentence else words
    if len(words) <= _LONGEST_HEADLINE:
        return words.rstrip(".") or "…"
    cut = words[:_LONGEST_HEADLINE].rpartition(" ")[0] or words[:_LONGEST_HEADLINE]
    return f"{cut.rstrip(',;: ')} …"
