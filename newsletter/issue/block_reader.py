"""Reading of blocks: the tokens of a text become its blocks of spans, with the faults of their words."""

from dataclasses import replace

from markdown_it.token import Token

from newsletter.field import Field, fill_fields
from newsletter.issue.blocks import (
    Alignment,
    Block,
    Blocks,
    CodeBlock,
    Footnote,
    Heading,
    ListBlock,
    Paragraph,
    PictureBlock,
    Quotation,
    RichText,
    Spans,
    TableBlock,
    ThematicBreak,
)
from newsletter.issue.excerpt import Excerpt
from newsletter.issue.image import find_file_name_fault
from newsletter.issue.inline_text import parse_line
from newsletter.issue.markdown_lists import find_loose_list
from newsletter.issue.passage import read_passage
from newsletter.issue.picture_rule import PictureSource
from newsletter.validation import Fault


class BlockReader:
    """A reader of block tokens, which builds their blocks and keeps the faults of their words."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = iter(tokens)
        self._faults: list[Fault] = []
        self._paragraphs: list[Excerpt] = []
        self._marks: dict[str, int] = {}
        self._mark_places: list[tuple[str, int]] = []
        self._notes: dict[str, tuple[int, Blocks]] = {}
        self._within_note = False
        self._footnote_faults: list[Fault] = []

    def read_text(self) -> tuple[RichText, list[Fault]]:
        """Return the whole text and its faults."""
        blocks = self.read_blocks()
        footnotes = tuple(
            Footnote(number, self._notes[label][1]) for label, number in self._marks.items() if label in self._notes
        )
        told = {fault.at for fault in self._faults}
        loose = (fault for fault in find_loose_list(self._paragraphs) if fault.at not in told)
        return RichText(blocks, footnotes), [*self._faults, *loose, *self._find_footnote_faults()]

    def read_blocks(self) -> Blocks:
        """Return the blocks up to the end of what holds them."""
        blocks: list[Block] = []
        for token in self._tokens:
            if token.nesting < 0:
                break
            if token.type == "footnote_reference_open":
                self._read_note(token)
            else:
                blocks.append(self._read_block(token))
        return tuple(blocks)

    def _read_note(self, token: Token) -> None:
        self._within_note = True
        blocks = self.read_blocks()
        self._within_note = False
        self._notes[token.meta["label"]] = (token.meta["at"], blocks)

    def _read_block(self, token: Token) -> Block:
        match token.type:
            case "heading_open":
                return Heading(self._read_words())
            case "bullet_list_open" | "ordered_list_open":
                first = int(token.attrs.get("start", 1)) if token.type == "ordered_list_open" else None
                entries = []
                for entry in self._tokens:
                    if entry.nesting < 0:
                        break
                    entries.append(self.read_blocks())
                return ListBlock(tuple(entries), first)
            case "blockquote_open":
                return Quotation(self.read_blocks())
            case "table_open":
                return self._read_table()
            case "fence":
                return CodeBlock(token.content.removesuffix("\n"), next(iter(token.info.split()), ""))
            case "hr":
                return ThematicBreak()
            case "picture":
                return self._read_picture(token.meta["picture"])
            case _:
                return Paragraph(self._read_words(is_paragraph=True))

    def _read_words(self, *, is_paragraph: bool = False) -> Spans:
        """Return the spans of the block that was opened, up to its end."""
        excerpt: Excerpt = next(self._tokens).meta["excerpt"]
        next(self._tokens)
        if is_paragraph:
            self._paragraphs.append(excerpt)
        return self._read_passage(excerpt)

    def _read_passage(self, excerpt: Excerpt) -> Spans:
        passage = read_passage(excerpt, {} if self._within_note else self._marks)
        self._faults += passage.faults
        for piece in passage.markup:
            if piece.kind == "footnote_ref" and self._within_note:
                self._tell(piece.start, "a footnote can't have a footnote", "Write it in brackets.")
            elif piece.kind == "footnote_ref":
                self._mark_places.append((piece.text, piece.start))
        return passage.spans

    def _read_picture(self, source: PictureSource) -> PictureBlock:
        words, faults = parse_line(source.alt.text)
        self._faults += [replace(fault, at=source.alt.place(fault.at or 0)) for fault in faults]
        if not fill_fields(words).strip():
            self._faults.append(
                Fault(
                    code="alt",
                    at=source.at,
                    message="this picture has no description",
                    next_step="Say between the brackets what it shows, for readers who can't see it: "
                    "![what it shows](file.jpg).",
                )
            )
        elif any(isinstance(piece, Field) for piece in words):
            self._faults.append(
                Fault(
                    code="field",
                    at=source.alt.place(source.alt.text.find("{{")),
                    message="a field can't stand in the description of a picture",
                    next_step="Write words that are true for every reader.",
                )
            )
        if fault := find_file_name_fault(source.file.text):
            self._faults.append(replace(fault, at=source.file.place(0)))
        caption = self._read_passage(source.caption) if source.caption else ()
        return PictureBlock(source.file.text, fill_fields(words), caption)

    def _find_footnote_faults(self) -> list[Fault]:
        """Tell of marks without a note, notes without a mark, and marks of the same note."""
        seen: set[str] = set()
        for label, at in self._mark_places:
            if label not in self._notes:
                self._tell(
                    at,
                    "this mark has no footnote",
                    f"Write the footnote as a paragraph of this text, not indented: [^{label}]: words. "
                    "If you mean the signs themselves, put a backslash before [.",
                )
            elif label in seen:
                self._tell(at, "this footnote has a mark already", "Give each mark a footnote of its own.")
            seen.add(label)
        for label, (at, _) in self._notes.items():
            if label not in seen:
                self._tell(at, "no mark leads to this footnote", f"Put [^{label}] behind the words that it is about.")
        return self._footnote_faults

    def _tell(self, at: int, message: str, next_step: str) -> None:
        self._footnote_faults.append(Fault(code="footnote", at=at, message=message, next_step=next_step))

    def _read_table(self) -> TableBlock:
        rows: list[tuple[Spans, ...]] = []
        cells: list[Spans] = []
        alignments: list[Alignment] = []
        for token in self._tokens:
            match token.type:
                case "th_open" | "td_open":
                    cells.append(self._read_words())
                    if token.type == "th_open":
                        alignments.append(_ALIGNMENTS[str(token.attrs.get("style", ""))])
                case "tr_close":
                    rows.append(tuple(cells))
                    cells = []
                case "table_close":
                    break
        return TableBlock(rows[0], tuple(rows[1:]), tuple(alignments))


_ALIGNMENTS: dict[str, Alignment] = {
    "": "", "text-align:left": "left", "text-align:center": "center", "text-align:right": "right",
}  # fmt: skip
