"""Spaces and line ends of a page's words, as browsers show them."""

import re

from newsletter.back_issues.page_text.page_blocks import BREAK, Run, Runs
from newsletter.issue.cjk import is_cjk, is_hangul
from newsletter.text import without_invisible

_SPACE = re.compile(r"[ \t\n\r\f\u00a0\u2000-\u200a\u202f\u205f\v\x1c-\x1f\x85\u2028\u2029]+")
_LINE_END = re.compile(r"(\S)[ \t\r]*\n\s*(?=(\S))")
_CONTROL = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ue000-\uf8ff\ufffe\uffff\u00ad\u034f\u200e\u200f\u061c]|[\u202a-\u202e\u2066-\u2069]|[\ud800-\udfff]"
)
_LONE_JOINER = re.compile("(?:(?<=\\s)|^)[\u200b-\u200d\u2060]+(?=\\s|$)")


def collapse_spaces(runs: Runs) -> Runs:
    """Return runs with one space where there are several, and none at the ends of lines; nothing for no words."""
    collapsed: Runs = []
    at_start = True  # of a line, or behind a space
    for run in runs:
        if run.text == BREAK or run.note:
            if run.text == BREAK:
                _strip_end(collapsed)
            collapsed.append(run)
            at_start = run.text == BREAK
            continue
        text = _SPACE.sub(" ", _join_lines(_clean(run.text)))
        if at_start:
            text = text.lstrip(" ")
        if text:
            collapsed.append(run._replace(text=text))
            at_start = text.endswith(" ")
    while collapsed and collapsed[0].text == BREAK:
        collapsed.pop(0)
    _strip_end(collapsed)
    while collapsed and collapsed[-1].text == BREAK:
        collapsed.pop()
        _strip_end(collapsed)
    return collapsed


def _clean(text: str) -> str:
    """Return text without characters that nobody sees, among them those that fill up a mail's preview."""
    text = _CONTROL.sub("", text)
    if text.isascii():
        return text
    return without_invisible(_LONE_JOINER.sub("", text))


def is_joined(last: str, first: str) -> bool:
    """Return whether the end of a line between two letters is no space: both are Chinese or Japanese."""
    return all(letter and is_cjk(letter) and not is_hangul(letter) for letter in (last, first))


def _join_lines(text: str) -> str:
    """Return text without the line ends between Chinese or Japanese letters, which are no spaces."""

    def join(match: re.Match[str]) -> str:
        return match[1] if is_joined(match[1], match[2]) else f"{match[1]} "

    return _LINE_END.sub(join, text) if "\n" in text else text


def _strip_end(runs: Runs) -> None:
    while runs and runs[-1].text != BREAK and not runs[-1].note:
        text = runs[-1].text.rstrip(" ")
        if text:
            runs[-1] = runs[-1]._replace(text=text)
            return
        runs.pop()


def split_lines(runs: Runs) -> list[Runs]:
    """Return the runs of each line."""
    lines: list[Runs] = [[]]
    for run in runs:
        if run.text == BREAK:
            lines.append([])
        else:
            lines[-1].append(run)
    return lines


def split_paragraphs(runs: Runs) -> list[Runs]:
    """Return the runs of each paragraph: two line ends, one behind the other, are a paragraph's end."""
    paragraphs: list[Runs] = [[]]
    for line in split_lines(runs):
        if not line:
            paragraphs.append([])
        else:
            paragraphs[-1] += [Run(BREAK), *line] if paragraphs[-1] else line
    return [paragraph for paragraph in paragraphs if paragraph]


def cut_start(runs: Runs, count: int) -> Runs:
    """Return runs without their first characters."""
    rest: Runs = []
    leading = True
    for run in runs:
        text = run.text.lstrip() if leading else run.text
        leading = leading and not text
        cut = min(count, len(text))
        count -= cut
        if text[cut:] or run.note:
            rest.append(run._replace(text=text[cut:]))
    return rest
