"""The check of the words of links: "click here" says nothing to readers who go from link to link, nor to a search."""

import re
from collections.abc import Iterator

from newsletter.checks.draft_report import Finding
from newsletter.checks.prose.checked_prose import CheckedProse, tell_count
from newsletter.checks.prose.vocabulary import read_vocabulary
from newsletter.text import quote_text

_LONG_ADDRESS = 40  # characters of an address that is better said in words
_WORD = re.compile(r"[^\W_]+")


def find_empty_link_words(prose: CheckedProse) -> Iterator[Finding]:
    """Find links whose words don't say where they lead, buttons too, and long addresses in the place of words.

    Each is told once, where it is first.
    """
    found: dict[str, tuple[Finding, int]] = {}
    for passage in prose.passages:
        is_button = passage.key == "text" and passage.kind == "line"
        links = [(link.start, link.words, link.is_bare) for link in passage.links]
        links += [(0, passage.text, False)] if is_button else []
        for at, words, is_bare in links:
            bare = " ".join(_WORD.findall(words)).lower()
            if is_bare:
                key = "address" if len(words) >= _LONG_ADDRESS and passage.kind != "cell" else ""
                message = "an address in the place of words is hard to read, and is spelt out by a screen reader"
                step = "Write words that say where it leads: [words](address)."
            else:
                key = bare if bare in read_vocabulary("links").get(passage.primary_language, ()) else ""
                where = "on this button don't" if is_button else "of this link don't"
                message = f"the words {where} say where it leads: {quote_text(' '.join(words.split()))}"
                step = "Name what is there, as in [the minutes of the hearing](address)."
                if is_button:
                    step = "Name what is there, as in: See all events."
            if not key:
                continue
            if known := found.get(key):
                found[key] = (known[0], known[1] + 1)
            else:
                found[key] = (prose.note(passage, at, code="link-words", message=message, next_step=step), 1)
    yield from (tell_count(note, number) for note, number in found.values())
