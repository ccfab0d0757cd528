"""Faults of a text's links: no words, or an address that leads nowhere or could lead anywhere."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsletter.field import Field, accepts_field
from newsletter.issue.cjk import is_cjk
from newsletter.issue.markdown import ParsedParagraph
from newsletter.text import quote_text
from newsletter.validation import Fault

if TYPE_CHECKING:
    from newsletter.issue.blocks import Link

LINK_SCHEMES = ("https", "http", "mailto")
# Addresses that are written short: an item of the issue, another issue, a page of the publication's website.
_SHORT = re.compile(
    r"#[1-9][0-9]{0,3}|issue:[\w.%-]{1,100}(?:#[1-9][0-9]{0,3})?|/(?!/)\S*|\.{1,2}/\S*"
    r"|[\w%-]+(?:/[\w.%-]+)*\.(?:html?|pdf)(?:[?#]\S*)?",
    re.IGNORECASE,
)
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?")
_LONGEST_ADDRESS = 2000
_SHORTENED = re.compile("%E2%80%A6|/\\.\\.\\.(?:/|$)")
_CUT = re.compile(r"[\[^|\\][^\s|]")  # what no bare address holds, directly behind one
_LONG = re.compile(r"(?:https?://)?[^/]+/.{15}", re.IGNORECASE)
_BROKEN_OFF = re.compile(r"[ \t]*\n[ \t]*(?=[A-Za-z0-9%])")
_PATH = re.compile(r"\d{4}/|[A-Za-z0-9]+-[A-Za-z0-9]+-[A-Za-z0-9-]+|\S+\.(?:html?|php|pdf)(?!\w)")
_QUOTES = "\"'“”„‘’«»"


@dataclass(frozen=True, slots=True)
class LinkPlace:
    """The places in a paragraph where a link and its address begin."""

    start: int
    address: int


def find_link_faults(
    source: str, paragraph: ParsedParagraph, links: "Iterable[tuple[Link, LinkPlace]]"
) -> Iterator[Fault]:
    """Yield a fault for each link of a paragraph that has no words, or that readers could not follow."""
    for link, place in links:
        label = " ".join("".join(run.text for run in link.runs).split())
        if not label.strip():
            yield Fault(
                code="link-text",
                at=place.start,
                message=f"the link to {link.href} has no text",
                next_step="Put the words to click between the brackets.",
            )
        if fault := _find_link_fault(source, link, label, place):
            yield fault
    for span in paragraph.markup:
        if span.kind == "address" and (fault := _find_bare_fault(source, span.start, span.end)):
            yield fault


def _find_link_fault(source: str, link: "Link", label: str, place: LinkPlace) -> Fault | None:
    """Return what is wrong with the address of a link that is written as one."""
    start = link.address[0] if link.address and isinstance(link.address[0], str) else ""
    if any(isinstance(piece, Field) for piece in link.address) and not accepts_field(start):
        return _make_fault(
            place.address,
            f"the link {quote_text(label)} has a field in its address where it could lead anywhere",
            "Put it behind the web site's name, as in https://example.org/?who={{ email }}, "
            "or behind the ? of a mailto: address.",
        )
    if source[place.address : place.address + 2] == "](" and source[place.address + 2] in _QUOTES:
        return _make_fault(
            place.address,
            f"the address of the link {quote_text(label)} stands in quotes",
            "Take the quotes out: [words](https://example.org/page).",
        )
    if (message := _explain_address(link.href)) is not None:
        return _make_fault(
            place.address,
            f"the link {quote_text(label)} {message}",
            "Give it an address beginning with https://, http:// or mailto:; #2 leads to the second item, issue:2.9 to "
            "another issue, /about to a page of your website.",
        )
    if _SHORTENED.search(link.href):
        return _make_fault(
            place.address,
            f"this address was shortened when it was copied: it leads nowhere ({link.href})",
            "Copy the whole address from the page itself.",
        )
    return None


def _find_bare_fault(source: str, start: int, end: int) -> Fault | None:
    """Return what is wrong with an address that stands in the text as it is."""
    if cut := _find_cut(source, start, end):
        return _make_fault(
            start,
            f"this address would end before {quote_text(cut)}, and may go on there",
            "Write it as [words](https://example.org/page), whole and in one line; or put a space where it ends.",
        )
    if _is_broken_off(source, end):
        return _make_fault(
            start,
            "this address seems to go on in the next line",
            "Write it in one line, or put other words behind it.",
        )
    if any(map(is_cjk, source[start:end])):
        return _make_fault(
            start,
            "nothing tells where this address ends and the text goes on",
            "Put the address between < and >, or write it as [words](https://example.org/page).",
        )
    return None


def _make_fault(at: int, message: str, next_step: str) -> Fault:
    return Fault(code="link-address", at=at, message=message, next_step=next_step)


def _find_cut(source: str, start: int, end: int) -> str:
    """Return the sign before which an address would end though it may go on; … shortens a long address."""
    if source[end : end + 1] == "…" and _LONG.match(source, start, end):
        return "…"
    return source[end] if _CUT.match(source, end) else ""


def _is_broken_off(source: str, end: int) -> bool:
    """Return whether a line ends within an address: behind a sign that ends no address, or before a part of a path."""
    broken = _BROKEN_OFF.match(source, end)
    if broken is None:
        return False
    return source[end - 1] in "-=&" or (source[end - 1] == "/" and _PATH.match(source, broken.end()) is not None)


def _explain_address(href: str) -> str | None:
    if href.strip("#") == "":
        return f"leads nowhere ({quote_text(href)})"
    if _SHORT.fullmatch(href) and "%7B%7B" not in href.upper() and len(href) <= _LONGEST_ADDRESS:
        return None
    if "%7B%7B" in href.upper():
        return "has what looks like a field in its address, and can't be read as one"
    if len(href) > _LONGEST_ADDRESS:
        return f"has an address of {len(href):,} characters"
    try:
        parts = urlsplit(href)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        return f"has an address that can't be read ({href})"
    if parts.scheme not in LINK_SCHEMES:
        return f"has an address that readers can't follow ({href})"
    if parts.scheme == "mailto":
        return None if "@" in parts.path else f"names no mail address ({href})"
    return None if _HOST.fullmatch(host or "") else f"names no web site ({href})"
