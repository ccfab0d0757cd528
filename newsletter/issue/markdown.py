"""Parsing of inline Markdown into tokens with their places.

CommonMark's emphasis, strong, links, code, escapes, entities, autolinks and hard line breaks; GFM's struck-out words
and bare addresses of the web and of mail; raised and lowered words; passages in another language,
`[words]{lang=ja}`; and this project's fields (`{{ name | reader }}`). Nothing else, so that raw HTML is shown as text.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import mdurl
from markdown_it import MarkdownIt, helpers
from markdown_it.common.normalize_url import normalizeLink
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.subscript import sub_plugin
from mdit_py_plugins.superscript import superscript_plugin

from newsletter.field import FIELD
from newsletter.issue.bare_addresses import find_bare_addresses, find_bare_mail
from newsletter.issue.inline_rules import (
    guard_mark,
    guard_script,
    take_address,
    take_emphasis,
    take_field,
    take_language,
    take_literal,
    take_spaced_break,
    take_strike,
    take_text,
)

# Characters that hide a field in an address from CommonMark's rules. Of private use, and so a fault in any draft.
_MARK, _FILLING = "\ue001", "\ue002"
_UNESCAPED_FIELD = re.compile(rf"(?<!\\){FIELD.pattern}")
_FAR_ENOUGH = 8000  # no address and its fields are longer, so what a link costs stays bounded
# A character in the place of all that has been read as Markdown, where only text is looked at. Of private use, too.
READ = "\ue003"


@dataclass(frozen=True, slots=True)
class MarkupSpan:
    """A piece of source that was read as Markdown.

    `inner` is where a link's words end, `text` what an entity shows or how a footnote's mark is called.
    """

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


def read_inline(source: str, *, bare_links: bool = True, bare_mail: bool = True) -> ParsedParagraph:
    """Read one paragraph. Without `bare_links` and `bare_mail`, an address stays text unless it is marked as a link."""
    addresses = dict(find_bare_addresses(source)) if bare_links else {}
    mails = set()
    for start, end in find_bare_mail(source) if bare_mail else ():
        mails.add(start)
        addresses.setdefault(start, end)
    env: dict[str, Any] = {
        "addresses": addresses,
        "mails": mails,
        "starts": sorted(addresses),
        "markup": [],
        "delimiters": [],
        "labels": {},
        "languages": "]{lang=" in source,
    }
    tokens = _make_parser().parseInline(source, env)[0].children or []
    env["markup"] += [
        MarkupSpan("strike" if token.type == "s_open" else "strike_end", token.meta["start"], token.meta["start"] + 2)
        for token in tokens
        if token.type in ("s_open", "s_close")
    ]
    return ParsedParagraph(tokens, env["markup"], env["delimiters"], _mask(source, env["markup"]))


def _mask(source: str, markup: list[MarkupSpan]) -> str:
    """Return the source with READ for what was read, line ends and the words of links left as they are."""
    letters = list(source)
    for piece in markup:
        parts = (
            [(piece.start, piece.start + 1), (piece.inner, piece.end)]
            if piece.kind in ("link", "language")
            else [(piece.start, piece.end)]
        )
        for start, end in parts:
            letters[start:end] = [letter if letter == "\n" else READ for letter in letters[start:end]]
    return "".join(letters)


@cache
def _make_parser() -> MarkdownIt:
    markdown = MarkdownIt("zero").enable(
        ["emphasis", "strikethrough", "link", "backticks", "escape", "entity", "autolink"]
    )
    superscript_plugin(markdown)
    sub_plugin(markdown)
    footnote_plugin(markdown, inline=False, always_match_refs=True)
    ruler = markdown.inline.ruler
    ruler.before("escape", "field", take_field)
    ruler.before("text", "address", take_address)
    ruler.before("escape", "spaced_break", take_spaced_break)
    ruler.before("escape", "literal", take_literal)
    ruler.at("text", take_text)
    ruler.at("emphasis", take_emphasis)
    ruler.at("strikethrough", take_strike)
    ruler.after("link", "language", take_language)
    for rule in ruler.__rules__:
        if rule.name in ("sup", "sub"):
            ruler.at(rule.name, guard_script(rule.fn))
        if rule.name == "footnote_ref":
            ruler.at(rule.name, guard_mark(rule.fn))
    for rule in ruler.__rules__:
        if rule.name in _KEPT:
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


_KEPT = (
    "escape",
    "backticks",
    "link",
    "autolink",
    "entity",
    "field",
    "address",
    "sup",
    "sub",
    "language",
    "footnote_ref",
)


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
            inner = state.env["labels"].get(start, start) if name in ("link", "language") else start
            for token in state.tokens[first : first + 2]:  # before it comes what text was pending
                if token.type == "link_open" and not token.meta:
                    token.meta = {"start": start, "address": inner}
                    break
            last = state.tokens[-1]
            text = last.content if name == "entity" else last.meta["label"] if name == "footnote_ref" else ""
            kind = "mail" if name == "address" and start in state.env["mails"] else name
            state.env["markup"].append(MarkupSpan(kind, start, state.pos, inner, text))
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


def _keep_unused(state: StateInline) -> None:
    """Keep the places of * and _ that are still text, before they are joined with the text around them."""
    state.env["delimiters"] += [
        token.meta["start"] for token in state.tokens if token.type == "text" and token.meta and token.content in "*_"
    ]
