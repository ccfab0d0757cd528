"""The head of a back issue: what stands before its headlines or sections, and what of that is no text of its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from newsletter.back_issues.back_issue import FoundPicture
from newsletter.back_issues.drafts.draft_writing import DraftWriter
from newsletter.back_issues.markdown.source_text import (
    Comments,
    SourceBlock,
    SourceBlocks,
    SourceHeading,
    SourcePicture,
    links_of,
    spans_of,
    split_into_lines,
    words_of,
)
from newsletter.back_issues.structuring.issue_label import IssueLabel, find_label, is_ambiguous_date, is_label_alone
from newsletter.issue.blocks import LineBreak, Link, Paragraph, Span, Spans, TextRun, ThematicBreak

_CREDIT = re.compile(r"\s*(?:(?:photo|image|picture|foto|bild)s?(?:\s+credit)?s?|credits?)\s*:\s*", re.IGNORECASE)
_CREDITED = re.compile(r"\s*(?:photo|image|picture|foto|bild|credit|courtesy|©|\(c\)|source)\b|\s*©", re.IGNORECASE)
# A line with the date that a website writes above each text: by whom, where, how long it takes to read.
_BYLINE = re.compile(
    r"(?:posted|published|written|last updated|updated|veröffentlicht|publié)"
    r"(?:\W+(?:on|by|in|at|von|am|par|le)\b.{0,160}(?<![.!?]))?"
    r"|(?:\W*by\b.{1,80})?\W*\d{1,3} min(?:ute)?s? read",
    re.IGNORECASE,
)
_LONGEST_TITLE = 100
_LONGEST_CREDIT = 300


@dataclass(slots=True)
class IssueHead:
    """What the head of an issue says: its label, its title, its picture, and the blocks that introduce it."""

    label: IssueLabel = field(default_factory=IssueLabel)
    title: str = ""
    picture: FoundPicture | None = None
    intro: list[SourceBlock] = field(default_factory=list)
    is_ambiguous: bool = False


def read_head(blocks: SourceBlocks, masthead: str, title: str, writer: DraftWriter, comments: Comments) -> IssueHead:
    """Read the blocks before the headlines or sections.

    `masthead` is the publication's title, and `title` that of the issue if it is known; both are left out.
    """
    head = IssueHead(title=title)
    remaining = list(blocks)
    while remaining:
        block = remaining.pop(0)
        match block:
            case SourcePicture(alt=alt) if _fold(alt) == _fold(masthead) and masthead:
                continue
            case SourcePicture() if head.picture is None:
                head.picture = _read_picture(block, remaining, writer, comments)
            case SourceHeading(spans=spans) | Paragraph(spans=spans):
                kept = _read_lines(spans, head, masthead, comments, is_heading=isinstance(block, SourceHeading))
                if kept:
                    head.intro.append(Paragraph(kept) if isinstance(block, Paragraph) else replace(block, spans=kept))
            case ThematicBreak() if not head.intro or not remaining:
                continue
            case _:
                head.intro.append(block)
    while head.intro and isinstance(head.intro[-1], ThematicBreak):
        head.intro.pop()
    return head


def _read_lines(spans: Spans, head: IssueHead, masthead: str, comments: Comments, *, is_heading: bool) -> Spans:
    """Take the label, the masthead and the title out of lines; return what is left of them.

    A line of a paragraph is the title only where the rest of it is label and masthead.
    """
    kept: list[Spans] = []
    lines = split_into_lines(spans)
    others = [words for line in lines[1:] if (words := words_of(line))]
    is_title = is_heading or (bool(others) and all(map(is_label_alone, others)))
    for line in lines:
        words = words_of(line)
        label, rest = find_label(words)
        if len(words) <= 200:
            head.label = head.label.fill(label)
            head.is_ambiguous |= is_ambiguous_date(words)
        says_masthead = _fold(_strip(rest)) in ("", _fold(masthead)) or _fold(words) == _fold(masthead)
        if label.date and _BYLINE.fullmatch(_strip(rest)):
            comments.add("Left out, as the website's own", words)
            continue
        if is_label_alone(words) or (says_masthead and len(words) <= _LONGEST_TITLE):
            continue
        if head.title and len(words) <= _LONGEST_TITLE and set(_fold(rest).split()) <= set(_fold(head.title).split()):
            continue
        if is_title and not head.title and not kept and is_title_line(words):
            head.title = words
            kept += [(link,) for link in links_of(line)]  # a title leads nowhere
        else:
            kept.append(line)
    return _join_lines(kept)


def is_title_line(words: str) -> bool:
    """Return whether a line is short and no sentence."""
    return 0 < len(words) <= _LONGEST_TITLE and not re.search(r"[.,;:!?…][\"”’)]*$", words)


def _join_lines(lines: Sequence[Spans]) -> Spans:
    joined: list[Span] = []
    for line in lines:
        joined += [TextRun(text="\n"), *line] if joined else line
    return tuple(joined)


def _strip(text: str) -> str:
    return text.strip(" \t|·•,;:–—-()[]")


def _fold(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _read_picture(
    picture: SourcePicture, following: list[SourceBlock], writer: DraftWriter, comments: Comments
) -> FoundPicture | None:
    """Return the lead picture with its caption and credit, which are taken from the blocks below it."""
    caption: Spans = ()
    credit: Spans = ()
    while following and isinstance(following[0], Paragraph):
        spans = spans_of(following[0])
        words = words_of(spans)
        if not credit and len(words) <= _LONGEST_CREDIT and _CREDITED.match(words):
            credit = _without_prefix(spans)
        elif not caption and not credit and len(words) <= _LONGEST_CREDIT and _is_emphasised(spans):
            caption = spans
        else:
            break
        following.pop(0)
    found = writer.blocks.name_picture(picture)
    written_caption = writer.write_caption(caption) or (writer.write_line(picture.title) if picture.title else "")
    written_credit = writer.write_caption(credit)
    if found is None:
        for text in (written_caption, written_credit):
            if text:
                comments.add("Captions and credits of pictures that are not here", text)
        return None
    file, alt = found
    return FoundPicture(
        source=file,
        alt=writer.write_line(alt),
        caption=written_caption,
        credit=written_credit,
        link=writer.find_address(Link(address=(picture.link,), runs=())) if picture.link else None,
    )


def _without_prefix(spans: Spans) -> Spans:
    """Return a credit without the word "Photo:" before it, which the editions write themselves."""
    for at, span in enumerate(spans):
        if isinstance(span, TextRun) and span.text.strip():
            return (*spans[:at], replace(span, text=_CREDIT.sub("", span.text, count=1)), *spans[at + 1 :])
    return spans


def _is_emphasised(spans: Spans) -> bool:
    runs = [span for span in spans if not isinstance(span, LineBreak)]
    return bool(runs) and all(isinstance(run, TextRun) and (run.emphasis or not run.text.strip()) for run in runs)
