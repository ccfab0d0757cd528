"""Parsing of a text's lines into blocks, with the place of each block's words.

The rules are those of CommonMark and GFM by markdown-it-py, without setext headings, indented code, HTML and
references. Each is asked only where no prose would begin so: "> 50%", "1945. The war ended" and one line of dialogue
stay text, and what is text keeps every one of its characters.
"""

import re
from collections.abc import Callable
from functools import cache
from itertools import accumulate, pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote, fence, heading, table
from markdown_it.token import Token

from newsletter.issue.excerpt import Excerpt, cut_lines
from newsletter.issue.footnote_rule import take_footnote
from newsletter.issue.list_rule import ends_list, take_list
from newsletter.issue.picture_rule import take_picture
from newsletter.validation import Fault

_QUOTED = re.compile(r">[> \t]*(?=[^\s>\d=$€£¥~≈+.-])")
_QUOTED_ENTRY = re.compile(r"> ?(?:[-*] +|[0-9]{1,2}[.)] +)\S")
_HEADING = re.compile(r"###[ \t]+(?=[^\s#]|#[^\s#])")
_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_MOST_QUOTES = 2
_DEEPEST = 4  # what is nested deeper stays text, so that the parser's own limit, which drops text, is never met
_Rule = Callable[[StateBlock, int, int, bool], bool]


def parse_blocks(source: str) -> tuple[list[Token], list[Fault]]:
    """Return markdown-it's tokens of a text's blocks, and the faults of the blocks themselves.

    Each token of the type "inline" has its words as an Excerpt in meta["excerpt"], each "picture" a PictureSource in
    meta["picture"], each "footnote_reference_open" its label and place.
    """
    env: dict[str, Any] = {
        "faults": {},
        "lists": [],
        "last_number": 0,
        "loose": {},
        "indented": {},
        "unclosed": {},
        "quotes": 0,
        "notes": {},
    }
    tokens: list[Token] = []
    parser = _make_parser()
    parser.block.parse(source, parser, env, tokens)
    return tokens, list(env["faults"].values())


@cache
def _make_parser() -> MarkdownIt:
    markdown = MarkdownIt("zero").enable(["table", "fence", "blockquote", "hr", "list", "heading"])
    rules: list[tuple[str, _Rule, list[str]]] = [
        ("table", _take_table, ["paragraph", "reference"]),
        ("fence", _take_fence, ["paragraph", "reference", "blockquote", "list"]),
        ("blockquote", _take_quote, ["paragraph", "reference", "blockquote", "list"]),
        ("list", take_list, ["paragraph", "reference", "blockquote"]),
        ("heading", _take_heading, ["paragraph", "reference", "blockquote"]),
        ("paragraph", _take_paragraph, []),
    ]
    for name, rule, ended in rules:
        markdown.block.ruler.at(name, rule, {"alt": ended})
    everything = ["paragraph", "reference", "blockquote", "list"]
    markdown.block.ruler.before("paragraph", "picture", take_picture, {"alt": everything})
    markdown.block.ruler.before("paragraph", "footnote", take_footnote, {"alt": everything})
    markdown.block.ruler.before("list", "list_end", ends_list, {"alt": ["list"]})
    return markdown


def _take_paragraph(state: StateBlock, first: int, _end: int, _silent: bool) -> bool:
    """Take lines up to a blank one or one that begins another block, however far it is indented."""
    terminators = state.md.block.ruler.getRules("paragraph")
    outer, state.parentType = state.parentType, "paragraph"
    line = first + 1
    while line < state.lineMax and not state.isEmpty(line):
        # A line of -1 was found to go on a quotation's paragraph already.
        if state.sCount[line] >= 0 and any(rule(state, line, state.lineMax, True) for rule in terminators):
            break
        line += 1
    state.parentType = outer
    state.line = line
    state.push("paragraph_open", "p", 1)
    state.push("inline", "", 0).meta = {"excerpt": cut_lines(state, first, line)}
    state.push("paragraph_close", "p", -1)
    return True


def _take_heading(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Take ### with words behind it; every other level is told to be none by the rules for text."""
    place = state.bMarks[first] + state.tShift[first]
    mark = _HEADING.match(state.src, place, state.eMarks[first])
    if mark is None:
        return False
    if silent:
        return True
    heading(state, first, end, False)
    words = state.tokens[-2]
    words.meta = {"excerpt": Excerpt(words.content, (0,), (mark.end(),))}
    return True


def _take_quote(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Take lines that begin with > before words; before a number it is a sign for "more than"."""
    if not _begins_quote(state, first, end) or state.env["quotes"] >= _DEEPEST:
        return False
    if silent:
        return True
    at = state.bMarks[first] + state.tShift[first]
    if state.env["quotes"] >= _MOST_QUOTES:
        state.env["faults"][at] = Fault(
            code="quote",
            at=at,
            message="this is a quotation within a quotation within a quotation",
            next_step="Take out one of the > signs: a quotation may hold one other.",
        )
    state.env["quotes"] += 1
    blockquote(state, first, end, False)
    state.env["quotes"] -= 1
    return True


def _begins_quote(state: StateBlock, first: int, end: int) -> bool:
    place = state.bMarks[first] + state.tShift[first]
    if not state.src.startswith(">", place):
        return False
    if _QUOTED.match(state.src, place, state.eMarks[first]):
        return True
    if first + 1 >= end:
        return False
    below = state.bMarks[first + 1] + state.tShift[first + 1]
    entries = [
        _QUOTED_ENTRY.match(state.src, at, state.eMarks[line]) for line, at in ((first, place), (first + 1, below))
    ]
    return all(entries) or _QUOTED.match(state.src, below, state.eMarks[first + 1]) is not None


def _take_fence(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Take lines of code between two fences; a fence that no other closes stays text."""
    place = state.bMarks[first] + state.tShift[first]
    opening = _FENCE.match(state.src, place, state.eMarks[first])
    if opening is None or not _is_closed(state, first, end, opening[1] or opening[2]):
        return False
    return fence(state, first, end, silent)


def _is_closed(state: StateBlock, first: int, end: int, mark: str) -> bool:
    """Return whether a fence is closed within what holds it.

    The shortest that is known not to be is kept, so that a text of opening fences costs no more than its length.
    """
    unclosed: dict[tuple[str, int, int], int] = state.env["unclosed"]
    key = (mark[0], end, state.blkIndent)
    if len(mark) >= unclosed.get(key, len(mark) + 1):
        return False
    for line in range(first + 1, end):
        place = state.bMarks[line] + state.tShift[line]
        if place < state.eMarks[line] and state.sCount[line] < state.blkIndent:
            break
        words = state.src[place : state.eMarks[line]].rstrip(" \t")
        if words.startswith(mark) and not words.strip(mark[0]):
            return True
    unclosed[key] = len(mark)
    return False


def _take_table(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Take a table as GFM has it, and tell of each row with more cells than the table has columns."""
    rows_before = len(state.tokens)
    if not table(state, first, end, silent):
        return False
    if silent:
        return True
    row: list[Excerpt] = []
    for token in state.tokens[rows_before:]:
        if token.type == "tr_open" and token.map:
            row = _cut_cells(state, token.map[0])[::-1]
        elif token.type == "inline":
            token.meta = {"excerpt": row.pop() if row else Excerpt("", (0,), (0,))}
        elif token.type == "tr_close" and any(cell.text for cell in row):
            at = row[-1].place(0)
            state.env["faults"][at] = Fault(
                code="table",
                at=at,
                message="this row has more cells than the table has columns",
                next_step="Give the first two lines as many cells; a | that parts no cells, in code too, has a "
                "backslash before it: \\|",
            )
    return True


def _cut_cells(state: StateBlock, line: int) -> list[Excerpt]:
    """Return the words of a row's cells, without the backslashes before | in them."""
    start, end = state.bMarks[line] + state.tShift[line], state.eMarks[line]
    edges = [match.start() for match in re.finditer(r"(?<!\\)\|", state.src[start:end])]
    bounds = [start, *(start + edge + 1 for edge in edges), end + 1]
    cells = [_cut_cell(state.src, first, after - 1) for first, after in pairwise(bounds)]
    if edges and not state.src[start : start + edges[0]].strip():
        cells.pop(0)
    if cells and edges and not state.src[start + edges[-1] + 1 : end].strip():
        cells.pop()
    return cells


def _cut_cell(source: str, first: int, end: int) -> Excerpt:
    words = source[first:end]
    first += len(words) - len(words.lstrip(" \t"))
    pieces = words.strip(" \t").split("\\|")
    # Behind each backslash that is dropped, the words go on one character further.
    starts = list(accumulate((len(piece) + (1 if number else 0) for number, piece in enumerate(pieces)), initial=0))
    places = [first + start + number for number, start in enumerate(starts)]
    return Excerpt("|".join(pieces), tuple(starts[:-1]), tuple(places[:-1]))
