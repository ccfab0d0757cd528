"""MJML, with the checks that its core leaves out: it takes unknown tags in silence, and gives no lines."""

import re
from html.parser import HTMLParser
from pathlib import Path

from mjml import mjml2html

from newsletter.editions.templates import broken, find

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


def _locate(fault: tuple[int, str], template: str, path: tuple[Path, ...]) -> Exception:
    """The same fault in the template's own text, whose lines differ from the filled one's."""
    file = find(template, path)
    source = file.read_text(encoding="utf-8")
    blanked = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", lambda m: re.sub(r"[^\n]", " ", m[0]), source, flags=re.DOTALL)
    line, message = _fault(blanked) or (0, fault[1])
    return broken(file, line, message)


def _fault(markup: str) -> tuple[int, str] | None:
    """The first tag that is unknown, unopened or unclosed, with its line."""
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
        self.fault: tuple[int, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._check(tag)
        if tag not in _VOID:
            self.open.append((tag, self.getpos()[0]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._check(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if self.open and self.open[-1][0] == tag:
            self.open.pop()
        elif self.fault is None:
            expected = f"</{self.open[-1][0]}> (opened in line {self.open[-1][1]})" if self.open else "no closing tag"
            self.fault = self.getpos()[0], f"</{tag}> stands here, and {expected} should"

    def _check(self, tag: str) -> None:
        if tag.startswith("mj") and tag not in _COMPONENTS and self.fault is None:
            self.fault = self.getpos()[0], f"<{tag}> is no MJML component"
