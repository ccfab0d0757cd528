"""English words of the program's own that are left in what readers see in another language."""

import re
from collections.abc import Iterable, Set
from functools import cache
from html import unescape

from babel.messages.pofile import read_po

from newsletter.translation import list_words
from newsletter.translation.catalogue import TEMPLATE

LANGUAGES = [
    "ar", "de", "de-CH", "es", "fr", "he", "it", "ja", "ko", "nl", "pl", "pt-BR", "pt-PT", "tr", "uk", "zh-Hans",
    "zh-TW",
]  # fmt: skip
IN_OTHER_SCRIPTS = ["ar", "he", "ja", "ko", "uk", "zh-Hans", "zh-TW"]
# Words of another language that are spelt as one of the catalogue's pieces is.
_SHARED = {
    "es": {"no", "vol"}, "fr": {"image", "page", "vol"}, "it": {"no"}, "nl": {"in detail", "of"}, "pt": {"no"},
}  # fmt: skip


def read_words(html: str) -> str:
    """Return what a reader sees or hears of a page: its title and text, and the words in its attributes."""
    title = "".join(re.findall(r"(?s)<title>(.*?)</title>", html))
    html = re.sub(r"(?s)<(style|script)\b.*?</\1>|<!--.*?-->|<head>.*?</head>", " ", html)
    attributes = " ".join(re.findall(r'\b(?:alt|title|aria-label)="([^"]*)"', html))
    html = re.sub(r"<br\b[^>]*>", "\n", html)
    return unescape("\n".join([title, re.sub(r"<[^>]+>", "", html), attributes]))


def find_english(text: str, language: str = "en") -> set[str]:
    """Return the pieces of the catalogue's English texts that stand in a text, but those that its language has, too."""
    folded = " ".join(text.casefold().split())
    shared = _SHARED.get(language.split("-")[0], set())
    there = {word for word in _list_all_pieces() - shared if word in folded}
    return {word for word in there if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", folded)}


def find_latin(text: str, names: Set[str]) -> set[str]:
    """Return the words of Latin letters that stand in a text, but names and addresses.

    In a language of another script these are words that nobody has marked to be translated.
    """
    without_addresses = re.sub(r"https?:\S+|\S+@[\w.]+", " ", text)
    return set(re.findall(r"[A-Za-z]{2,}", without_addresses)) - names


def list_pieces(texts: Iterable[str]) -> Set[str]:
    """Return what stands between the placeholders of English texts, in small letters."""
    pieces = {piece.strip(" .,:;?!()·").casefold() for text in texts for piece in re.split(r"\{[a-z_]+\}", text)}
    return {piece for piece in pieces if re.search("[a-z]{2}", piece) and piece not in ("pdf", "kb", "mb", "as pdf")}


def list_texts_of(*places: str) -> list[str]:
    """Return the English texts that stand in these templates, or in code, by the catalogue's template."""
    with TEMPLATE.open("rb") as file:
        catalogue = read_po(file)
    return [message.id for message in catalogue for place, _ in message.locations if place in places]


@cache
def _list_all_pieces() -> Set[str]:
    return list_pieces(form for forms in list_words() for form in forms)
