"""Parsing of footnotes: the rule of mdit-py-plugins for `[^1]: text`, at a text's left edge alone."""

import re
from typing import Any

from markdown_it.rules_block import StateBlock
from mdit_py_plugins.footnote.index import footnote_def

from newsletter.validation import Fault

LABEL = r"\[\^[^\[\]\s]{1,40}\]"
_NOTE = re.compile(LABEL + ":")
_INDENT = 4  # of what goes on a note behind a blank line, by the plugin's rule


def take_footnote(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Take the text of a footnote. One within a list or a quotation stays text, which is told where its mark is."""
    place = state.bMarks[first] + state.tShift[first]
    match = _NOTE.match(state.src, place, state.eMarks[first])
    outside = state.sCount[first] < state.blkIndent or state.parentType == "blockquote"
    if match is None or (state.level and not (silent and outside)):
        return False
    if silent:
        return True
    _indent_note(state, first, end)
    opened = len(state.tokens)
    footnote_def(state, first, end, False)
    token = state.tokens[opened]
    token.meta = {**token.meta, "at": place}
    label = token.meta["label"]
    notes: dict[str, Any] = state.env["notes"]
    if label in notes:
        _tell(state, place, "a second footnote has this mark", "Give each footnote a mark of its own.")
    elif len(state.tokens) == opened + 2:
        _tell(state, place, "this footnote is empty", "Write its text behind the colon.")
    notes[label] = place
    return True


def _tell(state: StateBlock, at: int, message: str, next_step: str) -> None:
    state.env["faults"][at] = Fault(code="footnote", at=at, message=message, next_step=next_step)


def _indent_note(state: StateBlock, first: int, end: int) -> None:
    """Indent the paragraphs that go on a note as deep as the plugin wants them; writers of two spaces mean the same."""
    for line in range(first + 1, end):
        if not state.isEmpty(line):
            if state.sCount[line] == 0:
                return
            state.sCount[line] = max(state.sCount[line], _INDENT)
