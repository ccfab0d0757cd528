"""The check of acronyms that an issue has and nowhere spells out."""

import re
from collections.abc import Collection, Iterable, Iterator

from newsletter.checks.draft_report import Finding
from newsletter.checks.prose.checked_prose import CheckedProse, tell_count
from newsletter.checks.prose.passages import OPAQUE, ProsePassage
from newsletter.checks.prose.vocabulary import read_vocabulary
from newsletter.text import quote_text

# Two to six capitals, in the plural too. Beside a digit, a slash, an ampersand or a dot they are a part of a name that
# is no acronym, such as F-35, AN/SPY-7, AT&T, example.COM, COVID-19 and HTV-X.
_ACRONYM = re.compile(
    rf"(?<![\w{OPAQUE}@#/&'’\\])(?<!\w\.)(?<!\d[-–])([A-Z]{{2,6}})(?:s|['’]s)?(?![\w{OPAQUE}@/&])(?!\.\w)"
    r"(?![-–](?:\d|[A-Z]\b))(?!['’](?!s\b|\W))"
)
_NUMBER_BEHIND = re.compile(r"[ \u00a0]#?\d")  # RFC 5322, USD 5 million
_NUMBER_BEFORE = re.compile(r"\d[ \u00a0-]?$")
_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_IN_BRACKETS = re.compile(r"[(\[](?:the |or |also |[\"“'‘])*([A-Z]{2,6})s?[\"”'’]?[)\],;]")
_NAME_LENGTH = 80  # characters before brackets that are looked through for a name
_BEFORE_NAME = re.compile(r"\b([A-Z]{2,6})s?[\"”'’]?\s*\(([^()]{5,200})\)")
_DATELINE = re.compile(r"[A-Z][A-Z .'’]+[A-Z](?:, [\w. ]{2,30})?(?: \([A-Z]+\))? ?[—–]")  # NAHA, Japan —
_DESIGNATION = re.compile(r"[A-Z][\w-]*\d\w*[ \u00a0-]$")  # PAC-3 MSE
_PARTY = re.compile(r"\([RDI]-$")  # R-OH
_FEW = 3  # letters; more of them are seldom in a row by chance
_PLACE = re.compile(r", $")  # Springfield, IL


def find_unexplained_acronyms(prose: CheckedProse) -> Iterator[Finding]:
    """Find acronyms that are nowhere spelt out, each once, where it is first.

    "Full Name (FN)", "FN (Full Name)" and words with these initials, wherever in the issue, spell one out.
    """
    texts = list(prose.passages_in("en"))
    found: dict[str, tuple[ProsePassage, int, int]] = {}
    lower = {word for _, text in texts for word in re.findall(r"\b[a-z]{3,6}\b", text)}
    for passage, text in texts:
        for acronym, at in _list_acronyms(text):
            if acronym.lower() in lower:  # a word for once in capitals
                continue
            first = found.get(acronym, (passage, at, 0))
            found[acronym] = (*first[:2], first[2] + 1)
    if not found:
        return
    explained = _list_explained(passage.text for passage in prose.passages)
    explained |= _list_initials((text for _, text in texts), {len(acronym) for acronym in found})
    for acronym, (passage, at, number) in found.items():
        if acronym in explained:
            continue
        note = prose.note(
            passage,
            at,
            code="acronym",
            message=f"{quote_text(acronym)} is nowhere spelt out, and not every reader may know it",
            next_step=f"Write the full name at first, with ({acronym}) behind it. If your readers know it, add it to "
            f"{prose.settings.words}.",
        )
        yield tell_count(note, number)


def _list_acronyms(text: str) -> Iterator[tuple[str, int]]:
    """Yield what is an acronym in a passage, with its place."""
    if not re.search("[a-z]", text):  # all of it is in capitals
        return
    vocabulary, dateline = read_vocabulary("acronyms"), _DATELINE.match(text)
    for match in _ACRONYM.finditer(text, dateline.end() if dateline else 0):
        word = match[1]
        is_known = any(word in vocabulary[key] for key in ("known", "emphasised", "marks")) or _ROMAN.fullmatch(word)
        before, behind = text[max(0, match.start() - 40) : match.start()], text[match.end() : match.end() + 40]
        is_unit = word in vocabulary["units"] and _NUMBER_BEFORE.search(before)
        is_place = len(word) == 2 and (_PLACE.search(before) or _PARTY.search(before))
        is_named = _NUMBER_BEHIND.match(behind) or _DESIGNATION.search(before)
        if not (is_known or is_unit or is_place or is_named or _is_shouted(before, behind)):
            yield word, match.start()


def _is_shouted(before: str, behind: str) -> bool:
    """Return whether a word stands among others in capitals, as in DO NOT MISS."""
    earlier = [word for word in _WORD.findall(before)[-2:] if len(word) > 1]
    later = [word for word in _WORD.findall(behind)[:2] if len(word) > 1]
    beside = [bool(earlier) and earlier[-1].isupper(), bool(later) and later[0].isupper()]
    beyond = [len(earlier) > 1 and earlier[0].isupper(), len(later) > 1 and later[1].isupper()]
    return all(beside) or any(near and far for near, far in zip(beside, beyond, strict=True))


def _list_explained(texts: Iterable[str]) -> set[str]:
    """Return the acronyms that are in brackets behind words, and those with words in brackets behind them."""
    found, small_words = set(), read_vocabulary("acronyms")["small_words"]
    for text in texts:
        for match in _IN_BRACKETS.finditer(text):
            if len(_WORD.findall(text, max(0, match.start() - _NAME_LENGTH), match.start())) > 1:
                found.add(match[1])
        for match in _BEFORE_NAME.finditer(text):
            words = [word for word in _WORD.findall(match[2]) if word.lower() not in small_words]
            if len(words) > 1 and any(word[0].upper() == match[1][0] for word in words[:2]):
                found.add(match[1])
    return found


def _list_initials(texts: Iterable[str], lengths: Collection[int]) -> set[str]:
    """Return the initials of words in a row, of capital ones alone where they are but two or three.

    Small words such as "of" may be among them or not.
    """
    small_words = read_vocabulary("acronyms")["small_words"]
    found = set()
    for text in texts:
        words = [word for word in _WORD.findall(text) if not (word.isupper() and len(word) > 1)]
        for kept in (words, [word for word in words if word.lower() not in small_words]):
            written = "".join(word[0] for word in kept)
            for length in lengths:
                initials = written if length <= _FEW else written.upper()
                found |= {initials[at : at + length] for at in range(len(initials) - length + 1)}
    return found
