"""The key by which two addresses are known as one page."""

from urllib.parse import urldefrag, urlsplit

from newsletter.fetching.tracking import remove_tracking

_PORTS = {"http": 80, "https": 443}


def make_page_key(address: str) -> str:
    """Return the key of an address: without tracking, fragment, `www.`, a slash at the end, and http or https."""
    clean = urldefrag(remove_tracking(address)).url
    try:
        parts = urlsplit(clean)
        host = (parts.hostname or "").removesuffix(".").removeprefix("www.")
        port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    except ValueError:
        return clean
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{port}{parts.path.rstrip('/')}{query}"


def is_front_page(address: str) -> bool:
    """Return whether an address is a site's first page, which no article is."""
    parts = urlsplit(address)
    return parts.path.strip("/").lower() in ("", "index.html", "index.php", "en", "home") and not parts.query
