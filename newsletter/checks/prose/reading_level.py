"""The check of the reading level: the Flesch-Kincaid grade of an issue's running text.

The grade is 0.39 words a sentence + 11.8 syllables a word - 15.59: the years of school in the United States after which
a text is understood (Kincaid, Fishburne, Rogers and Chissom, Derivation of New Readability Formulas, Research Branch
Report 8-75, Naval Technical Training Command, 1975). It is made for English. Syllables are counted by their vowels.
"""

import re
from collections.abc import Iterator

from newsletter.checks.draft_report import Finding
from newsletter.checks.prose.checked_prose import CheckedProse
from newsletter.checks.prose.sentences import split_sentences

_LEAST_WORDS = 100  # below which a grade says nothing
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_VOWELS = re.compile(r"[aeiouyàâäéèêëíîïóôöúùûü]+")
# Endings that are no syllable: made, makes, agreed; not tables, wanted, changes.
_SILENT = re.compile(r"(?<=[^aeiouyl])e$|(?<=[aeiouy]l)e$|(?<=[^aeioutd])ed$|(?<=[^aeiouyscxzgl])es$")


def find_hard_reading(prose: CheckedProse) -> Iterator[Finding]:
    """Find an issue whose grade is above the set level, and tell it where its running text begins."""
    if not prose.settings.reading_level:
        return
    running = [
        passage
        for passage in prose.passages
        if passage.primary_language == "en" and passage.kind in ("paragraph", "entry") and not passage.is_quoted
    ]
    grade = measure_grade([passage.text for passage in running])
    if grade is not None and grade > prose.settings.reading_level:
        yield prose.note(
            running[0],
            0,
            code="reading-level",
            message=f"the issue reads at grade {grade:.1f} (Flesch-Kincaid), and {prose.settings.reading_level:g} is "
            "set as the highest",
            next_step="Shorten the longest sentences first, then the longest words.",
        )


def measure_grade(texts: list[str]) -> float | None:
    """Return the Flesch-Kincaid grade of texts together; None where they are too short to have one."""
    words = [word for text in texts for word in _WORD.findall(text)]
    sentences = sum(1 for text in texts for start, end in split_sentences(text) if _WORD.search(text, start, end))
    if len(words) < _LEAST_WORDS or not sentences:
        return None
    syllables = sum(map(count_syllables, words))
    return 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59


def count_syllables(word: str) -> int:
    """Return about how many syllables an English word has; an abbreviation in capitals has one for each letter."""
    if word.isupper() and len(word) > 1:
        return len(word)
    return max(1, len(_VOWELS.findall(_SILENT.sub("", word.lower()))))
