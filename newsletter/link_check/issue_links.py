"""The links of an issue: each with its address, and the item and the place in a file where it stands."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import chain
from pathlib import Path
from urllib.parse import unquote

from newsletter.config import find_setting
from newsletter.editions import EditionContext
from newsletter.editions.link_targets import LinkTargets
from newsletter.errors import ConfigError, Problem
from newsletter.field import Field
from newsletter.issue.blocks import Link
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.model import Issue
from newsletter.issue.sections import Item, iterate_links

_OWN = re.compile(r"#\d|issue:", re.IGNORECASE)  # another item, another issue: draft checks look at those
_GOES_ON = r"(?![\w/?#&=%~+-]|[.,;:!@$*'(][\w/])"  # by which a longer address is another one


@dataclass(frozen=True, slots=True)
class IssueLink:
    """A link as readers get it. `item` counts from 1; None for a link outside of items.

    `written` is the address as the draft has it. `personal` says that it differs for each reader.
    """

    address: str
    written: str
    item: int | None = None
    personal: bool = False


def list_links(context: EditionContext, issue: Issue) -> list[IssueLink]:
    """Return an issue's links in reading order, none to its own items or to other issues."""
    places = {
        id(link): place for place, item in enumerate(issue.all_items, start=1) for link in _iterate_item_links(item)
    }
    every = chain((link for text in issue.texts() for link in text.links()), issue.links())
    return [*_read_links(every, context.link_targets(issue), places)]


def list_standing_links(context: EditionContext, issue: Issue) -> list[IssueLink]:
    """Return the links of the publication's standing note."""
    try:
        return [*_read_links(context.about.links(), context.link_targets(issue), {})]
    except ConfigError:  # the draft's checks say what is wrong with it
        return []


def _read_links(links: Iterable[Link], targets: LinkTargets, places: Mapping[int, int]) -> Iterator[IssueLink]:
    for link in links:
        address = None if _OWN.match(link.href) else targets.whole(link.href)
        if address is not None:
            personal = any(isinstance(piece, Field) for piece in link.address)
            yield IssueLink(address, link.href, places.get(id(link)), personal)


def _iterate_item_links(item: Item) -> Iterator[Link]:
    """Yield the links of an item: in its texts, of its picture, and its own."""
    yield from (link for text in item.texts() for link in text.links())
    yield from iterate_links([item])


@dataclass(frozen=True)
class LinkPlaces:
    """The places where links stand: in a draft, or in the standing note of newsletter.toml."""

    source: DraftSource
    config_path: Path

    def at_link(self, written: str, *, code: str, message: str, next_step: str) -> Problem:
        """Return a problem where an address first stands as it is written."""
        for spelling in dict.fromkeys((written, unquote(written), escape(written, quote=False))):
            place = self.source.find_in_lines(re.compile(re.escape(spelling) + _GOES_ON))
            if place:
                return Problem(
                    path=self.source.path,
                    line=place.line,
                    column=place.column,
                    code=code,
                    message=message,
                    next_step=next_step,
                )
        path, line = find_setting(self.config_path, "publication", "about")
        return Problem(path=path, line=line, code=code, message=message, next_step=next_step)
