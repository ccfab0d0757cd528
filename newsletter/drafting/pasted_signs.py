"""Mending of a draft that YAML can't read because of what was pasted into it: signs of word processors, bare prose.

Only what can be meant in one way is mended, and only if a valid draft comes of it. What stands below >- is never
looked at.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from newsletter.drafting.draft_lines import LINE_END
from newsletter.issue.draft import parse_draft
from newsletter.issue.draft_schema import list_draft_keys
from newsletter.issue.prose import PROSE_KEYS

_SPACES = "\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
_NOTHING = "\u200b\u2060\ufeff"
_LINE = re.compile(
    rf"(?P<lead>[ {_SPACES}{_NOTHING}]*(?:[-–—−－‐‑][ {_SPACES}]+)*)(?P<key>[a-z_]+) ?(?P<colon>[:：﹕꞉])"
    rf"(?P<gap>[ {_SPACES}{_NOTHING}]*)(?P<value>.*?)[ \t{_SPACES}{_NOTHING}]*"
)
_ODD = re.compile(f"[{_SPACES}{_NOTHING}]")
_QUOTED = re.compile(r"[“”„‟«»\"‘’‚‛'](?P<value>[^“”„‟«»\"‘’‚‛'\\]*)[“”„‟«»\"‘’‚‛']")
_STRAIGHT = re.compile(r"\"[^\"]*\"|'[^']*'")
_HEADER = re.compile(r"[>|][-+0-9]*(?:[ \t]+#.*)?")
_COMMENT = re.compile(r"(?:^|\s)#")


@dataclass(frozen=True, slots=True)
class MendedDraft:
    """A draft's source that has become valid, and the numbers of the lines of the old one that were mended."""

    source: str
    lines: tuple[int, ...]


def mend_draft(source: str, path: Path, language: str = "") -> MendedDraft | None:
    """Return a draft without the signs for which YAML can't read it; None where that alone makes no valid draft.

    Mended are spaces that YAML does not know, before keys and behind them, colons and dashes that only look like
    YAML's, typographic quotation marks around dates, times, numbers and addresses, and prose that YAML takes for its
    own signs, such as `headline: Space: a new start`, which is put below `>-`.
    """
    lines, ends = LINE_END.split(source), [*LINE_END.findall(source), ""]
    known = list_draft_keys()
    mended: list[str] = []
    numbers: list[int] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        match = _LINE.fullmatch(line)
        last = number
        if match and match["key"] in known:
            last = _find_last_line(lines, number, match, known)
            new = _mend_line(match, lines[number + 1 : last + 1])
            if new != lines[number : last + 1]:
                numbers.append(number + 1)
            line_end = ends[number] or "\n"
            mended.append(line_end.join(new) + ends[last])
        else:
            mended.append(line + ends[number])
        number = last + 1
    whole = "".join(mended)
    return MendedDraft(whole, tuple(numbers)) if numbers and parse_draft(path, whole, language).issue else None


def _find_last_line(lines: list[str], number: int, match: re.Match[str], known: frozenset[str]) -> int:
    """Return the last line of the text that begins in a line: those that are deeper than its key and no keys."""
    if not match["value"] or match["key"] not in PROSE_KEYS:
        return number
    last = number
    for below in range(number + 1, len(lines)):
        words = lines[below].lstrip(" ")
        if not words:
            continue
        depth = len(lines[below]) - len(words)
        inner = None if _HEADER.fullmatch(match["value"]) else _LINE.fullmatch(lines[below])
        if depth <= len(match["lead"]) or (inner and inner["key"] in known):
            break
        last = below
    return last


def _mend_line(match: re.Match[str], below: list[str]) -> list[str]:
    """Return a key's line, and the lines of its text below it, as YAML can read them."""
    line, value = match[0], match["value"]
    lead = re.sub(f"[{_SPACES}]", " ", re.sub(f"[{_NOTHING}]", "", match["lead"]))
    lead = re.sub("[–—−－‐‑]", "-", lead)
    gap = " " if value else ""
    if match["key"] not in PROSE_KEYS:
        quoted = None if _STRAIGHT.fullmatch(value) else _QUOTED.fullmatch(value)
        value = f'"{quoted["value"]}"' if quoted else value
    elif value and not _HEADER.fullmatch(value) and _is_misread(value, below):
        margin = " " * (len(lead) + 2)
        return [f"{lead}{match['key']}: >-", *(f"{margin}{words.strip()}" for words in (value, *below))]
    around = [match["gap"], line[match.end("value") :] if match["key"] not in PROSE_KEYS else ""]
    if lead == match["lead"] and match["colon"] == ":" and value == match["value"] and not _ODD.search("".join(around)):
        return [line, *below]
    return [f"{lead}{match['key']}:{gap}{value}", *below]


def _is_misread(value: str, below: list[str]) -> bool:
    """Return whether YAML does not read a text as it is written, and only a text can be meant."""
    written = "\n  ".join(["a: " + value, *(words.strip() for words in below)])
    if any(_COMMENT.search(words) for words in (value, *below)) or (value[0] in "\"'" and value.count(value[0]) % 2):
        return False  # what begins with # may be meant as a comment, and a quotation mark may have been forgotten
    try:
        read = yaml.load(written, Loader=yaml.CBaseLoader)  # noqa: S506  # which makes texts, lists and mappings alone
    except yaml.YAMLError:
        return True
    return not isinstance(read, dict) or not isinstance(read.get("a"), str)
