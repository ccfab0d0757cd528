"""Rules of inline Markdown that CommonMark has not, or has otherwise: they are asked in the order of markdown.py."""

import re
from bisect import bisect_right
from collections.abc import Callable

from markdown_it import helpers
from markdown_it.common.normalize_url import normalizeLink
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter

from newsletter.field import FIELD
from newsletter.issue.cjk import find_flanking
from newsletter.issue.footnote_rule import LABEL

# The shrug, and names of programming that no prose would make strong.
_LITERAL = re.compile(
    r"(?<=¯)\\_\(.{1,3}\)_/¯|__(?:init|main|repr|str|dict|proto|dirname|filename|func|pycache)__"
    r"|__[a-z][a-z0-9_]{0,40}__(?=\.\w|\()"
)
# What stands raised or lowered is short, close to the word or number before it, and neither a sum nor a face: x^2+y^2,
# ~5/~10, ^_^ are text.
_SCRIPT = re.compile(r"(?<=[^\s(\[{\"'“„«~^])([\^~])(?!\1)(?=[^\s^~]*[^\W_])([^\s^~]{1,60})\1(?!\1|\d)")
_FOOTNOTE = re.compile(LABEL)
_LANGUAGE = re.compile(r"\{lang=([\"']?)([A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3})\1\}")


def take_literal(state: StateInline, silent: bool) -> bool:
    match = _LITERAL.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        state.append_pending(match[0])
    state.pos = match.end()
    return True


def take_spaced_break(state: StateInline, silent: bool) -> bool:
    """Take a line's end behind two spaces or more as a line break, as CommonMark does."""
    if not state.src.startswith("\n", state.pos) or not state.src.endswith("  ", 0, state.pos):
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos += 1
    return True


def take_field(state: StateInline, silent: bool) -> bool:
    match = FIELD.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        token = state.push("field", "", 0)
        token.content = re.sub(r"\s+", " ", match[2] or "")
        token.meta = {"name": match[1]}
    state.pos = match.end()
    return True


def take_address(state: StateInline, silent: bool) -> bool:
    end = state.env["addresses"].get(state.pos, 0)
    if state.linkLevel or not state.pos < end <= state.posMax:
        return False
    if not silent:
        written = state.src[state.pos : end]
        token = state.push("link_open", "a", 1)
        mail = state.pos in state.env["mails"]
        scheme = "" if ":" in written[:7] else "mailto:" if mail else "https://"
        token.attrs = {"href": normalizeLink(scheme + written)}
        state.push("text", "", 0).content = written
        state.push("link_close", "a", -1)
    state.pos = end
    return True


def take_text(state: StateInline, silent: bool) -> bool:
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


def take_emphasis(state: StateInline, silent: bool) -> bool:
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


def take_strike(state: StateInline, silent: bool) -> bool:
    """Take ~~ as GFM does, flanked by the rules of cjk.py."""
    start = state.pos
    if silent or not state.src.startswith("~~", start):
        return False
    end = start
    while end < state.posMax and state.src[end] == "~":
        end += 1
    before = state.src[start - 1] if start > 0 else " "
    after = state.src[end] if end < state.posMax else " "
    opens, closes = find_flanking(before, after, within_words=True)
    token = state.push("text", "", 0)
    token.content = state.src[start:end]
    if end - start == 2:
        token.meta = {"start": start}
        state.delimiters.append(
            Delimiter(marker=ord("~"), length=0, token=len(state.tokens) - 1, end=-1, open=opens, close=closes)
        )
    state.pos = end
    return True


def guard_script(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """Return the rule for raised or lowered words, asked only where prose has no such signs."""

    def guarded(state: StateInline, silent: bool) -> bool:
        match = _SCRIPT.match(state.src, state.pos, state.posMax)
        if match is None:
            return False
        following = state.src[match.end() : match.end() + 1]
        if following.isalnum() and not match[2].isalnum():
            return False
        return rule(state, silent)

    return guarded


def guard_mark(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """Return the rule for a footnote's mark, which would look for the end of each [^ in the whole text."""

    def guarded(state: StateInline, silent: bool) -> bool:
        return _FOOTNOTE.match(state.src, state.pos, state.posMax) is not None and rule(state, silent)

    return guarded


def take_language(state: StateInline, silent: bool) -> bool:
    """Take words in brackets with their language behind them, in the form of djot and mdit-py-plugins' attributes.

    The plugin's own rule copies the rest of the text for each bracket.
    """
    start = state.pos
    if state.src[start] != "[" or not state.env["languages"]:
        return False
    end = state.env["labels"].get(start, -1)
    if end < 0:  # no label of a link, since there is a link in it
        end = helpers.parseLinkLabel(state, start)
    match = _LANGUAGE.match(state.src, end + 1, state.posMax) if end > start + 1 else None
    if match is None:
        return False
    if not silent:
        last, state.posMax, state.pos = state.posMax, end, start + 1
        state.push("language_open", "span", 1).attrs = {"lang": match[2]}
        state.md.inline.tokenize(state)
        state.push("language_close", "span", -1)
        state.posMax = last
    state.pos = match.end()
    return True
