"""What a draft of an attacker's costs: its length, or a refusal."""

import re
from functools import partial
from pathlib import Path

import pytest
from call_count import count_calls

from newsletter.field import FIELD
from newsletter.issue import markdown, yamltext
from newsletter.issue.draft import MAX_PROBLEMS, read_draft
from newsletter.issue.richtext import parse

GOOD = "volume: 2\nnumber: 1\ndate: 2023-01-02\nitems:\n  - headline: >-\n      One\n    detail: >-\n      Text\n"


def _codes(folder: Path, text: str) -> list[str]:
    path = folder / "2.1.yaml"
    path.write_text(text)
    return [problem.code for problem in read_draft(path).problems]


class _Counting:
    """A pattern that counts the characters it was given to look at."""

    def __init__(self, pattern: "re.Pattern[str]") -> None:
        self._pattern = pattern
        self.seen = 0

    def sub(self, repl: object, text: str) -> str:
        self.seen += len(text)
        return self._pattern.sub(repl, text)  # type: ignore[arg-type]  # passed on as it came

    def finditer(self, text: str, start: int, end: int) -> object:
        self.seen += end - start
        return self._pattern.finditer(text, start, end)


@pytest.mark.parametrize("link", ["[a](https://example.org/) ", "[a](https://example.org/?{{ name }}) "])
def test_each_link_looks_at_its_own_address_alone(monkeypatch: pytest.MonkeyPatch, link: str) -> None:
    seen = []
    for count in (1000, 2000):
        counting = _Counting(re.compile(rf"(?<!\\){FIELD.pattern}"))
        monkeypatch.setattr(markdown, "_UNESCAPED_FIELD", counting)
        text, faults = parse(link * count)
        assert (len(list(text.links())), faults) == (count, [])
        seen.append(counting.seen)
    assert seen[1] <= 2.2 * seen[0]


# What each kind of mark costs when a text is made of it alone, opened or closed, nested or not.
PIECES = [
    "- ", "- a\n", "- a\n\n", "- A.\n\n", "  - a\n", "- a\n  - b\n", "1. a\n", "1. a\n\n", "1. a\nb\n", "17. a\n",
    "1. a\n  - b\n", "1. a\n2. b\n17. c\n", "a:\n- b\n", "a\n- b\n  c\n", "-\n", "- [ ] a\n", "+ a\n", "• a\n",
    "> ", ">", "> a\n", "> 1\n", "> a\nb\n", "- > a\n", "> - a\n", "#", "## a\n", "### a\n", "```\n", "```a\n", "~~~\n",
    "|", "|a|b|\n", "|a|\n|-|\n", "`a\\|", "---\n", "a\n---\n", "a  \n", "a\\\n", "*", "**a ", "_", "`", "`a ", "[",
    "[a](",
    "](", "[a](b", "[a]{", "[a]{lang=ja} ", "[[a](b)", "!", "![", "![a](", "![a)\n", "![a](b.png)\n", '![a](b.png "c\n',
    "[^", "[^1]", "[^1]: a\n", "a[^1]\n\n[^1]: b\n\n", "~", "~a~", "~~", "~~a~~ ", "~~a ", "^", "a^b", "a^b^ ", "@",
    "a@", "a.a@",
    "a@b.org ", "https://example.org/a ", "{{", "{{ name }} ", "<", "&", "\\", "日本\n", "x ", "\n", " \n", "a\tb\n",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_a_text_twice_as_long_costs_twice_as_much(piece: str) -> None:
    parse(piece)
    calls = [count_calls(partial(parse, piece * (length // len(piece)))) for length in (300, 600)]
    assert calls[1] <= 2.4 * calls[0] + 500


@pytest.mark.parametrize(
    "keys", ["".join(f"key{number}: x\n" for number in range(50_000)), "    only_for: [" + "a b," * 50_000 + "]\n"]
)
def test_more_values_than_an_issue_has_are_refused_unread(tmp_path: Path, keys: str) -> None:
    assert _codes(tmp_path, GOOD + keys) == ["too-many"]


def test_as_many_values_as_an_issue_may_have_are_read(tmp_path: Path) -> None:
    item = "  - {headline: a, detail: b, only_for: [a, b, c]}\n"
    assert _codes(tmp_path, GOOD + item * 199) == []
    assert 5 * 200 * item.count(",") < yamltext.MAX_NODES


def test_no_more_problems_are_listed_than_anybody_mends(tmp_path: Path) -> None:
    codes = _codes(tmp_path, GOOD + "".join(f"key{number}: x\n" for number in range(MAX_PROBLEMS + 200)))
    assert codes == ["unknown-key"] * MAX_PROBLEMS + ["more"]
    path = tmp_path / "2.1.yaml"
    path.write_text(GOOD + "note: >-\n" + "  [a](#)\n" * (MAX_PROBLEMS + 200))
    last = read_draft(path).problems[-1]
    assert (last.code, last.line, last.message) == (
        "more",
        10 + MAX_PROBLEMS,
        "200 problems from here on are not shown",
    )
