"""Features of mail clients that HTML and MJML use, with those of the CSS in them.

Start tags are read one by one, as they are written. A tree would hold elements that nobody wrote, and would not know
the line and column of a tag.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html.parser import HTMLParser

from newsletter.checks.conditional_comments import ConditionalView, apply_conditions
from newsletter.checks.css import Origin, find_image_format, read_sheet, read_style
from newsletter.checks.feature_tables import ATTRIBUTES, ELEMENTS, MJML_ATTRIBUTES, PROPERTIES, TYPED
from newsletter.checks.feature_use import FeatureUse

_SHEETS = ("style", "mj-style")
# Attributes that MJML turns into CSS, except where it hands them on.
_MEASURES = frozenset({"align", "height", "valign", "width"})
_AS_WRITTEN = frozenset({"mj-image", "mj-table"})
_PICTURES = frozenset({"img", "input", "mj-image", "mj-carousel-image", "mj-social-element", "v:fill", "v:image"})


@dataclass(frozen=True)
class FeatureUses:
    """The features that an email or a template uses: as classic Outlook reads it, and as all others do."""

    word: tuple[FeatureUse, ...]
    others: tuple[FeatureUse, ...]


def read_markup(text: str) -> FeatureUses:
    """Find the features that HTML or MJML uses."""
    return FeatureUses(*(tuple(_Scanner(apply_conditions(text, word=word)).found) for word in (True, False)))


class _Scanner(HTMLParser):
    """A parser that notes each use of a feature."""

    def __init__(self, seen: ConditionalView) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[FeatureUse] = []
        self._view = seen
        self._lines = [0, *(match.end() for match in re.finditer("\n", seen.text))]
        self._sheet: tuple[str, int, str] | None = None  # an open style sheet's tag, where it begins, its media query
        self.feed(seen.text)
        self.close()
        self._end_sheet(len(seen.text))

    def handle_decl(self, decl: str) -> None:
        if decl.lower().split() == ["doctype", "html"]:
            self._add("html-doctype", "the HTML5 doctype", self._locate_tag())

    def handle_comment(self, data: str) -> None:
        del data
        self._add("html-comments", "a comment", self._locate_tag())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        start = self._locate_tag()
        written = self.get_starttag_text() or ""
        kind = values.get("type", "").strip().lower()
        if slug := ELEMENTS.get(tag):
            name = slug.removeprefix("html-") if tag.startswith("mj-") else tag
            self._add(slug, f"`<{name}>`", start)
        if slug := TYPED.get((tag, kind)):
            self._add(slug, f'`<{tag} type="{kind}">`' if kind else f"`<{tag}>`", start)
        if tag == "meta" and values.get("name", "").strip().lower() == "color-scheme":
            self._add("html-meta-color-scheme", '`<meta name="color-scheme">`', start)
        for name, value in values.items():
            self.found.extend(self._read_attribute(tag, name, value, start + _find_attribute(written, name)))
        if tag in _SHEETS:
            self._end_sheet(start)
            self._sheet = tag, start + len(written), values.get("media", "")

    def handle_endtag(self, tag: str) -> None:
        if self._sheet and self._sheet[0] == tag:
            self._end_sheet(self._locate_tag())

    def _read_attribute(self, tag: str, name: str, value: str, at: int) -> Iterator[FeatureUse]:
        origin = self._make_origin(at)
        slugs: Mapping[str, str] = {}
        if name in ATTRIBUTES and not (tag.startswith("mj-") and name in _MEASURES and tag not in _AS_WRITTEN):
            slugs = {ATTRIBUTES[name]: f"the attribute `{name}`"}
        elif name == "href" and tag not in ("link", "base"):
            if value.strip().startswith("#"):
                slugs = {"html-anchor-links": "a link within the mail"}
            elif value.strip().lower().startswith("mailto:"):
                slugs = {"html-mailto-links": "a mailto: link"}
        if ((name == "src" and tag in _PICTURES) or name in ("background", "background-url")) and (
            image := find_image_format(value)
        ):
            slugs = {**slugs, image: image.replace("image-", "a picture of the kind ")}
        yield from (FeatureUse(slug, what, origin.line, origin.column) for slug, what in slugs.items())
        if name == "style":
            yield from read_style(value, self._make_origin(self._find_value(at)))
        elif tag.startswith("mj-"):
            yield from _read_mjml_attribute(name, value, origin)

    def _find_value(self, at: int) -> int:
        match = re.compile(r"[^\s=>]+\s*=\s*[\"']?").match(self._view.text, at)
        return match.end() if match else at

    def _end_sheet(self, end: int) -> None:
        if self._sheet:
            _, start, media = self._sheet
            self._sheet = None
            inlined = not self._view.was_comment(start) and media.lower() in ("", "all", "screen")
            text = self._view.text[start:end]
            self.found.extend(read_sheet(text, self._make_origin(start), inlined=inlined, media=media))

    def _add(self, slug: str, what: str, at: int) -> None:
        origin = self._make_origin(at)
        self.found.append(FeatureUse(slug, what, origin.line, origin.column))

    def _locate_tag(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _make_origin(self, offset: int) -> Origin:
        line = bisect_right(self._lines, offset)
        return Origin(line, offset - self._lines[line - 1] + 1)


def _find_attribute(tag: str, name: str) -> int:
    match = re.search(rf"(?<=[\s\"'/]){re.escape(name)}(?=[\s=/>])", tag, re.IGNORECASE)
    return match.start() if match else 0


def _read_mjml_attribute(name: str, value: str, origin: Origin) -> Iterator[FeatureUse]:
    """Yield the features of an attribute that MJML turns into CSS, such as `border-radius="4px"`."""
    name = MJML_ATTRIBUTES.get(name, name)
    if name in PROPERTIES:
        for found in read_style(f"{name}: {value}", Origin()):
            yield replace(found, line=origin.line, column=origin.column)
