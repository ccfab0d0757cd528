"""Features of mail clients that CSS uses, in a style sheet or in a `style` attribute."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from newsletter.checks import selectors
from newsletter.checks.css_tree import CssNode, parse_sheet, parse_style, split_at_commas, walk
from newsletter.checks.feature_tables import (
    AT_RULES,
    FUNCTIONS,
    IMAGES,
    INITIAL,
    KEYWORDS,
    MEDIA_FEATURES,
    PICTURED,
    PROPERTIES,
    UNITS,
    VALUES,
)
from newsletter.checks.feature_use import FeatureUse

STYLE = "html-style"
_PREFIX = re.compile(r"-(?:webkit|moz)-")
_BOUNDS = re.compile(r"(?:-(?:webkit|moz)-)?(?:(?:min|max)-)?-*(?:moz-)?")
# At-rules whose blocks hold descriptors, which look like properties and are none.
_DESCRIBING = frozenset({"font-face", "page", "counter-style", "property", "font-feature-values"})


@dataclass(frozen=True)
class Origin:
    """The place in a file where a piece of CSS begins."""

    line: int = 1
    column: int = 1

    def locate(self, slug: str, what: str, node: CssNode, inside: frozenset[str]) -> FeatureUse:
        """Return a use of a feature at the place of a node."""
        column = node.column + (self.column - 1 if node.line == 1 else 0)
        return FeatureUse(slug, what, self.line + node.line - 1, column, inside)


@dataclass(frozen=True)
class _Scope:
    """The surroundings of a rule. With `plain`, premailer writes what it can of the rule into the tags."""

    inside: frozenset[str]
    plain: bool = False
    nested: bool = False
    keyframes: bool = False

    def within(self, *slugs: str) -> "_Scope":
        """Return the scope of what these features hold."""
        return replace(self, inside=self.inside.union(slugs), plain=False)


def read_sheet(text: str, origin: Origin, *, inlined: bool, media: str = "") -> Iterator[FeatureUse]:
    """Yield the features that a style sheet uses. `media` is its own media query.

    With `is_inlined`, premailer has read the sheet: a rule outside of at-rules is in the tags as well, so that its
    selector needs no support, and its declarations reach a client that drops style sheets.
    """
    scope = _Scope(frozenset({STYLE}), plain=inlined)
    if media and media.lower() not in ("all", "screen"):
        condition = parse_style(f"@media {media};")
        slugs = [slug for slug, _, _ in _read_at_rule(condition[0])] if condition else []
        yield from (FeatureUse(slug, "`<style media>`", origin.line, origin.column, scope.inside) for slug in slugs)
        scope = scope.within(*slugs)
    yield from _read(parse_sheet(text), origin, scope)


def read_style(text: str, origin: Origin) -> Iterator[FeatureUse]:
    """Yield the features that a `style` attribute uses."""
    yield from _read(parse_style(text), origin, _Scope(frozenset()))


def find_image_format(address: str) -> str | None:
    """Return the feature for the format of a picture at this address, by its ending."""
    if re.match(r"\s*data:", address, re.IGNORECASE):
        return "image-base64"
    try:
        path = urlsplit(address.strip()).path
    except ValueError:  # such as an address with half a bracket
        return None
    return IMAGES.get(PurePosixPath(path).suffix[1:].lower())


def _read(nodes: Sequence[CssNode], origin: Origin, scope: _Scope) -> Iterator[FeatureUse]:
    waiting = [(nodes, scope)]
    while waiting:
        nodes, scope = waiting.pop()
        for node in nodes:
            if node.kind == "comment":
                yield _locate_comment(node, origin, scope)
            elif node.kind == "declaration":
                yield from (origin.locate(slug, what, at, scope.inside) for slug, what, at in _read_declaration(node))
            elif node.kind in ("qualified-rule", "at-rule"):
                uses, inner = (
                    _read_rule(node, scope) if node.kind == "qualified-rule" else _read_conditional(node, scope)
                )
                yield from (origin.locate(slug, what, at, scope.inside) for slug, what, at in uses)
                yield from (_locate_comment(n, origin, scope) for n in walk(node.prelude) if n.kind == "comment")
                if inner:
                    waiting.append((node.block or [], inner))


def _locate_comment(node: CssNode, origin: Origin, scope: _Scope) -> FeatureUse:
    return origin.locate("css-comments", "a comment in CSS", node, scope.inside)


def _read_rule(rule: CssNode, scope: _Scope) -> tuple[list[selectors.Part], _Scope]:
    """Return the features that a rule's selectors use, and the scope of what the rule holds."""
    inner = replace(scope, plain=False, nested=True)
    if scope.keyframes:
        return [], inner
    alternatives = split_at_commas(rule.prelude)
    left = [selector for selector in alternatives if not (scope.plain and selectors.is_inlined(selector))]
    uses = [[*selectors.list_parts(selector)] for selector in left]
    extra: list[selectors.Part] = []
    if left and len(alternatives) > 1:
        extra.append(("css-selector-grouping", "a group of selectors", left[0][0]))
    if scope.nested:
        extra.append(("css-nesting", "a rule inside a rule", rule))
    if len(left) < len(alternatives):  # premailer has put it into the tags, where nothing is around it
        inner = replace(inner, inside=frozenset())
    else:
        needed = [{slug for slug, _, _ in one} for one in uses]
        inner = inner.within(*(set.intersection(*needed) if needed else ()), *(slug for slug, _, _ in extra))
    return [part for one in uses for part in one] + extra, inner


def _read_conditional(rule: CssNode, scope: _Scope) -> tuple[list[selectors.Part], _Scope | None]:
    """Return the features that an at-rule uses, and the scope of what it holds."""
    uses = _read_at_rule(rule)
    if scope.nested:
        uses.append(("css-nesting", "a rule inside a rule", rule))
    if rule.block is None or rule.word in _DESCRIBING:
        return uses, None
    # Of several media queries one is enough, so that none of them is around what follows.
    around = uses if len(split_at_commas(rule.prelude)) < 2 else uses[:1]
    inner = scope.within(*(slug for slug, _, _ in around))
    return uses, replace(inner, keyframes=rule.word.endswith("keyframes"))


def _read_at_rule(rule: CssNode) -> list[selectors.Part]:
    name = _PREFIX.sub("", rule.word)
    uses: list[selectors.Part] = []
    if slug := AT_RULES.get(name):
        uses.append((slug, f"`@{name}`", rule))
    if name == "media":
        for node in walk(rule.prelude):
            feature = _BOUNDS.sub("", node.word, count=1) if node.kind == "ident" else ""
            if slug := MEDIA_FEATURES.get(feature):
                uses.append((slug, f"`@media ({feature})`", node))
    return uses


def _read_declaration(node: CssNode) -> Iterator[selectors.Part]:
    name = _PREFIX.sub("", node.word) if not node.word.startswith("--") else node.word
    value = node.inner
    words = [part.word for part in value if part.kind == "ident"]
    if name.startswith("--"):
        yield "css-variables", "a custom property", node
    if node.important:
        yield "css-important", "`!important`", node
    special = [(slug, word) for word in words if (slug := VALUES.get(name, {}).get(word))]
    for slug, word in special:
        yield slug, f"`{name}: {word}`", node
    if name in PROPERTIES and not special and _write_value(value) != INITIAL.get(name):
        yield PROPERTIES[name], f"`{name}`", node
    pictures = False
    for part in walk(value):
        pictures = pictures or part.kind == "url" or part.word in ("url", "image-set") or "-gradient" in part.word
        yield from _read_value(part)
    if pictures and name in PICTURED:
        yield PICTURED[name], f"a picture in `{name}`", node


def _write_value(value: Sequence[CssNode]) -> str:
    """Return a value of one word or number as it is written; an empty string for a longer one."""
    parts = [part for part in value if part.kind not in ("whitespace", "comment")]
    if len(parts) != 1:
        return ""
    return parts[0].number if parts[0].kind in ("number", "dimension") else parts[0].word


def _read_value(part: CssNode) -> Iterator[selectors.Part]:
    if part.kind == "comment":
        yield "css-comments", "a comment in CSS", part
    elif part.kind == "function" and part.word in FUNCTIONS:
        yield FUNCTIONS[part.word], f"`{part.word}()`", part
    elif part.kind == "percentage":
        yield UNITS["%"], "the unit `%`", part
    elif part.kind == "dimension" and part.word in UNITS:
        yield UNITS[part.word], f"the unit `{part.word}`", part
    elif part.kind == "ident" and part.word in KEYWORDS:
        yield KEYWORDS[part.word], f"`{part.word}`", part
    elif (address := _find_address(part)) and (slug := find_image_format(address)):
        yield slug, slug.replace("image-", "a picture of the kind "), part


def _find_address(part: CssNode) -> str:
    """Return the address in `url(…)`, with quotation marks or without."""
    if part.kind == "function" and part.word == "url":
        return "".join(inner.word for inner in part.inner if inner.kind == "string")
    return part.word if part.kind == "url" else ""
