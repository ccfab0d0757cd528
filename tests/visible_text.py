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
    """Return the addresses that the PDF's links lead to, page by page, each as often as it is linked in a row."""
    path = folder / "l.pdf"
    path.write_bytes(pdf)
    shown = subprocess.run(["pdfinfo", "-url", path], check=True, capture_output=True, text=True).stdout
    return re.findall(r"(?m)^ *\d+  Annotation +(\S+)$", shown)


def pdf_alts(pdf: bytes, folder: Path) -> list[str]:
    """Return what the PDF's pictures show, in the order of its tags."""
    path = folder / "a.pdf"
    path.write_bytes(pdf)
    plain = subprocess.run(["qpdf", "--json=2", "--json-key=qpdf", path], check=True, capture_output=True).stdout
    objects = json.loads(plain)["qpdf"][1]
    root = next(each["value"] for each in objects.values() if _names(each, "/Type") == "/StructTreeRoot")
    return list(_iterate_alts(root, objects))


def _names(each: dict[str, Any], key: str) -> object:
    value = each.get("value")
    return value.get(key) if isinstance(value, dict) else None


def _iterate_alts(node: Any, objects: dict[str, Any]) -> Iterator[str]:
    if isinstance(node, str):
        node = objects.get(f"obj:{node}", {}).get("value")
    if isinstance(node, list):
        for each in node:
            yield from _iterate_alts(each, objects)
    elif isinstance(node, dict):
        if "/Alt" in node:
            yield node["/Alt"].removeprefix("u:")
        yield from _iterate_alts(node.get("/K"), objects)


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
