"""Answers of web servers as articles, or in plain words why there is none."""

import datetime
import re
from html import unescape
from urllib.parse import urljoin

from newsletter.articles.article import Article, UnreadableArticle
from newsletter.articles.obstacles import LOG_IN, SAVE_IT
from newsletter.articles.pdf_article import read_pdf_article_apart
from newsletter.articles.reading import read_article_apart
from newsletter.articles.saved_page import find_kind
from newsletter.fetching import FailureReason, FetchFailure, FetchLimits, Response
from newsletter.fetching.login_pages import is_login_address
from newsletter.text import format_count, format_size

LIMITS = FetchLimits(body=20_000_000)  # reports with pictures are PDFs of that size
_LOOK = "Look at the address, and open it in a browser."
_WITHOUT_SAVING = (FailureReason.PRIVATE, FailureReason.ADDRESS, FailureReason.UNKNOWN_NAME, FailureReason.LOOKUP)
# HTML, section 4.2.5.3: the pragma directive "refresh", at once or after some seconds.
_FORWARDING = re.compile(
    r"<meta\b[^<>]{0,200}http-equiv\s*=\s*[\"']?refresh\b[^<>]{0,200}content\s*=\s*[\"']?\s*[0-9](?:\.\d*)?\s*[;,]\s*url\s*=\s*([^<>]{1,2000}?)"
    r"\s*[\"']?\s*/?>",
    re.IGNORECASE,
)
_FEW_WORDS = 300
_STATUSES = {
    401: ("The page asks for a login.", LOG_IN),
    402: ("The page is only for those who pay.", LOG_IN),
    403: ("The site refuses to show the page to a program.", SAVE_IT),
    404: ("There is no page at this address (404).", _LOOK),
    410: ("The page has been taken away for good (410).", _LOOK),
    451: ("The page may not be shown here, for legal reasons (451).", _LOOK),
}


def read_answer(answer: Response, now: datetime.datetime) -> Article:
    """Return the article in a web server's answer, cited by its last address.

    Raises UnreadableArticle for an answer that is none: another status than 200, too long, never ended, empty, neither
    HTML nor PDF, and what `read_article` refuses.
    """
    _refuse_status(answer, now)
    _refuse_redirect_to_login(answer)
    _refuse_cut(answer)
    kind = find_kind(answer.body)
    if kind == "empty":
        raise UnreadableArticle("The page is empty.", next_step=_LOOK)
    if kind == "pdf":
        return read_pdf_article_apart(answer.body, answer.address)
    if kind != "html" or not _may_be_html(answer.media_type):
        raise UnreadableArticle(
            f"This is no web page and no PDF, but {_name_type(answer.media_type)}.",
            next_step="Cite the page that it belongs to.",
        )
    return read_article_apart(answer.body, answer.address, answer.charset)


def find_forwarding(answer: Response) -> str | None:
    """Return where a page sends its readers on to by itself, as some short addresses do; None for any other page."""
    beginning = answer.body[:20_000].decode("utf-8", "replace")
    forwarding = _FORWARDING.search(beginning)
    words = re.sub(
        r"<(script|style|title|noscript)\b.*?</\1\s*>|<[^<>]*>", " ", beginning, flags=re.DOTALL | re.IGNORECASE
    )
    if forwarding is None or answer.status != 200 or len(" ".join(words.split())) > _FEW_WORDS:
        return None
    try:
        target = urljoin(answer.address, unescape(forwarding[1]).strip("'\" "))
    except ValueError:
        return None
    return target if target.startswith(("http://", "https://")) and target != answer.address else None


def explain_for_citing(failure: FetchFailure) -> UnreadableArticle:
    """Return a failure to fetch with what helps who wants to cite the page."""
    advice = failure.next_step if failure.reason in _WITHOUT_SAVING else SAVE_IT
    return UnreadableArticle(failure.message, next_step=advice)


def _refuse_status(answer: Response, now: datetime.datetime) -> None:
    if answer.status == 429:
        raise UnreadableArticle("The site has been asked too often (429).", next_step=_tell_when(answer, now))
    if answer.status in _STATUSES:
        message, advice = _STATUSES[answer.status]
        raise UnreadableArticle(message, next_step=advice)
    if answer.status >= 500:
        raise UnreadableArticle(
            f"The site has a fault of its own at present ({answer.status}).", next_step=_tell_when(answer, now)
        )
    if not 200 <= answer.status < 300:
        raise UnreadableArticle(f"The site answers with status {answer.status}, and no page.", next_step=_LOOK)


def _refuse_redirect_to_login(answer: Response) -> None:
    """Raise UnreadableArticle when the asked address led to one for logging in, whatever stands there."""
    led = answer.redirects and is_login_address(answer.address)
    if led and not is_login_address(answer.redirects[0].source):
        message, advice = _STATUSES[401]
        raise UnreadableArticle(message, next_step=advice)


def _tell_when(answer: Response, now: datetime.datetime) -> str:
    delay = answer.find_retry_delay(now)
    if delay is None:
        return "Try again later, or save the page with a browser and cite the file: newsletter cite page.html"
    minutes = int(delay // 60)
    wait = format_count(max(1, round(delay)), "second") if delay < 120 else format_count(minutes, "minute")
    if minutes > 24 * 60:
        wait = format_count(minutes // (24 * 60), "day")
    return f"Try again in {wait}, or save the page with a browser and cite the file: newsletter cite page.html"


def _refuse_cut(answer: Response) -> None:
    if answer.cut == "size":
        raise UnreadableArticle(
            f"This is larger than {format_size(LIMITS.body, 0)}, which no article is.",
            next_step="See in a browser what it is, and write the link yourself: [words](https://example.org/page)",
        )
    if answer.cut == "time":
        raise UnreadableArticle(
            f"The page had no end after {LIMITS.total:.0f} seconds.", next_step=f"Try again. {SAVE_IT}"
        )
    if answer.cut == "dropped":
        raise UnreadableArticle("The site hung up in the middle of the page.", next_step=f"Try again. {SAVE_IT}")
    if answer.cut == "encoding":
        raise UnreadableArticle("The page came packed in a way that can't be unpacked.", next_step=SAVE_IT)


def _may_be_html(media_type: str) -> bool:
    return media_type in ("", "text/html", "application/xhtml+xml", "application/xml", "text/xml", "text/plain")


def _name_type(media_type: str) -> str:
    """Return what a type is called by people, such as a picture."""
    main = media_type.partition("/")[0]
    names = {"image": "a picture", "video": "a film", "audio": "a sound", "font": "a typeface"}
    packed = media_type in ("application/zip", "application/x-zip-compressed", "application/gzip", "application/x-tar")
    return names.get(main) or ("an archive of files" if packed else "a file of another kind")
