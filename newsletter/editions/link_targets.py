"""Addresses that a draft writes short: `#2` for an item, `issue:2.9` for another issue, /about on the website."""

import re
from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin

from newsletter.config.settings import PublicationSettings
from newsletter.issue.model import Issue
from newsletter.issue.sections import Item
from newsletter.issue_name import name_edition

_ITEM = re.compile(r"#(\d+)")
_ISSUE = re.compile(r"issue:([^#]+)(#\d+)?")
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


@dataclass(frozen=True)
class LinkTargets:
    """Where the short addresses of an issue's texts lead; what is written in full stays as it is."""

    publication: PublicationSettings
    issue: Issue
    translated: Container[str] = ()  # the names of issues that are there in this issue's language, too

    def names_item(self, href: str) -> bool:
        """Return whether an address means an item of the issue, as `#2` does."""
        return _ITEM.fullmatch(href) is not None

    def find_item(self, href: str) -> int | None:
        """Return the place of the item that `#2` means among those of the issue as it is seen, from 1 on.

        None where it means no item, or one that is not shown.
        """
        return _find_place(href, self.issue)

    def whole(self, href: str) -> str | None:
        """Return the whole address; an item's is that on the issue's web page. None where there is no such page."""
        if _ITEM.fullmatch(href):
            place = _find_place(href, self._public)
            return self._item_on_website(place) if place else None
        if _ABSOLUTE.match(href) and not _ISSUE.fullmatch(href):
            return href
        website = self.publication.address("")
        return urljoin(website, self.beside_page(href)) if website else None

    def whole_item(self, item: Item) -> str | None:
        """Return the address of one of the issue's items on its web page; None where it is on no such page."""
        place = _place_item(item, self._public)
        return self._item_on_website(place) if place else None

    @cached_property
    def _public(self) -> Issue:
        return self.issue.whole.seen_by(frozenset())

    def _item_on_website(self, place: int) -> str | None:
        page = self.publication.address(f"{self.issue.edition_name}.html")
        return f"{page}#{name_item(place)}" if page else None

    def in_email(self, href: str) -> str | None:
        """Return the address for the email: whole, or that of an item in the mail itself; None for one that is hidden.

        Many clients have no links within a mail, so that an item's address is that on the web page where there is one.
        """
        if _ITEM.fullmatch(href):
            place = self.find_item(href)
            return (self.whole(href) or f"#{name_item(place)}") if place else None
        return self.whole(href) or href

    def on_page(self, href: str) -> str | None:
        """Return the address for the issue's web page; None for an item that is not on it."""
        if _ITEM.fullmatch(href):
            place = self.find_item(href)
            return f"#{name_item(place)}" if place else None
        return self.beside_page(href)

    def beside_page(self, href: str) -> str:
        """Return the address as it can stand on a page of the website: relative, as other issues' pages lie beside it.

        A link to an item of this issue is not changed.
        """
        if other := _ISSUE.fullmatch(href):
            item = f"#{name_item(int(other[2][1:]))}" if other[2] else ""
            language = self.issue.language if other[1] in self.translated else ""
            return f"{name_edition(other[1], language)}.html{item}"
        return href


def name_item(place: int) -> str:
    """Return the anchor of an item by its place in the issue, on the web page and in the email."""
    return f"item-{place}"


def _find_place(href: str, seen: Issue) -> int | None:
    match = _ITEM.fullmatch(href)
    counted = seen.whole.all_items
    if match is None or not 1 <= int(match[1]) <= len(counted):
        return None
    return _place_item(counted[int(match[1]) - 1], seen)


def _place_item(meant: Item, seen: Issue) -> int | None:
    # By identity, since two items may say the same.
    return next((place for place, item in enumerate(seen.all_items, start=1) if item is meant), None)
