"""MJML, with the checks that its core leaves out: it takes unknown tags in silence, and gives no lines."""

import re
from html.parser import HTMLParser
from pathlib import Path

from mjml import mjml2html

from newsletter.editions.templates import broken, sources
from newsletter.errors import did_you_mean

_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_COMPONENTS = frozenset(
    """
    mjml mj-head mj-body mj-include mj-attributes mj-all mj-class mj-breakpoint mj-font mj-html-attributes
    mj-selector mj-html-attribute mj-preview mj-style mj-title mj-raw mj-accordion mj-accordion-element
    mj-accordion-title mj-accordion-text mj-button mj-carousel mj-carousel-image mj-column mj-divider mj-group
    mj-hero mj-image mj-navbar mj-navbar-link mj-section mj-social mj-social-element mj-spacer mj-table mj-text
    mj-wrapper
    """.split()  # noqa: SIM905  # a literal list of forty names would be forty lines
)

# All components' together: a misspelled one would be passed over in silence.
_ATTRIBUTES = frozenset(
    """
    align alt background-color background-height background-position background-position-x background-position-y
    background-repeat background-size background-url background-width base-url border border-bottom border-color
    border-left border-radius border-right border-style border-top border-width cellpadding cellspacing class color
    container-background-color css-class dir direction fluid-on-mobile font-family font-size font-style font-weight
    full-width hamburger height href ico-align ico-close ico-color ico-font-family ico-font-size ico-line-height
    ico-open ico-padding ico-padding-bottom ico-padding-left ico-padding-right ico-padding-top ico-text-decoration
    ico-text-transform icon-align icon-color icon-height icon-padding icon-position icon-size icon-unwrapped-alt
    icon-unwrapped-url icon-width icon-wrapped-alt icon-wrapped-url inline inner-background-color inner-border
    inner-border-bottom inner-border-left inner-border-radius inner-border-right inner-border-top inner-padding lang
    left-icon letter-spacing line-height mj-class mode name owa padding padding-bottom padding-left padding-right
    padding-top path rel right-icon role sizes src srcset table-layout target tb-border tb-border-radius
    tb-hover-border-color tb-selected-border-color tb-width text-align text-decoration text-padding text-transform
    thumbnails title type usemap vertical-align width
    """.split()  # noqa: SIM905  # as above
)
_STRICT_TAG = re.compile(r"""<[\w-]+(?:\s+[\w:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*/?>""")
_JINJA = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_Fault = tuple[int, str]


def mjml_to_html(mjml: str, template: str, path: tuple[Path, ...]) -> str:
    """The HTML of `mjml`, which was made from `template`. Raises TemplateError with the template's line."""
    if fault := _fault(mjml):
        raise _locate(fault, template, path)
    try:
        # fonts={} keeps MJML from linking web fonts: a mail asks nobody for anything.
        return mjml2html(mjml, fonts={})
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic in MJML's Rust core is no Exception
        raise _locate((0, f"MJML can't read it: {error}"), template, path) from error


def _locate(fault: _Fault, template: str, path: tuple[Path, ...]) -> Exception:
    """The same fault in the files that the markup came from, whose lines differ from the filled one's."""
    files = sources(template, path)
    for file in files:
        source = file.read_text(encoding="utf-8")
        own = _fault(_JINJA.sub(lambda tag: re.sub(r"[^\n]", " ", tag[0]), source))
        if own:
            return broken(file, *own)
    return broken(files[0], 0, fault[1])


def _fault(markup: str) -> _Fault | None:
    """The first tag that is unknown, unopened, unclosed or misspelled, with its line."""
    checker = _Checker(convert_charrefs=False)
    checker.feed(markup)
    checker.close()
    if checker.fault is None and checker.open:
        tag, line = checker.open[-1]
        checker.fault = line, f"<{tag}> is never closed"
    return checker.fault


class _Checker(HTMLParser):
    def __init__(self, *, convert_charrefs: bool) -> None:
        super().__init__(convert_charrefs=convert_charrefs)
        self.open: list[tuple[str, int]] = []
        self.fault: _Fault | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag, attrs)
        if tag not in _VOID:
            self.open.append((tag, self.getpos()[0]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if self.open and self.open[-1][0] == tag:
            self.open.pop()
        elif self.fault is None:
            expected = f"</{self.open[-1][0]}> (opened in line {self.open[-1][1]})" if self.open else "no closing tag"
            self.fault = self.getpos()[0], f"</{tag}> stands here, and {expected} should"

    def _check(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if not tag.startswith("mj") or self.fault:
            return
        line = self.getpos()[0]
        if tag == "mj-include":
            self.fault = line, '<mj-include> finds no file here: write {% include "file" %}'
        elif tag not in _COMPONENTS:
            self.fault = line, f"<{tag}> is no MJML component. {did_you_mean(tag, sorted(_COMPONENTS))}".strip()
        elif not _STRICT_TAG.fullmatch(self.get_starttag_text() or ""):
            self.fault = line, f'<{tag}> can\'t be read: each of its attributes is written as name="value"'
        elif unknown := [name for name, _ in attributes if name not in _ATTRIBUTES and not name.startswith("data-")]:
            hint = did_you_mean(unknown[0], sorted(_ATTRIBUTES))
            self.fault = line, f"<{tag}> knows no attribute {unknown[0]!r}. {hint}".strip()
