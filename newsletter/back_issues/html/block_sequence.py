"""The blocks of a page in the order in which they are read, with the one that is being read."""

import re
from collections.abc import Callable

from newsletter.back_issues.html.page_footnotes import place_footnotes
from newsletter.back_issues.html.page_furniture import is_furniture
from newsletter.back_issues.html.typed_numbers import list_numbered_paragraphs, make_marker, match_numbers
from newsletter.back_issues.page_text.page_blocks import BREAK, Container, PageBlock, Run, Runs, Style, find_linked
from newsletter.back_issues.page_text.page_spaces import collapse_spaces, cut_start, split_lines, split_paragraphs

_BULLET = re.compile(r"[•◦▪▸‣➢➤∙●○■□►✓✔][\s\u00a0]*|[·][\s\u00a0]+")
_DASH = re.compile(r"[-–—*]\s+(?=\S)")
_LONE_NUMBER = re.compile(r"\d{1,2}[.)]")
_ORNAMENT = re.compile(r"[\s|·•\-–—*_~=/<>+#]+")


class BlockSequence:
    """A collector of blocks: words are added to the paragraph that is open, and what begins or ends one closes it."""

    def __init__(self) -> None:
        self.blocks: list[PageBlock] = []
        self.left_out: list[str] = []
        self._runs: Runs = []
        self._code: list[str] = []
        self._containers: list[Container] = []
        self._entries: dict[int, Container] = {}  # the last entry of each level
        self._heading = 0
        self._table: PageBlock | None = None
        self._figure: int | None = None  # where the blocks of the figure that is open begin
        self._caption: Runs | None = None
        self._bullet = False  # a paragraph was a bullet alone, as in layouts with a column for bullets
        self._picture_links: list[tuple[PageBlock, str, str]] = []

    def add(self, run: Run) -> None:
        """Add words to what is open: a cell of a table, or else the paragraph."""
        if self._table is not None and self._table.rows and self._table.rows[-1]:
            self._table.rows[-1][-1].append(run)
        else:
            self._runs.append(run)

    def add_code(self, text: str) -> None:
        """Add lines as they are to the code that is open."""
        self._code.append(text)

    def end_code(self) -> None:
        """Make a block of the code that is open."""
        text = "".join(self._code).strip("\n").replace("\u00a0", " ")
        self._code.clear()
        if text.strip():
            self.end_paragraph()
            self._append(PageBlock("code", text="\n".join(line.rstrip() for line in text.split("\n"))))

    def add_block(self, block: PageBlock) -> None:
        """Add a block of its own; in a table nothing but words can stand."""
        if self._table is None:
            self.end_paragraph()
            self._append(block)

    def add_picture(self, source: str, alt: str, style: Style) -> None:
        """Add a picture; where it leads is kept if no words lead there."""
        block = PageBlock("picture", text=alt, source=source)
        self.add_block(block)
        if style.href and alt and self._table is None:
            self._picture_links.append((block, style.href, alt))

    def count(self, kind: str) -> int:
        """Return how many containers of a kind are open."""
        return sum(container.kind == kind for container in self._containers)

    def open(self, container: Container) -> Callable[[], None]:
        """Open a quotation or a footnote, which stands for itself at the left edge; return what closes it."""
        self.end_paragraph()
        outer = self._containers
        self._containers = [container] if container.kind == "note" else [*outer, container]
        return lambda: self._close(outer)

    def open_entry(self, container: Container, level: int) -> Callable[[], None]:
        """Open a list's entry at a level that counts from 1; return what closes it."""
        self.end_paragraph()
        outer = self._containers
        places = [place for place, each in enumerate(outer) if each.kind == "entry"]
        inner = outer[: places[level - 1]] if len(places) >= level else list(outer)
        if level > len(places) + 1 and self.blocks and (above := self._entries.get(level - 1)):
            inner = [*inner, above] if above in self.blocks[-1].containers else inner
        self._containers = [*inner, container]
        self._entries[level] = container
        return lambda: self._close(outer)

    def _close(self, outer: list[Container]) -> None:
        self.end_paragraph()
        self._containers = outer

    def open_heading(self, level: int) -> Callable[[], None]:
        """Open a heading; return what closes it."""
        self.end_paragraph()
        self._heading = level

        def close() -> None:
            self.end_paragraph()
            self._heading = 0

        return close

    def open_table(self) -> Callable[[], None]:
        """Open a table of data; return what closes it."""
        self.end_paragraph()
        table = self._table = PageBlock("table")

        def close() -> None:
            self._table = None
            rows = [[collapse_spaces(cell) for cell in row] for row in table.rows if any(row)]
            table.rows[:] = [row for row in rows if any(row)]
            if table.rows:
                self._append(table)

        return close

    def begin_row(self) -> None:
        """Begin the next row of the table that is open; in a layout a row ends what its first column announced."""
        if self._table is not None:
            self._table.rows.append([])
        else:
            self.end_paragraph()
            self._bullet = False

    def begin_cell(self, columns: int) -> None:
        """Begin the next cell of the table that is open."""
        if self._table is not None:
            if not self._table.rows:
                self._table.rows.append([])
            self._table.rows[-1] += [[] for _ in range(columns - 1)]
            self._table.rows[-1].append([])

    def open_figure(self) -> Callable[[], None]:
        """Open a picture with its caption; return what closes it."""
        outer, self._figure = self._figure, len(self.blocks)

        def close() -> None:
            self._figure = outer

        return close

    def open_caption(self) -> Callable[[], None]:
        """Open a caption, which goes to the last picture of its figure; return what closes it."""
        self.end_paragraph()
        self._caption = []

        def close() -> None:
            self.end_paragraph()
            runs, self._caption = collapse_spaces(self._caption or []), None
            first = len(self.blocks) if self._figure is None else self._figure
            pictures = [block for block in self.blocks[first:] if block.kind == "picture" and not block.runs]
            if pictures and runs:
                pictures[-1].runs = runs
            elif runs:
                self._append(PageBlock("paragraph", runs=runs))

        return close

    def end_paragraph(self) -> None:
        """Make a block, or several, of the words that are open."""
        if self._table is not None:
            self.add(Run(" "))
            return
        runs, self._runs = self._runs, []
        if self._caption is not None:
            self._caption += [*runs, Run(" ")]
        elif self._heading:
            words = collapse_spaces([Run(" ", run.style) if run.text == BREAK else run for run in runs])
            if words:
                self._append_heading(words)
        else:
            for paragraph in split_paragraphs(collapse_spaces(runs)):
                self._add_paragraph(paragraph)

    def _append_heading(self, runs: Runs) -> None:
        if any(container.kind == "entry" for container in self._containers):
            runs = [run._replace(style=run.style._replace(strong=True)) for run in runs]
            self._append(PageBlock("paragraph", runs=runs))
        else:
            runs = [run._replace(style=run.style._replace(strong=False)) for run in runs]
            self._append(PageBlock("heading", runs=runs, level=self._heading))

    def _add_paragraph(self, runs: Runs) -> None:
        block = PageBlock("paragraph", runs=runs)
        words = block.words
        if _BULLET.fullmatch(words) or _LONE_NUMBER.fullmatch(words):
            self._bullet = _BULLET.fullmatch(words) is not None
            if self._bullet:
                return
        if _ORNAMENT.fullmatch(words):
            if len(words.replace(" ", "")) >= 3 and "|" not in words:
                self._append(PageBlock("rule"))
            return
        if is_furniture(words, find_linked(runs)):
            self.left_out.append(words)
            return
        if self._bullet:
            self._bullet = False
            close = self.open_entry(Container("entry", "- ", 0), 1)
            self._append(block)
            close()
            return
        self._add_lines(block)

    def _add_lines(self, block: PageBlock) -> None:
        """Add a paragraph, whose lines are entries of a list where they begin with bullets or count."""
        lines = split_lines(block.runs)
        texts = ["".join(run.text for run in line).lstrip() for line in lines]
        dashes = sum(_DASH.match(text) is not None for text in texts) > 1
        bullets = [_BULLET.match(text) or (_DASH.match(text) if dashes else None) for text in texts]
        numbers = [None] * len(texts) if any(bullets) else match_numbers(texts)
        if not any(bullets) and not any(numbers):
            self._append(block)
            return
        before: Runs = []
        close: Callable[[], None] | None = None
        for line, bullet, number in zip(lines, bullets, numbers, strict=True):
            mark = bullet or number
            if mark is None:
                before += [Run(BREAK), *line] if before else line
                continue
            self._append_words(before)
            if close:
                close()
            before = cut_start(line, mark.end())
            entry = Container("entry", make_marker(number) if number else "- ")
            close = self.open_entry(entry, self.count("entry") + 1 if self.count("entry") < 2 else 2)
        self._append_words(before)
        if close:
            close()

    def _append_words(self, runs: Runs) -> None:
        if any(run.text.strip() or run.note for run in runs):
            self._append(PageBlock("paragraph", runs=collapse_spaces(runs)))

    def _append(self, block: PageBlock) -> None:
        block.containers = tuple(self._containers)
        self.blocks.append(block)

    def finish(self) -> list[PageBlock]:
        """Return all blocks: footnotes at the end of the section that they belong to, links of pictures below them."""
        self.end_paragraph()
        self._link_pictures()
        list_numbered_paragraphs(self.blocks)
        blocks = place_footnotes(self.blocks)
        kept = [
            block
            for number, block in enumerate(blocks)
            if block.kind != "rule" or (number and number + 1 < len(blocks) and blocks[number - 1].kind != "rule")
        ]
        while kept and kept[-1].kind == "rule":
            kept.pop()
        return kept

    def _link_pictures(self) -> None:
        known = {run.style.href for block in self.blocks for run in block.runs}
        known |= {run.style.href for block in self.blocks for row in block.rows for cell in row for run in cell}
        wanted: dict[int, PageBlock] = {}
        for picture, href, alt in self._picture_links:
            if href not in known and href != picture.source:
                known.add(href)
                wanted[id(picture)] = PageBlock("paragraph", picture.containers, [Run(alt, Style(href=href))])
        if wanted:
            self.blocks = [each for block in self.blocks for each in (block, wanted.get(id(block))) if each is not None]
