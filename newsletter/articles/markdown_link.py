"""Words and links of a page as Markdown that a draft reads back as the same words, whatever signs are in them."""

import re
from collections.abc import Sequence

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


def compose_detail(article: Article, names: Sequence[str], day: str) -> str:
    """Return the beginning of an item's detail: a mark for what is to be written, and who wrote the source.

    `names` are the authors', `day` the date in words or nothing. The mark is one that `draft check` finds.
    """
    told = [*names[:_MOST_NAMES], *(["et al."] if len(names) > _MOST_NAMES else [])]
    parts = [*told, *([article.outlet] if article.outlet else []), *([day] if day else [])]
    words = f"{_TO_WRITE} ({', '.join(parts)})" if parts else _TO_WRITE
    for escape in (escape_words, _escape_all):
        outlet = [write_link(article.outlet, article.address)] if article.outlet else []
        written = ", ".join([*map(escape, told), *outlet, *([escape(day)] if day else [])])
        detail = f"{_TO_WRITE} ({written})" if written else _TO_WRITE
        text, faults = parse(detail)
        if not faults and text.plain() == words:
            break
    return detail


def _escape(words: str) -> tuple[str, str]:
    """Return the words as they are, and with a backslash before each sign that is often markup."""
    return words, _MARKUP.sub(r"\\\1", words)


def _escape_all(words: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", words)
