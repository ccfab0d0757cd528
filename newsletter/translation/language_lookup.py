"""The language that a reader gets: the nearest to the one they asked for among those that there are."""

import re
from collections.abc import Iterable, Iterator

from newsletter.translation.languages import list_catalogues

# RFC 5646, section 2.1, as it is read here: subtags of letters and digits, the first of them letters. A list may have
# an underscore between them, as POSIX does.
_RANGE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")
_LONGEST = 35  # characters (RFC 5646, section 4.4.1)


def look_up_language(wanted: str, available: Iterable[str]) -> str | None:
    """Return which of the `available` tags (BCP 47) a reader gets who asks for a language; None for none of them.

    The wanted tag is cut from its end until it is there, as RFC 4647, section 3.4 has it: pt-BR, then pt. Where that
    finds nothing, another region's will do: en-GB for en-US, and Chinese of the same script. Letters' case makes no
    difference, and what is no tag at all is in no language.
    """
    text = wanted.strip()
    if len(text) > _LONGEST or not _RANGE.fullmatch(text):
        return None
    tag = text.replace("_", "-")
    tags = list(available)
    spelled = {each.lower(): each for each in reversed(tags)}
    for cut in _cut_tag(tag.lower()):
        if cut in spelled and not _has_other_script(tag, cut, tags):
            return spelled[cut]
    scripts = {_find_script(each): each for each in reversed(tags)}
    return scripts.get(_find_script(tag))


def _cut_tag(tag: str) -> Iterator[str]:
    """Yield the tag, and what is left of it without its last subtag, and so on; no single letter stays at the end."""
    parts = tag.split("-")
    while parts:
        yield "-".join(parts)
        parts.pop()
        while parts and len(parts[-1]) == 1:
            parts.pop()


def _has_other_script(tag: str, cut: str, available: Iterable[str]) -> bool:
    """Return whether a shorter tag is of another script than the whole, and one of the same script is there: zh."""
    script = _find_script(tag)
    return _find_script(cut) != script and any(_find_script(each) == script for each in available)


def _find_script(tag: str) -> tuple[str, str]:
    """Return the language itself and its script, where the tag or its region says which."""
    longest = list_catalogues(tag)[0].split("_")
    return longest[0], next((part for part in longest[1:] if len(part) == 4 and part.isalpha()), "")
