"""Features of mail clients that CSS selectors use."""

from collections.abc import Iterator, Sequence

from newsletter.checks.css_tree import CssNode, split_at_commas, walk
from newsletter.checks.feature_tables import COMBINATORS, PSEUDO_CLASSES, PSEUDO_ELEMENTS

_NAMES = {" ": "a descendant selector", ">": "the selector `>`", "+": "the selector `+`", "~": "the selector `~`"}
# Pseudo-elements that may be written with one colon, as before CSS 3.
_OLD_ELEMENTS = frozenset({"after", "before", "first-letter", "first-line"})
# The two pseudo-classes with which premailer puts a rule into the tags all the same.
_KEPT_BY_PREMAILER = (":first-child", ":last-child")

# A feature's slug, its name in words, and its node.
Part = tuple[str, str, CssNode]


def list_parts(selector: Sequence[CssNode]) -> Iterator[Part]:
    """Yield the features in one selector, those in `:not(…)` and its like included."""
    waiting = [list(selector)]
    while waiting:
        for part, arguments in _split_selector(waiting.pop()):
            if part:
                yield part
            waiting.extend(arguments)


def is_inlined(selector: Sequence[CssNode]) -> bool:
    """Return whether premailer inlines a rule with this selector, so that it works without a style sheet."""
    words = [node.word if node.kind != "function" else f"{node.word}()" for node in selector]
    if any("*" in node.word for node in walk(selector)):
        return False
    return ":" not in words or "".join(words[words.index(":") :]).strip() in _KEPT_BY_PREMAILER


def _split_selector(nodes: list[CssNode]) -> Iterator[tuple[Part | None, list[list[CssNode]]]]:
    """Yield each simple selector and combinator, with the selectors that are its arguments."""
    chain = 0  # how many classes and ids the compound selector has so far: `.a.b` has two
    gap: CssNode | None = None  # white space, which is a combinator if no other follows it
    started = False
    at = 0
    while at < len(nodes):
        node, at = nodes[at], at + 1
        if node.kind == "comment":
            continue
        if node.kind == "whitespace":
            gap = node
            continue
        if node.kind == "literal" and node.word in COMBINATORS:
            yield (COMBINATORS[node.word], _NAMES[node.word], node), []
            chain, gap, started = 0, None, False
            continue
        if gap and started:
            yield (COMBINATORS[" "], _NAMES[" "], gap), []
            chain = 0
        gap, started = None, True
        following = nodes[at] if at < len(nodes) else None
        if node.kind == "literal" and node.word == ":" and following:
            twice = following.kind == "literal" and following.word == ":"
            name = nodes[at + 1] if twice and at + 1 < len(nodes) else following
            at += 2 if twice else 1
            yield _read_pseudo(node, name, element=twice or name.word in _OLD_ELEMENTS)
            continue
        is_class = node.kind == "literal" and node.word == "." and following is not None
        if is_class:
            yield ("css-selector-class", "a class selector", node), []
            at += 1
        elif node.kind == "hash":
            yield ("css-selector-id", "an id selector", node), []
        elif node.kind == "[] block":
            yield ("css-selector-attribute", "an attribute selector", node), []
        elif node.kind == "ident":
            yield ("css-selector-type", "a type selector", node), []
        elif node.kind == "literal" and node.word == "*":
            yield ("css-selector-universal", "the selector `*`", node), []
        chain += is_class or node.kind == "hash"
        if chain == 2 and (is_class or node.kind == "hash"):
            yield ("css-selector-chaining", "a chain of classes", node), []


def _read_pseudo(colon: CssNode, name: CssNode, *, element: bool) -> tuple[Part | None, list[list[CssNode]]]:
    slug = (PSEUDO_ELEMENTS if element else PSEUDO_CLASSES).get(name.word)
    part = (slug, f"`{'::' if element else ':'}{name.word}`", colon) if slug else None
    takes_selectors = name.kind == "function" and name.word in ("has", "is", "not", "where")
    return part, split_at_commas(name.inner) if takes_selectors else []
