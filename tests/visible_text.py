"""Visible text of each edition: the words of a page and of a PDF, and the links in them."""

import json
import re
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

_UNSEEN = ("style", "title", "script")
# Spaces, marks of notes, styles and quotations, hyphens and the marks of direction, which each edition sets in its own
# way.
_SETTING = re.compile("\\[\\d+\\]|[\\s*_`~^>\u00ad\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\u2010-]")
# Raised and lowered signs are letters of their own in the plain text.
_SCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁼⁽⁾ⁿⁱ₀₁₂₃₄₅₆₇₈₉₊₌₍₎", "0123456789+=()ni0123456789+=()", "⁻₋−")
RIGHT_TO_LEFT = re.compile("[\u0590-\u07ff\ufb1d-\ufdff\ufe70-\ufefc]+")


class Page(HTMLParser):
    """Page of HTML with the words that a reader sees, and the links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._spoken: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        self._hidden += tag in _UNSEEN
        if tag == "img":
            self._spoken.append(values.get("alt") or "")
        if tag == "a" and values.get("href"):
            self.links.append(values["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _UNSEEN

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)
            self._spoken.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    @property
    def spoken(self) -> str:
        """Return the text with what each picture shows in its place, as a screen reader says it."""
        return "".join(self._spoken)

    @property
    def outward(self) -> list[str]:
        """Return the links that lead out of the page, in their order."""
        return [link for link in self.links if "://" in link or link.startswith("mailto:")]


def letters(text: str) -> str:
    """Return the letters of a text, without how it is set."""
    return _SETTING.sub("", text.translate(_SCRIPTS)).casefold()


def pdf_text(pdf: bytes, folder: Path) -> str:
    path = folder / "x.pdf"
    path.write_bytes(pdf)
    return subprocess.run(["pdftotext", "-raw", path, "-"], check=True, capture_output=True, text=True).stdout


def pdf_links(pdf: bytes, folder: Path) -> list[str]:
    """Return the addresses that the PDF's links lead to, in the order of its tags, each as often as it is in a row.

    The order on the pages is another one where cells beside each other go on overleaf.
    """
    root, objects = _read_tags(pdf, folder)
    links = [_follow(tag["/Obj"], objects) for tag in _iterate_tags(root, objects) if tag.get("/Type") == "/OBJR"]
    actions = [_follow(link.get("/A", {}), objects) for link in links]
    return [action["/URI"].removeprefix("u:") for action in actions if "/URI" in action]


def pdf_alts(pdf: bytes, folder: Path) -> list[str]:
    """Return what the PDF's pictures show, in the order of its tags."""
    root, objects = _read_tags(pdf, folder)
    return [node["/Alt"].removeprefix("u:") for node in _iterate_tags(root, objects) if "/Alt" in node]


def _read_tags(pdf: bytes, folder: Path) -> tuple[Any, dict[str, Any]]:
    """Return the root of a PDF's tags, and all its objects by their names."""
    path = folder / "tags.pdf"
    path.write_bytes(pdf)
    plain = subprocess.run(["qpdf", "--json=2", "--json-key=qpdf", path], check=True, capture_output=True).stdout
    objects = json.loads(plain)["qpdf"][1]
    return next(each["value"] for each in objects.values() if _names(each, "/Type") == "/StructTreeRoot"), objects


def _names(each: dict[str, Any], key: str) -> object:
    value = each.get("value")
    return value.get(key) if isinstance(value, dict) else None


def _iterate_tags(node: Any, objects: dict[str, Any]) -> Iterator[dict[str, Any]]:
    node = _follow(node, objects)
    if isinstance(node, list):
        # Typst tags what stands below a picture before the picture, as the specification allows.
        for each in sorted((_follow(each, objects) for each in node), key=_is_caption):
            yield from _iterate_tags(each, objects)
    elif isinstance(node, dict):
        yield node
        yield from _iterate_tags(node.get("/K"), objects)


def _is_caption(node: Any) -> bool:
    return isinstance(node, dict) and node.get("/S") == "/Caption"


def _follow(node: Any, objects: dict[str, Any]) -> Any:
    return objects.get(f"obj:{node}", {}).get("value") if isinstance(node, str) else node


def pdf_tags(pdf: bytes, folder: Path) -> str:
    """Return the PDF's tags and the words in them, one a line, indented by two spaces for each level."""
    path = folder / "t.pdf"
    path.write_bytes(pdf)
    return subprocess.run(["pdfinfo", "-struct-text", path], check=True, capture_output=True, text=True).stdout


def pdf_places(pdf: bytes, folder: Path) -> list[str]:
    """Return the places within the PDF that its links lead to, each by its name or as the object that describes it."""
    path = folder / "p.pdf"
    path.write_bytes(pdf)
    plain = subprocess.run(["qpdf", "--qdf", path, "-"], check=True, capture_output=True).stdout
    links = (part for part in plain.split(b"endobj") if b"/Subtype /Link" in part)
    return [place.decode() for part in links for place in re.findall(rb"/Dest (\d+ 0 R|\([^)]*\))", part)]
