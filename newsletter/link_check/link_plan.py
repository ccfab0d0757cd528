"""The plan of a link check: what can be said without asking anybody, and what is to be asked, each page once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl, urldefrag, urlsplit

from newsletter.checks.draft_report import Finding
from newsletter.editions import EditionContext
from newsletter.fetching.tracking import remove_tracking
from newsletter.issue.draft import Draft
from newsletter.issue.draft_source import DraftSource
from newsletter.link_check.earlier_links import EarlierUse, find_earlier_uses
from newsletter.link_check.issue_links import IssueLink, LinkPlaces, list_links, list_standing_links
from newsletter.link_check.mail_links import find_mail_fault
from newsletter.link_check.page_key import make_page_key
from newsletter.text import quote_text
from newsletter.workspace import Workspace


@dataclass(frozen=True)
class LinkPlan:
    """The web links of a draft that are to be asked, and the `findings` that nobody had to be asked for.

    `unasked` is the number of links that differ for each reader, so that no single address could be asked.
    """

    links: tuple[IssueLink, ...]
    findings: tuple[Finding, ...]
    places: LinkPlaces
    unasked: int = 0

    @cached_property
    def addresses(self) -> tuple[str, ...]:
        """Return the addresses to ask, each once."""
        return tuple(dict.fromkeys(find_asked_address(link.address) for link in self.links))


def find_asked_address(address: str) -> str:
    """Return the address that is asked for a link: without fragment, tracking and password, which no cache may keep."""
    asked = urldefrag(remove_tracking(address)).url
    try:
        parts = urlsplit(asked)
    except ValueError:
        return asked
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else asked


def plan_link_check(workspace: Workspace, draft: Draft) -> LinkPlan:
    """Read a draft's links, and find what is wrong with them by themselves. Raises ConfigError.

    A draft with problems has no issue yet, and so no links.
    """
    context = EditionContext.from_workspace(workspace)
    places = LinkPlaces(DraftSource(draft.path, draft.source), context.config_path)
    if draft.issue is None:
        return LinkPlan((), (), places)
    own = list_links(context, draft.issue)
    every = [*own, *list_standing_links(context, draft.issue)]
    web = [link for link in every if link.address.casefold().startswith(("http:", "https:"))]
    findings = [
        *_check_mail_links(places, every),
        *_find_tracking(places, web),
        *_find_spellings(places, web),
    ]
    if draft.issue.kind != "correction":  # which repeats what it corrects
        findings += _tell_earlier_uses(places, own, find_earlier_uses(workspace, context, draft, own))
    asked = tuple(link for link in web if not link.personal)
    return LinkPlan(asked, tuple(findings), places, len(web) - len(asked))


def _check_mail_links(places: LinkPlaces, links: Iterable[IssueLink]) -> Iterator[Finding]:
    for link in _each_once(links):
        if link.address.casefold().startswith("mailto:") and (fault := find_mail_fault(link.address)):
            yield Finding(
                places.at_link(
                    link.written,
                    code="link-mailto",
                    message=f"this link leads to no mailbox: {fault}",
                    next_step="Write it as mailto:name@example.org.",
                )
            )


def _find_tracking(places: LinkPlaces, links: Iterable[IssueLink]) -> Iterator[Finding]:
    for link in _each_once(links):
        clean = remove_tracking(link.written)
        if clean != link.written:
            parts, left = urlsplit(link.written), parse_qsl(urlsplit(clean).query, keep_blank_values=True)
            taken = [
                name for name, value in parse_qsl(parts.query, keep_blank_values=True) if (name, value) not in left
            ]
            names = ", ".join(dict.fromkeys(taken)) or parts.fragment
            yield Finding(
                places.at_link(
                    link.written,
                    code="link-tracking",
                    message=f"this address tells the site where your readers came from ({names})",
                    next_step=f"Write it without: {clean}",
                ),
                note=True,
            )


def _list_parameters(address: str) -> dict[str, None]:
    parts = urlsplit(address)
    pairs = parse_qsl(parts.query, keep_blank_values=True) + parse_qsl(parts.fragment, keep_blank_values=True)
    return dict.fromkeys(name for name, _ in pairs)


def _find_spellings(places: LinkPlaces, links: Iterable[IssueLink]) -> Iterator[Finding]:
    """Find links to one page by several addresses, which a reader takes for several pages."""
    first: dict[str, IssueLink] = {}
    for link in _each_once(links):
        before = first.setdefault(make_page_key(link.address), link)
        if urldefrag(before.address).url != urldefrag(link.address).url:
            place = places.at_link(before.written, code="", message="", next_step="")
            where = f"line {place.line}" if place.path == places.source.path else "the standing note"
            yield Finding(
                places.at_link(
                    link.written,
                    code="link-twice",
                    message=f"this leads to the same page as the link in {where}, by another address",
                    next_step=f"Write both alike: {remove_tracking(before.written)}",
                ),
                note=True,
            )


def _tell_earlier_uses(
    places: LinkPlaces, links: Iterable[IssueLink], uses: Mapping[str, EarlierUse]
) -> Iterator[Finding]:
    for link in _each_once(links):
        if use := uses.get(make_page_key(link.address)):
            where = f", in item {use.item}: {quote_text(use.headline)}" if use.item else ""
            yield Finding(
                places.at_link(
                    link.written,
                    code="link-earlier",
                    message=f"{use.issue} has this link already{where}",
                    next_step="Leave it where it is meant.",
                ),
                note=True,
            )


def _each_once(links: Iterable[IssueLink]) -> Iterable[IssueLink]:
    return {link.written: link for link in reversed([*links])}.values().__reversed__()
