"""The check of spelling in English, by codespell's dictionary of common misspellings.

The dictionary is data under CC BY-SA 3.0, and is read as such: codespell's program (GPL-2.0-only) is neither imported
nor started. A word that is not in it is taken to be right, so that names and terms of a field need no list first.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from newsletter.checks.draft_report import Finding
from newsletter.checks.prose.checked_prose import CheckedProse, tell_count
from newsletter.checks.prose.passages import OPAQUE
from newsletter.checks.prose.sentences import split_sentences
from newsletter.text import quote_text

_WORD = re.compile(rf"(?<![\w{OPAQUE}@#'’])[^\W\d_]+(?:['’-][^\W\d_]+){{0,8}}(?![\w{OPAQUE}@])")
# Quotation marks that English does not have: what stands between them is German or French, as a rule.
_FOREIGN_QUOTATION = re.compile("„[^„“”]{1,1000}[“”]|«[^«»]{1,1000}»")
_SHORTEST = 3  # letters of a word that is looked up; of a part of a compound, 5
_SHORTEST_PART = 5
_MOST_SUGGESTED = 3


def find_misspellings(prose: CheckedProse) -> Iterator[Finding]:
    """Find words that the dictionary knows as misspellings, each once, where it is first, with their number.

    Words with a capital letter are names, unless they begin a sentence and are in no other place so. Quotations in the
    marks of another language are left out.
    """
    texts = list(prose.passages_in("en"))
    if texts and _find_dictionary() is None:
        yield prose.note_setting(
            "spelling",
            code="spelling",
            message="spelling can't be checked: codespell, which has the dictionary, is not installed",
            next_step="Install it: pip install codespell; or write spelling = false under [prose].",
        )
        return
    found: dict[str, tuple[Finding, int]] = {}
    names = {name for passage, text in texts for name in _list_names(text, passage.language)}
    for passage, text in texts:
        starts = {start for start, _ in split_sentences(text, passage.language)}
        foreign = [quoted.span() for quoted in _FOREIGN_QUOTATION.finditer(text)]
        for match in _WORD.finditer(text):
            word = match[0].replace("’", "'")
            if any(start < match.start() < end for start, end in foreign):
                continue
            if not word.islower() and not _begins_sentence(text, match, starts, names):
                continue
            right = look_up(word.lower())
            if not right:
                continue
            if known := found.get(word.lower()):
                found[word.lower()] = (known[0], known[1] + 1)
                continue
            note = prose.note(
                passage,
                match.start(),
                code="spelling",
                message=f"{quote_text(word)} looks misspelt",
                next_step=f"{_suggest(word, right)} If it is right, add it to {prose.settings.words}.",
            )
            found[word.lower()] = (note, 1)
    yield from (tell_count(note, number) for note, number in found.values())


def _list_names(text: str, language: str) -> Iterator[str]:
    """Yield the words with a capital that begin no sentence."""
    starts = {start for start, _ in split_sentences(text, language)}
    return (
        match[0] for match in _WORD.finditer(text) if match[0][0].isupper() and _skip_marks(text, match) not in starts
    )


def _skip_marks(text: str, match: re.Match[str]) -> int:
    """Return where the quotation marks and brackets before a word begin."""
    at = match.start()
    while at and text[at - 1] in "\"'“‘«([":
        at -= 1
    return at


def _begins_sentence(text: str, match: re.Match[str], starts: set[int], names: set[str]) -> bool:
    """Return whether a word has its capital letter only since a sentence begins with it."""
    word = match[0]
    if not (word[0].isupper() and word[1:].islower() and word not in names):
        return False
    behind = _WORD.match(text, match.end() + 1)
    return _skip_marks(text, match) in starts and not (behind and behind[0][0].isupper())


def look_up(word: str) -> tuple[str, ...]:
    """Return what a word should perhaps be, for a compound with the other parts; nothing where it may be right."""
    if right := _read_dictionary().get(word):
        return right if len(word) > _SHORTEST or len(right) == 1 else ()
    parts = word.split("-")
    for number, part in enumerate(parts if len(parts) > 1 else ()):
        right = _read_dictionary().get(part, ())
        if right and len(part) >= _SHORTEST_PART:
            return tuple("-".join([*parts[:number], each, *parts[number + 1 :]]) for each in right)
    return ()


def _suggest(word: str, right: tuple[str, ...]) -> str:
    shown = [each[:1].upper() + each[1:] if word[0].isupper() else each for each in right[:_MOST_SUGGESTED]]
    return f"Write {shown[0]}." if len(right) == 1 else f"Perhaps it is {', '.join(shown[:-1])} or {shown[-1]}."


@cache
def _read_dictionary() -> dict[str, tuple[str, ...]]:
    """Return the corrections by misspelling. Lines are `teh->the`, or `fom->from, form,` where several are likely.

    What has a capital letter is a name, a shorter one than three letters is more often meant, and one with a reason
    behind its last comma may be right.
    """
    found: dict[str, tuple[str, ...]] = {}
    path = _find_dictionary()
    for line in path.read_text(encoding="utf-8").splitlines() if path else ():
        wrong, _, right = line.partition("->")
        *several, rest = right.split(",")
        if len(wrong) < _SHORTEST or not wrong.islower() or (several and rest.strip()):
            continue
        found[wrong] = tuple(each.strip() for each in several) or (rest.strip(),)
    return found


def _find_dictionary() -> Path | None:
    """Return the path of codespell's dictionary, without importing codespell; None where it is not installed."""
    spec = find_spec("codespell_lib")
    places = [Path(place) / "data" / "dictionary.txt" for place in (spec and spec.submodule_search_locations) or ()]
    return next((place for place in places if place.is_file()), None)
