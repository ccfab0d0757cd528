"""Matching of an issue's parts with former ones: they are the same by their id, their words, or most of them."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from newsletter.issue.blocks import RichText

# Of all words, how many two parts share that are taken for one part which was rewritten.
_ALIKE = 0.5
_MOST_PAIRS = 10_000


def match_parts(before: Sequence[Any], after: Sequence[Any]) -> list[tuple[int | None, int | None]]:
    """Return pairs of places: each part of `after` with its former place, None for a new one; then those that went.

    Equal parts are paired first, then those of one id, of one title, and at last those that share most of their words.
    """
    old, new = dict(enumerate(before)), dict(enumerate(after))
    pairs: dict[int, int] = {}
    for identify in (_identify_whole, _identify_by_id, _identify_by_title):
        known: dict[Any, list[int]] = {}
        for place, part in old.items():
            if (key := identify(part)) is not None:
                known.setdefault(key, []).append(place)
        for place, part in list(new.items()):
            if (key := identify(part)) is not None and known.get(key):
                pairs[place] = known[key].pop(0)
                del old[pairs[place]], new[place]
    for place, former in _find_alike(old, new):
        pairs[place] = former
        del old[former], new[place]
    return [*((pairs.get(place), place) for place in range(len(after))), *((place, None) for place in old)]


def find_moved(pairs: Sequence[tuple[int | None, int | None]]) -> set[int]:
    """Return the places in `after` of parts that were moved: all but those of the longest run that kept its order.

    Of runs that are as long, it is the one of which most parts have their former number.
    """
    kept = [(former, place) for former, place in pairs if former is not None and place is not None]
    runs: list[list[tuple[int, int]]] = []
    for former, place in kept:
        longest = max((run for run in runs if run[-1][0] < former), key=_weigh, default=[])
        runs.append([*longest, (former, place)])
    in_order = {place for _, place in max(runs, key=_weigh, default=[])}
    return {place for former, place in kept if former != place} - in_order


def _weigh(run: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return len(run), sum(former == place for former, place in run)


def read_words(part: Any) -> str:
    """Return all words of a part of an issue, for comparing and for showing what is new or gone."""
    texts: list[str] = []
    _gather(part, texts)
    return "\n\n".join(text for text in texts if text)


def _gather(value: Any, texts: list[str]) -> None:
    if isinstance(value, RichText):
        texts.append(value.plain())
    elif isinstance(value, str):
        texts.append(value)
    elif isinstance(value, tuple):
        for each in value:
            _gather(each, texts)
    elif hasattr(type(value), "model_fields"):
        for name in type(value).model_fields:
            if name not in ("id", "only_for", "file", "link"):
                _gather(getattr(value, name), texts)


def _identify_whole(part: Any) -> Any:
    return repr(part)


def _identify_by_id(part: Any) -> Any:
    return getattr(part, "id", None)


def _identify_by_title(part: Any) -> Any:
    """Return the words by which a part is known: a headline, a title, a name."""
    for name in ("headline", "title", "name", "number"):
        if (value := getattr(part, name, None)) is not None:
            return (name, value.plain() if isinstance(value, RichText) else value)
    return None


def _find_alike(old: dict[int, Any], new: dict[int, Any]) -> list[tuple[int, int]]:
    """Return new places with old ones of rewritten parts, the most alike first, each once."""
    if len(old) * len(new) > _MOST_PAIRS:
        return []
    mine = {place: read_words(part).split() for place, part in old.items()}
    theirs = {place: read_words(part).split() for place, part in new.items()}
    ratios = []
    for place, words in theirs.items():
        for former, old_words in mine.items():
            matcher = SequenceMatcher(None, old_words, words, autojunk=False)
            if matcher.real_quick_ratio() >= _ALIKE and matcher.quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE:
                ratios.append((matcher.ratio(), place, former))
    found: list[tuple[int, int]] = []
    for _, place, former in sorted(ratios, key=lambda each: (-each[0], each[1], each[2])):
        if place not in {one for one, _ in found} and former not in {other for _, other in found}:
            found.append((place, former))
    return found
