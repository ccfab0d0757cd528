"""Reading of words as other programs write them: inline Markdown and HTML become spans."""

import re
from collections.abc import Callable
from html import unescape
from typing import Literal

from markdown_it.token import Token

from newsletter.back_issues.markdown.source_text import (
    Comments,
    SourceBlock,
    SourcePicture,
    name_host,
    strip_spans,
    tell_hidden,
    words_of,
)
from newsletter.issue.blocks import FootnoteMark, LineBreak, Link, Paragraph, Span, Spans, TextRun

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_ATTRIBUTE = re.compile(r"""\b(href|src|alt|title)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_STYLES = {
    "b": "strong", "strong": "strong",
    "i": "emphasis", "em": "emphasis", "cite": "emphasis", "dfn": "emphasis",
    "s": "strike", "del": "strike", "strike": "strike",
    "code": "code", "kbd": "code", "tt": "code", "samp": "code",
    "sup": "super", "sub": "sub",
}  # fmt: skip
_TOKENS = {"strong": "strong", "em": "emphasis", "s": "strike"}


class InlineReader:
    """A reader of one paragraph's tokens, which keeps the styles that are open and the pictures that it met."""

    def __init__(self, comments: Comments, number_note: Callable[[str], int]) -> None:
        self._comments = comments
        self._number_note = number_note
        self._spans: list[Span] = []
        self._open: dict[str, int] = {}
        self._href = ""
        self._label: list[TextRun] = []
        self._pictures: list[SourcePicture] = []
        self._picture_links: set[int] = set()  # which of the spans are links of a picture alone

    def read_words(self, inline: Token) -> Spans:
        """Return the spans of a heading or a cell, whose pictures become remarks."""
        self._read_tokens(inline.children or [])
        for picture in self._pictures:
            self._tell_picture(picture)
        return strip_spans(tuple(self._spans))

    def read_paragraph(self, inline: Token) -> list[SourceBlock]:
        """Return a paragraph, or the pictures that stand in place of its words."""
        self._read_tokens(inline.children or [])
        spans = strip_spans(tuple(self._spans))
        if not self._pictures:
            return [Paragraph(spans)] if spans else []
        if not words_of(tuple(span for at, span in enumerate(self._spans) if at not in self._picture_links)):
            return list(self._pictures)
        for picture in self._pictures:
            self._tell_picture(picture)
        return [Paragraph(spans)]

    def read_literal(self, text: str) -> Spans:
        """Return text as it is, without any markup in it."""
        return (TextRun(text=text.strip()),)

    def _tell_picture(self, picture: SourcePicture) -> None:
        shows = f", which shows: {picture.alt}" if picture.alt else ""
        self._comments.add("Pictures stood within the words", f"{picture.source}{shows}")

    def _read_tokens(self, tokens: list[Token]) -> None:
        for token in tokens:
            kind = token.type
            if kind == "text":
                self._add_text(token.content)
            elif kind == "softbreak":
                self._add_text("\n")
            elif kind == "hardbreak":
                self._break_line()
            elif kind == "code_inline":
                self._add_text(token.content, code=True)
            elif kind == "link_open":
                self._open_link(str(token.attrs.get("href", "")))
            elif kind == "link_close":
                self._close_link()
            elif kind == "image":
                self._add_picture(
                    str(token.attrs.get("src", "")), token.content, str(token.attrs.get("title", "") or "")
                )
            elif kind == "html_inline":
                self._read_tag(token.content)
            elif kind == "footnote_ref":
                self._add_span(FootnoteMark(self._number_note(token.meta["label"])))
            elif kind.endswith(("_open", "_close")):
                self._set_style(_TOKENS.get(kind.rpartition("_")[0], ""), is_open=kind.endswith("_open"))
        self._close_link()

    def _set_style(self, style: str, *, is_open: bool) -> None:
        if style:
            self._open[style] = max(0, self._open.get(style, 0) + (1 if is_open else -1))

    def _read_tag(self, html: str) -> None:
        if html.startswith("<!--"):
            tell_hidden(html.removeprefix("<!--").removesuffix("-->"), self._comments)
            return
        tag = _TAG.match(html)
        if tag is None:
            return
        closes, name = bool(tag[1]), tag[2].lower()
        attributes = _ATTRIBUTE.finditer(html)
        found = {match[1].lower(): unescape(match[2] or match[3] or match[4] or "") for match in attributes}
        if name == "br":
            self._break_line()
        elif name == "img":
            self._add_picture(found.get("src", ""), found.get("alt", ""), found.get("title", ""))
        elif name == "a" and closes:
            self._close_link()
        elif name == "a" and "href" in found:
            self._open_link(found["href"])
        elif name in _STYLES and not html.endswith("/>"):
            self._set_style(_STYLES[name], is_open=not closes)

    def _open_link(self, href: str) -> None:
        self._close_link()
        self._href, self._label = href.strip(), []

    def _close_link(self) -> None:
        if not self._href:
            return
        href, label = self._href, self._label
        self._href, self._label = "", []
        if "".join(run.text for run in label).strip():
            self._spans.append(Link(address=(href,), runs=tuple(label)))
        elif pictures := [picture for picture in self._pictures if picture.link == href]:
            words = pictures[-1].alt or name_host(href)
            self._picture_links.add(len(self._spans))
            self._spans.append(Link(address=(href,), runs=(TextRun(text=words),)))

    def _add_picture(self, source: str, alt: str, title: str) -> None:
        self._pictures.append(SourcePicture(source.strip(), " ".join(alt.split()), " ".join(title.split()), self._href))

    def _break_line(self) -> None:
        if self._href:
            self._add_text(" ")
        else:
            self._spans.append(LineBreak())

    def _add_span(self, span: Span) -> None:
        if self._href and isinstance(span, TextRun):
            self._label.append(span)
        elif not self._href:
            self._spans.append(span)

    def _add_text(self, text: str, *, code: bool = False) -> None:
        if not text:
            return
        styles = self._open
        script: Literal["", "super", "sub"] = "super" if styles.get("super") else "sub" if styles.get("sub") else ""
        self._add_span(
            TextRun(
                text=text,
                strong=bool(styles.get("strong")),
                emphasis=bool(styles.get("emphasis")),
                strike=bool(styles.get("strike")),
                code=code or bool(styles.get("code")),
                script=script,
            )
        )
