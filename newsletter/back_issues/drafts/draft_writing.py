"""Writing of blocks as the Markdown of a draft, each text checked by reading it back."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from newsletter.back_issues.drafts.draft_blocks import BlockPreparer, keep_marks, simplify
from newsletter.back_issues.drafts.draft_words import CAREFUL, PLAIN, STRICT, WordsWriter, escape_line_start
from newsletter.back_issues.markdown.source_text import Comments, SourceBlocks, words_of
from newsletter.field import fill_fields
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
    RichText,
    Spans,
    TableBlock,
    TextRun,
    ThematicBreak,
)
from newsletter.issue.inline_text import parse_headline, parse_line, parse_paragraphs
from newsletter.issue.richtext import parse

_CARES = (PLAIN, CAREFUL, STRICT)
_UNSAFE = re.compile(r"[^\w\s.,;'\"!?-]")


class DraftWriter:
    """A writer of a draft's texts: of prose, headlines, captions and lines."""

    def __init__(
        self, comments: Comments, words: WordsWriter, blocks: BlockPreparer, footnotes: Mapping[int, SourceBlocks]
    ) -> None:
        self._comments = comments
        self._words = words
        self.blocks = blocks
        self._footnotes = footnotes
        self._noted: set[int] = set()

    def write_prose(self, source: SourceBlocks, *, with_notes: bool = True) -> str:
        """Return a text as Markdown that reads back as the same blocks, or as paragraphs of the same words."""
        blocks = self.blocks.prepare(source)
        if not blocks:
            return ""
        notes = self._find_notes(blocks) if with_notes else {}
        self._noted |= notes.keys()
        left = set(notes)
        blocks = tuple(keep_marks(block, left) for block in blocks)
        written = "\n\n".join(self._write_checked(block) for block in blocks)
        if len(blocks) == 1 and not notes:
            return written
        if self._is_right(written + self._write_notes(notes, PLAIN), blocks, notes):
            return written + self._write_notes(notes, PLAIN)
        for version in (blocks, simplify(blocks)):
            written = self._write_blocks(version, STRICT) + self._write_notes(notes, STRICT)
            if self._is_right(written, version, notes):
                break
        return written

    def write_lone_notes(self) -> str:
        """Return the footnotes that stand below no text, since no mark in one leads to them."""
        lone = [note for number, note in self._footnotes.items() if number not in self._noted]
        if lone:
            self._comments.add("Footnotes that no text has a mark for are now in the closing note.")
        return "\n\n".join(filter(None, (self.write_prose(note, with_notes=False) for note in lone)))

    def _find_notes(self, blocks: Blocks) -> dict[int, Blocks]:
        """Return the footnotes that blocks have marks of, in the order of their marks, without marks of their own."""
        notes = {number: self.blocks.prepare(self._footnotes.get(number, ())) for number in _iterate_marks(blocks)}
        return {number: tuple(keep_marks(part, set()) for part in note) for number, note in notes.items() if note}

    def write_headline(self, spans: Spans) -> str:
        """Return words in one line without links, as a headline and a section's title have them."""
        return self._write_words(spans, lambda text: _read_rich(*parse_headline(text)), with_links=False)

    def write_caption(self, spans: Spans) -> str:
        """Return words in one line with their links, as a caption and a credit have them."""
        return self._write_words(spans, lambda text: _read_rich(*parse_paragraphs(text)), with_links=True)

    def find_address(self, link: Link) -> str | None:
        """Return a link's address if a draft can hold it, None with a remark if not."""
        return self._words.find_address(link)

    def write_line(self, text: str) -> str:
        """Return a text as a line without styles and links, as a title and a picture's description have it."""

        def read(written: str) -> str | None:
            pieces, faults = parse_line(written)
            return None if faults else fill_fields(pieces)

        return self._write_words((TextRun(text=text),), read, with_links=False)

    def _write_words(self, spans: Spans, read: Callable[[str], str | None], *, with_links: bool) -> str:
        spans = tuple(
            TextRun(text=" ") if isinstance(span, LineBreak) else span
            for span in spans
            if not isinstance(span, FootnoteMark)
        )
        words = words_of(spans)
        plain: Spans = (TextRun(text=words),)
        for version in (spans, plain):
            for care in _CARES:
                written = self._words.write_spans(version, care, with_links=with_links)
                written = escape_line_start(written) if care else written
                if _squeeze(read(written) or "") == _squeeze(words):
                    return written
        if words:
            self._comments.add(f"Signs were left out of: {words}")
        return " ".join(_UNSAFE.sub(" ", words).split())

    def _write_checked(self, block: Block) -> str:
        for care in _CARES:
            written = self._write_block(block, care)
            if self._is_right(written, (block,), {}):
                return written
        return self._write_blocks(simplify((block,)), STRICT)

    def _is_right(self, written: str, blocks: Blocks, notes: Mapping[int, Blocks]) -> bool:
        """Return whether a text reads back without faults as the same kinds of blocks, words and links."""
        text, faults = parse(written)
        marked = not notes  # marks without their notes are faults where a block is looked at alone
        faults = [fault for fault in faults if not (marked and fault.code == "footnote")]
        if faults or [type(block) for block in text.blocks] != [type(block) for block in blocks]:
            return False
        expected = RichText((*blocks, *(part for note in notes.values() for part in note)))
        found = RichText((*text.blocks, *(part for note in text.footnotes for part in note.blocks)))
        wanted = Counter(filter(None, (self._words.find_address(link) for link in expected.links())))
        there = Counter(link.href for link in found.links())
        return _squeeze(found.plain()) == _squeeze(expected.plain()) and sum(there.values()) >= sum(wanted.values())

    def _write_notes(self, notes: Mapping[int, Blocks], care: int) -> str:
        written = ""
        for number, note in notes.items():
            first, *lines = self._write_blocks(simplify(note), care).split("\n")
            written += f"\n\n[^{number}]: " + "\n".join([first, *(f"    {line}" if line else "" for line in lines)])
        return written

    def _write_blocks(self, blocks: Sequence[Block], care: int) -> str:
        return "\n\n".join(self._write_block(block, care) for block in blocks)

    def _write_block(self, block: Block, care: int) -> str:
        match block:
            case Paragraph(spans=spans):
                return self._write_paragraph(spans, care)
            case Heading(spans=spans):
                return f"### {self._words.write_spans(spans, care)}"
            case ListBlock():
                return self._write_list(block, care)
            case Quotation(blocks=inner):
                lines = self._write_blocks(inner, care).split("\n")
                return "\n".join(f"> {line}".rstrip() for line in lines)
            case TableBlock():
                return self._write_table(block, care)
            case CodeBlock(text=text, language=language):
                ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
                language = language if re.fullmatch(r"[\w+#.-]{1,30}", language) else ""
                return f"{ticks}{language}\n{text}\n{ticks}"
            case ThematicBreak():
                return "---"
            case PictureBlock(file=file, alt=alt, caption=caption):
                words = self._words.write_spans(caption, CAREFUL).replace('"', '\\"')
                return f"![{self.write_line(alt)}]({file}" + (f' "{words}")' if words else ")")

    def _write_paragraph(self, spans: Spans, care: int) -> str:
        text = self._words.write_spans(spans, care)
        if care == PLAIN:
            return text
        return "\\\n".join(escape_line_start(line) for line in text.split("\\\n"))

    def _write_list(self, block: ListBlock, care: int) -> str:
        gap = "\n" if block.is_tight else "\n\n"
        entries = []
        for number, entry in enumerate(block.entries, start=1):
            mark = "- " if block.first is None else f"{number}. "
            parts = [self._write_block(part, care) for part in entry]
            text = parts[0] if parts else ""
            for part, below in zip(parts[1:], entry[1:], strict=True):
                text += ("\n" if block.is_tight and isinstance(below, ListBlock) else "\n\n") + part
            first, *lines = text.split("\n")
            entries.append("\n".join([mark + first, *(" " * len(mark) + line if line else "" for line in lines)]))
        return gap.join(entries)

    def _write_table(self, block: TableBlock, care: int) -> str:
        def write_row(cells: Sequence[Spans]) -> str:
            words = (self._words.write_spans(cell, care) for cell in cells)
            return "| " + " | ".join(re.sub(r"(?<!\\)\|", r"\\|", text) for text in words) + " |"

        marks = {"": "---", "left": ":---", "center": ":---:", "right": "---:"}
        rule = "| " + " | ".join(marks[alignment] for alignment in block.alignments) + " |"
        return "\n".join([write_row(block.header), rule, *map(write_row, block.rows)])


def _squeeze(text: str) -> str:
    """Return a text without any blanks, which lines and blocks may have between words or not."""
    return "".join(text.split())


def _read_rich(text: RichText, faults: Sequence[object]) -> str | None:
    return None if faults or len(text.paragraphs) > 1 else text.plain()


def _iterate_marks(blocks: Blocks) -> list[int]:
    """Return the numbers of the footnotes' marks within blocks, each once."""
    marks = (span.number for span in RichText(blocks).spans() if isinstance(span, FootnoteMark))
    return list(dict.fromkeys(marks))
