"""MJML to HTML, with the checks that MJML's core leaves out: it ignores unknown tags, and gives no lines."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

from newsletter.editions.template_engine import list_templates, template_error
from newsletter.text import quote_text, suggest_nearest

_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_COMPONENTS = frozenset(
    """
    mj-accordion mj-accordion-element mj-accordion-text mj-accordion-title mj-all mj-attributes mj-body mj-
    breakpoint mj-button mj-carousel mj-carousel-image mj-class mj-column mj-divider mj-font mj-group mj-head
    mj-hero mj-image mj-include mj-navbar mj-navbar-link mj-preview mj-raw mj-section mj-social mj-social-
    element mj-spacer mj-style mj-table mj-text mj-title mj-wrapper mjml
    """.split()  # noqa: SIM905  # a literal list of forty names would be forty lines
)

# The attributes of all components together: MJML ignores a misspelled one.
_ATTRIBUTES = frozenset(
    """
    align alt background-color background-height background-position background-position-x background-position-y
    background-repeat background-size background-url background-width base-url border border-bottom border-color
    border-left border-radius border-right border-style border-top border-width cellpadding cellspacing class
    color container-background-color css-class dir direction fluid-on-mobile font-family font-size font-style
    font-weight full-width gap hamburger height href ico-align ico-close ico-color ico-font-family ico-font-size
    ico-line-height ico-open ico-padding ico-padding-bottom ico-padding-left ico-padding-right ico-padding-top
    ico-text-decoration ico-text-transform icon-align icon-color icon-height icon-padding icon-position icon-
    size icon-unwrapped-alt icon-unwrapped-url icon-width icon-wrapped-alt icon-wrapped-url id inline inner-
    background-color inner-border inner-border-bottom inner-border-left inner-border-radius inner-border-right
    inner-border-top inner-padding lang left-icon letter-spacing line-height max-height mj-class mode name owa
    padding padding-bottom padding-left padding-right padding-top path position rel right-icon role sizes src
    srcset table-layout target tb-border tb-border-radius tb-hover-border-color tb-selected-border-color tb-
    width text-align text-decoration text-padding text-transform thumbnails thumbnails-src title type usemap
    vertical-align width
    """.split()  # noqa: SIM905  # as above
)
# The components that each of these may hold: MJML drops anything else in them, text and all.
_LAYOUT = {
    "mjml": {"mj-head", "mj-body"},
    "mj-body": {"mj-section", "mj-wrapper", "mj-hero", "mj-raw"},
    "mj-wrapper": {"mj-section", "mj-hero", "mj-raw"},
    "mj-section": {"mj-column", "mj-group", "mj-raw"},
    "mj-group": {"mj-column", "mj-raw"},
    "mj-column": {
        "mj-accordion", "mj-button", "mj-carousel", "mj-divider", "mj-image", "mj-navbar", "mj-raw", "mj-social",
        "mj-spacer", "mj-table", "mj-text",
    },
}  # fmt: skip
# In the last of the three, what is in quotes is passed over: it may hold an = of its own.
_STRAY = re.compile(
    r"""<(?![A-Za-z/!?])|<!--(?:(?!-->).)*?--(?!>)|<\w+(?:\s(?:[^<>"']|"[^"]*"|'[^']*')*?)?\s[\w:-]+=(?![\s"'])""",
    re.DOTALL,
)
_STRICT_TAG = re.compile(r"""<[\w-]+(?:\s+[\w:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*/?>""")
_JINJA = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_TAG = re.compile(r"""<[A-Za-z](?:[^<>"']|"[^"]*"|'[^']*')*>""")
_ESCAPED = re.compile(r"[^ -\[\]-~]")  # all but ASCII's printing characters, and the backslash
_Fault = tuple[int, str]


def convert_mjml(mjml: str, template: str, path: tuple[Path, ...]) -> str:
    """Return the HTML of `mjml`, which was made from `template`. Raises TemplateError with the template's line."""
    if fault := _find_fault(mjml):
        raise _locate(fault, template, path)
    from mjml import mjml2html  # a megabyte of Rust, which a look at a draft should not cost

    try:
        # fonts={} keeps MJML from linking web fonts: a mail asks nobody for anything.
        return mjml2html(_TAG.sub(_refer, mjml), fonts={})
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic in MJML's Rust core is no Exception
        raise _locate((0, f"MJML can't read it: {error}"), template, path, _find_stray) from error


def _refer(tag: re.Match[str]) -> str:
    """Return a tag with character references in place of what MJML would spoil.

    MJML's core writes attributes as Rust writes strings for debugging: a backslash twice, and \\u{301} for an accent
    that stands apart, a joiner within an emoji, a sign of Devanagari. It leaves references alone.
    """
    return _ESCAPED.sub(lambda found: f"&#{ord(found[0])};", tag[0])


def _find_stray(markup: str) -> _Fault | None:
    """Return a fault that browsers forgive and MJML does not, with its line."""
    if found := _STRAY.search(markup):
        shown = " ".join(markup[found.start() : found.end() + 12].split())
        return markup.count("\n", 0, found.start()) + 1, (
            f"MJML can't read {quote_text(shown)}: a < in text is written &lt;, and an attribute's value stands in "
            "quotes"
        )
    return None


def _locate(
    fault: _Fault, template: str, path: tuple[Path, ...], look: Callable[[str], _Fault | None] | None = None
) -> Exception:
    """Return the error for a fault, with its place in the template: lines of the filled markup are others."""
    files = list_templates(template, path)
    found: list[tuple[Path, _Fault]] = []
    for file in files:
        source = file.read_text(encoding="utf-8-sig")
        own = (look or _find_fault)(_JINJA.sub(lambda tag: re.sub(r"[^\n]", " ", tag[0]), source))
        found += [(file, own)] if own else []
    # Both branches of an {% if %} are in the source, and can look like a fault of their own.
    same = [pair for pair in found if re.sub(r"\d+", "", pair[1][1]) == re.sub(r"\d+", "", fault[1])]
    likely = same or [pair for pair in found if look or pair[0] != files[0]]
    return template_error(likely[0][0], *likely[0][1]) if likely else template_error(files[0], 0, fault[1])


def _find_fault(markup: str) -> _Fault | None:
    """Return the first tag that is unknown, unopened, unclosed, misspelled or in the wrong place, with its line."""
    checker = _Checker(convert_charrefs=False)
    checker.feed(markup)
    checker.close()
    if checker.fault is None and checker.open:
        tag, line = checker.open[-1]
        checker.fault = line, f"<{tag}> is never closed"
    return checker.fault


class _Checker(HTMLParser):
    """A parser that notes the first fault of MJML markup."""

    def __init__(self, *, convert_charrefs: bool) -> None:
        super().__init__(convert_charrefs=convert_charrefs)
        self.open: list[tuple[str, int]] = []
        self._bodies = 0
        self.fault: _Fault | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._is_raw():
            return
        self._check(tag, attrs)
        if tag not in _VOID:
            self.open.append((tag, self.getpos()[0]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag, attrs)

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open and self.open[-1][0] in _LAYOUT and self.fault is None:
            holder = self.open[-1][0]
            line = self.getpos()[0] + data[: len(data) - len(data.lstrip())].count("\n")
            self.fault = line, f"text stands in <{holder}>, where it would be lost: put it into <mj-text>"

    def _is_raw(self) -> bool:
        """Return whether the place is in mj-raw, which MJML passes on unread: it may open what another one closes."""
        return bool(self.open) and self.open[-1][0] == "mj-raw"

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    handle_charref = handle_entityref

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID or (self._is_raw() and tag != "mj-raw"):
            return
        if self.open and self.open[-1][0] == tag:
            self.open.pop()
        elif self.fault is None:
            expected = f"</{self.open[-1][0]}> (opened in line {self.open[-1][1]})" if self.open else "no closing tag"
            self.fault = self.getpos()[0], f"</{tag}> stands here, and {expected} should"

    def _check(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        line = self.getpos()[0]
        holder = self.open[-1][0] if self.open else ""
        if self.fault is None and tag in _COMPONENTS | {"p", "div", "table", "img", "a"} and holder:
            if holder in _LAYOUT and tag not in _LAYOUT[holder]:
                self.fault = line, f"<{tag}> stands in <{holder}>, where it would be lost"
            elif tag in _LAYOUT and not holder.startswith("mj"):
                self.fault = line, f"<{tag}> stands in <{holder}>, where it would not be read as MJML"
        if tag == "mj-body" and holder == "mjml":
            self._bodies += 1
            if self._bodies > 1 and self.fault is None:
                self.fault = line, "a second <mj-body>, of which only one would be shown"
        if not tag.startswith("mj") or self.fault:
            return
        if tag == "mj-include":
            self.fault = line, '<mj-include> finds no file here: write {% include "file" %}'
        elif tag not in _COMPONENTS:
            self.fault = line, f"<{tag}> is no MJML component. {suggest_nearest(tag, sorted(_COMPONENTS))}".strip()
        elif not _STRICT_TAG.fullmatch(self.get_starttag_text() or ""):
            self.fault = line, f'<{tag}> can\'t be read: each of its attributes is written as name="value"'
        elif unknown := [name for name, _ in attributes if name not in _ATTRIBUTES and not name.startswith("data-")]:
            hint = suggest_nearest(unknown[0], sorted(_ATTRIBUTES))
            self.fault = line, f"<{tag}> knows no attribute {quote_text(unknown[0])}. {hint}".strip()
