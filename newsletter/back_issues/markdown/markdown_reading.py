"""Reading of Markdown as other programs write it: CommonMark with GFM's tables and footnotes, and HTML within it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from newsletter.back_issues.markdown.inline_reading import InlineReader
from newsletter.back_issues.markdown.source_text import (
    Comments,
    SourceBlock,
    SourceBlocks,
    SourceHeading,
    SourceText,
    tell_hidden,
)
from newsletter.issue.blocks import (
    Alignment,
    CodeBlock,
    ListBlock,
    Paragraph,
    Quotation,
    Spans,
    TableBlock,
    ThematicBreak,
)

_DEEPEST = 60  # what is nested deeper would be dropped by the parser
_DEEPEST_HTML = 2  # of HTML within what was HTML


def read_markdown(source: str, comments: Comments, convert_html: Callable[[str], str]) -> SourceText:
    """Read a text; HTML in it is read as the Markdown that `convert_html` makes of it."""
    reader = _MarkdownReader(comments, convert_html)
    blocks = reader.read(source)
    return SourceText(blocks, reader.footnotes)


@cache
def _make_parser() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable(["table", "strikethrough"])
    markdown.use(footnote_plugin, inline=False)
    markdown.disable("footnote_tail")  # which would drop the footnotes that no mark leads to
    # Every address becomes a link here; whether a draft can hold it is decided when it is written.
    markdown.validateLink = lambda _url: True  # type: ignore[method-assign, assignment]  # documented so
    return markdown


@dataclass(slots=True)
class _MarkdownReader:
    """A reader of tokens into blocks, which numbers the footnotes of the whole text."""

    comments: Comments
    convert_html: Callable[[str], str]
    footnotes: dict[int, SourceBlocks] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    html_depth: int = 0

    def read(self, source: str) -> SourceBlocks:
        env: dict[str, Any] = {}
        tokens = _make_parser().parse(source, env)
        if any(token.level >= _DEEPEST for token in tokens):
            self.comments.add("Something is nested deeper than can be read, and was left out.")
        return tuple(self._read_blocks(iter(tokens)))

    def number_note(self, label: str) -> int:
        """Return the number of a footnote by its label."""
        return self.numbers.setdefault(label, len(self.numbers) + 1)

    def _read_blocks(self, tokens: Iterator[Token]) -> Iterator[SourceBlock]:
        """Yield the blocks up to the end of what holds them."""
        for token in tokens:
            if token.nesting < 0:
                return
            match token.type:
                case "heading_open":
                    words = self._read_words(tokens)
                    if words:
                        yield SourceHeading(int(token.tag[1:]), words)
                case "paragraph_open":
                    yield from self._read_paragraph(tokens)
                case "bullet_list_open" | "ordered_list_open":
                    entries = [tuple(self._read_blocks(tokens)) for _ in _iterate_opened(tokens)]
                    first = int(token.attrs.get("start", 1)) if token.type == "ordered_list_open" else None
                    if entries := [entry for entry in entries if entry]:
                        yield ListBlock(_without_headings(entries), first)
                case "blockquote_open":
                    if blocks := tuple(self._read_blocks(tokens)):
                        yield Quotation(_without_headings([blocks])[0])
                case "table_open":
                    yield self._read_table(tokens)
                case "fence" | "code_block":
                    language = next(iter(token.info.split()), "")
                    yield CodeBlock(token.content.removesuffix("\n").expandtabs(4), language)
                case "hr":
                    yield ThematicBreak()
                case "html_block":
                    yield from self._read_html(token.content)
                case "footnote_reference_open":
                    note = tuple(self._read_blocks(tokens))
                    self.footnotes.setdefault(self.number_note(token.meta["label"]), note)

    def _read_words(self, tokens: Iterator[Token]) -> Spans:
        inline = next(tokens)
        next(tokens)
        return InlineReader(self.comments, self.number_note).read_words(inline)

    def _read_paragraph(self, tokens: Iterator[Token]) -> Iterator[SourceBlock]:
        inline = next(tokens)
        next(tokens)
        yield from InlineReader(self.comments, self.number_note).read_paragraph(inline)

    def _read_table(self, tokens: Iterator[Token]) -> TableBlock:
        rows: list[list[Spans]] = []
        alignments: list[Alignment] = []
        for token in tokens:
            if token.type == "table_close":
                break
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                if token.type == "th_open":
                    alignments.append(_read_alignment(str(token.attrs.get("style", ""))))
                rows[-1].append(self._read_words(tokens))
        header, *others = rows
        return TableBlock(tuple(header), tuple(map(tuple, others)), tuple(alignments))

    def _read_html(self, html: str) -> SourceBlocks:
        """Read a block of HTML as the Markdown that the converter makes of it."""
        if self.html_depth >= _DEEPEST_HTML:
            return (Paragraph(InlineReader(self.comments, self.number_note).read_literal(html)),)
        if html.lstrip().startswith("<!--"):
            hidden, _, html = html.partition("-->")
            tell_hidden(hidden.strip().removeprefix("<!--"), self.comments)
        if not html.strip():
            return ()
        self.html_depth += 1
        blocks = self.read(self.convert_html(html))
        self.html_depth -= 1
        return blocks


def _iterate_opened(tokens: Iterator[Token]) -> Iterator[Token]:
    """Yield the opening token of each entry of a list, up to the list's end."""
    for token in tokens:
        if token.nesting < 0:
            return
        yield token


def _without_headings(entries: list[SourceBlocks]) -> tuple[tuple[Any, ...], ...]:
    """Return entries whose headings are paragraphs, since a draft's lists and quotations hold none."""
    return tuple(
        tuple(Paragraph(block.spans) if isinstance(block, SourceHeading) else block for block in entry)
        for entry in entries
    )


def _read_alignment(style: str) -> Alignment:
    for alignment in ("left", "center", "right"):
        if alignment in style:
            return alignment
    return ""
