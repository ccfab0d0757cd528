"""The address that an article is cited by: the canonical one, where the page has the right to name it."""

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urljoin, urlsplit

from newsletter.fetching.tracking import remove_tracking

# Parts of a host's name that stand for another form of the same site.
_FORM = re.compile(r"\A(?:www\d?|m|mobile|amp|edition)\.")
_NOT_ASCII = re.compile(r"[^!-~]|[<>\"{}|\\^`]")  # RFC 3986, section 2
_LONGEST = 2000


def choose_address(address: str | None, claimed: Iterable[str]) -> str | None:
    """Return the first claimed address of the same site, or else the page's own; None where there is neither.

    A saved page may have no address of its own, so that the first claim is believed. A site's home page is a frequent
    fault among claims, and is not taken for an article.
    """
    own = _split(address or "")
    for claim in claimed:
        full = _join(address, claim.strip())
        parts = _split(full)
        if parts and (own is None or _is_same_site(parts, own)) and (not _is_home(parts) or (own and _is_home(own))):
            return remove_tracking(full)
    return remove_tracking(address) if address else None


def normalise_address(address: str | None) -> str | None:
    """Return an address of the web in ASCII; None for anything else, which an archive of a page may name."""
    full = _join(None, (address or "").strip())
    parts = _split(full)
    return full if parts and re.fullmatch(r"[\w.:-]+", parts.hostname or "", re.ASCII) else None


def name_site(address: str | None) -> str | None:
    """Return the site of an address as readers know it: example.org for https://www.example.org/page."""
    parts = _split(address or "")
    return _FORM.sub("", parts.hostname or "") if parts else None


def _join(address: str | None, claim: str) -> str:
    """Return a claim as a whole address in ASCII, as browsers read it: without line ends, all else percent-encoded."""
    claim = re.sub(r"[\t\r\n]", "", claim)
    try:
        joined = urljoin(address, claim) if address else claim
    except ValueError:
        return ""
    return _NOT_ASCII.sub(lambda sign: "".join(f"%{octet:02X}" for octet in sign[0].encode("utf-8", "replace")), joined)


def _split(address: str) -> SplitResult | None:
    """Return the parts of an address of the web; None for anything else."""
    try:
        parts = urlsplit(address)
        is_web = parts.scheme in ("http", "https") and parts.hostname and not parts.username and parts.port != 0
    except ValueError:
        return None
    return parts if is_web and len(address) <= _LONGEST else None


def _is_same_site(one: SplitResult, other: SplitResult) -> bool:
    """Return whether both are one site: the same host, or one of them a part of the other, as in amp.example.org."""
    hosts = [_FORM.sub("", parts.hostname or "") for parts in (one, other)]
    short, long = sorted(hosts, key=len)
    return (short == long or long.endswith(f".{short}")) and (one.port or 0) == (other.port or 0)


def _is_home(parts: SplitResult) -> bool:
    return parts.path in ("", "/") and not parts.query
