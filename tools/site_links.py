"""The links of a built site, followed without a network."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from selectolax.lexbor import LexborHTMLParser

# What a browser loads by itself; what a reader follows may lead to other hosts.
_LOADED = (
    "script[src]",
    "img[src]",
    "source[src]",
    "iframe[src]",
    "link[rel=stylesheet][href]",
    "link[rel=preconnect][href]",
)


def find_faults(site: Path) -> Iterator[str]:
    """Yield each link of a site's pages that leads nowhere in it, and what a page would load from another host."""
    pages = {path: LexborHTMLParser(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    places = {path: {str(node.attributes["id"]) for node in page.css("[id]")} for path, page in pages.items()}
    for path, page in pages.items():
        name = path.relative_to(site).as_posix()
        for selector in _LOADED:
            for node in page.css(selector):
                address = str(node.attributes.get("src") or node.attributes.get("href"))
                if urlsplit(address).netloc:
                    yield f"{name} loads {address} from another host"
        for node in page.css("a[href], img[src], script[src], link[href]"):
            address = urlsplit(str(node.attributes.get("href") or node.attributes.get("src")))
            if address.scheme or address.netloc or name == "404.html":
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_relative_to(site.resolve()) or not target.is_file():
                yield f"{name} links {address.geturl()}, which is no file of the site"
            elif address.fragment and unquote(address.fragment) not in places.get(target, set()):
                yield f"{name} links {address.geturl()}, where no such place is"
