"""The page of an article: its bytes as text in the right encoding, and its tree of elements."""

import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

from newsletter.articles.article import UnreadableArticle
from newsletter.fetching.page_encoding import decode_page

# What browsers and SingleFile write at the top of a page that they save.
_SAVED_FROM = re.compile(
    r"<!--\s*saved from url=\(\d+\)\s*(https?://[^\s<>]+)\s*-->|^\s*url:\s*(https?://[^\s<>]+)", re.MULTILINE
)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}", re.IGNORECASE)
_MOST_ELEMENTS = 20_000  # some times those of a long article
_INVISIBLE = ("script", "style", "template", "svg", "iframe", "object", "head", "select", "textarea")


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page as read: its tree of elements by lxml, which has no types, and where it was saved from if it says so."""

    root: Any
    saved_from: str | None
    language: str | None


def read_page(html: bytes, charset: str | None = None) -> Page:
    """Read a page's bytes; `charset` is what the server said of them. Raises UnreadableArticle for an empty one."""
    from lxml import etree
    from lxml import html as lxml_html

    text = decode_page(html, charset)
    # In UTF-8 for certain by now: what the page declares is passed over, and so are its entities.
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_pis=True, huge_tree=False)
    try:
        root = lxml_html.document_fromstring(text.replace("\0", "").encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableArticle(
            "The page is empty.", next_step="Open it in a browser, and see whether the address is the right one."
        ) from error
    saved = _SAVED_FROM.search(text[:5000])
    return Page(root=root, saved_from=(saved[1] or saved[2]) if saved else None, language=_find_language(root))


def _find_language(root: Any) -> str | None:
    names = [root.get("lang"), root.get("{http://www.w3.org/XML/1998/namespace}lang"), root.get("xml:lang")]
    for name in names:
        if name and _LANGUAGE.fullmatch(name.strip()):
            return str(name.strip().replace("_", "-"))
    return None


def read_text(element: Any) -> str:
    """Return the words of an element and of all in it, with blanks where elements meet."""
    pieces = (piece for piece in element.itertext() if piece and not piece.isspace())
    return " ".join(" ".join(pieces).split())


def keep_visible(root: Any) -> None:
    """Take out of a page what readers do not see: scripts, styles, comments, and what stands in the head.

    Of a page without measure the beginning is kept, so that what reading it costs stays bounded.
    """
    from lxml import etree

    etree.strip_elements(root, *_INVISIBLE, etree.Comment, with_tail=False)
    for element in list(islice(root.iter(), _MOST_ELEMENTS, None)):
        if (parent := element.getparent()) is not None:
            parent.remove(element)
