"""The publication's own words, which stand in place of a catalogue's: [words] in newsletter.toml."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from newsletter.text import quote_text
from newsletter.translation.catalogue import list_words
from newsletter.validation import Fault

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def list_placeholders(text: str) -> list[str]:
    """Return the names of a text's placeholders, each once for each time that it stands there, in sorted order."""
    return sorted(_PLACEHOLDER.findall(text))


def find_word_faults(words: Mapping[str, str]) -> Iterator[tuple[str, Fault]]:
    """Yield the faults of the publication's own words, each with the English text that it is about."""
    known = [text for forms in list_words() for text in forms] if words else []
    for english, own in words.items():
        if english not in known:
            yield english, _explain_unknown(english, known)
        elif fault := _find_placeholder_fault(english, own):
            yield english, fault


def _explain_unknown(english: str, known: list[str]) -> Fault:
    by_letters = {text.casefold(): text for text in reversed(known)}
    near = get_close_matches(english.casefold(), by_letters, n=1, cutoff=0.6)
    return Fault(
        code="unknown-word",
        message=f"{quote_text(english)} is none of the texts that readers see",
        next_step=f"Did you mean {quote_text(by_letters[near[0]])}?"
        if near
        else "docs/editors/language.md lists them.",
    )


def _find_placeholder_fault(english: str, own: str) -> Fault | None:
    has_same = set(list_placeholders(english)) == set(list_placeholders(own))
    if has_same and not set("{}") & set(_PLACEHOLDER.sub("", own)):
        return None
    names = " and ".join(f"{{{name}}}" for name in dict.fromkeys(_PLACEHOLDER.findall(english)))
    return Fault(
        code="placeholder",
        message=f"{quote_text(own)} has to hold {names}, as {quote_text(english)} does, and nothing else in braces"
        if names
        else f"{quote_text(own)} holds a brace, and nothing is filled in here",
        next_step=f"Write {names} where it is to be filled in." if names else "Take the braces out.",
    )
