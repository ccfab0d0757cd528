"""Reading of texts without blocks: headlines, credits, and lines that are shown as they are."""

import re
from collections.abc import Iterator
from dataclasses import replace

from newsletter.field import Field, TextWithFields
from newsletter.issue.blocks import Paragraph, RichText
from newsletter.issue.excerpt import Excerpt
from newsletter.issue.markdown import MarkupSpan
from newsletter.issue.markdown_lists import find_loose_list
from newsletter.issue.passage import find_control_characters, read_passage
from newsletter.validation import Fault

_PARAGRAPHS = re.compile(r"\n(?:[ \t]*\n)+[ \t]*")


def parse_paragraphs(source: str) -> tuple[RichText, list[Fault]]:
    """Read a credit or a caption: paragraphs with styles and links; each block that it holds is a fault."""
    text, faults, _ = _parse_paragraphs(source, bare_mail=True)
    return text, [_advise_words(fault) if fault.code in _OF_BLOCKS else fault for fault in faults]


def parse_headline(source: str) -> tuple[RichText, list[Fault]]:
    """Read a text that becomes a link as a whole, and so may hold none: each that it does hold is a fault."""
    text, faults, markup = _parse_paragraphs(source)
    faults = [_advise_words(fault) if fault.code in _OF_BLOCKS else fault for fault in faults]
    faults += [
        Fault(
            code="headline-link",
            at=piece.start,
            message="a headline leads to its own detail, so it can't hold another link",
            next_step="Move the link into the detail.",
        )
        for piece in markup
        if piece.kind in ("link", "autolink", "address")
    ]
    return text, faults


def parse_line(source: str) -> tuple[TextWithFields, list[Fault]]:
    """Read a line that is shown as it is: fields, escapes and entities, but no styles and no links."""
    text, faults, markup = _parse_paragraphs(source, bare_links=False)
    faults = [_advise_words(fault) if fault.code in _OF_TEXTS else fault for fault in faults]
    told = {fault.at for fault in faults}
    faults += [
        Fault(
            code="markup",
            at=piece.start,
            message=f"{_SHOWN[piece.kind]} can't stand here: the marks would be shown as they are",
            next_step=_WORDS_ALONE,
        )
        for piece in markup
        if piece.kind in _SHOWN and piece.start not in told
    ]
    pieces: list[str | Field] = []
    for run in text.runs():
        if run.field:
            pieces.append(Field(run.field, run.text))
        elif pieces and isinstance(pieces[-1], str):
            pieces[-1] += run.text
        else:
            pieces.append(run.text)
    return tuple(pieces), faults


# Codes of faults whose next step is meant for texts with blocks, or with styles and links.
_OF_BLOCKS = ("code", "footnote", "heading", "list", "picture", "quote", "rule", "table")
_OF_TEXTS = (*_OF_BLOCKS, "html", "language", "reference", "strikethrough", "unclosed")
_WORDS_ALONE = "Write the words alone; a backslash before a mark keeps it: \\*."
_SHOWN = {
    "link": "a link",
    "autolink": "a link",
    "backticks": "code",
    "emphasis": "emphasis",
    "strike": "a mark that strikes words out",
    "sup": "a raised word",
    "sub": "a lowered word",
    "language": "the mark of another language",
}


def _advise_words(fault: Fault) -> Fault:
    return replace(fault, next_step=_WORDS_ALONE)


def _parse_paragraphs(
    source: str, *, bare_links: bool = True, bare_mail: bool = False
) -> tuple[RichText, list[Fault], list[MarkupSpan]]:
    """Read paragraphs alone: every block and every footnote is a fault."""
    faults = list(find_control_characters(source))
    parts = list(_split(source))
    passages = [read_passage(part, {}, bare_links=bare_links, bare_mail=bare_mail) for part in parts]
    faults += [fault for passage in passages for fault in passage.faults]
    faults += find_loose_list(parts)
    markup = [piece for passage in passages for piece in passage.markup]
    faults += [
        Fault(code="footnote", at=piece.start, message="a footnote can't stand in this text", next_step=_WORDS_ALONE)
        for piece in markup
        if piece.kind == "footnote_ref"
    ]
    text = RichText(tuple(Paragraph(passage.spans) for passage in passages))
    return text, sorted(faults, key=lambda fault: fault.at or 0), markup


def _split(source: str) -> Iterator[Excerpt]:
    """Yield each paragraph."""
    end = len(source.rstrip())
    start = len(source) - len(source.lstrip())
    for blank in _PARAGRAPHS.finditer(source, start, end):
        yield Excerpt(source[start : blank.start()].rstrip(), (0,), (start,))
        start = blank.end()
    yield Excerpt(source[start:end], (0,), (start,))
