"""An article that an issue cites, and what one part of its page claims about it."""

import datetime
import re
import unicodedata
from dataclasses import dataclass

from newsletter.errors import NewsletterError

_LONGEST = 300  # characters of a title or an outlet's name; no real one is longer
_TERMINAL = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)")  # ECMA-48
_JOINERS = "\u200c\u200d"  # without them Persian words and many emoji fall apart


class UnreadableArticle(NewsletterError):
    """A page that nothing can be cited from: the user opens it in a browser, and saves it or writes the link."""


@dataclass(frozen=True, kw_only=True)
class Article:
    """What a reader is told about a source. Only the title is certain to be known.

    The date is the one that the page shows, in the time zone of its authors. The address is without tracking
    parameters, and None for a saved page that does not say where it is from.
    """

    title: str
    outlet: str | None = None
    authors: tuple[str, ...] = ()
    date: datetime.date | None = None
    address: str | None = None
    language: str | None = None


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What one part of a page, such as its JSON-LD, says about the article, as it is written there, the best first.

    `authors` are groups of which each names all of them: the first that has a name is right.
    """

    titles: tuple[str, ...] = ()
    outlets: tuple[str, ...] = ()
    authors: tuple[tuple[str, ...], ...] = ()
    dates: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


def clean_words(text: str) -> str:
    """Return a text of a page as one line, without what nobody sees or what a terminal obeys, and not too long.

    Controls, signs of direction, letters of private use and those that Unicode does not know are dropped: a draft may
    not hold them.
    """
    text = unicodedata.normalize("NFC", _TERMINAL.sub("", text[: 20 * _LONGEST]))
    text = "".join(map(_clean_letter, text))
    text = " ".join(text.split())
    if len(text) <= _LONGEST:
        return text
    return re.sub(r"\s+\S*\Z", "", text[:_LONGEST]) + "…"


def _clean_letter(letter: str) -> str:
    category = unicodedata.category(letter)
    if category in ("Cc", "Zl", "Zp", "Zs"):
        return " "
    return "" if category[0] == "C" and letter not in _JOINERS else letter
