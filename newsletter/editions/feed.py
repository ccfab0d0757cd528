"""The site's Atom feed (RFC 4287) and sitemap (sitemaps.org, protocol 0.9)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from xml.etree.ElementTree import Element, SubElement, indent, tostring
from zoneinfo import ZoneInfo

from newsletter.editions.edition_context import EditionContext
from newsletter.editions.page_languages import PageLanguage, list_index_languages, list_issue_languages, name_shared
from newsletter.editions.web import Page, index_address, render_article

_ATOM = "http://www.w3.org/2005/Atom"
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
_XHTML = "http://www.w3.org/1999/xhtml"
_NEWEST = 20  # entries: a feed is for what is new, the index for the rest


def build_feed(context: EditionContext, pages: Sequence[Page]) -> bytes:
    """Return the feed of the 20 newest issues with their whole text; `pages` has the newest first.

    The publication has to have a website.
    """
    publication = context.config.publication
    feed = Element("feed", {"xmlns": _ATOM, "xml:lang": publication.language})
    _add_text(feed, "title", publication.title)
    index, name = index_address(context) or "", name_shared(context, "feed", "xml")
    _add_text(feed, "id", index)
    SubElement(feed, "link", rel="self", type="application/atom+xml", href=publication.address(name) or "")
    SubElement(feed, "link", rel="alternate", type="text/html", href=index)
    _add_text(feed, "updated", max(_format_moment(context, page.changed) for page in pages))
    author = SubElement(feed, "author")
    _add_text(author, "name", context.config.sender.from_.name or publication.title)
    _add_text(feed, "generator", "newsletter-press")
    for page in pages[:_NEWEST]:
        address = publication.address(page.name) or ""
        entry = SubElement(feed, "entry")
        _add_text(entry, "title", page.title)
        _add_text(entry, "id", address)
        SubElement(entry, "link", rel="alternate", type="text/html", href=address)
        if page.pdf:
            SubElement(
                entry,
                "link",
                rel="enclosure",
                type="application/pdf",
                href=publication.address(page.pdf.name) or "",
                length=str(page.pdf.octets),
            )
        _add_text(entry, "published", _format_moment(context, page.issue.date))
        _add_text(entry, "updated", _format_moment(context, page.changed))
        _add_text(entry, "summary", context.preheader(page.issue))
        content = SubElement(entry, "content", type="html")
        content.text = render_article(context, page.issue)
    return _write_xml(feed)


def build_sitemap(lists: Sequence[tuple[EditionContext, Sequence[Page]]]) -> bytes:
    """Return every page's address, for search engines, with that of each other language that it is there in.

    `lists` has the pages of each language with its context. The publication has to have a website.
    """
    has_languages = len(lists) > 1
    urls = Element("urlset", {"xmlns": _SITEMAP, **({"xmlns:xhtml": _XHTML} if has_languages else {})})
    for context, pages in lists:
        _add_url(urls, index_address(context), max(page.changed for page in pages), list_index_languages(context))
    for context, pages in lists:
        for page in pages:
            address = context.config.publication.address(page.name)
            _add_url(urls, address, page.changed, list_issue_languages(context, page.issue))
    return _write_xml(urls)


def _add_url(urls: Element, address: str | None, day: date, languages: Sequence[PageLanguage]) -> None:
    url = SubElement(urls, "url")
    _add_text(url, "loc", address or "")
    _add_text(url, "lastmod", day.isoformat())
    for each in languages:
        for tag in (each.tag, *(("x-default",) if each.is_default else ())):
            SubElement(url, "xhtml:link", rel="alternate", hreflang=tag, href=each.address or "")


def _format_moment(context: EditionContext, day: date) -> str:
    """Return the beginning of a day in the publication's time zone."""
    midnight = datetime.combine(day, time(), ZoneInfo(context.config.publication.timezone))
    return midnight.astimezone(UTC).isoformat()  # some old zones differ by seconds, which RFC 3339 can't say


def _add_text(parent: Element, tag: str, text: str) -> None:
    SubElement(parent, tag).text = text


def _write_xml(root: Element) -> bytes:
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
