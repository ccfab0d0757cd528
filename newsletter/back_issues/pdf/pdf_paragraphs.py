"""Paragraphs, headings and lists of a PDF, found again from its lines: their distances, sizes and marks."""

import re
from collections import Counter
from itertools import pairwise

from newsletter.back_issues.page_text.page_blocks import Container, PageBlock, Run, Runs
from newsletter.back_issues.page_text.page_spaces import collapse_spaces, cut_start, is_joined
from newsletter.back_issues.pdf.pdf_lines import PdfLine, estimate_width

_MARK = re.compile(r"\s*(?:(?P<bullet>[•◦▪▸‣●○■□➢∙·\uf0b7\uf0a7]|[-–—](?=\s))|(?P<number>\d{1,2})[.)](?=\s))\s*")
_LARGER = 1.08  # times the text's own size, from which on a line is a heading
_APART = 1.25  # times the usual distance of lines, from which on a paragraph ends
_LONGEST_HEADING = 160
_ALIKE = 20  # points, by which the beginnings of a column's lines differ
_SPARE = 3  # letters' widths, by which the estimate of a line's end may be wrong
_ENDS = re.compile(r"[.!?。！？:;…][\"”’»)\]]*$")
_HYPHENATED = re.compile(r"[^\W\d_][-\u00ad\u2010]$")


def make_blocks(lines: list[PdfLine]) -> list[PageBlock]:
    """Return the blocks that lines make."""
    if not lines:
        return []
    reader = _LineReader(lines)
    for line in lines:
        reader.read(line)
    return reader.finish()


class _LineReader:
    """A reader of lines, with the paragraph and the lists that are open."""

    def __init__(self, lines: list[PdfLine]) -> None:
        weights: Counter[float] = Counter()
        for line in lines:
            weights[line.size] += len(line.text)
        self._size = weights.most_common(1)[0][0]
        self._kinds: dict[int, str] = {}  # of each heading, by its place among the blocks
        self._leading = _find_leading(lines)
        self._words = set(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", " ".join(line.text for line in lines).lower()))
        self._rights: dict[tuple[int, int], float] = {}  # how far lines go that begin alike, on each page
        for line in lines:
            key = line.page, round(line.x / _ALIKE)
            self._rights[key] = max(self._rights.get(key, 0), line.end)
        self.blocks: list[PageBlock] = []
        self._open: list[PdfLine] = []
        self._lists: list[tuple[float, float, Container, str]] = []  # of each: where its mark is, its words, its kind

    def read(self, line: PdfLine) -> None:
        """Add a line to the paragraph that is open, or begin another with it."""
        mark = _MARK.match(line.text)
        if mark and mark.end() == len(line.text):
            mark = None
        if self._open and not self._goes_on(line, begins=mark is not None):
            self.end_paragraph()
        if not self._open:
            self._place(line, mark)
        self._open.append(line)

    def _goes_on(self, line: PdfLine, *, begins: bool) -> bool:
        last = self._open[-1]
        if begins or abs(line.size - last.size) > 0.6 or _is_bold(line) != _is_bold(last):
            return False
        if _is_capital(last) and not _is_capital(line):
            return False
        if line.page != last.page or line.y > last.y + 2:  # the next page, or the next column
            return not _ENDS.search(last.text) and not self._is_heading(last)
        if self._ends_early(last, line):
            return False
        usual = self._leading.get(line.size, 1.35 * line.size)
        return last.y - line.y <= _APART * usual and not (
            line.x < self._open[0].x - 3 * line.size and len(self._open) > 1
        )

    def _ends_early(self, last: PdfLine, line: PdfLine) -> bool:
        """Return whether a line left room for the next one's first word, so that a paragraph ends with it.

        So are entries told apart whose bullets are drawn, and are no text.
        """
        if _HYPHENATED.search(last.text) or not line.text.strip():
            return False
        if self._lists and line.x > self._lists[-1][0] + 3 and not _ENDS.search(last.text):
            return False  # below an entry's words, and amid its sentence: lines of a heading are balanced
        room = self._rights[last.page, round(last.x / _ALIKE)] - last.end
        return room > estimate_width(line.text.split()[0], line.size) + _SPARE * line.size

    def _place(self, line: PdfLine, mark: re.Match[str] | None) -> None:
        """Close the lists that a paragraph stands outside of, and open the entry that it begins."""
        while self._lists and line.x < self._lists[-1][1] - 3 and not (mark and abs(line.x - self._lists[-1][0]) < 4):
            self._lists.pop()
        if self._is_heading(line) and not mark:
            self._lists.clear()
        if mark is None:
            return
        kind = "number" if mark["number"] else "bullet"
        marker = f"{int(mark['number'])}. " if mark["number"] else "- "
        if self._lists and abs(line.x - self._lists[-1][0]) < 4:
            group = self._lists.pop()[2].group
        else:
            group = len(self.blocks) + 1
        if len(self._lists) > 1:
            self._lists.pop()
        indent = line.x + 0.5 * line.size
        self._lists.append((line.x, indent, Container("entry", marker, group), kind))

    def end_paragraph(self) -> None:
        """Make a block of the lines that are open."""
        lines, self._open = self._open, []
        if not lines:
            return
        runs = self._join(lines)
        first = lines[0]
        mark = _MARK.match(first.text)
        containers = tuple(each[2] for each in self._lists)
        if mark and containers and mark.end() < len(first.text):
            runs = cut_start(runs, mark.end() - (len(first.text) - len(first.text.lstrip())))
        runs = collapse_spaces(runs)
        words = "".join(run.text for run in runs)
        if not words.strip():
            return
        if not containers and len(words) <= _LONGEST_HEADING and self._is_heading(first):
            self._kinds[len(self.blocks)] = self._name_kind(first)
            runs = [run._replace(style=run.style._replace(strong=False)) for run in runs]
            self.blocks.append(PageBlock("heading", (), runs))
        else:
            self.blocks.append(PageBlock("paragraph", containers, runs))

    def _is_heading(self, line: PdfLine) -> bool:
        if line.size >= _LARGER * self._size:
            return True
        return len(line.text) < 90 and (_is_capital(line) or (_is_bold(line) and not _ENDS.search(line.text)))

    def _name_kind(self, line: PdfLine) -> str:
        return f"{line.size:06.1f}" if line.size >= _LARGER * self._size else "capital" if _is_capital(line) else "bold"

    def finish(self) -> list[PageBlock]:
        """Return the blocks, their headings with levels."""
        self.end_paragraph()
        order = _order_kinds(self._kinds)
        for place, kind in self._kinds.items():
            self.blocks[place].level = min(order.index(kind) + 1, 6)
        return self.blocks

    def _join(self, lines: list[PdfLine]) -> Runs:
        """Return the runs of lines with a space between them, and words that were parted at a line's end whole."""
        runs: Runs = []
        for line in lines:
            if runs and runs[-1].text.strip():
                last, first = runs[-1], line.runs[0]
                if _HYPHENATED.search(last.text) and first.text[:1].islower():
                    whole = self._mend(last.text, first.text)
                    runs[-1] = last._replace(text=whole[: len(whole) - len(first.text)])
                elif not is_joined(last.text[-1], first.text[:1]):
                    href = last.style.href if last.style.href == first.style.href else ""
                    runs.append(Run(" ", last.style._replace(href=href)))
            runs += line.runs
        return runs

    def _mend(self, left: str, right: str) -> str:
        """Return two halves of a word as one: with its hyphen where the text has it so elsewhere."""
        before = re.search(r"[^\W\d_]+[-\u00ad\u2010]$", left)
        after = re.match(r"[^\W\d_]+", right)
        if before and after and left[-1] != "\u00ad":
            parts = (before[0][:-1].lower(), after[0].lower())
            if "-".join(parts) in self._words and "".join(parts) not in self._words:
                return left[:-1] + "-" + right
        return left[:-1] + right


def _order_kinds(kinds: dict[int, str]) -> list[str]:
    """Return kinds of headings, the highest first: by size, but titles in capitals stand above what comes right below.

    A kind in capitals or in bold is smaller than the text often, whatever it is a heading of.
    """
    order = sorted({kind for kind in kinds.values() if kind[0].isdigit()}, reverse=True)
    for kind in ("capital", "bold"):
        if kind not in kinds.values():
            continue
        place = len(order)
        for at, other in enumerate(order):
            below = sum(kinds.get(number + 1) == other for number, each in kinds.items() if each == kind)
            above = sum(kinds.get(number + 1) == kind for number, each in kinds.items() if each == other)
            if below > above:
                place = at
                break
        order.insert(place, kind)
    return order


def _find_leading(lines: list[PdfLine]) -> dict[float, float]:
    """Return the usual distance of two lines of each size."""
    distances: dict[float, list[float]] = {}
    for above, below in pairwise(lines):
        apart = above.y - below.y
        if above.page == below.page and above.size == below.size and 0.8 * below.size < apart < 2.2 * below.size:
            distances.setdefault(below.size, []).append(apart)
    # Those between paragraphs are larger, and may be as many.
    return {size: min(sorted(found)[len(found) // 4], 1.6 * size) for size, found in distances.items()}


def _is_bold(line: PdfLine) -> bool:
    return all(run.style.strong or not run.text.strip() for run in line.runs)


def _is_capital(line: PdfLine) -> bool:
    words = line.text.strip()
    return len(words) > 3 and words.isupper() and len(words) < 80
