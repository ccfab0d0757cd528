"""Conditional comments: the parts of an email that classic Outlook alone shows, or that all others show.

    <!--[if mso]> … <![endif]-->                  classic Outlook alone
    <!--[if !mso]><!--> … <!--<![endif]-->        everyone but classic Outlook

Classic Outlook lays out with Word, and evaluates these conditions by Word's version; to others they are comments.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

WORD_VERSION = 16  # Outlook 2016 and all that came after it
_MARK = re.compile(
    r"""
      <!--\[if\s(?P<hidden>[^\]>]*)\]>(?P<shown>\s*<!-->|\s*<!--\s*-->|-->)?
    | <!\[if\s(?P<bare>[^\]>]*)\]>
    | (?P<end>(?:<!--)?<!\[endif\](?:--)?>)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ATOM = re.compile(r"(!*)(?:(lte?|gte?)\s+)?(\w+)(?:\s+([\d.]+))?")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "": operator.eq, "lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge,
}  # fmt: skip


@dataclass(frozen=True)
class ConditionalView:
    """An email's text with the hidden parts blanked, so that places stay. `revealed` are comments to other clients."""

    text: str
    revealed: tuple[tuple[int, int], ...]

    def was_comment(self, offset: int) -> bool:
        """Return whether the place is a comment to other clients, and to premailer, which inlines no styles there."""
        return any(start <= offset < end for start, end in self.revealed)


def blank_out(text: str) -> str:
    """Return spaces and the line breaks of `text`, as long as it is."""
    return re.sub(r"[^\n]", " ", text)


def apply_conditions(markup: str, *, word: bool) -> ConditionalView:
    """Return what Word shows of `markup`, or what other clients do."""
    seen: list[str] = []
    revealed: list[tuple[int, int]] = []
    conditions: list[tuple[bool, int]] = []  # of those open: whether they are met, and where a comment began
    at = 0
    for mark in _MARK.finditer(markup):
        shown = all(met for met, _ in conditions)
        seen += [markup[at : mark.start()] if shown else blank_out(markup[at : mark.start()]), blank_out(mark[0])]
        at = mark.end()
        if mark["end"]:
            if conditions:
                met, start = conditions.pop()
                if met and start >= 0:
                    revealed.append((start, mark.start()))
            continue
        is_comment = mark["hidden"] is not None and mark["shown"] is None
        condition = mark["hidden"] if mark["hidden"] is not None else mark["bare"]
        met = _is_met(condition) if word else not is_comment
        conditions.append((met, mark.end() if is_comment else -1))
    rest = markup[at:]
    seen.append(rest if all(met for met, _ in conditions) else blank_out(rest))
    # Any other `<![` is XML's; HTML takes it for a comment, and Python's parser fails at it.
    text = re.sub(r"<!\[[^>]*>?", lambda match: blank_out(match[0]), "".join(seen))
    return ConditionalView(text, tuple(revealed))


def _is_met(condition: str) -> bool:
    """Return whether Word meets a condition such as `mso | IE`, `!mso`, `gte mso 9`."""
    return any(all(_is_atom_met(atom) for atom in either.split("&")) for either in condition.split("|"))


def _is_atom_met(text: str) -> bool:
    match = _ATOM.fullmatch(re.sub(r"[()]", "", text).strip().lower())
    if not match:
        return False
    negations, comparison, name, version = match.groups(default="")
    try:
        met = name == "mso" and (not version or _COMPARE[comparison](WORD_VERSION, float(version)))
    except ValueError:  # two points in a version
        met = False
    return met != bool(len(negations) % 2)
