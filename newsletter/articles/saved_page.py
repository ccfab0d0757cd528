"""Pages that a browser has saved: HTML, MHTML, Safari's web archive, PDF."""

import email
import plistlib
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from newsletter.articles.article import Article, UnreadableArticle
from newsletter.articles.pdf_article import read_pdf_article_apart
from newsletter.articles.reading import read_article_apart
from newsletter.text import format_size

LARGEST = 30_000_000  # bytes; web archives hold their pictures too
_AGAIN = 'Save the page again, as "Web page, complete" or "HTML only".'
_TEXT_BEGINNINGS = (b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class SavedHtml:
    """The page within an archive: its bytes, with what the archive says of them."""

    html: bytes
    address: str | None
    charset: str | None


def read_saved_page(path: Path) -> Article:
    """Return what a saved page says of its article. Raises UnreadableArticle, and OSError."""
    size = path.stat().st_size
    if size > LARGEST:
        raise UnreadableArticle(f"This file has {format_size(size)}, which no article has.", next_step=_AGAIN)
    data = path.read_bytes()
    kind = find_kind(data)
    if kind == "pdf":
        return read_pdf_article_apart(data, None)
    if kind == "archive":
        saved = _read_archive(data)
        return read_article_apart(saved.html, saved.address, saved.charset)
    if kind == "empty":
        raise UnreadableArticle("The file is empty.", next_step=_AGAIN)
    if kind == "other":
        raise UnreadableArticle("This file is no web page and no PDF.", next_step=_AGAIN)
    return read_article_apart(data)


def find_kind(data: bytes) -> str:
    """Return what bytes are by their beginning: `html`, `pdf`, `archive` (MHTML, web archive), `empty` or `other`."""
    start = data[:2048].lstrip()
    if not start:
        return "empty"
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if start.startswith((b"bplist00", b"<?xml")) and (b"bplist00" in start[:8] or b"<plist" in start):
        return "archive"
    if start.startswith(_TEXT_BEGINNINGS):
        return "html"
    if b"multipart/related" in start.lower() and b"mime-version" in start.lower():
        return "archive"
    return "html" if b"\0" not in start and b"<" in start else "other"


def _read_archive(data: bytes) -> SavedHtml:
    try:
        found = _read_web_archive(data) if b"plist" in data[:2048] else _read_mhtml(data)
    except Exception as error:  # what damaged property lists and mails raise is of many kinds
        raise UnreadableArticle("This web archive is damaged.", next_step=_AGAIN) from error
    if found is None:
        raise UnreadableArticle("There is no page in this web archive.", next_step=_AGAIN)
    return found


def _read_web_archive(data: bytes) -> SavedHtml | None:
    page: dict[str, Any] = plistlib.loads(data)["WebMainResource"]
    html = page["WebResourceData"]
    return SavedHtml(html, _to_address(page.get("WebResourceURL")), page.get("WebResourceTextEncodingName"))


def _read_mhtml(data: bytes) -> SavedHtml | None:
    """Read what Chrome and Edge save as a single file (RFC 2557)."""
    message: Message = email.message_from_bytes(data)
    for part in message.walk():
        html = part.get_payload(decode=True)
        if part.get_content_type() in ("text/html", "application/xhtml+xml") and isinstance(html, bytes):
            address = message.get("Snapshot-Content-Location") or part.get("Content-Location")
            return SavedHtml(html, _to_address(address), part.get_content_charset())
    return None


def _to_address(value: object) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip().startswith(("http://", "https://")) else None
