"""Signs in a draft that only look like YAML's, as other programs leave them: each is named, at its place."""

import re
import unicodedata
from collections.abc import Callable, Iterator

from newsletter.issue.prose import PROSE_KEYS
from newsletter.issue.yamltext import Place
from newsletter.validation import Fault

_SEPARATORS = re.compile("[\x85\u2028\u2029]")
_CONFLICT = re.compile(r"(?:<{7}|>{7}|\|{7})(?: .*)?|={7}")
_SPACE = "\xa0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff"
_SPACE_SIGNS = frozenset("\xa0\u1680\u202f\u205f\u3000\ufeff") | {chr(code) for code in range(0x2000, 0x200C)}
_AROUND = 4  # lines: YAML notices a wrong indentation only when the next sign comes,
_ABOVE = 100  # and that a key has no colon only when its text has ended
_KEYS = "|".join([*sorted(PROSE_KEYS), "volume", "number", "date", "image", "file", "items", "only_for"])
_ENTRY = rf" *(?:- +)?(?:{_KEYS})"
_INDENTED = re.compile(rf" *(?:- *)?([{_SPACE}])")
_BEHIND_COLON = re.compile(rf"{_ENTRY}:([{_SPACE}])")
_COLON = re.compile(rf"{_ENTRY} ?([：﹕꞉])")
_DASH = re.compile(r" *([–—−－‐‑])[ \xa0]+[a-z_]+:")
_TAB = re.compile(r" *(\t)")


def replace_separators(source: str) -> tuple[str, list[tuple[Place, Fault]]]:
    """Replace each line end that YAML sees and an editor does not by a space, with a fault at each.

    YAML 1.1, section 4.1.4, counts U+0085, U+2028 and U+2029 as line ends; places count those that editors show.
    """
    found = []
    for number, line in enumerate(re.split("\r\n|[\r\n]", source) if _SEPARATORS.search(source) else (), start=1):
        for match in _SEPARATORS.finditer(line):
            name = unicodedata.name(match[0], "next line").lower()
            fault = Fault(
                code="line-separator",
                message=f"a {name} (U+{ord(match[0]):04X}) stands here, which can't be seen and ends a line for YAML",
                next_step="Delete it, and end the line with Enter if one was meant.",
            )
            found.append((Place(number, match.start() + 1), fault))
    return _SEPARATORS.sub(" ", source), found


def find_conflicts(lines: list[str]) -> Iterator[tuple[Place, Fault]]:
    """Find the lines that git leaves in a file when two people have changed the same place."""
    for number, line in enumerate(lines, start=1):
        if _CONFLICT.fullmatch(line.rstrip()):
            yield (
                Place(number, 1),
                Fault(
                    code="conflict",
                    message=f"git's conflict mark {line[:7]} stands here: two versions of this place were not merged",
                    next_step="Keep the version that is right, or a mixture, and delete the lines with <<<<<<<, "
                    "======= and >>>>>>>.",
                ),
            )


def find_lookalike(lines: list[str], gave_up: int) -> tuple[Place, Fault] | None:
    """Return a sign that looks like one of YAML's own, in line `gave_up`, where YAML gave up, or just around it."""
    for number in range(min(gave_up + 1, len(lines)), max(gave_up - _ABOVE, 0), -1):
        line = lines[number - 1]
        for pattern, fault_of in _LOOKALIKES:
            match = pattern.match(line) if number > gave_up - _AROUND or pattern in (_BEHIND_COLON, _COLON) else None
            if match and not (pattern is _INDENTED and _is_text(lines, number)):
                return Place(number, match.start(1) + 1), fault_of(match[1])
    return None


def _is_text(lines: list[str], number: int) -> bool:
    """Return whether a line goes on the text before it: indented as deep by plain spaces alone, as in Japanese."""
    line = lines[number - 1]
    before = next((other for other in reversed(lines[: number - 1]) if other.strip()), "")
    return _measure_depth(line) >= _measure_depth(before) and not re.search(rf"[{_SPACE}] *(?:- +)?[a-z_]+:", line)


def _measure_depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def correct_key(key: str) -> Fault | None:
    """Return the fault of a key that begins with a space which YAML takes for a letter."""
    return _wrong_space(key[0]) if key and key[0] in _SPACE_SIGNS else None


def _describe_wrong(code: str, right: str, next_step: str) -> Callable[[str], Fault]:
    """Return a function that makes the fault of a sign where YAML knows `right` alone."""

    def fault_of(sign: str) -> Fault:
        return Fault(
            code=code,
            message=f"{_name_character(sign)} stands here, where YAML knows {right} alone",
            next_step=next_step,
        )

    return fault_of


def _describe_tab(_sign: str) -> Fault:
    return Fault(
        code="yaml",
        message="a tab stands here, and YAML indents by spaces alone",
        next_step="Write spaces instead.",
    )


_wrong_space = _describe_wrong("space", "a space", "Delete it, and type spaces instead.")
_LOOKALIKES = (
    (_TAB, _describe_tab),
    (_INDENTED, _wrong_space),
    (_BEHIND_COLON, _wrong_space),
    (_COLON, _describe_wrong("colon", ":", "Type a colon of the Latin keyboard, and a space behind it.")),
    (_DASH, _describe_wrong("dash", "-", "Type a hyphen, and a space behind it.")),
)


def _name_character(character: str) -> str:
    name = unicodedata.name(character, "character").lower()
    return f"{'an' if name[0] in 'aeio' else 'a'} {name} (U+{ord(character):04X})"
