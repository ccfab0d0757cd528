"""Words and links of a page as Markdown that a draft reads back as the same words."""

import re

from newsletter.issue.richtext import parse

_MARKUP = re.compile(r"([\\`*_\[\]<>{}~^|])")
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Percent-encoded, so that an address ends where it is meant to and holds no field.
_UNSAFE = re.compile(r"[\s<>\"'()\[\]{}\\^`|*_\u0080-\U0010ffff]")
_PLACE = "https://example.org/"


def write_link(words: str, address: str) -> str:
    """Return a Markdown link with these words, whatever signs are in them."""
    return f"[{_escape(words, '[', f']({_PLACE})')}]({encode_address(address)})"


def escape_words(words: str) -> str:
    """Return words as Markdown that stands at the beginning of a text, without links or fields in it."""
    return _escape(words, "", "")


def encode_address(address: str) -> str:
    """Return an address with what Markdown could take for its end, or for emphasis, percent-encoded."""
    return _UNSAFE.sub(lambda sign: "".join(f"%{octet:02X}" for octet in sign[0].encode("utf-8", "replace")), address)


def _escape(words: str, before: str, after: str) -> str:
    """Return the words with as few backslashes as the draft's own reader allows: none, those at markup, or all."""
    for escaped in (words, _MARKUP.sub(r"\\\1", words)):
        text, faults = parse(before + escaped + after)
        if not faults and text.plain() == words and len(list(text.links())) == bool(before):
            return escaped
    return _PUNCTUATION.sub(r"\\\1", words)
