"""Addresses of a page's links: made whole, and led back to where they lead past the servers that count clicks."""

import re
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

_SCHEMES = ("http", "https", "mailto")
_LONGEST = 2000  # characters of an address that a draft may hold
# Parameters in which servers that count clicks, and mail filters, name the target; the hosts and paths that they have.
_TARGETS = frozenset(
    [
        "url",
        "u",
        "q",
        "target",
        "to",
        "dest",
        "destination",
        "redirect",
        "redirect_url",
        "redirect_to",
        "link",
        "r",
        "goto",
    ]
)
_FORWARDING_HOSTS = re.compile(
    r"(?:^|\.)(?:safelinks\.protection\.outlook\.com|l\.facebook\.com|lm\.facebook\.com|l\.instagram\.com|"
    r"slack-redir\.net|urldefense\.com|urldefense\.proofpoint\.com|linkprotect\.cudasvc\.com|"
    r"(?:www\.)?google\.[a-z.]{2,6}|(?:www\.)?youtube\.com)$"
)
_FORWARDING_PATH = re.compile(
    r"(?:^|[/_.-])(?:click|clicks|track|tracking|redirect|redir|r|url|out|l\.php|ls|cl|go|c)(?:$|[/_.-])"
)
_COUNTING = re.compile(
    r"(?:^|[./])(?:list-manage\d?\.com/track/click|sendgrid\.net/ls/click|click\.[\w-]+\.|clicks\.[\w-]+\.|"
    r"links?\.[\w-]+\.(?:com|net|org)/(?:ls|u|e|a)/|track\.[\w-]+\.|mailchi\.mp/\w+/click|r\.[\w-]*mail[\w-]*\.|"
    r"substack\.com/redirect/|hubspotlinks\.com/|ct\.sendgrid\.net/|email\.[\w.-]+/c/|convertkit-mail\d?\.com/)"
)
_URLDEFENSE = re.compile(r"https://urldefense\.com/v3/__(?P<address>[^\s]+?)__;")


def resolve_address(href: str, base: str) -> str:
    """Return a link's address whole, and past servers that only forward; an empty text for one that leads nowhere."""
    href = re.sub(r"[\t\n\r]", "", href).strip()
    if not href or href.startswith("#"):
        return ""
    try:
        address = urljoin(base, href) if base else href
        parts = urlsplit(address)
    except ValueError:
        return ""
    if parts.scheme.lower() not in _SCHEMES or len(address) > _LONGEST:
        return ""
    if parts.scheme.lower() == "mailto":
        return address if "@" in parts.path else ""
    return unwrap_address(address) if parts.hostname else ""


def unwrap_address(address: str) -> str:
    """Return the address that a forwarding link names in clear, or the link's own."""
    for _ in range(3):  # one filter's link around another's
        inner = _find_target(address)
        if inner is None:
            break
        address = inner
    return address


def _find_target(address: str) -> str | None:
    if match := _URLDEFENSE.match(address):
        return _check_target(match["address"])
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return None
    if not _FORWARDING_HOSTS.search(host) and not _FORWARDING_PATH.search(parts.path.lower()):
        return None
    if host.endswith("google.com") and parts.path not in ("/url", "/amp/url"):
        return None
    for name, value in parse_qsl(parts.query):
        if name.lower() in _TARGETS and (target := _check_target(value)):
            return target
    return None


def _check_target(value: str) -> str | None:
    """Return a parameter's value if it is a whole address of the web."""
    value = unquote(value) if value[:8].lower().startswith(("http%3a", "https%3a")) else value
    is_web = value[:8].lower().startswith(("http://", "https://"))
    return value if is_web and "." in find_host(value) else None


def counts_clicks(address: str) -> bool:
    """Return whether an address is a mailing service's, which counts a click and does not say where it leads."""
    return _COUNTING.search(address) is not None


def find_host(address: str) -> str:
    """Return the host of an address, without `www.`; an empty text for none."""
    try:
        return (urlsplit(address).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
