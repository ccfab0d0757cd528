"""What readers see of an article's facts: its heading, its byline and its date, wherever a page has put them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from newsletter.articles.author_names import begins_with_by, is_written_as_name, read_authors
from newsletter.articles.page import read_text
from newsletter.articles.publication_dates import FoundDate, find_date

# Parts of a page that are about other things: captions and credits of pictures, comments, other articles.
_ELSEWHERE_TAGS = frozenset(
    {"figure", "figcaption", "picture", "aside", "nav", "footer", "form", "blockquote", "button"}
)
_ELSEWHERE = re.compile(
    r"(?:\A|[\s_-])(?:caption|credits?|photo|photographer|image|media|gallery|related|recommended|recirc\w*|more|comments?|respond"
    r"|sidebar|promo\w*|teaser|newsletter|footer|nav|menu|share|social|advert\w*|ads?|copyright|popular|trending|bio|about"
    r"|widget|wp-caption\w*|read-next|next|previous|breadcrumbs?)(?:\Z|[\s_-])",
    re.IGNORECASE,
)
_BYLINE = re.compile(
    r"(?:\A|[\s_-])(?:by-?line\w*|author|authors|author-?names?|writers?|contributors?|signature|autor|auteur|verfasser|dateline"
    r"|post-?meta|entry-?meta|article-?meta|meta)(?:\Z|[\s_-])",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"(?:\A|[\s_-])(?:date|datetime|pub-?date|published|publish-date|posted(?:-on)?|timestamp|time|datum|fecha|entry-date"
    r"|byline\w*|dateline|meta|post-?meta|entry-?meta|article-?meta)(?:\Z|[\s_-])",
    re.IGNORECASE,
)
_CREDIT = re.compile(
    r"\b(?:photo(?:graph)?s?|pictures?|images?|illustrations?|graphics?|video|foto|credit|courtesy|getty|translated|edited)\b"
    r"|写真|撮影|提供",
    re.IGNORECASE,
)
_BEFORE_DATE = re.compile(
    r"\W*(?:first )?(?:published|posted|updated|erschienen|veröffentlicht|publié|publicado)?\W*(?:on|am|le|el)?\W*"
    r"(?:[^\W\d]{2,12}day)?\W*",
    re.IGNORECASE,
)
_BEHIND_NAMES = re.compile(
    r"(?:\b(?i:last )?|(?<=[a-z]))(?:[Uu]pdated|UPDATED|[Pp]ublished|PUBLISHED|[Pp]osted|POSTED)\b"
    r"|\b\d{1,2}:\d\d|\b\d+ min(?:ute)?s?\b"
)
_BLOCKS = (
    "p",
    "div",
    "span",
    "address",
    "small",
    "summary",
    "li",
    "section",
    "header",
    "h2",
    "h3",
    "h4",
    "h5",
    "em",
    "strong",
    "cite",
    "td",
)
_LONGEST_BYLINE = 300
_MOST_BLOCKS = 4000
_MOST_BESIDE_DATE = 20  # characters, such as a time of day, in a block that is there to say a date
_NEAR = 40  # blocks with words between a heading and its byline


@dataclass
class VisibleFacts:
    """What was found in what readers see. Headings and bylines are in the order of the page, the best bylines first."""

    headings: list[str] = field(default_factory=list)
    subheadings: list[str] = field(default_factory=list)
    bylines: list[tuple[str, ...]] = field(default_factory=list)
    dates: list[FoundDate] = field(default_factory=list)


def find_visible_facts(root: Any, language: str | None) -> VisibleFacts:
    """Find the headings, bylines and dates in a page from which what nobody sees is already gone."""
    facts = VisibleFacts()
    marked, classed, worded = [], [], []
    since_heading: int | None = None
    for element in _iterate_relevant(root):
        if element.tag == "h1":
            facts.headings.append(read_text(element))
            since_heading = since_heading or 0
            continue
        if element.tag == "h2" and len(facts.subheadings) < _NEAR:
            facts.subheadings.append(read_text(element))
        names = f"{element.get('class') or ''} {element.get('id') or ''}"
        is_marked = "author" in f"{element.get('rel') or ''} {element.get('itemprop') or ''}".split()
        is_classed = _BYLINE.search(names) is not None
        block = element.tag in _BLOCKS
        if not (block or is_marked or is_classed or element.tag in ("time", "a")):
            continue
        text = _read_short(element)
        if not text:
            continue
        near = since_heading is None or since_heading <= _NEAR
        since_heading = (
            since_heading + 1
            if since_heading is not None and block and element.text and element.text.strip()
            else since_heading
        )
        if near and (found := _find_own_date(element, text, names, language)):
            facts.dates.append(found)
        if _CREDIT.search(text):
            continue
        if is_marked:
            marked.append(_read_byline(text, language))
        elif is_classed and element.tag != "time":
            classed.append(_read_byline(text, language))
        elif block and near and begins_with_by(_behind_date(text, language)):
            worded.append(_read_byline(text, language))
            if found := find_date(text, language):
                facts.dates.append(found)
    facts.bylines = [*_choose_marked(marked), *(names for names in (*classed, *worded) if names)]
    return facts


def _iterate_relevant(root: Any) -> Iterator[Any]:
    """Yield the elements of a page in order, without those that are about something else than the article."""
    waiting = [root]
    seen = 0
    while waiting and seen < _MOST_BLOCKS:
        element = waiting.pop()
        if not isinstance(element.tag, str) or element.tag in _ELSEWHERE_TAGS:
            continue
        names = f"{element.get('class') or ''} {element.get('id') or ''}"
        if (
            element.tag not in ("html", "body", "main", "article")
            and _ELSEWHERE.search(names)
            and not _BYLINE.search(names)
        ):
            continue
        seen += 1
        yield element
        waiting.extend(reversed(element))


def _read_short(element: Any) -> str:
    """Return the words of an element; empty when they are too many for a byline, or are all in one element within."""
    size = 0
    for piece in element.itertext():
        size += len(piece.strip())
        if size > _LONGEST_BYLINE:
            return ""
    return read_text(element)


def _find_own_date(element: Any, text: str, names: str, language: str | None) -> FoundDate | None:
    """Return the day that an element is there to say: in its words, or else in its `datetime`."""
    if re.search(
        r"\b(?:updated?|modified|aktualisiert|mise à jour|actualizado|更新)\b|更新", f"{names} {text}", re.IGNORECASE
    ):
        text = re.split(r"(?i)\b(?:last )?(?:updated?|modified|aktualisiert|mise à jour|actualizado)\b|更新", text)[0]
        return find_date(text, language)
    if element.tag == "time":
        return find_date(text, language) or find_date(element.get("datetime") or "", language)
    if (found := find_date(text, language)) and len(text) - (found.end - found.start) <= _MOST_BESIDE_DATE:
        return found
    is_dated = "datepublished" in (element.get("itemprop") or "").lower() or _DATED.search(names)
    return (find_date(text, language) or find_date(element.get("content") or "", language)) if is_dated else None


def _behind_date(text: str, language: str | None) -> str:
    """Return a text without a date that it begins with, as in "June 1, 2023 By Jane Doe"."""
    found = find_date(text, language)
    if found is None or not _BEFORE_DATE.fullmatch(text[: found.start]):
        return text
    return text[found.end :].lstrip(" |·•,–—-")


def _read_byline(text: str, language: str | None) -> tuple[str, ...]:
    """Return the names in a byline, up to a date or a time that runs on behind them."""
    text = _behind_date(text, language)
    if found := find_date(text, language):
        text = text[: found.start]
    text = _BEHIND_NAMES.split(text)[0] or text
    if begins := re.search(r"(?:\A|[|·•—–]\s*|\s)(?=[Bb]y\s+[^\W\d_a-z])", text):
        text = text[begins.end() :]
    return tuple(name for name in read_authors([text]) if is_written_as_name(name))


def _choose_marked(marked: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the names that the page marks as its authors' as one byline: each is often in an element of its own."""
    names = tuple(dict.fromkeys(name for byline in marked for name in byline))
    return [names] if names else []
