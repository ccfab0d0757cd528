"""Passages of a draft as readers see them: its words without marks of Markdown, each with its place in the file."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Literal, TypeVar

from newsletter.issue.block_parser import parse_blocks
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.excerpt import Excerpt
from newsletter.issue.markdown import MarkupSpan, ParsedParagraph, read_inline
from newsletter.issue.picture_rule import PictureSource
from newsletter.issue.sourcemap import SourceMap
from newsletter.issue.yamltext import Place
from newsletter.translation import find_primary_language

# Code, fields, addresses that are shown, raised and lowered words, and passages in another language, each as one
# character that no text holds (without_invisible takes it away).
OPAQUE = "\ufffc"
_REMEMBERED = 1000  # texts, so that the preview reads what has changed alone
LINE_BREAK = "\u2028"  # the end of a line within a paragraph; a draft that has it otherwise has a problem
Kind = Literal["paragraph", "heading", "entry", "cell", "caption", "alt", "line"]

_HEADING_KEYS = frozenset(("headline", "title", "subject", "headlines_title"))
_PROSE_KEYS = frozenset(("intro", "note", "detail", "text"))
_OPAQUE_KINDS = frozenset(("backticks", "field", "autolink", "address", "mail", "sup", "sub"))
_FOREIGN = re.compile(r"\]\{lang=[\"']?([A-Za-z0-9-]+)")
_FIELD = re.compile(r"\{\{[^{}]*\}\}")
_SPACED_BREAK = re.compile(r"(?<! ) {2,}\n")


@dataclass(frozen=True, slots=True)
class LinkWords:
    """The words of a link, from `start` to `end` of its passage; an address that is shown as it is has `is_bare`."""

    start: int
    end: int
    words: str
    is_bare: bool = False


@dataclass(frozen=True)
class ProsePassage:
    """A paragraph, heading, cell, caption or line, as readers see it.

    `key` is the draft's key that holds it, `language` a BCP 47 tag; `is_quoted` are somebody else's words.
    """

    key: str
    kind: Kind
    language: str
    is_quoted: bool
    text: str
    links: tuple[LinkWords, ...]
    pieces: "_Pieces"
    excerpt: Excerpt
    map: SourceMap

    def place(self, at: int) -> Place:
        """Return where the character `at` is in the draft's file."""
        return self.map.place(self.excerpt.place(self.pieces.source_place(at)))

    @cached_property
    def primary_language(self) -> str:
        """Return the language without its region: `en` of `en-GB`."""
        return find_primary_language(self.language)


def read_passages(source: DraftSource, language: str) -> Iterator[ProsePassage]:
    """Yield each passage of a draft in the file's order; `language` is the publication's."""
    for keys, node in source.texts_by_keys():
        text_map = source.map_text(node)
        is_prose = keys[-1] in _PROSE_KEYS and keys[-2:] != ("button", "text")
        excerpts = _cut_blocks(text_map.text) if is_prose else _cut_paragraphs(text_map.text, keys[-1])
        is_quote = keys[-2:] == ("quote", "text")
        for excerpt, kind, is_quoted in excerpts:
            yield from _read_excerpt(excerpt, kind, keys[-1], language, is_quoted or is_quote, text_map)


def _cut_paragraphs(text: str, key: str) -> Iterator[tuple[Excerpt, Kind, bool]]:
    kind: Kind = "alt" if key == "alt" else "heading" if key in _HEADING_KEYS else "line"
    if key in ("caption", "credit"):
        kind = "caption"
    for match in re.finditer(r"\S(?:.|\n(?![ \t]*\n))*", text):
        yield Excerpt(match[0].rstrip(), (0,), (match.start(),)), kind, False


@lru_cache(maxsize=_REMEMBERED)
def _cut_blocks(text: str) -> tuple[tuple[Excerpt, Kind, bool], ...]:
    """Return the words of each block, their kind, and whether they are somebody else's, without lines of code."""
    return tuple(_iterate_blocks(text))


def _iterate_blocks(text: str) -> Iterator[tuple[Excerpt, Kind, bool]]:
    start = len(text) - len(text.lstrip())
    start -= len(text[:start]) - len(text[:start].rstrip(" \t"))  # which may say how deep a list is
    tokens, _ = parse_blocks(text[start:].rstrip())
    quotes = lists = 0
    inner: Kind = "paragraph"
    for token in tokens:
        if token.type.startswith("blockquote"):
            quotes += token.nesting
        elif token.type.endswith("_list_open") or token.type.endswith("_list_close"):
            lists += token.nesting
        elif token.type in ("heading_open", "th_open", "td_open"):
            inner = "heading" if token.type == "heading_open" else "cell"
        elif token.type in ("heading_close", "th_close", "td_close"):
            inner = "paragraph"
        elif token.type == "inline":
            kind: Kind = "entry" if lists and inner == "paragraph" else inner
            yield _shift(token.meta["excerpt"], start), kind, quotes > 0
        elif token.type == "picture":
            picture: PictureSource = token.meta["picture"]
            yield _shift(picture.alt, start), "alt", False
            if picture.caption:
                yield _shift(picture.caption, start), "caption", False


def _shift(excerpt: Excerpt, by: int) -> Excerpt:
    return Excerpt(excerpt.text, excerpt.starts, tuple(place + by for place in excerpt.places))


@dataclass(frozen=True, slots=True)
class _Cut:
    """A piece of source that readers see otherwise: as `shown`."""

    start: int
    end: int
    shown: str = ""


_Piece = TypeVar("_Piece", _Cut, MarkupSpan)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The pieces of source that make up a text: where each starts in the text, and where in the source."""

    starts: tuple[int, ...]
    places: tuple[int, ...]
    length: int

    def source_place(self, at: int) -> int:
        """Return where the character `at` of the text is in the source."""
        piece = max(bisect_right(self.starts, at) - 1, 0)
        return self.places[piece] + at - self.starts[piece] if self.places else 0

    def text_place(self, place: int) -> int:
        """Return which character of the text is at a place of the source, or comes first behind it."""
        piece = bisect_right(self.places, place) - 1
        if piece < 0:
            return 0
        end = self.starts[piece + 1] if piece + 1 < len(self.starts) else self.length
        return min(self.starts[piece] + place - self.places[piece], end)


@dataclass(frozen=True, slots=True)
class _Wording:
    """The words of an excerpt, or of a part of it that is in another language."""

    language: str
    text: str
    links: tuple[LinkWords, ...]
    pieces: _Pieces


def _read_excerpt(
    excerpt: Excerpt, kind: Kind, key: str, language: str, is_quoted: bool, text_map: SourceMap
) -> Iterator[ProsePassage]:
    """Yield the passage of an excerpt, then those within it that are in other languages."""
    for words in _read_words(excerpt.text, language):
        yield ProsePassage(
            key, kind, words.language, is_quoted, words.text, words.links, words.pieces, excerpt, text_map
        )


@lru_cache(maxsize=_REMEMBERED)
def _read_words(text: str, language: str) -> tuple[_Wording, ...]:
    """Return the words of an excerpt, then those of its parts in other languages."""
    source = _FIELD.sub(lambda field: field[0].replace("\n", " "), text)  # one that was folded is read as one
    parsed = read_inline(source)
    markup = sorted(parsed.markup, key=lambda piece: piece.start)
    cuts = sorted(_list_cuts(source, parsed), key=lambda cut: cut.start)
    foreign = list(_list_foreign(source, parsed, language))
    hidden = [_Cut(start, end, OPAQUE) for start, end, _ in foreign]
    whole = sorted((*cuts, *hidden), key=lambda cut: (cut.start, -cut.end))
    parts = [(0, len(source), language, whole, markup)]
    for start, end, other in foreign:
        parts.append((start, end, other, _list_within(cuts, start, end), _list_within(markup, start, end)))
    found = []
    for first, last, spoken, own_cuts, own_markup in parts:
        shown, pieces = _compose(source, own_cuts, first, last)
        links = tuple(_list_links(source, own_markup, shown, pieces))
        found.append(_Wording(spoken, shown, links, pieces))
    return tuple(found)


def _list_within(pieces: list[_Piece], start: int, end: int) -> list[_Piece]:
    """Return those of sorted pieces that begin between two places."""
    first = bisect_left(pieces, start, key=lambda piece: piece.start)
    return pieces[first : bisect_left(pieces, end, key=lambda piece: piece.start)]


def _list_foreign(source: str, parsed: ParsedParagraph, language: str) -> Iterator[tuple[int, int, str]]:
    """Yield where passages in another language start and end, and which it is."""
    for piece in parsed.markup:
        named = _FOREIGN.match(source, piece.inner) if piece.kind == "language" else None
        if named and find_primary_language(named[1]) != find_primary_language(language):
            yield piece.start + 1, piece.inner, named[1]


def _list_cuts(source: str, parsed: ParsedParagraph) -> Iterator[_Cut]:
    """Yield what is no word: the marks of Markdown, and what is shown in the place of code, fields and entities."""
    for piece in parsed.markup:
        yield from _cut_markup(source, piece)
    for token in parsed.tokens:
        if token.type in ("em_open", "em_close"):
            yield _Cut(token.meta["start"], token.meta["start"] + 1)
        elif token.type == "strong_open":  # the second of its two signs is its place
            yield _Cut(token.meta["start"] - 1, token.meta["start"] + 1)
        elif token.type == "strong_close":
            yield _Cut(token.meta["start"], token.meta["start"] + 2)
    for match in _SPACED_BREAK.finditer(source):
        yield _Cut(match.start(), match.end(), LINE_BREAK)


def _cut_markup(source: str, piece: MarkupSpan) -> Iterator[_Cut]:
    if piece.kind == "escape":
        is_break = source.startswith("\n", piece.start + 1)
        yield _Cut(piece.start, piece.end, LINE_BREAK) if is_break else _Cut(piece.start, piece.start + 1)
    elif piece.kind in ("link", "language"):
        yield _Cut(piece.start, piece.start + 1)
        yield _Cut(piece.inner, piece.end)
    elif piece.kind in _OPAQUE_KINDS:
        yield _Cut(piece.start, piece.end, OPAQUE)
    else:  # an entity, the mark of a footnote, and those of struck-out words
        yield _Cut(piece.start, piece.end, piece.text if piece.kind == "entity" else "")


def _compose(source: str, cuts: list[_Cut], at: int, end: int) -> tuple[str, _Pieces]:
    """Return the text between two places of the source with its cuts made, and the pieces that it is made of."""
    words: list[tuple[str, int]] = []
    for cut in cuts:
        if cut.start < at or cut.end > end:
            continue  # within one that is made already, or elsewhere
        words += [(source[at : cut.start], at), (cut.shown, cut.start)]
        at = cut.end
    words.append((source[at:end], at))
    words = [(piece, place) for piece, place in words if piece]
    text = "".join(piece for piece, _ in words)
    starts = tuple(accumulate((len(piece) for piece, _ in words[:-1]), initial=0)) if words else ()
    return text, _Pieces(starts, tuple(place for _, place in words), len(text))


def _list_links(source: str, markup: list[MarkupSpan], text: str, pieces: _Pieces) -> Iterator[LinkWords]:
    """Yield the links of a passage in their order, each where its words are in `text`."""
    for piece in markup:
        if piece.kind == "link":
            start, end = pieces.text_place(piece.start + 1), pieces.text_place(piece.inner)
            if start < end:
                yield LinkWords(start, end, text[start:end])
        elif piece.kind in ("autolink", "address"):
            at = pieces.text_place(piece.start)
            if text.startswith(OPAQUE, at) and pieces.source_place(at) == piece.start:
                yield LinkWords(at, at + 1, source[piece.start : piece.end].strip("<>"), is_bare=True)
