"""Styles of a page, as far as they say what browsers hide and how words look."""

import re

import tinycss2
from selectolax.lexbor import LexborHTMLParser, SelectolaxError

_MOST_RULES = 300  # that hide or show something; each is looked for in the whole page
_LONGEST_SELECTOR = 300
_HIDING_CLASS = frozenset(
    ["sr-only", "visually-hidden", "screen-reader-text", "screen-reader-only", "preheader", "preview-text"]
)
_FAR_LEFT = re.compile(r"-\d{4,}(?:px)?|-\d{3,}em")
_NOTHING = re.compile(r"0(?:\.0+)?(?:px|em|pt|%)?")


def read_style(style: str) -> dict[str, str]:
    """Return the declarations of a style attribute, in lower case and without `!important`."""
    declarations = {}
    for part in style.lower().split(";"):
        name, colon, value = part.partition(":")
        if colon:
            declarations[name.strip()] = value.replace("!important", "").strip()
    return declarations


def is_hidden(attributes: dict[str, str | None], style: dict[str, str]) -> bool:
    """Return whether an element's own attributes hide it from everybody who looks at the page."""
    if "hidden" in attributes or style.get("display") == "none" or style.get("visibility") in ("hidden", "collapse"):
        return True
    if attributes.get("aria-hidden") == "true" and not attributes.get("src"):
        return True
    if not _HIDING_CLASS.isdisjoint((attributes.get("class") or "").lower().split()):
        return True
    clipped = style.get("overflow") == "hidden" or style.get("overflow-y") == "hidden"
    flat = any(_NOTHING.fullmatch(style.get(side, "")) for side in ("max-height", "height", "max-width", "width"))
    if clipped and flat:
        return True
    if style.get("position") in ("absolute", "fixed") and _FAR_LEFT.match(style.get("left", "")):
        return True
    return _NOTHING.fullmatch(style.get("opacity", "")) is not None or "ignore" in style.get("mso-list", "")


def find_hidden(parser: LexborHTMLParser) -> frozenset[int]:
    """Return the elements that a page's style sheets hide on every screen, by `mem_id`; later rules win."""
    hidden: set[int] = set()
    rules = 0
    for sheet in parser.css("style"):
        media = (sheet.attributes.get("media") or "").lower()
        if media and "all" not in media and "screen" not in media:
            continue
        for rule in tinycss2.parse_stylesheet(sheet.text() or "", skip_comments=True, skip_whitespace=True):
            if rule.type != "qualified-rule" or rules >= _MOST_RULES:
                continue
            display = _read_display(rule)
            if not display:
                continue
            rules += 1
            selector = tinycss2.serialize(rule.prelude).strip()
            found = _select(parser, selector)
            hidden = hidden | found if display == "none" else hidden - found
    return frozenset(hidden)


def _read_display(rule: tinycss2.ast.QualifiedRule) -> str:
    display = ""
    for declaration in tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True):
        if declaration.type == "declaration" and declaration.lower_name in ("display", "visibility"):
            value = tinycss2.serialize(declaration.value).strip().lower()
            hides = value in ("none", "hidden")
            if hides or declaration.lower_name == "display":
                display = "none" if hides else value
    return display


def _select(parser: LexborHTMLParser, selector: str) -> set[int]:
    """Return the elements of a selector, but those whose own style shows them; none for one that can't be read."""
    if len(selector) > _LONGEST_SELECTOR or "::" in selector:
        return set()
    try:
        found = parser.css(selector)
    except (SelectolaxError, ValueError):
        return set()
    return {
        node.mem_id for node in found if read_style(node.attributes.get("style") or "").get("display", "none") == "none"
    }
