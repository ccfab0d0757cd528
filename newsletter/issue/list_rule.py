"""Parsing of lists: markdown-it's rule, asked only where lines are entries and no prose.

Two entries are a list, and so is one that a line with a colon announces, or a paragraph such as `- [words](...)`. Other
single paragraphs that begin with a mark are prose: a line of dialogue, a signature (`- The Editors`), a remark below a
table (`* Prices may change`), a German date; and so is an aside at the start of a folded line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it.rules_block import StateBlock, list_block

from newsletter.validation import Fault

_MARK = re.compile(r"(?:([-*])|([0-9]{1,2})([.)])) +(?=\S)")
_NEXT_MARK = re.compile(r"(?:([-*])|([0-9]{1,9})([.)]))(?:[ \t]|$)")
_BOX = re.compile(r"\[[ xX]?\][ \t]")
_ACROSS = re.compile(r"[-*_ \t]+$")
_MOST_LISTS = 2
_DEEPEST = 4
_MOST_MISCOUNTED = 3  # numbers that a list may leave out before its next entry


@dataclass(frozen=True, slots=True)
class ListMark:
    """The mark of an entry: its sign, and its number in a numbered list."""

    sign: str
    number: int | None


@dataclass(slots=True)
class _OpenList:
    """A list whose entries are being read, with the number of the last one."""

    sign: str
    last: int


def _find_first_mark(state: StateBlock, line: int) -> ListMark | None:
    """Return the mark that a line begins with, if a list may begin with it: words follow it."""
    match = _MARK.match(state.src, state.bMarks[line] + state.tShift[line], state.eMarks[line])
    if match is None or _ACROSS.match(state.src, match.start(), state.eMarks[line]):
        return None
    return ListMark(match[1] or match[3], int(match[2]) if match[2] else None)


def _find_next_mark(state: StateBlock, line: int) -> ListMark | None:
    """Return the mark that a line begins with, if a list that was begun may go on with it."""
    match = _NEXT_MARK.match(state.src, state.bMarks[line] + state.tShift[line], state.eMarks[line])
    return ListMark(match[1] or match[3], int(match[2]) if match[2] else None) if match else None


def take_list(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Take a list of entries with the same mark."""
    lists: list[_OpenList] = state.env["lists"]
    if silent and lists and state.sCount[first] < state.blkIndent and _goes_on(state, first):
        return True
    mark = _find_first_mark(state, first)
    if mark is None or len(lists) >= _DEEPEST or not _begins_list(state, first, end, mark, at_start=not silent):
        return False
    if silent:
        return True
    if len(lists) >= _MOST_LISTS:
        at = state.bMarks[first] + state.tShift[first]
        state.env["faults"][at] = _make_fault(
            at,
            "this is a list within a list within a list",
            "Write it one level less deep: a list may hold one other.",
        )
    if mark.number is not None:
        _indent_nested(state, first, end, mark.sign)
    before = len(state.tokens)
    lists.append(_OpenList(mark.sign, mark.number or 0))
    taken = list_block(state, first, end, False)
    state.env["last_number"] = lists.pop().last
    for at, fault in _find_entry_faults(state, before):
        state.env["faults"].setdefault(at, fault)
    return taken


def _find_entry_faults(state: StateBlock, before: int) -> Iterator[tuple[int, Fault]]:
    """Yield a fault for each entry that is empty, or begins with a box to tick."""
    tokens = state.tokens[before:]
    for number, token in enumerate(tokens):
        if token.type != "list_item_open" or token.level != state.level + 1 or not token.map:
            continue
        at = state.bMarks[token.map[0]] + state.tShift[token.map[0]]
        if tokens[number + 1].type == "list_item_close":
            yield at, _make_fault(at, "this entry of a list is empty", "Write it, or delete its mark.")
        elif tokens[number + 1].type == "paragraph_open" and _BOX.match(tokens[number + 2].meta["excerpt"].text):
            yield at, _make_fault(at, "this entry of a list begins with a box to tick", "Take the box out.")


def _make_fault(at: int, message: str, next_step: str) -> Fault:
    return Fault(code="list", at=at, message=message, next_step=next_step)


def ends_list(state: StateBlock, line: int, _end: int, silent: bool) -> bool:
    """End a numbered list before a number that doesn't go on: `17. Juni` is no third entry."""
    mark = _find_next_mark(state, line) if silent and state.env["lists"] else None
    if mark is None or mark.number is None:
        return False
    current: _OpenList = state.env["lists"][-1]
    return mark.sign == current.sign and not _counts_on(current, mark.number)


def _goes_on(state: StateBlock, line: int) -> bool:
    """Return whether a line is an entry of one of the lists around it, the innermost first."""
    mark = _find_next_mark(state, line)
    return mark is not None and any(
        mark.sign == each.sign and (mark.number is None or _counts_on(each, mark.number))
        for each in reversed(state.env["lists"])
    )


def _counts_on(current: _OpenList, number: int) -> bool:
    if not 1 <= number <= current.last + _MOST_MISCOUNTED:
        return False
    current.last = max(current.last, number)
    return True


def _begins_list(state: StateBlock, first: int, end: int, mark: ListMark, *, at_start: bool) -> bool:
    """Return whether a line with a mark begins a list. `at_start` is false within a paragraph."""
    if mark.number not in (None, 1):
        # An entry behind a picture or a paragraph goes on with the list before it.
        return at_start and mark.number == state.env["last_number"] + 1 > 1
    if first and _find_words(state, first - 1).rstrip().endswith((":", "：")):
        return True
    if state.env["lists"] and state.sCount[first] >= state.blkIndent and _is_own_line(state, first):
        return True  # below an entry, and indented as its words are
    indent = state.sCount[first]
    deeper = True
    line = first + 1
    for line in _iterate_paragraph(state, first + 1, end):
        other = _find_first_mark(state, line)
        if other and other.sign == mark.sign and (mark.number is None or other.number in (1, 2)):
            if deeper or at_start or mark.number is not None:
                return True
        elif other and state.sCount[line] > indent and deeper:
            return True
        deeper = deeper and state.sCount[line] > indent
        if not deeper and not at_start and mark.number is None:
            return False
    return at_start and (_is_loose(state, first, end, mark) or (mark.sign == "-" and not _is_spoken(state, first)))


def _is_own_line(state: StateBlock, line: int) -> bool:
    """Return whether nothing stands before a line's words, such as the mark of the entry that it begins."""
    start = state.bMarks[line]
    return not state.src[start : start + state.tShift[line]].strip(" \t")


def _iterate_paragraph(state: StateBlock, first: int, end: int) -> Iterator[int]:
    """Yield the lines up to a blank one."""
    for line in range(first, end):
        if state.isEmpty(line):
            return
        yield line


def _is_loose(state: StateBlock, first: int, end: int, mark: ListMark) -> bool:
    """Return whether a paragraph and those below it are entries of a list: two at least, numbers counting on."""
    known: dict[tuple[int, int], bool] = state.env["loose"]
    key = (first, state.blkIndent)
    if key in known:
        return known[key]
    indent = state.sCount[first]
    entries = [first]
    line = _find_paragraph(state, first, end)
    while line < end and state.sCount[line] >= state.blkIndent:
        other = _find_first_mark(state, line)
        if other and other.sign == mark.sign and other.number == (mark.number and mark.number + len(entries)):
            entries.append(line)
        elif state.sCount[line] <= indent:
            break
        line = _find_paragraph(state, line, end)
    loose = len(entries) > 1
    known.update(((line, state.blkIndent), loose) for line in entries)
    return loose


def _find_paragraph(state: StateBlock, line: int, end: int) -> int:
    """Return the first line of the next paragraph."""
    while line < end and not state.isEmpty(line):
        line += 1
    while line < end and state.isEmpty(line):
        line += 1
    return line


def _is_spoken(state: StateBlock, line: int) -> bool:
    """Return whether the words behind a mark begin as a sentence, a name or a number does."""
    words = _find_words(state, line)
    begin = words[_MARK.match(words).end()]  # type: ignore[union-attr]  # it begins with a mark
    return begin.isupper() or begin.isdigit()


def _find_words(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _indent_nested(state: StateBlock, first: int, end: int, sign: str) -> None:
    """Indent what stands below a number as deep as its words, where it is indented deeper than the number alone.

    CommonMark asks for three spaces below `1.`; writers of two mean the same.
    """
    indent = state.sCount[first]
    done: dict[tuple[int, int, str], int] = state.env["indented"]  # each line is looked at once for each depth
    key = (state.blkIndent, indent, sign)
    if first < done.get(key, 0):
        return
    wanted = missing = 0
    for line in range(first, end):
        done[key] = line + 1
        if state.isEmpty(line):
            continue
        mark = _find_first_mark(state, line)
        if state.sCount[line] <= indent:
            if mark is None or mark.sign != sign:
                return
            wanted, missing = indent + len(f"{mark.number}. "), 0
        elif not missing and mark and state.sCount[line] < wanted:
            missing = wanted - state.sCount[line]
        state.sCount[line] += missing
