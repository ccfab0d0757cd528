"""Drafts as people and programs write them: every style of YAML, odd indents, comments, blanks and line ends."""

import json
from typing import Any

from draft_texts import headlines, lines, rich, texts
from hypothesis import strategies as st

_HEADERS = ["|", "|-", "|+", ">", ">-", ">+"]
_BLANKS = ["", "", "", "", " ", "  ", "\t"]
_item = st.fixed_dictionaries(
    {"headline": headlines, "detail": texts}, optional={"link": st.just("https://example.org/")}
)
_quote = st.fixed_dictionaries({"text": rich, "by": lines})
_section = st.fixed_dictionaries(
    {"text": texts},
    optional={"title": headlines, "quote": _quote, "items": st.lists(_item, min_size=1, max_size=1)},
)
_values = st.fixed_dictionaries(
    {
        "volume": st.just("2"),
        "number": st.just("1"),
        "date": st.just("2024-01-02"),
        "items": st.lists(_item, min_size=1, max_size=2),
    },
    optional={"subject": lines, "intro": texts, "note": texts, "sections": st.lists(_section, min_size=1, max_size=1)},
)
_AS_IT_IS = frozenset({"volume", "number", "date", "link"})


class _Writer:
    """A writer of values as YAML, which draws each style, and keeps the comments that it writes."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.comments: list[str] = []

    def choose(self, choices: list[str]) -> str:
        return self._draw(st.sampled_from(choices))

    def write_mapping(self, value: dict[str, Any], depth: int) -> str:
        pairs = enumerate(value.items())
        return "".join(
            f"{self.write_between() if number else ''}{' ' * depth}{key}:{self._write_value(key, each, depth)}"
            for number, (key, each) in pairs
        )

    def write_between(self) -> str:
        match self.choose(["", "", "", "\n", "\n\n \n", "comment"]):
            case "comment":
                return f"{' ' * self._draw(st.integers(0, 12))}{self._comment()}\n"
            case blank:
                return blank

    def _comment(self) -> str:
        words = self.choose(["", "- headline: >-", "“quoted”\u00a0\u200b", "x" * 130])
        self.comments.append(f"# comment {len(self.comments)} {words}".rstrip())
        return self.comments[-1] + self.choose(_BLANKS)

    def _write_value(self, key: str, value: Any, depth: int) -> str:
        if isinstance(value, dict):
            return f"\n{self.write_mapping(value, depth + 2)}"
        if isinstance(value, list):
            entries = (self.write_mapping(entry, depth + 4) for entry in value)
            return "\n" + "".join(f"{' ' * (depth + 2)}- {entry[depth + 4 :]}" for entry in entries)
        if key in _AS_IT_IS:
            return f" {value}{self.choose(_BLANKS)}\n"
        return self._write_text(value, " " * (depth + self._draw(st.integers(1, 6))))

    def _write_text(self, value: str, margin: str) -> str:
        style = self.choose(["block", "block", "double", "folded", "single", "plain"])
        if style == "plain" and value[0].isalnum():
            return f"{self.choose([' ', chr(10) + margin])}{value}".replace("\n", f"\n{margin}") + "\n"
        behind = self.choose(["", "", " ", "\t", "comment"])
        behind = f" {self._comment()}" if behind == "comment" else behind
        match style:
            case "double":
                return f" {json.dumps(value, ensure_ascii=False)}{behind}\n"
            case "folded":
                return f" {json.dumps(value, ensure_ascii=False).replace(' ', f'  {chr(10)}{margin}', 2)}{behind}\n"
            case "single" if "\n" not in value:
                return " '" + value.replace("'", "''") + f"'{behind}\n"
        ends = iter(self.choose(_BLANKS) for _ in range(value.count("\n") + 1))
        body = "\n".join(margin + line + next(ends) for line in value.split("\n"))
        return f" {self.choose(_HEADERS)}{behind}\n{body}\n"


@st.composite
def odd_drafts(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a draft's source, which need not be valid, and the comments in it."""
    writer = _Writer(draw)
    source = f"{writer.write_between()}{writer.write_mapping(draw(_values), 0)}{writer.write_between()}"
    source = source.replace("\n", writer.choose(["\n", "\n", "\r\n"]))
    return writer.choose(["", "", "\ufeff"]) + source, writer.comments
