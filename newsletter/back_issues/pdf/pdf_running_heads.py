"""Removal of what stands at the top and bottom of a PDF's pages: running heads, and the pages' numbers."""

import re
from collections import Counter

from newsletter.back_issues.pdf.pdf_lines import PdfLine

_PAGE_NUMBER = re.compile(
    r"(?:.{0,60}\s)?(?:page|seite|p\.|pagina|página)\s*\d{1,4}(?:\s*(?:of|von|/|sur|de|di)\s*\d{1,4})?|"
    r"[-–—|\s]*\d{1,4}[-–—|\s]*|\d{1,4}\s*(?:/|of)\s*\d{1,4}|(?:\d{1,3}\s*)?(?:ページ|頁)",
    re.IGNORECASE,
)
# What browsers print around a page: when, and under which title; its address, and the page's number.
_PRINTED = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4},? \d{1,2}[:.]\d{2}(?:\s?[AP]M)?(?:\s.*)?|(?:https?|file)://\S+(?:\s+\d+\s?/\s?\d+)?",
    re.IGNORECASE,
)
_LEADERS = re.compile(r"(?:\s?[.…·]){5,}\s*\d{1,4}\s*$")
_WORDS = re.compile(r"\w+")
_TITLE_LINES = 3
_LONGEST = 100  # characters of a running head
_LONGEST_TITLE = 40  # of a list of contents


def drop_running_heads(pages: list[list[PdfLine]]) -> list[PdfLine]:
    """Return the lines of all pages without what is in the margin of several, page numbers, and lists of contents.

    A running head of a second page alone is known by its words, which are those of the first page's beginning.
    """
    counted = Counter(key for lines in pages for key in {_make_key(line) for line in lines if line.is_outer})
    title = set(_WORDS.findall(" ".join(line.text for line in (pages[0] if pages else [])[:_TITLE_LINES])))

    def is_running(line: PdfLine) -> bool:
        words = line.text.strip()
        if not line.is_outer:
            return False
        return (
            counted[_make_key(line)] > 1
            or _PAGE_NUMBER.fullmatch(words) is not None
            or _PRINTED.fullmatch(words) is not None
            or (line.page > 0 and len(words) < _LONGEST and title.issuperset(_WORDS.findall(words)))
        )

    return _drop_contents([line for lines in pages for line in lines if not is_running(line)])


def _drop_contents(lines: list[PdfLine]) -> list[PdfLine]:
    """Return lines without those that dots lead to a page's number, and without the title above them."""
    kept: list[PdfLine] = []
    before = False
    for line in lines:
        leads = _LEADERS.search(line.text) is not None
        if leads and not before and kept and len(kept[-1].text) < _LONGEST_TITLE and kept[-1].size != line.size:
            kept.pop()
        if not leads:
            kept.append(line)
        before = leads
    return kept


def _make_key(line: PdfLine) -> tuple[str, int]:
    """Return what is the same on each page: the words without numbers, and the height."""
    return re.sub(r"\d+", "#", " ".join(line.text.split())), round(line.y / 4)
