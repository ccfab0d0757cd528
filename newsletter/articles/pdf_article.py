"""The article that is a PDF: its title, authors and date from its metadata, and from its first page."""

import datetime
import re
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

from newsletter.articles.addresses import choose_address, name_site
from newsletter.articles.article import Article, UnreadableArticle, clean_words
from newsletter.articles.author_names import read_authors
from newsletter.articles.publication_dates import find_date
from newsletter.articles.titles import clean_title
from newsletter.limited_process import LimitReached, run_limited

if TYPE_CHECKING:
    from pypdf import PdfReader

_BY_HAND = "Open it, and write the link yourself: [words](https://example.org/report.pdf)"
# What programs put in the title's place: their own names, and those of files.
_NO_TITLE = re.compile(
    r"(?:microsoft (?:word|powerpoint|excel)\b.*|untitled\W*\d*|document\d*|presentation\d*|slide \d+|title|pdf"
    r"|\S+|.*\.(?:docx?|pdf|indd|qxd|tex|pptx?|xlsx?|rtf|odt|dvi|eps|pages))",
    re.IGNORECASE | re.DOTALL,
)
MOST_SECONDS = 20  # of computing, for the first page alone
_LEAST_LETTERS = 8
_LONGEST_PAGE = 1_000_000  # octets of code, which set a page of words in some thousands
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


def read_pdf_article_apart(data: bytes, address: str | None) -> Article:
    """Return what a PDF says of itself, read in a process with limits of time and memory. Raises UnreadableArticle."""
    try:
        return run_limited(read_pdf_article, data, address, seconds=MOST_SECONDS)
    except LimitReached as error:
        raise UnreadableArticle(
            "The PDF takes more time or memory to read than any does.", next_step=_BY_HAND
        ) from error


def read_pdf_article(data: bytes, address: str | None) -> Article:
    """Return what a PDF says of itself. Raises UnreadableArticle when it can't be read, or names no title.

    Raises MemoryError as well, and a hostile one may take hours: for PDFs of others, use `read_pdf_article_apart`.
    """
    try:
        found = _read(data, address)
    except (UnreadableArticle, MemoryError):
        raise
    except Exception as error:  # what pypdf raises for damaged files is of many kinds
        raise UnreadableArticle(
            "The PDF is damaged, locked or uses what can't be read here.", next_step=_BY_HAND
        ) from error
    if not found.title:
        raise UnreadableArticle("The PDF names no title that can be read.", next_step=_BY_HAND)
    return found


def _read(data: bytes, address: str | None) -> Article:
    import logging

    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(BytesIO(data), strict=False)
    told = reader.metadata
    lines = _read_first_page(reader)
    language = _find_language(reader)
    title = clean_title(str(told.title or "")) if told else ""
    if not _is_title(title):
        title = _find_largest_lines(lines)
    beginning = "\n".join(text for _, text in lines)[:1500]
    shown = find_date(beginning, language)
    created = _read_created(told)
    return Article(
        title=title,
        outlet=name_site(address),
        authors=_read_authors(str(told.author or "") if told else ""),
        date=shown.day if shown else created,
        address=choose_address(address, ()),
        language=language,
    )


def _is_title(title: str) -> bool:
    letters = [letter for letter in title if letter.isalpha()]
    if len(letters) < _LEAST_LETTERS and not any(letter > "\u2e80" for letter in letters):
        return False
    if any(letter > "\u2e80" for letter in letters) and not title.isascii():
        return "\ufffd" not in title
    return not _NO_TITLE.fullmatch(title) and "\ufffd" not in title and len(letters) > len(title) / 2


def _read_first_page(reader: "PdfReader") -> list[tuple[float, str]]:
    """Return the lines of the first page with the size of their letters, in the order of the page's code."""
    lines: list[tuple[float, str]] = []

    def take(text: str, matrix: Any, text_matrix: Any, _font: Any, size: float) -> None:
        scale = abs(text_matrix[3] or text_matrix[1]) * abs(matrix[3] or matrix[1])
        words = clean_words(text)
        if words:
            lines.append((round(abs(size) * (scale or 1), 1), words))

    page = reader.pages[0] if reader.pages else None
    contents = page.get_contents() if page is not None else None
    if page is not None and contents is not None and len(contents.get_data()) <= _LONGEST_PAGE:
        page.extract_text(visitor_text=take)
    return lines


def _find_largest_lines(lines: list[tuple[float, str]]) -> str:
    """Return the words in the largest letters of a page, where most words are in smaller ones; empty if none are."""
    amounts: defaultdict[float, int] = defaultdict(int)
    for size, text in lines:
        amounts[size] += len(text)
    for size in sorted(amounts, reverse=True):
        smaller = sum(amount for other, amount in amounts.items() if other < size)
        title = clean_words(" ".join(_take_run(lines, size)))
        if smaller <= amounts[size]:
            return ""
        if _is_title(title):
            return title
    return ""


def _take_run(lines: list[tuple[float, str]], size: float) -> Iterator[str]:
    """Yield the first lines of one size that follow each other."""
    begun = False
    for other, text in lines:
        if other == size:
            begun = True
            yield text
        elif begun:
            return


def _read_authors(text: str) -> tuple[str, ...]:
    """Return the names in a PDF's metadata, where often the name of a user's account is."""
    return tuple(name for name in read_authors([text]) if " " in name or not name.isascii())


def _read_created(told: Any) -> datetime.date | None:
    try:
        return told.creation_date.date() if told and told.creation_date else None
    except (ValueError, AttributeError):
        return None


def _find_language(reader: "PdfReader") -> str | None:
    name = str(reader.root_object.get("/Lang", ""))
    return name if _LANGUAGE.fullmatch(name) else None
