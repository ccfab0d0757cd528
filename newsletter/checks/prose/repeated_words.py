"""The check of words that are written twice in a row."""

import re
from collections.abc import Iterator

from newsletter.checks.draft_report import Finding
from newsletter.checks.prose.checked_prose import CheckedProse, tell_count
from newsletter.checks.prose.vocabulary import read_vocabulary
from newsletter.text import quote_text

_REPEATED = re.compile(
    r"(?<![\w'’.&/-])([^\W\d_]+(?:['’][^\W\d_]+)*)((?:[ \t\n\u00a0]+\1(?![\w'’&/-]|\.\w))+)", re.IGNORECASE
)


def find_repeated_words(prose: CheckedProse) -> Iterator[Finding]:
    """Find a word that is twice in a row within a passage, at the second of the two; each once, with their number.

    One that is there three times or more is a refrain.
    """
    found: dict[str, tuple[Finding, int]] = {}
    for language, meant in read_vocabulary("repeated").items():
        for passage, text in prose.passages_in(language):
            for match in _REPEATED.finditer(text):
                word, again = match[1], match[2].split()
                key = word.lower()
                if len(again) > 1 or key in meant:
                    continue
                if known := found.get(key):
                    found[key] = (known[0], known[1] + 1)
                    continue
                is_name = word[0].isupper() and again[0][0].isupper()
                meant_so = f" If it is a name, add {word} {again[0]} to {prose.settings.words}." if is_name else ""
                note = prose.note(
                    passage,
                    match.end() - len(again[0]),
                    code="repeated-word",
                    message=f"the word {quote_text(again[0])} is here twice in a row",
                    next_step=f"Take one out.{meant_so}",
                )
                found[key] = (note, 1)
    yield from (tell_count(note, number) for note, number in found.values())
