"""Reading of a page: its facts from what it claims and shows, the surest first, and trafilatura for the rest."""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from typing import Any

from newsletter.articles.addresses import choose_address, name_site, normalise_address
from newsletter.articles.article import Article, Claims, UnreadableArticle
from newsletter.articles.author_names import read_authors
from newsletter.articles.json_ld import read_json_ld
from newsletter.articles.meta_tags import read_meta_tags
from newsletter.articles.obstacles import refuse_obstacles
from newsletter.articles.page import Page, keep_visible, read_page, read_text
from newsletter.articles.publication_dates import (
    FoundDate,
    choose_date,
    find_date,
    find_date_in_address,
    read_first_date,
)
from newsletter.articles.titles import choose_title, clean_title, find_title_below_outlet, guess_outlet
from newsletter.articles.visible_facts import VisibleFacts, find_visible_facts
from newsletter.limited_process import LimitReached, run_limited

SMALL = 50_000  # bytes; no page of this size keeps a parser busy for more than some seconds
MOST_SECONDS = 20  # of computing
_LANGUAGE_SIZE = 35  # RFC 5646, section 4.4.1
_COMPANY = re.compile(r"\b(?:Inc|Ltd|LLC|LLP|PLC|GmbH|AG|Corp|Co|Foundation|Holdings|Publishing|S\.A|B\.V)\.?\Z")
_INSTALL = 'Install it: pip install "newsletter-press[cite]"'


def read_article_apart(html: bytes, address: str | None = None, charset: str | None = None) -> Article:
    """Return what a page of anybody's says of its article; a large one is read in a process of limited time and memory.

    A parser's time grows with the square of an element's attributes, so that 200 kB can take minutes. Raises
    UnreadableArticle.
    """
    if len(html) <= SMALL:
        return read_article(html, address, charset)
    try:
        return run_limited(read_article, html, address, charset, seconds=MOST_SECONDS)
    except LimitReached as error:
        raise UnreadableArticle(
            "The page takes more time or memory to read than any article does.",
            next_step="Open it in a browser, and write the link yourself: [words](https://example.org/page)",
        ) from error


def read_article(html: bytes, address: str | None = None, charset: str | None = None) -> Article:
    """Return what an article's page says of it: title, outlet, authors, date, address and language.

    `address` is where the page was at last, after redirects; None for a saved page that may tell itself. `charset` is
    what the server said. Raises UnreadableArticle when the page is empty, asks for a login, holds a program off, needs
    JavaScript to show anything, or has no title; and where trafilatura is not installed.
    """
    require_trafilatura()
    page = read_page(html, charset)
    address = normalise_address(address or page.saved_from)
    claims = (read_json_ld(page.root), read_meta_tags(page.root))
    language = page.language or _choose_language(claims)
    page_title = next((read_text(title) for title in page.root.iter("title")), "")
    keep_visible(page.root)
    shown = find_visible_facts(page.root, language)
    refuse_obstacles(page.root, address, claims, page_title, shown)
    return _combine(page, address, claims, shown, page_title, language)


def require_trafilatura() -> None:
    """Raise UnreadableArticle, with what to install, when trafilatura is not there."""
    try:
        import trafilatura  # noqa: F401  # only whether it is there
    except ImportError as error:
        raise UnreadableArticle(
            "Citing needs the library trafilatura, which is not installed.", next_step=_INSTALL
        ) from error


def _combine(
    page: Page,
    address: str | None,
    claims: Sequence[Claims],
    shown: VisibleFacts,
    page_title: str,
    language: str | None,
) -> Article:
    site = name_site(address) or name_site(choose_address(None, _gather(claims, "addresses")))
    titles = [*_gather(claims, "titles"), *shown.headings]
    if not _gather(claims, "titles") and (
        heading := find_title_below_outlet(page_title, shown.headings, shown.subheadings)
    ):
        titles = [heading]
    guessed = guess_outlet(page_title, titles)
    outlets = [*_gather(claims[::-1], "outlets"), *([guessed] if guessed else [])]
    known = [*outlets, *([site, site.rpartition(".")[0]] if site else [])]
    title = choose_title([*titles, page_title], known, read_text(page.root))
    authors = next((names for names in _iterate_authors(claims, shown, known) if names), ())
    claimed = read_first_date(_gather(claims, "dates"), language)
    date = choose_date(claimed, _choose_shown(shown.dates, claimed)) or find_date_in_address(address)
    if not (title and authors and date):
        extracted = _extract_with_trafilatura(page.root, address)
        title = title or choose_title([extracted.title or ""], known, "")
        authors = authors or read_authors([extracted.author or ""], outlets=known)
        if date is None and (found := find_date(extracted.date or "")):
            date = found.day
    if not title:
        raise UnreadableArticle(
            "The page has no title.",
            next_step="See in a browser whether it is the right page, and write the link yourself: "
            "[words](https://example.org/page)",
        )
    return Article(
        title=title,
        outlet=_choose_outlet(outlets, guessed, site),
        authors=authors,
        date=date,
        address=choose_address(address, _gather(claims[::-1], "addresses")),
        language=language,
    )


def _gather(claims: Iterable[Claims], name: str) -> list[str]:
    return [text for claim in claims for text in getattr(claim, name)]


def _choose_language(claims: Iterable[Claims]) -> str | None:
    names = (text.strip().replace("_", "-") for text in _gather(claims, "languages"))
    return next((name for name in names if name.replace("-", "").isalnum() and 2 <= len(name) <= _LANGUAGE_SIZE), None)


def _choose_outlet(outlets: Sequence[str], guessed: str | None, site: str | None) -> str | None:
    """Return the first name that is one; an address in its place, such as example.org, only where there is no other.

    Behind the page's title is the name that readers know, which is better than that of a company.
    """
    names = [name for name in map(clean_title, outlets) if name]
    words = [name for name in names if "." not in name or " " in name]
    best = next(iter([*words, *names]), site)
    return clean_title(guessed) if guessed and best and _COMPANY.search(best) else best


def _iterate_authors(
    claims: Iterable[Claims], shown: VisibleFacts, outlets: Sequence[str]
) -> Iterator[tuple[str, ...]]:
    for claim in claims:
        for group in claim.authors:
            yield read_authors(group, outlets=outlets)
    for byline in shown.bylines:
        yield read_authors(byline, outlets=outlets)


def _choose_shown(dates: Sequence[FoundDate], claimed: FoundDate | None) -> FoundDate | None:
    """Return the day that stands nearest to the title; of several, one that is beside the claimed one."""
    if claimed:
        dates = [date for date in dates if abs((date.day - claimed.day).days) <= 1]
        if any(date.day == claimed.day for date in dates):
            return claimed
    return dates[0] if dates else None


def _extract_with_trafilatura(root: Any, address: str | None) -> Any:
    """Return what trafilatura finds in the visible page, of which figures are taken out: a credit is no author.

    Its results are checked as the page's own claims are.
    """
    from lxml import etree
    from trafilatura.metadata import Document, extract_metadata

    for name in ("trafilatura", "htmldate", "courlan"):  # what they log holds words of the page
        logging.getLogger(name).setLevel(logging.CRITICAL)
    tree = deepcopy(root)
    etree.strip_elements(tree, "figure", "figcaption", "aside", "footer", with_tail=False)
    try:
        return extract_metadata(tree, default_url=address, extensive=False)
    except Exception:  # noqa: BLE001  # whatever a strange page makes it raise, the page is cited without
        return Document()
