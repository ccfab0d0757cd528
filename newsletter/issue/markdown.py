"""Parsing of inline Markdown into tokens with their places.

CommonMark's emphasis, strong, links, code, escapes, entities and autolinks; bare addresses; and this project's fields
(`{{ name | reader }}`). Nothing else, so that raw HTML is shown as text.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import mdurl
from markdown_it import MarkdownIt, helpers
from markdown_it.common.normalize_url import normalizeLink
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

from newsletter.field import FIELD
from newsletter.issue.cjk import find_flanking

# Characters that hide a field in an address from CommonMark's rules. Of private use, and so a fault in any draft.
_MARK, _FILLING = "\ue001", "\ue002"
_UNESCAPED_FIELD = re.compile(rf"(?<!\\){FIELD.pattern}")
_FAR_ENOUGH = 8000  # no address and its fields are longer, so what a link costs stays bounded
# As GFM's extended autolinks, section 6.9, without bare mail addresses. Punctuation of any script ends an address.
_BARE = re.compile(
    r"(?<![A-Za-z0-9@/.:+&=?%#-])(?:https?://|www\.)(?=[^\W_])"
    r"(?:[^\s<>\[\]`\"\\{}|^*\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65“”«»—]"
    r"|\*(?=[A-Za-z0-9/&=])){1,2100}",  # longer than an address may be, so that it is found to be too long
    re.IGNORECASE,
)
_TRAILING = re.compile(r"(?:&[A-Za-z0-9]+;|[?!.,:;*_~'’…])+\Z")
_MARKED_VALUE = re.compile(r"=_[^&=_]+_\Z")  # a parameter between two _, of which the second is no end of emphasis
# The shrug, and names of programming that no prose would make strong.
_LITERAL = re.compile(
    r"(?<=¯)\\_\(.{1,3}\)_/¯|__(?:init|main|repr|str|dict|proto|dirname|filename|func|pycache)__"
    r"|__[a-z][a-z0-9_]{0,40}__(?=\.\w|\()"
)
# A character in the place of all that has been read as Markdown, where only text is looked at. Of private use, too.
READ = "\ue003"


@dataclass(frozen=True, slots=True)
class MarkupSpan:
    """A piece of source that was read as Markdown. `inner` is where a link's words end, `text` what an entity shows."""

    kind: str
    start: int
    end: int
    inner: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class ParsedParagraph:
    """The tokens of one paragraph, its markup in no order, and the places of * and _ that opened or closed nothing."""

    tokens: list[Token]
    markup: list[MarkupSpan]
    unused: list[int]
    text: str  # the source, with READ in the place of all markup


def read_inline(source: str, *, bare_links: bool = True) -> ParsedParagraph:
    """Read one paragraph. Without `bare_links`, an address stays text unless it is marked as a link."""
    addresses = dict(find_bare_addresses(source)) if bare_links else {}
    env: dict[str, Any] = {
        "addresses": addresses,
        "starts": sorted(addresses),
        "markup": [],
        "delimiters": [],
        "labels": {},
    }
    tokens = _make_parser().parseInline(source, env)[0].children or []
    return ParsedParagraph(tokens, env["markup"], env["delimiters"], _mask(source, env["markup"]))


def find_bare_addresses(source: str) -> list[tuple[int, int]]:
    """Return where each address that begins with https://, http:// or www. starts and ends."""
    found = []
    for match in _BARE.finditer(source):
        written = match[0]
        while True:
            shorter = written if _MARKED_VALUE.search(written) else _TRAILING.sub("", written)
            if shorter.endswith(")") and shorter.count(")") > shorter.count("("):
                shorter = shorter[:-1]
            if shorter == written:
                break
            written = shorter
        if "." in written.removeprefix("www.") or "://" in written:
            found.append((match.start(), match.start() + len(written)))
    return found


def _mask(source: str, markup: list[MarkupSpan]) -> str:
    """Return the source with READ for what was read, line ends and the words of links left as they are."""
    letters = list(source)
    for piece in markup:
        parts = (
            [(piece.start, piece.start + 1), (piece.inner, piece.end)]
            if piece.kind == "link"
            else [(piece.start, piece.end)]
        )
        for start, end in parts:
            letters[start:end] = [letter if letter == "\n" else READ for letter in letters[start:end]]
    return "".join(letters)


@cache
def _make_parser() -> MarkdownIt:
    markdown = MarkdownIt("zero").enable(["emphasis", "link", "backticks", "escape", "entity", "autolink"])
    ruler = markdown.inline.ruler
    ruler.before("escape", "field", _take_field)
    ruler.before("text", "address", _take_address)
    ruler.before("escape", "spaced_break", _take_spaced_break)
    ruler.before("escape", "literal", _take_literal)
    ruler.at("text", _take_text)
    ruler.at("emphasis", _take_emphasis)
    for rule in ruler.__rules__:
        if rule.name in ("escape", "backticks", "link", "autolink", "entity", "field", "address"):
            ruler.at(rule.name, _keep_markup(rule.name, rule.fn))
    markdown.inline.ruler2.before("fragments_join", "unused", _keep_unused)
    # Every address becomes a link here; links.py judges it, where the editor can be told why.
    markdown.validateLink = lambda _url: True  # type: ignore[method-assign, assignment]  # documented so
    markdown.normalizeLink = _normalise  # type: ignore[method-assign]  # documented so
    markdown.helpers = SimpleNamespace(  # type: ignore[assignment]  # a module by default, asked for these three
        parseLinkDestination=_parse_destination,
        parseLinkLabel=_parse_label,
        parseLinkTitle=helpers.parseLinkTitle,
    )
    return markdown


def _keep_markup(name: str, rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """Return the rule, leaving a Mark of what it took, and the places of a link on its token."""

    def marked(state: StateInline, silent: bool) -> bool:
        start, first = state.pos, len(state.tokens)
        if not rule(state, silent):
            return False
        # Backticks that open no code are taken as text.
        if not silent and (
            name != "backticks" or (len(state.tokens) > first and state.tokens[-1].type == "code_inline")
        ):
            inner = state.env["labels"].get(start, start) if name == "link" else start
            for token in state.tokens[first : first + 2]:  # before it comes what text was pending
                if token.type == "link_open" and not token.meta:
                    token.meta = {"start": start, "address": inner}
                    break
            text = state.tokens[-1].content if name == "entity" else ""
            state.env["markup"].append(MarkupSpan(name, start, state.pos, inner, text))
        return True

    return marked


def _parse_label(state: StateInline, start: int, disable_nested: bool = False) -> int:
    end = helpers.parseLinkLabel(state, start, disable_nested)
    state.env["labels"][start] = end
    return end


def _parse_destination(source: str, start: int, end: int) -> Any:
    """Read a link's address as CommonMark does, except that a field in it is whole, spaces and all."""
    end = min(end, start + _FAR_ENOUGH)
    if "{{" not in source[start:end]:
        return helpers.parseLinkDestination(source, start, end)
    hidden = _UNESCAPED_FIELD.sub(lambda field: _MARK + _FILLING * (len(field[0]) - 1), source[start:end])
    found = helpers.parseLinkDestination(hidden, 0, len(hidden))
    if found.ok and _MARK in found.str:
        first, *others = re.split(f"{_MARK}{_FILLING}+", found.str)
        fields = _UNESCAPED_FIELD.finditer(source, start, end)
        # The text behind a field is never the host, so that it is encoded without being parsed.
        rest = [field[0] + mdurl.encode(part) for field, part in zip(fields, others, strict=False)]
        found.str = normalizeLink(first) + "".join(rest)
    found.pos += start
    return found


def _normalise(url: str) -> str:
    """Return an address in ASCII. One with a field was encoded when it was read; between < and > none is allowed."""
    return url if FIELD.search(url) else normalizeLink(url)


def _take_literal(state: StateInline, silent: bool) -> bool:
    match = _LITERAL.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        state.append_pending(match[0])
    state.pos = match.end()
    return True


def _take_spaced_break(state: StateInline, silent: bool) -> bool:
    """Take a line's end behind two spaces or more as a line break, as CommonMark does."""
    if not state.src.startswith("\n", state.pos) or not state.src.endswith("  ", 0, state.pos):
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos += 1
    return True


def _take_field(state: StateInline, silent: bool) -> bool:
    match = FIELD.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        token = state.push("field", "", 0)
        token.content = re.sub(r"\s+", " ", match[2] or "")
        token.meta = {"name": match[1]}
    state.pos = match.end()
    return True


def _take_address(state: StateInline, silent: bool) -> bool:
    end = state.env["addresses"].get(state.pos, 0)
    if state.linkLevel or not state.pos < end <= state.posMax:
        return False
    if not silent:
        written = state.src[state.pos : end]
        token = state.push("link_open", "a", 1)
        token.attrs = {"href": normalizeLink(written if ":" in written[:6] else f"https://{written}")}
        state.push("text", "", 0).content = written
        state.push("link_close", "a", -1)
    state.pos = end
    return True


def _take_text(state: StateInline, silent: bool) -> bool:
    """Take text as CommonMark does, up to what may begin markup, or up to the next bare address."""
    starts = state.env["starts"]
    following = bisect_right(starts, state.pos)
    end = min(starts[following] if following < len(starts) else state.posMax, state.posMax)
    found = state.md.inline.terminator_re.search(state.src, state.pos, end)
    end = found.start() if found else end
    if end == state.pos:
        return False
    if not silent:
        state.append_pending(state.src[state.pos : end])
    state.pos = end
    return True


def _take_emphasis(state: StateInline, silent: bool) -> bool:
    """Take runs of * and _ as CommonMark does, flanked by the rules of cjk.py; each sign keeps its place."""
    sign = state.src[state.pos]
    if silent or sign not in "*_":
        return False
    start = end = state.pos
    while end < state.posMax and state.src[end] == sign:
        end += 1
    before = state.src[start - 1] if start > 0 else " "
    after = state.src[end] if end < state.posMax else " "
    opens, closes = find_flanking(before, after, within_words=sign == "*")
    for place in range(start, end):
        token = state.push("text", "", 0)
        token.content = sign
        token.meta = {"start": place}
        state.delimiters.append(
            Delimiter(
                marker=ord(sign), length=end - start, token=len(state.tokens) - 1, end=-1, open=opens, close=closes
            )
        )
    state.pos = end
    return True


def _keep_unused(state: StateInline) -> None:
    """Keep the places of * and _ that are still text, before they are joined with the text around them."""
    state.env["delimiters"] += [
        token.meta["start"] for token in state.tokens if token.type == "text" and token.content and token.meta
    ]
