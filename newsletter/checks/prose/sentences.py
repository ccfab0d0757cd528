"""Sentences of a passage, and the check of those that are too long.

The rules are those of Unicode's UAX 29 (4.4, SB6 to SB11) for the ends of sentences, with abbreviations besides, which
UAX 29 leaves to be known by language. uniseg has them too, and takes a second for 14,000 characters.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from newsletter.checks.draft_report import Finding
from newsletter.checks.prose.checked_prose import CheckedProse
from newsletter.checks.prose.passages import OPAQUE
from newsletter.checks.prose.vocabulary import read_vocabulary

MOST_WORDS = 40
UNSPACED_LANGUAGES = frozenset(("ja", "zh", "th", "lo", "km", "my", "yue", "bo", "dz"))

_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*")
_OPENING = re.compile(r"[\s\"'“‘„«(\[¿¡]*")
_BEFORE = re.compile(r"[^\s\"'“‘„«(\[—–/]{1,40}$")
_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}|[^\W\d_]")  # U.S, p.m, and initials
_COUNTED = re.compile(rf"[\w{OPAQUE}][^\s—]*")
_ORDINAL = re.compile(r"\d{1,2}")


@lru_cache(maxsize=4000)
def split_sentences(text: str, language: str = "en") -> tuple[tuple[int, int], ...]:
    """Return where each sentence starts and ends, without the spaces around it."""
    found = []
    start = _skip_spaces(text, 0)
    for match in _END.finditer(text):
        if _is_end(text, match, language):
            found.append((start, match.end()))
            start = _skip_spaces(text, match.end())
    if start < len(text):
        found.append((start, start + len(text[start:].rstrip())))
    return tuple(found)


def _skip_spaces(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _is_end(text: str, match: re.Match[str], language: str) -> bool:
    """Return whether a sentence ends with these signs: not where it goes on in small letters, nor in a short form."""
    opening = _OPENING.match(text, match.end())
    at = opening.end() if opening else match.end()
    behind = text[at : at + 1]
    if behind.islower():
        return False
    if match[0] != ".":
        return True
    before = _BEFORE.search(text, max(0, match.start() - 40), match.start())
    short = before[0] if before else ""
    name, known = short.lower(), read_vocabulary("sentences")
    if name in known["titles"]:
        return False
    if name in known["before_numbers"] and (behind.isdigit() or _is_roman(text, at)):
        return False
    if language[:2] != "en" and _ORDINAL.fullmatch(short):  # am 5. Mai
        return False
    if _DOTTED.fullmatch(short) and short != "I":
        word = re.compile(r"[^\W\d_]*").match(text, at)
        return bool(word and word[0].lower() in known["starters"]) and not _is_initial(text, at)
    return True


def _is_roman(text: str, at: int) -> bool:
    return re.compile(r"[IVXLC]{1,6}\b").match(text, at) is not None


def _is_initial(text: str, at: int) -> bool:
    """Return whether a letter with a full stop is here, as in `J. A. Smith`."""
    return re.compile(r"[^\W\d_]\.").match(text, at) is not None


def count_words(text: str) -> int:
    """Return the number of words, of which what is OPAQUE is one."""
    return sum(1 for _ in _COUNTED.finditer(text))


def find_long_sentences(prose: CheckedProse) -> Iterator[Finding]:
    """Find sentences of more than 40 words, in languages with spaces between words; a quotation is somebody else's."""
    for passage in prose.passages:
        is_running = passage.kind in ("paragraph", "entry") and not passage.is_quoted
        if not is_running or passage.primary_language in UNSPACED_LANGUAGES:
            continue
        for start, end in split_sentences(passage.text, passage.language):
            words = count_words(passage.text[start:end])
            if words > MOST_WORDS:
                yield prose.note(
                    passage,
                    start,
                    code="long-sentence",
                    message=f"this sentence has {words} words, and many readers lose the thread after {MOST_WORDS}",
                    next_step="Make two sentences of it, or a list.",
                )
