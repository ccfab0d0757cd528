"""The site's Atom feed (RFC 4287) and sitemap (sitemaps.org, protocol 0.9)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from xml.etree.ElementTree import Element, SubElement, indent, tostring
from zoneinfo import ZoneInfo

from newsletter.editions.edition_context import EditionContext
from newsletter.editions.web import Page, render_article

_ATOM = "http://www.w3.org/2005/Atom"
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
_NEWEST = 20  # entries: a feed is for what is new, the index for the rest


def build_feed(context: EditionContext, pages: Sequence[Page]) -> bytes:
    """Return the feed of the 20 newest issues with their whole text; `pages` has the newest first.

    The publication has to have a website.
    """
    publication = context.config.publication
    feed = Element("feed", {"xmlns": _ATOM, "xml:lang": publication.language})
    _add_text(feed, "title", publication.title)
    _add_text(feed, "id", publication.address("") or "")
    SubElement(feed, "link", rel="self", type="application/atom+xml", href=publication.address("feed.xml") or "")
    SubElement(feed, "link", rel="alternate", type="text/html", href=publication.address("") or "")
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


def build_sitemap(context: EditionContext, pages: Sequence[Page]) -> bytes:
    """Return every page's address, for search engines. The publication has to have a website."""
    urls = Element("urlset", {"xmlns": _SITEMAP})
    dates = {page.name: page.changed.isoformat() for page in pages}
    for name, day in {"": max(dates.values()), **dates}.items():
        url = SubElement(urls, "url")
        _add_text(url, "loc", context.config.publication.address(name) or "")
        _add_text(url, "lastmod", day)
    return _write_xml(urls)


def _format_moment(context: EditionContext, day: date) -> str:
    """Return the beginning of a day in the publication's time zone."""
    midnight = datetime.combine(day, time(), ZoneInfo(context.config.publication.timezone))
    return midnight.astimezone(UTC).isoformat()  # some old zones differ by seconds, which RFC 3339 can't say


def _add_text(parent: Element, tag: str, text: str) -> None:
    SubElement(parent, tag).text = text


def _write_xml(root: Element) -> bytes:
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
