"""Differences between two texts, by words: those that stayed, those that went, and those that came."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from uniseg.wordbreak import words

# Comparing takes time that grows with the product of both lengths. Longer texts are compared by lines and sentences.
_MOST_PAIRS = 4_000_000
_SENTENCES = re.compile(r"(?<=[.!?。！？\n])(?=\s)|(?<=\n)")  # full-width signs end sentences too
_AMOUNT = re.compile(r"(?<!\w)([$€£¥]?\d[\d.,]*\d%?|[$€£¥]\d%?|\d%)")
_CONTEXT = 8  # words that are kept on each side of a change
_GAP = "…"


class Stretch(StrEnum):
    """A kind of stretch of text, by what became of it."""

    KEPT = "kept"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True)
class TextStretch:
    """Words that belong together, and what became of them."""

    kind: Stretch
    text: str


def diff_words(before: str, after: str) -> tuple[TextStretch, ...]:
    """Return the stretches of both texts in their order: without those that came it is `before`, without those that
    went `after`. A word that was changed went, and another came."""  # noqa: D205  # one sentence
    return tuple(_join(_diff(before, after)))


def shorten_kept(stretches: Sequence[TextStretch]) -> tuple[TextStretch, ...]:
    """Return the stretches with a few words of what was kept around each change, and "…" for the rest."""
    shown = []
    for number, stretch in enumerate(stretches):
        text = stretch.text
        if stretch.kind is Stretch.KEPT:
            parts = _split(text)
            head = parts[:_CONTEXT] if number else []
            tail = parts[-_CONTEXT:] if number < len(stretches) - 1 else []
            if len(head) + len(tail) + 2 < len(parts):
                text = (
                    f"{''.join(head).rstrip()}{' ' if head else ''}{_GAP}{' ' if tail else ''}{''.join(tail).lstrip()}"
                )
        shown.append(TextStretch(stretch.kind, text))
    return tuple(shown)


def _diff(before: str, after: str) -> Iterator[TextStretch]:
    old, new = _split(before), _split(after)
    if len(old) * len(new) > _MOST_PAIRS:
        old, new = _SENTENCES.split(before), _SENTENCES.split(after)
    if len(old) * len(new) > _MOST_PAIRS:
        old, new = [before], [after]
    for _, begin, end, other_begin, other_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        went, came = "".join(old[begin:end]), "".join(new[other_begin:other_end])
        if went == came:
            yield TextStretch(Stretch.KEPT, went)
            continue
        if went:
            yield TextStretch(Stretch.REMOVED, went)
        if came:
            yield TextStretch(Stretch.ADDED, came)


def _split(text: str) -> list[str]:
    """Return the words of a text and what is between them; an amount is one word, with its currency and percent."""
    return [part for piece in _AMOUNT.split(text) for part in ([piece] if _AMOUNT.fullmatch(piece) else words(piece))]


def _join(stretches: Iterator[TextStretch]) -> Iterator[TextStretch]:
    """Yield the stretches with a blank between two changes as a part of both: it says nothing by itself."""
    went, came, blank = "", "", ""
    for stretch in stretches:
        match stretch.kind:
            case Stretch.REMOVED:
                went, came, blank = f"{went}{blank}{stretch.text}", f"{came}{blank}", ""
            case Stretch.ADDED:
                went, came, blank = f"{went}{blank}", f"{came}{blank}{stretch.text}", ""
            case Stretch.KEPT if (went or came) and not blank and stretch.text.isspace() and "\n" not in stretch.text:
                blank = stretch.text
            case Stretch.KEPT:
                yield from _change(went, came)
                yield TextStretch(Stretch.KEPT, blank + stretch.text)
                went, came, blank = "", "", ""
    yield from _change(went, came)
    if blank:
        yield TextStretch(Stretch.KEPT, blank)


def _change(went: str, came: str) -> Iterator[TextStretch]:
    if went:
        yield TextStretch(Stretch.REMOVED, went)
    if came:
        yield TextStretch(Stretch.ADDED, came)
