"""A typed view of tinycss2's syntax tree, without recursion: that library has no types of its own."""

from collections.abc import Iterator, Sequence
from typing import Any

import tinycss2


class CssNode:
    """One node: a rule, a declaration, a token, a comment."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    @property
    def kind(self) -> str:
        """Return `qualified-rule`, `at-rule`, `declaration`, `ident`, `function`, `() block`, and so on."""
        return str(self._raw.type)

    @property
    def word(self) -> str:
        """Return its name or value in small letters: a property, a function, an at-rule, a word, a unit."""
        for name in ("lower_name", "lower_at_keyword", "lower_unit", "lower_value", "value"):
            word = getattr(self._raw, name, None)
            if isinstance(word, str):
                return word
        return ""

    @property
    def number(self) -> str:
        """Return a number as it is written, without its unit."""
        return str(self._raw.representation)

    @property
    def important(self) -> bool:
        return bool(self._raw.important)

    @property
    def prelude(self) -> list["CssNode"]:
        """Return a rule's selectors, or an at-rule's conditions."""
        return _wrap_nodes(self._raw.prelude)

    @property
    def block(self) -> list["CssNode"] | None:
        """Return the declarations and rules within a rule; None for an at-rule that ends with a semicolon."""
        if self._raw.content is None:
            return None
        return _wrap_nodes(tinycss2.parse_blocks_contents(self._raw.content, skip_whitespace=True))

    @property
    def inner(self) -> list["CssNode"]:
        """Return a declaration's value, a function's arguments, or the contents of brackets."""
        if self.kind == "declaration":
            return _wrap_nodes(self._raw.value)
        if self.kind == "function":
            return _wrap_nodes(self._raw.arguments)
        return _wrap_nodes(self._raw.content) if self.kind.endswith(" block") else []

    @property
    def line(self) -> int:
        return int(self._raw.source_line)

    @property
    def column(self) -> int:
        return int(self._raw.source_column)


def parse_sheet(text: str) -> list[CssNode]:
    return _wrap_nodes(tinycss2.parse_stylesheet(text, skip_whitespace=True))


def parse_style(text: str) -> list[CssNode]:
    """Parse a `style` attribute."""
    return _wrap_nodes(tinycss2.parse_blocks_contents(text, skip_whitespace=True))


def walk(nodes: Sequence[CssNode]) -> Iterator[CssNode]:
    """Yield each of `nodes` and whatever is nested in it, in the order of the text."""
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.inner))


def split_at_commas(nodes: Sequence[CssNode]) -> list[list[CssNode]]:
    """Split at the commas, without empty parts."""
    parts: list[list[CssNode]] = [[]]
    for node in nodes:
        if node.kind == "literal" and node.word == ",":
            parts.append([])
        else:
            parts[-1].append(node)
    return [part for part in parts if any(node.kind not in ("whitespace", "comment") for node in part)]


def _wrap_nodes(raw: Sequence[Any]) -> list[CssNode]:
    return [CssNode(node) for node in raw]
