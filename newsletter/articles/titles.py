"""The title of an article, without the name of its outlet, and the outlet's name behind a page's title."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from html import unescape

from newsletter.articles.article import clean_words

_SEPARATOR = r"\s+[|‖·•–—»«›:~-]+\s+|\s*[|｜]\s*|\s+[-–—]|：(?=[^：]{0,20}\Z)"
_LAST = re.compile(rf"\A(.+)(?:{_SEPARATOR})(.+?)\Z", re.DOTALL)
_FIRST = re.compile(rf"\A(.+?)(?:{_SEPARATOR})(.+)\Z", re.DOTALL)
_TAG = re.compile(r"</?(?:i|em|b|strong|span|sup|sub|br|u|cite|mark|wbr|small)(?:\s[^<>]{0,200})?/?>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{2,6}|#x[0-9a-f]{2,6}|amp|quot|apos|nbsp|[lr][sd]quo|[mn]dash|hellip);", re.IGNORECASE)
_MOST_WORDS_OF_OUTLET = 5
_NO_TITLE = re.compile(
    r"(?:untitled(?: document)?|home|homepage|index|article|page|document|loading\W*|null|undefined|新しいタブ)\W*",
    re.IGNORECASE,
)


def choose_title(candidates: Sequence[str], outlets: Iterable[str], body: str) -> str:
    """Return the best of a page's titles, the first that is one, without an outlet's name; empty when there is none.

    Of two that are the same but for the case of letters, the one that is not in capitals is taken, and so is the one
    without a section's name behind it.
    """
    known = frozenset(filter(None, map(_fold, outlets)))
    titles = [_remove_outlet(title, known) for title in map(clean_title, candidates)]
    titles = [title for title in titles if title and not _NO_TITLE.fullmatch(title) and _fold(title) not in known]
    if not titles:
        return ""
    best = titles[0]
    for other in titles[1:]:
        parts = _LAST.match(best)
        if parts and _fold(parts[1]) == _fold(other):
            best = other
        if _is_capitals(best) and not _is_capitals(other) and _fold(best) == _fold(other):
            best = other
    return _lower_capitals(best, body) if _is_capitals(best) else best


def clean_title(title: str) -> str:
    """Return a title as readers see it, without tags of emphasis and without entities that were escaped twice."""
    title = clean_words(_TAG.sub("", title[:10_000]))
    return clean_words(unescape(title)) if _ENTITY.search(title) else title


def guess_outlet(page_title: str, titles: Sequence[str]) -> str | None:
    """Return the outlet's name behind the article's title in a page's title, where another title says which is which.

    Where none does, a few words in capitals behind a line are taken for a name.
    """
    page_title = clean_title(page_title)
    folded = {_fold(title) for title in map(clean_title, titles)} - {_fold(page_title)}
    for pattern, title_at, outlet_at in ((_LAST, 1, 2), (_FIRST, 1, 2), (_FIRST, 2, 1)):
        parts = pattern.match(page_title)
        if parts and _fold(parts[title_at]) in folded:
            name = parts[outlet_at]
            return _LAST.sub(r"\2", name) if outlet_at == 2 else name
    parts = _LAST.match(page_title)
    if parts is None or folded or len(parts[2].split()) > _MOST_WORDS_OF_OUTLET or len(parts[2]) >= len(parts[1]):
        return None
    words = re.findall(r"[^\W\d_]{4,}", parts[2])
    return parts[2] if words and not any(word[0].islower() for word in words) else None


def find_title_below_outlet(page_title: str, headings: Sequence[str], subheadings: Sequence[str]) -> str | None:
    """Return the title where the first heading is the outlet's name, and the article's is below it.

    The page's title has both, the article's first. Ministries write their pages like this.
    """
    parts = _LAST.match(clean_title(page_title))
    if parts is None or _fold(parts[2]) not in set(map(_fold, headings)):
        return None
    return next((heading for heading in subheadings if _fold(heading) == _fold(parts[1])), None)


def _fold(text: str) -> str:
    """Return the letters and digits of a text alone, by which two ways of writing a name are one."""
    text = re.sub(r"\Athe\s+", "", text.casefold().strip())
    return "".join(letter for letter in re.sub(r"\.(?:com|org|net)\Z", "", text) if letter.isalnum())


def _remove_outlet(title: str, known: frozenset[str]) -> str:
    while (parts := _LAST.match(title)) and _fold(parts[2]) in known:
        title = parts[1].strip()
    while (parts := _FIRST.match(title)) and _fold(parts[1]) in known:
        title = parts[2].strip()
    return title


def _is_capitals(title: str) -> bool:
    letters = [letter for letter in title if letter.isalpha()]
    capitals = sum(letter.isupper() for letter in letters)
    return len(title.split()) > 2 and capitals > 8 and capitals > 0.9 * len(letters)


def _lower_capitals(title: str, body: str) -> str:
    """Return a title in capitals with each word as the article's text has it; words that it has not begin with one."""
    forms: dict[str, Counter[str]] = {}
    for match in re.finditer(r"(?<![.!?:]\s)(?<!\A)[^\W\d_][\w'’]*", body[:200_000]):
        if not (match[0].isupper() and len(match[0]) > 7):
            forms.setdefault(match[0].casefold(), Counter())[match[0]] += 1

    def write(match: re.Match[str]) -> str:
        seen = forms.get(match[0].casefold())
        word = seen.most_common(1)[0][0] if seen else match[0].capitalize()
        return word[0].upper() + word[1:] if match.start() == 0 else word

    return re.sub(r"[^\W\d_][\w'’]*", write, title)
