"""Words and links of a page as Markdown that a draft reads back as the same words, whatever signs are in them."""

import re

from newsletter.articles.article import Article
from newsletter.issue.richtext import parse

_MARKUP = re.compile(r"([\\`*_\[\]<>{}~^|])")
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Percent-encoded, so that an address ends where it is meant to and holds no field.
_UNSAFE = re.compile(r"[\s<>\"'()\[\]{}\\^`|*_\u0080-\U0010ffff]")
_MOST_NAMES = 3
_TO_WRITE = "TK: what it says, and why it matters."


def write_link(words: str, address: str | None) -> str:
    """Return a Markdown link with these words; without an address, the words alone as Markdown."""
    if address is None:
        return escape_words(words)
    encoded = encode_address(address)
    for escaped in _escape(words):
        text, faults = parse(f"[{escaped}]({encoded})")
        if not faults and text.plain() == words and len(list(text.links())) == 1:
            return f"[{escaped}]({encoded})"
    return f"[{_escape_all(words)}]({encoded})"


def escape_words(words: str) -> str:
    """Return words as Markdown that holds no link, no field and no mark of any kind, at the beginning of a text too."""
    for escaped in _escape(words):
        text, faults = parse(escaped)
        if not faults and text.plain() == words and not list(text.links()):
            return escaped
    return _escape_all(words)


def encode_address(address: str) -> str:
    """Return an address with what Markdown could take for its end, or for emphasis, percent-encoded."""
    return _UNSAFE.sub(lambda sign: "".join(f"%{octet:02X}" for octet in sign[0].encode("utf-8", "replace")), address)


def compose_detail(article: Article, day: str) -> str:
    """Return the beginning of an item's detail: a mark for what is to be written, and who wrote the source.

    `day` is the date in words, or nothing. The mark is one that `draft check` finds. The item's own link leads to the
    source, so that readers don't get the same address twice.
    """
    names = [*article.authors[:_MOST_NAMES], *(["et al."] if len(article.authors) > _MOST_NAMES else [])]
    told = [part for part in (*names, article.outlet, day) if part]
    return escape_words(f"{_TO_WRITE} ({', '.join(told)})" if told else _TO_WRITE)


def _escape(words: str) -> tuple[str, str]:
    """Return the words as they are, and with a backslash before each sign that is often markup."""
    return words, _MARKUP.sub(r"\\\1", words)


def _escape_all(words: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", words)
