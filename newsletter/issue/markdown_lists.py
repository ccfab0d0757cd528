"""Detection of lists that are not written as such: lines with the same sign, or that count on, would run together.

A single such line is prose: a line of dialogue, an aside at the start of a folded line, a German date.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from newsletter.issue.excerpt import Excerpt
from newsletter.validation import Fault

# A sign that is no word, no punctuation at a word and no mark of another kind, with a blank behind it.
_SIGN = re.compile(
    r"([^\w\s\"'“”„‘’«»‹›()\[\]{}<>$€£¥%#@….,;:!?¿¡/\\~|^`=&\ue000-\uf8ff•◦▪▸‣➢➤∙§©®™]|§(?! *[0-9])|o(?= +[A-Z]))"
    r"\ufe0f?[ \t\u3000]+(?=\S)"
)
_GLUED = re.compile(r"([・●○■□◆◇▲△►])(?=\S)")
_TABBED = re.compile(r"(?:[o·§–—―*+-]|[A-Za-z0-9]{1,2}[.)]|[ivx]{1,5}[.)])\t+(?=\S)")
_ACROSS = re.compile(r"[-*_ \t]+$")
_COUNTED = (
    (re.compile(r"([0-9]{1,2})[.)][ \t]+(?=\S)"), ()),
    (re.compile(r"\(([0-9]{1,2})\)[ \t]*(?=\S)"), ()),
    (re.compile(r"([０-９]{1,2})[．）、.]"), ()),
    (re.compile(r"([a-h])[.)][ \t]+(?=\S)"), tuple("abcdefgh")),
    (re.compile(r"\(([a-h])\)[ \t]+(?=\S)"), tuple("abcdefgh")),
    (re.compile(r"\(?(i|ii|iii|iv|v)[.)][ \t]+(?=\S)"), ("i", "ii", "iii", "iv", "v")),
    (re.compile(r"([①-⑨])"), tuple("①②③④⑤⑥⑦⑧⑨")),
    (re.compile(r"[(（]([一二三四五六七八九])[)）]"), tuple("一二三四五六七八九")),
    (re.compile(r"([一二三四五六七八九])、"), tuple("一二三四五六七八九")),
)
_DASHES = "–—―"
_LOOSE = re.compile(r"[-*][ \t]+([^-*\s][^\n]*)")
_AS_ENTRIES = "Begin each entry with - and a space, or with 1. and a space."


@dataclass(frozen=True, slots=True)
class _ListLine:
    """A paragraph's line without its indentation, and whether a list may begin there after a start or a colon."""

    at: int
    text: str
    first: bool
    announced: bool


def find_lists(paragraph: str) -> list[Fault]:
    """Return a fault at the first entry of each list of a paragraph."""
    if "\n" not in paragraph and "\t" not in paragraph:
        return []  # one line is no list unless a tab parts its mark from its words
    lines = list(_split_lines(paragraph))
    return [*_find_tabbed(lines), *_find_marked(lines), *_find_numbered(lines)]


def find_loose_list(paragraphs: Sequence[Excerpt]) -> Iterator[Fault]:
    """Yield a fault at the first of several paragraphs that begin as entries do; dialogue in sentences is no list."""
    unspoken = [
        paragraph
        for paragraph in paragraphs
        if (match := _LOOSE.match(paragraph.text))
        and not (match[1][0].isupper() and match[1].rstrip("\"'”»*_)")[-1:] in (*".!?…",))
    ]
    if len(unspoken) > 1:
        yield Fault(
            code="list",
            at=unspoken[0].place(0),
            message=_LIST,
            next_step="Put the entries below each other, with no other text between. If you mean the sign itself, put "
            "a backslash before it: \\-",
        )


_LIST = "this looks like an entry of a list, but can't be read as one"
_STEP = f"{_AS_ENTRIES} If you mean the sign itself, put a backslash before it: "


def _split_lines(paragraph: str) -> Iterator[_ListLine]:
    at, before = 0, ""
    for line in paragraph.split("\n"):
        text = line.lstrip(" \t")
        yield _ListLine(at + len(line) - len(text), text, at == 0, before.rstrip().endswith((":", "：")))
        at, before = at + len(line) + 1, line


def _find_tabbed(lines: list[_ListLine]) -> Iterator[Fault]:
    """Find what word processors paste for an entry: its mark and a tab."""
    found = [line for line in lines if _TABBED.match(line.text)]
    if found:
        yield Fault(code="list", at=found[0].at, message=_LIST, next_step=f"{_AS_ENTRIES} Take out mark and tab.")


def _find_marked(lines: list[_ListLine]) -> Iterator[Fault]:
    signs = [_find_sign(line.text) for line in lines]
    told: set[str] = set()
    for number, (line, sign) in enumerate(zip(lines, signs, strict=True)):
        if not sign or sign in told or _TABBED.match(line.text):
            continue
        begins = line.announced or (line.first and sign not in _DASHES)
        alone = line.announced and sign in "-*"
        if alone or signs[number + 1 : number + 2] == [sign] or (begins and sign in signs[number + 1 :]):
            if sign == "o" and not (line.first or line.announced):
                continue
            told.add(sign)
            yield Fault(code="list", at=line.at, message=_LIST, next_step=f"{_STEP}\\{sign}" if sign in "-*+" else _OUT)


_OUT = f"{_AS_ENTRIES} Lines that are no list want a blank line between them."


def _find_sign(line: str) -> str:
    match = _SIGN.match(line) or _GLUED.match(line)
    return match[1] if match and not _ACROSS.match(line) else ""


def _find_numbered(lines: list[_ListLine]) -> Iterator[Fault]:
    """Find entries that count on; `1945. The war ended` and `on May` with `1. The law` below it are none."""
    for pattern, names in _COUNTED:
        matches = [(line, match) for line in lines if (match := pattern.match(line.text))]
        counted = [(line, names.index(match[1]) + 1 if names else int(match[1])) for line, match in matches]
        numbers = [number for _, number in counted]
        plain = pattern is _COUNTED[0][0]
        several = 2 in numbers or (plain and numbers.count(1) > 1)
        for line, number in counted:
            begins = line.first or line.announced
            if number == 1 and ((several and (begins or plain)) or (plain and line.announced)):
                yield Fault(
                    code="list",
                    at=line.at,
                    message="this looks like an entry of a numbered list, but can't be read as one",
                    next_step=_AS_ENTRIES
                    + (" If it begins a sentence, put a backslash behind the number: 1\\." if plain else ""),
                )
                break
