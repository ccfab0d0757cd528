"""Texts for people: counts, sizes, suggestions and harmless quotations in messages, and letters that nobody sees."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

# C0 and C1 controls, characters that reorder the text around them on a terminal, and what some take for a line's end.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
OMITTED = "…"  # stands for what is not shown
_ADDRESS = re.compile(r"\S*@\S*")
# Zero width no-break spaces, operators and annotations that nothing shows, and the place of an object left behind.
_NOTHING = "\ufeff\u180e\u2061-\u2064\u206a-\u206f\ufff9-\ufffc\U0001d173-\U0001d17a"
# Scripts without spaces between words, in which a zero width space says where a line may break (UAX 14, SA and ID).
_UNSPACED = "\u0e00-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_IDLE_SPACE = re.compile(rf"(?<![{_UNSPACED}])\u200b|\u200b(?![{_UNSPACED}])")


def without_invisible(text: str) -> str:
    """Return the text without characters that nobody sees and that carry nothing: they are pasted along unnoticed.

    Joiners, soft hyphens, marks of direction and the zero width spaces of scripts like Thai carry something, and stay.
    """
    text = re.sub(f"[{_NOTHING}]+", "", text)
    return _IDLE_SPACE.sub("", re.sub("\u200b{2,}", "\u200b", text))


def escape_controls(text: str) -> str:
    """Make text from a file or a server harmless for a terminal: controls become `\\x1b` and the like."""
    return _UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text)


def remove_addresses(text: str) -> str:
    """Return text with an ellipsis for each address, safe for a terminal."""
    return _ADDRESS.sub(OMITTED, escape_controls(text))


def quote_text(text: str) -> str:
    """Return a text between quotes, for a message. Unlike repr(), it escapes no letters newer than Python's tables."""
    mark = '"' if "'" in text and '"' not in text else "'"
    return f"{mark}{escape_controls(text)}{mark}"


def shorten_path(path: Path, folder: Path) -> Path:
    """Return the path relative to the folder when it lies below it, else as it is."""
    return path.relative_to(folder) if path.is_absolute() and path.is_relative_to(folder) else path


def suggest_nearest(word: str, known: Sequence[str]) -> str:
    """Return a sentence that suggests the known word nearest to `word`, or an empty string."""
    near = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"Did you mean {quote_text(near[0])}?" if near else ""


def format_count(number: int, noun: str, plural: str = "") -> str:
    """Return `1 reader` or `3 readers`; `plural` is for nouns that don't form it with an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or f'{noun}s'}"


def join_words(words: Sequence[str]) -> str:
    """Return words as a list in a sentence, such as `the PDF, the text and the web page`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def format_size(octets: int, decimals: int = 1) -> str:
    """Return a size in decimal units, such as `512 bytes`, `83.1 kB` and `1.2 MB`."""
    from humanize import naturalsize  # which the command line's help can do without

    return naturalsize(octets, format=f"%.{decimals}f").replace("Byte", "byte")
