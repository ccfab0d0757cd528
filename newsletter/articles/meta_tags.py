"""What a page's head says of the article: tags of OpenGraph, Highwire, Dublin Core and of publishing systems."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from newsletter.articles.article import Claims

_TITLES = (
    "citation_title",
    "og:title",
    "dc.title",
    "dcterms.title",
    "parsely-title",
    "sailthru.title",
    "twitter:title",
    "headline",
)
_OUTLETS = (
    "citation_journal_title",
    "citation_conference_title",
    "og:site_name",
    "application-name",
    "dc.publisher",
    "dcterms.publisher",
    "citation_publisher",
    "publisher",
    "apple-mobile-web-app-title",
    "dc.source",
)
_AUTHORS = (
    "citation_author",
    "citation_authors",
    "dc.creator",
    "dcterms.creator",
    "dc.creator.aut",
    "parsely-author",
    "sailthru.author",
    "byl",
    "author",
    "authors",
    "article:author",
    "og:article:author",
    "dc.contributor",
    "twitter:data1",
)
_DATES = (
    "article:published_time",
    "og:article:published_time",
    "citation_publication_date",
    "citation_date",
    "citation_online_date",
    "dc.date.issued",
    "dcterms.issued",
    "dcterms.created",
    "dc.date",
    "dcterms.date",
    "parsely-pub-date",
    "sailthru.date",
    "pubdate",
    "publishdate",
    "publish-date",
    "publication_date",
    "date",
    "article.published",
)
_MOST_OF_A_NAME = 100


def read_meta_tags(root: Any) -> Claims:
    """Read what the tags of a page's head claim."""
    tags = _collect_tags(root)
    links = [link for link in root.iter("link") if "canonical" in (link.get("rel") or "").lower().split()]
    labelled = (
        "author" in " ".join(tags["twitter:label1"]).lower() or "written by" in " ".join(tags["twitter:label1"]).lower()
    )
    if not labelled:
        tags["twitter:data1"] = []
    return Claims(
        titles=_pick(tags, _TITLES),
        outlets=tuple(name for name in _pick(tags, _OUTLETS) if not name.startswith(("http", "@"))),
        authors=_group(tags, _AUTHORS),
        dates=_pick(tags, _DATES),
        addresses=(
            *(link.get("href") for link in links if link.get("href")),
            *_pick(tags, ("og:url", "citation_abstract_html_url")),
        ),
        languages=_pick(tags, ("og:locale", "content-language", "dc.language", "citation_language")),
    )


def _collect_tags(root: Any) -> dict[str, list[str]]:
    """Return the contents of all meta tags by their names in lowercase; some pages have them in the body."""
    tags: dict[str, list[str]] = defaultdict(list)
    for tag in root.iter("meta"):
        content = (tag.get("content") or "").strip()
        for key in ("name", "property", "itemprop", "http-equiv"):
            names = (tag.get(key) or "").lower().split()
            for name in names[:3] if content else ():
                name = name.replace("dc:", "dc.").replace("dcterms:", "dcterms.")
                if len(tags[name]) < _MOST_OF_A_NAME:
                    tags[name].append(content)
    return tags


def _pick(tags: dict[str, list[str]], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(content for name in names for content in tags[name])


def _group(tags: dict[str, list[str]], names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the contents of each name that has any which could be a person: no address of a profile."""
    groups = (tuple(text for text in tags[name] if not text.startswith(("http:", "https:", "@"))) for name in names)
    return tuple(group for group in groups if group)
