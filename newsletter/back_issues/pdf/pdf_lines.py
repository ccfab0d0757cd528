"""Lines of a PDF's page, put together from pieces of text, with the links that lie over their words."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from newsletter.back_issues.page_text.page_blocks import Run, Runs, Style
from newsletter.back_issues.page_text.page_links import unwrap_address

_SAME_LINE = 0.35  # of the size, by which pieces of one line may differ in height
_RAISED = 0.8  # of the line's size, below which a raised piece is a mark
# Widths of letters in thousandths of their size, as in Helvetica (AFM); others are as wide as the last.
_NARROW, _WIDE, _WIDEST = "iljtfrI.,:;'|!()[]-/ ’‘", "mwMW%@—…", "\u2e80"


class TextFragment(NamedTuple):
    """A piece of text as a PDF draws it: where it begins, and how it looks. Lengths are in points."""

    text: str
    x: float
    y: float
    size: float
    bold: bool
    italic: bool
    font: str


class PageLink(NamedTuple):
    """The area of a link, and its address."""

    left: float
    right: float
    bottom: float
    top: float
    address: str


@dataclass(slots=True)
class PdfLine:
    """A line of text: where it begins and ends in points from the page's lower left corner, and its letters' size."""

    page: int
    x: float
    y: float
    size: float
    runs: Runs
    is_outer: bool  # in the upper or lower margin, where running heads are
    end: float = 0

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)


def make_lines(
    fragments: list[TextFragment], links: list[PageLink], page: int, sides: tuple[float, float]
) -> list[PdfLine]:
    """Return a page's lines in the order in which the page draws them. `sides` are its lower and upper edge."""
    rows: list[list[TextFragment]] = []
    base: TextFragment | None = None
    for fragment in fragments:
        if fragment.size <= 0:
            continue
        # A raised piece, such as a footnote's mark, belongs to the line of the piece before it.
        if base is not None and _is_same_line(base, rows[-1][-1], fragment):
            rows[-1].append(fragment)
            if fragment.size > base.size:
                base = fragment
        else:
            rows.append([fragment])
            base = fragment
    widths = _calibrate(rows)
    lowest, highest = sides
    band = (highest - lowest) * 0.09
    lines = []
    for row in rows:
        size = max(piece.size for piece in row)
        y = next(piece.y for piece in row if piece.size == size)
        runs, end = _make_runs(
            row, size, y, [link for link in links if link.bottom - 1 <= y + size / 4 <= link.top + 1], widths
        )
        if runs:
            outer = y < lowest + band or y > highest - band
            lines.append(PdfLine(page, row[0].x, y, round(size, 1), runs, outer, end))
    return lines


def _is_same_line(base: TextFragment, last: TextFragment, piece: TextFragment) -> bool:
    apart = abs(piece.y - base.y)
    near = apart <= _SAME_LINE * min(base.size, piece.size)
    raised = apart <= 0.6 * max(base.size, piece.size) and min(base.size, piece.size) < _RAISED * max(
        base.size, piece.size
    )
    return (near or raised) and piece.x >= last.x - 1


def estimate_width(text: str, size: float) -> float:
    """Return about how wide words are, in points."""
    total = 0.0
    for letter in text:
        if letter >= _WIDEST:
            total += 1000
        elif letter in _NARROW:
            total += 290
        elif letter in _WIDE:
            total += 880
        else:
            total += 670 if letter.isupper() else 520
    return total * size / 1000


def _calibrate(rows: list[list[TextFragment]]) -> dict[str, float]:
    """Return how much wider each font is than the estimate, by the pieces that another one follows."""
    measured: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for piece, following in pairwise(row):
            estimate, width = estimate_width(piece.text, piece.size), following.x - piece.x
            if len(piece.text) > 5 and 0.6 * estimate < width < 1.6 * estimate:
                measured.setdefault(piece.font, []).append((width, estimate))
    return {font: sum(w for w, _ in found) / sum(e for _, e in found) for font, found in measured.items()}


def _make_runs(
    row: list[TextFragment], size: float, y: float, links: list[PageLink], widths: dict[str, float]
) -> tuple[Runs, float]:
    """Return a line's runs, each word with the link that lies over its middle, and where the line ends."""
    runs: Runs = []
    end = row[0].x
    for number, piece in enumerate(row):
        following = row[number + 1].x if number + 1 < len(row) else None
        estimate = estimate_width(piece.text, piece.size) * widths.get(piece.font, 1.0)
        width = following - piece.x if following is not None and following - piece.x < 1.5 * estimate else estimate
        gap = piece.x - end
        if (
            number
            and gap > 0.15 * size
            and not (runs and runs[-1].text.endswith(" "))
            and not piece.text.startswith(" ")
        ):
            runs.append(Run("\t" if gap > 2.5 * size else " "))
        script = "^" if piece.size < _RAISED * size and piece.y > y + 1 else ""
        style = Style(strong=piece.bold, emphasis=piece.italic, script="^" if script else "")
        total = estimate_width(piece.text, piece.size) or 1
        done = 0.0
        for match in re.finditer(r"\s+|\S+", piece.text):
            share = estimate_width(match[0], piece.size)
            middle = piece.x + (done + share / 2) / total * width
            done += share
            href = next((link.address for link in links if link.left - 0.5 <= middle <= link.right + 0.5), "")
            runs.append(Run(match[0], style._replace(href=unwrap_address(href) if href else "")))
        end = piece.x + width
    return _join_links(runs), end


def _join_links(runs: Runs) -> Runs:
    """Return runs in which a space between two words of one link is the link's too, and between others none's."""
    joined: Runs = []
    for number, run in enumerate(runs):
        if not run.text.strip():
            before = joined[-1].style.href if joined else ""
            after = runs[number + 1].style.href if number + 1 < len(runs) else ""
            run = run._replace(style=run.style._replace(href=before if before == after else ""))
        joined.append(run)
    while joined and not joined[-1].text.strip():
        joined.pop()
    while joined and not joined[0].text.strip():
        joined.pop(0)
    return joined
