"""Each feature of the data is found where it is used, and reading never fails."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.checks import feature_tables
from newsletter.checks.checked_email import TemplateSource
from newsletter.checks.css import Origin, read_sheet, read_style
from newsletter.checks.feature_tables import ELSEWHERE
from newsletter.checks.feature_use import FeatureUse
from newsletter.checks.mail_clients import list_known_features
from newsletter.checks.markup import read_markup


def _slugs(html: str) -> set[str]:
    return {found.slug for found in read_markup(html).others}


def _findable() -> set[str]:
    """Return every feature that one of the tables leads to."""
    tables = [getattr(feature_tables, name) for name in (
        "PROPERTIES", "PICTURED", "KEYWORDS", "FUNCTIONS", "UNITS", "AT_RULES", "MEDIA_FEATURES", "PSEUDO_CLASSES",
        "PSEUDO_ELEMENTS", "COMBINATORS", "ELEMENTS", "ATTRIBUTES", "IMAGES", "TYPED",
    )]  # fmt: skip
    return {slug for table in (*tables, *feature_tables.VALUES.values()) for slug in table.values()} | set(
        feature_tables.SYNTAX
    )


def test_every_feature_can_be_found_or_has_a_reason_why_not() -> None:
    assert _findable() | set(ELSEWHERE) == list_known_features()
    assert not _findable() & set(ELSEWHERE)
    assert all(ELSEWHERE.values())


# An example for each feature. What is not listed is a property, an element or an attribute of its name.

_STYLES = {
    "css-animation": "animation-name: x",
    "css-block-inline-size": "block-size: 7px",
    "css-border": "border-left: 1px solid",
    "css-border-image": "border-image-source: none",
    "css-border-inline-block": "border-inline: 1px solid",
    "css-border-inline-block-individual": "border-block-start: 1px solid",
    "css-border-inline-block-longhand": "border-inline-end-width: 1px",
    "css-border-radius-logical": "border-start-end-radius: 1px",
    "css-column-layout-properties": "columns: 2",
    "css-comments": "color: /* dark */ red",
    "css-conic-gradient": "background: conic-gradient(red, blue)",
    "css-display-flex": "display: flex",
    "css-display-grid": "display: inline-grid !important",
    "css-display-none": "DISPLAY: None",
    "css-flex-direction": "flex-flow: column nowrap",
    "css-flex-wrap": "flex-wrap: wrap",
    "css-function-clamp": "width: clamp(1px, 2px, 3px)",
    "css-function-light-dark": "color: light-dark(red, blue)",
    "css-function-max": "width: calc(1px + max(1px, 2px))",
    "css-function-min": "width: min(1px, 2px)",
    "css-gap": "column-gap: 1px",
    "css-grid-template": "grid-template-columns: auto",
    "css-important": "color: red ! important",
    "css-inset": "inset-inline: 0",
    "css-intrinsic-size": "width: min-content",
    "css-left-right-top-bottom": "left: 0",
    "css-linear-gradient": "background-image: repeating-linear-gradient(red, blue)",
    "css-margin": "margin-left: 0",
    "css-margin-block-start-end": "margin-block-end: 0",
    "css-margin-inline-block": "margin-inline: 0",
    "css-margin-inline-start-end": "margin-inline-start: 0",
    "css-modern-color": "color: oklch(40% 0.2 30)",
    "css-outline": "outline-color: red",
    "css-padding": "padding-top: 0",
    "css-padding-block-start-end": "padding-block-start: 0",
    "css-padding-inline-block": "padding-block: 0",
    "css-padding-inline-start-end": "padding-inline-end: 0",
    "css-radial-gradient": "background: radial-gradient(red, blue)",
    "css-rgb": "color: rgb(1 2 3)",
    "css-rgba": "border: 1px solid rgba(1, 2, 3, 0.5)",
    "css-scroll-snap": "scroll-snap-type: x mandatory",
    "css-sytem-ui": "font-family: system-ui, sans-serif",
    "css-text-emphasis": "text-emphasis-style: dot",
    "css-transition": "transition-delay: 1s",
    "css-unit-calc": "width: calc(1px + 2px)",
    "css-unit-initial": "color: initial",
    "css-unit-percent": "width: 50%",
    "css-variables": "color: var(--ink)",
    "image-base64": "background: url(data:image/png;base64,AAAA)",
}
_SHEETS = {
    "css-at-font-face": "@font-face { font-family: x; src: url(x.woff2) }",
    "css-at-import": "@import url(x.css);",
    "css-at-keyframes": "@-webkit-keyframes x { from { color: red } }",
    "css-at-media": "@media print { p { color: red } }",
    "css-at-media-device-pixel-ratio": "@media (-webkit-min-device-pixel-ratio: 2) { p { color: red } }",
    "css-at-media-hover": "@media (any-hover: hover) { p { color: red } }",
    "css-at-media-orientation": "@media screen and (orientation: portrait) { p { color: red } }",
    "css-at-media-prefers-color-scheme": "@media (prefers-color-scheme: dark) { p { color: red } }",
    "css-at-media-prefers-reduced-motion": "@media not (prefers-reduced-motion) { p { color: red } }",
    "css-at-supports": "@supports (display: grid) { p { color: red } }",
    "css-nesting": "p { color: red; & b { color: blue } }",
    "css-pseudo-class-has": "p:has(> img) { color: red }",
    "css-pseudo-class-lang": "p:lang(en) { color: red }",
    "css-pseudo-class-not": "p:not(.x) { color: red }",
    "css-pseudo-element-before": "p:before { content: 'x' }",
    "css-selector-adjacent-sibling": "@media print { h1 + p { color: red } }",
    "css-selector-attribute": "@media print { [class] { color: red } }",
    "css-selector-chaining": "@media print { .a.b { color: red } }",
    "css-selector-child": "@media print { div > p { color: red } }",
    "css-selector-class": "@media print { .a { color: red } }",
    "css-selector-descendant": "@media print { div p { color: red } }",
    "css-selector-general-sibling": "@media print { h1~p { color: red } }",
    "css-selector-grouping": "@media print { h1, p { color: red } }",
    "css-selector-id": "@media print { #a { color: red } }",
    "css-selector-type": "@media print { p { color: red } }",
    "css-selector-universal": "* { color: red }",
}
_TAGS = {
    "css-inert-attribute": "<p inert>",
    "html-address": "<address>",
    "html-anchor-links": '<a href="#there">',
    "html-button-reset": '<button type="reset">',
    "html-button-submit": "<button>",
    "html-comments": "<!-- x -->",
    "html-doctype": "<!DOCTYPE html>",
    "html-h1-h6": "<h3>",
    "html-image-maps": '<img usemap="#x">',
    "html-lists": "<li>",
    "html-loading-attribute": '<img loading="lazy">',
    "html-mailto-links": '<a href="MailTo:x@example.org">',
    "html-meta-color-scheme": '<meta name="color-scheme" content="light">',
    "html-semantics": "<article>",
    "html-srcset": '<img srcset="x.png 2x">',
    "html-svg": "<svg></svg>",
    "image-apng": '<img src="x.apng">',
    "image-heif": '<img src="https://example.org/x.HEIC?size=2#x">',
    "image-mp4": '<img src="x.mp4">',
}


def _example(slug: str) -> str:
    name = slug.removeprefix("css-").removeprefix("html-")
    if slug in _STYLES or slug.startswith("css-unit-"):
        style = _STYLES.get(slug) or f"margin: 1{name.removeprefix('unit-')}"
        return f'<p style="{style}">'
    if slug in _SHEETS or name.startswith("pseudo-"):
        colons = "::" if "element" in name else ":"
        selector = re.sub("pseudo-(class|element)-", colons, name)
        sheet = _SHEETS.get(slug) or f"@media print {{ p{selector} {{ color: red }} }}"
        return f"<style>{sheet}</style>"
    if slug in _TAGS:
        return _TAGS[slug]
    if slug.startswith("image-"):
        return f'<img src="x.{slug.removeprefix("image-")}">'
    if slug.startswith("css-"):
        return f'<p style="{name}: 7px">'
    if slug.startswith("html-input-"):
        return f'<input type="{name.removeprefix("input-")}">'
    return f'<{name} {name}="x">'


@pytest.mark.parametrize("slug", sorted(list_known_features() - set(ELSEWHERE)))
def test_each_feature_is_found(slug: str) -> None:
    assert slug in _slugs(_example(slug))
    assert slug not in _slugs('<i style="color: red">x</i>')


@pytest.mark.parametrize(
    ("html", "absent"),
    [
        ('<p style="word-spacing: normal; max-width: none; opacity: 1; min-width: 0px">', "css-word-spacing"),
        ('<p style="max-width: none">', "css-max-width"),
        ('<p style="min-width: 0px">', "css-min-width"),
        ('<p style="flex-direction: row">', "css-flex-direction"),
        ('<p style="display: none">', "css-display"),
        ("<style>@font-face { font-weight: bold }</style>", "css-font-weight"),
        ("<style>@keyframes x { 50% { color: red } }</style>", "css-selector-type"),
        ("<p title='position: fixed'>display: grid</p>", "css-display-grid"),
        ("<style>p { content: '/* no */' }</style>", "css-comments"),
        ('<a href="https://example.org/#x">', "html-anchor-links"),
        ("<style>@media print { td.a { color: red } }</style>", "css-selector-chaining"),
    ],
)
def test_what_only_looks_like_a_feature_is_not_one(html: str, absent: str) -> None:
    assert absent not in _slugs(html)


def test_a_picture_in_a_shorthand_is_a_picture() -> None:
    assert "css-background-image" in _slugs('<p style="background: red url(x.webp)">')
    assert "image-webp" in _slugs("<p style=\"background: red url('x.webp')\">")
    assert "css-background-image" not in _slugs('<p style="background: red">')


def test_what_is_no_address_is_no_picture() -> None:
    assert _slugs('<img src="http://[x.webp">') == {"html-img"}


@pytest.mark.parametrize(
    ("html", "slug"),
    [
        ('<i style="--ink: red">', "css-variables"),
        ("<style>p { @media print { color: red } }</style>", "css-nesting"),
        ("<style>p /* x */ { color: red }</style>", "css-comments"),
        ("<style>/* x */</style>", "css-comments"),
        ("<style>@media print { p:not(.a > [b]) { color: red } }</style>", "css-selector-attribute"),
        ("<style>p::marker { color: red }</style>", "css-pseudo-element-marker"),
        ('<style media="(orientation: portrait)"></style>', "css-at-media-orientation"),
        ('<td background="x.gif">', "image-gif"),
        ('<mj-text container-background-color="red">', "css-background-color"),
        ('<mj-table width="50%">', "html-width"),
    ],
)
def test_other_ways_to_write_it(html: str, slug: str) -> None:
    assert slug in _slugs(html)


def test_a_width_in_mjml_is_css_until_it_is_handed_on() -> None:
    assert "html-width" not in _slugs('<mj-column width="50%">')


def test_a_prefix_changes_nothing() -> None:
    assert {"css-box-shadow", "css-unit-px"} == _slugs('<i style="-webkit-box-shadow: 1px 1px">')


# Whatever stands in a file, reading it goes well, and the places are in it.

_PIECES = st.sampled_from(
    [
        *("<!--[if mso]>", "<![endif]-->", "<![if", "<![CDATA[", "<!-->", "<style>", "</style>", "<style media='("),
        *("<p ", 'style="', "<mj-style", ">", "{{", "}}", "{%", "#}", "{# accept", "@media ", "(", ")", "{", "}", "["),
        *("]", ":", ";", ",", ".", "*", "&", "!important", "/*", "*/", '"', "'", "\\", "url(", "\n", "\f", "\r", " "),
        *("a", "1px", "--x", "#", "http://[", "\0", "é", "\ud800"),
    ]
)
_TEXT = st.one_of(st.text(), st.lists(_PIECES).map("".join))


@given(_TEXT)
def test_any_text_can_be_read(text: str) -> None:
    source = TemplateSource(Path("email.mjml.j2"), text)
    seen = [*read_markup(text).word, *read_markup(text).others, *source.seen.word, *source.seen.others]
    seen += [*read_sheet(text, Origin(), inlined=False, media=text), *read_style(text, Origin())]
    seen += TemplateSource(Path("email.css"), text).seen.others
    lines = text.count("\n") + text.count("\f") + text.count("\r") + 1
    assert all(1 <= found.line <= lines and found.column >= 1 for found in seen)
    assert {found.slug for found in seen} <= list_known_features()


@given(_TEXT)
def test_what_follows_is_still_found(text: str) -> None:
    harmless = re.sub(r"[<>\[\]!{}%#'\"/-]", "", text)
    (found,) = [one for one in read_markup(f'{harmless}<i style="gap: 0">').others if one.slug == "css-gap"]
    lines = harmless.split("\n")
    assert found == FeatureUse("css-gap", "`gap`", len(lines), len(lines[-1]) + len('<i style="') + 1)


@pytest.mark.slow
def test_depth_does_no_harm() -> None:
    for piece in ("(", "{", "a{", "p:not(", "@media x{", "<p>", "<!--[if mso]>"):
        read_markup(f"<style>{piece * 5_000}</style>")
        read_markup(piece * 5_000)
