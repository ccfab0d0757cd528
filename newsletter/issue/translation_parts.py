"""Correspondence of a translation's items and sections to those of the draft in the publication's own language."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from newsletter.field import fill_fields
from newsletter.issue.model import Issue
from newsletter.issue.sections import IssueSection, Item

# Before each text of a new translation. Found by `draft check` until it is taken out.
UNTRANSLATED = "TK"
_UNTRANSLATED = re.compile(rf"{UNTRANSLATED}(?: –|\s*$)", re.MULTILINE)
_Part = TypeVar("_Part", bound=Item | IssueSection)


@dataclass(frozen=True)
class Pairing:
    """The numbers of parts that correspond, and of those without a counterpart, each counted from 0.

    `pairs` has the part's number in the main draft first, `lacking` is of the main draft, `extra` of the translation.
    """

    pairs: tuple[tuple[int, int], ...]
    lacking: tuple[int, ...]
    extra: tuple[int, ...]


def pair_parts(mains: Sequence[_Part], others: Sequence[_Part]) -> Pairing:
    """Pair items, or sections, by their ids, and those without a common id in their order.

    Where their numbers differ, those stay over that have the least in common with the others: links and pictures.
    """
    numbers = {other.id: number for number, other in enumerate(others) if other.id}
    by_id = [(number, numbers[main.id]) for number, main in enumerate(mains) if main.id in numbers]
    left = [number for number in range(len(mains)) if number not in {first for first, _ in by_id}]
    right = [number for number in range(len(others)) if number not in {second for _, second in by_id}]
    in_order = _align([_describe(mains[number]) for number in left], [_describe(others[number]) for number in right])
    pairs = sorted([*by_id, *((left[first], right[second]) for first, second in in_order)])
    return Pairing(
        tuple(pairs),
        tuple(number for number in left if number not in {first for first, _ in pairs}),
        tuple(number for number in right if number not in {second for _, second in pairs}),
    )


def _describe(part: Item | IssueSection) -> frozenset[str]:
    """Return what a part has that no translator changes: where it leads, its pictures, and which keys it has."""
    if isinstance(part, Item):
        links = [*part.headline.links(), *part.detail.links(), *((part.link,) if part.link else ())]
    else:
        links = [*(link for text in part.texts() for link in text.links()), *part.links()]
    kinds = (name for name in type(part).model_fields if getattr(part, name) and name not in ("id", "only_for"))
    return frozenset([*(link.href for link in links), *(image.file for image in part.images()), *kinds])


def _align(mains: Sequence[frozenset[str]], others: Sequence[frozenset[str]]) -> list[tuple[int, int]]:
    """Return as many pairs as there can be in the order of both, those that have the most in common."""
    if len(mains) == len(others):
        return list(zip(range(len(mains)), range(len(others)), strict=True))
    if len(mains) > len(others):
        return [(first, second) for second, first in _align(others, mains)]
    # Each of the fewer is paired. best[n] is how alike the first so many of them are to n of the others at most.
    best = [0.0] * (len(others) + 1)
    taken: list[list[bool]] = []
    for row, main in enumerate(mains):
        above, best = best, [float("-inf")] * (len(others) + 1)
        taken.append([False] * (len(others) + 1))
        for column in range(row + 1, len(others) + 1):
            other = others[column - 1]
            paired = above[column - 1] + len(main & other) / max(1, len(main | other))
            taken[row][column] = paired > best[column - 1]
            best[column] = max(paired, best[column - 1])
    pairs, column = [], len(others)
    for row in range(len(mains) - 1, -1, -1):
        while not taken[row][column]:
            column -= 1
        column -= 1
        pairs.append((row, column))
    return pairs[::-1]


def iterate_containers(
    main: Issue, issue: Issue
) -> Iterator[tuple[tuple[int | str, ...], Sequence[Item], tuple[int | str, ...], Sequence[Item]]]:
    """Yield the lists of items that correspond, those of sections too, with their locations, the main draft's first."""
    yield ("items",), main.items, ("items",), issue.items
    for first, second in pair_parts(main.sections, issue.sections).pairs:
        at_main, at_other = ("sections", first, "items"), ("sections", second, "items")
        yield at_main, main.sections[first].items, at_other, issue.sections[second].items


def find_untranslated(issue: Issue) -> list[str]:
    """Return the texts of a translation that begin with the mark of those which are still to be translated."""
    if not issue.language:
        return []
    lines = [fill_fields(line) for line in (issue.subject, issue.preheader) if line]
    texts = (*lines, *issue.lines(), *(text.plain() for text in issue.texts()))
    return [text for text in texts if _UNTRANSLATED.match(text)]
