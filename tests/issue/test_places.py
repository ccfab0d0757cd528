"""Each problem's place is where the writer has to look, in whatever style of YAML a text is written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.issue.draft import read_draft

HEAD = "volume: 2\nnumber: 1\ndate: 2023-01-02\n"
ITEMS = "items:\n  - headline: >-\n      One\n    detail: >-\n      Text\n"

# What is wrong, where in it the problem shows, and the problem's code.
FAULTS = [
    ("[bad](#)", 4, "link-address"),
    ("[](https://example.org/)", 0, "link-text"),
    ("[odd](ftp://example.org/)", 4, "link-address"),
    ("[q](“https://example.org/”)", 2, "link-address"),
    ("[a](https://example.org/a b)", 2, "link-broken"),
    ("[a](https://{{ name }}/)", 2, "link-address"),
    ("{{ Name }}", 0, "field"),
    ("==bright==", 0, "strikethrough"),
    ("<b>x", 0, "html"),
    ("x ![a](a.png)", 2, "picture"),
    ("x[^1]", 1, "footnote"),
    ("[x][y]", 0, "reference"),
    ("%%name%%", 0, "merge-tag"),
    ("\ue123", 0, "control-character"),
]
# Whole lines too: in a folded text they are lines still.
LINE_FAULTS = [("- [ ] one", 0, "list"), ("## One", 0, "heading"), ("|a|b|", 0, "table"), ("• one", 0, "list")]
# The lines of a block with a fault in its words, as they are written, and the words before the fault.
NESTED = [
    ["- one", "- two {}"], ["1. one", "2. two", "   - sub", "   - more {}"], ["1. one", "  - sub", "  - {}", "2. two"],
    ["> said", "> and {} more"], ["> - one", "> - two", ">   more {}"], ["- > one", "  > two {}"], ["### Words {}"],
    ["| a | b |", "| --- | --- |", "| `x\\|y` | 日本 {} |"], ["a | b", "--- | ---", "{} | x"], ["a | {}", "--- | ---"],
    ["> > twice", "> > {}"], ["- one", "", "  more {}", "- two"], ["Words:", "    - {}"],
    ["```", "code", "```", "Words {}"], ["***", "{}"],
]  # fmt: skip
WORDS = st.sampled_from(
    ["plain", "日本語。", "한국어", "so 😀", "so 👩‍👩‍👧", "é", "e\u0301", "a b", "“quoted”", "it's", "**strong**",
     "*soft*", "`code`", "[fine](https://example.org/)", "{{ name | reader }}", "&copy;", "\\*", "שלום",
     "https://example.org/", "\U00020000"]
)  # fmt: skip
LINES = st.lists(st.lists(WORDS, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=3)
STYLES = ["folded", "literal", "plain", "single", "double", "escaped"]


def _written(style: str, paragraphs: list[list[str]]) -> str:
    """Return a note in one of YAML's styles, its lines as they are given."""
    body = "\n\n".join("\n".join(f"  {line}" for line in lines) for lines in paragraphs)
    match style:
        case "folded":
            return f"note: >-\n{body}\n"
        case "literal":
            return f"note: |\n{body}\n"
        case "plain":
            return f"note:\n{body}\n"
        case "single":
            return "note: '" + body.strip().replace("'", "''") + "'\n"
        case _:
            text = body.strip().replace("\\", "\\\\").replace('"', '\\"')
            if style == "escaped":
                text = text.replace("é", "\\xe9").replace("😀", "\\U0001F600").replace("日", "\\u65E5")
            return f'note: "{text}"\n'


def _problems(folder: Path, text: str) -> list[tuple[str, int, int]]:
    path = folder / "2.1.yaml"
    path.write_bytes(text.encode())
    return [(problem.code, problem.line, problem.column) for problem in read_draft(path).problems]


@given(
    data=st.data(), style=st.sampled_from(STYLES), before=st.lists(LINES, max_size=2), after=st.lists(LINES, max_size=2)
)
def test_a_fault_anywhere_in_any_style_is_reported_where_it_stands(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    style: str,
    before: list[list[str]],
    after: list[list[str]],
) -> None:
    wrong, shows, code = data.draw(st.sampled_from(FAULTS))
    first, last = data.draw(WORDS), data.draw(WORDS)
    tab = data.draw(st.sampled_from([" ", "\t"])) if style in ("folded", "literal") else " "
    lines = [*data.draw(LINES), f"{first}{tab}{wrong} {last}", *data.draw(LINES)]
    # A plain text can't begin with a sign of YAML's.
    before = [["Word"], *before]
    text = _written(style, [*before, lines, *after])
    row, column = next((number, line.index(wrong)) for number, line in enumerate(text.split("\n")) if wrong in line)
    expected = (code, 4 + row, column + shows + 1)
    assert _problems(tmp_path_factory.getbasetemp(), HEAD + text + ITEMS) == [expected]


@given(
    style=st.sampled_from(["folded", "literal"]),
    fault=st.sampled_from(LINE_FAULTS),
    before=LINES,
    after=LINES,
    apart=st.booleans(),
)
def test_a_line_that_is_a_mark_is_reported_where_it_stands(
    tmp_path_factory: pytest.TempPathFactory,
    style: str,
    fault: tuple[str, int, str],
    before: list[str],
    after: list[str],
    apart: bool,
) -> None:
    wrong, shows, code = fault
    text = _written(style, [before, [wrong, *after]] if apart else [[*before, wrong, *after]])
    row = text.split("\n").index(f"  {wrong}")
    assert _problems(tmp_path_factory.getbasetemp(), HEAD + text + ITEMS) == [(code, 4 + row, 3 + shows)]


@given(
    style=st.sampled_from(["folded", "literal"]),
    fault=st.sampled_from([each for each in FAULTS if each[0] != "\ue123"]),
    nested=st.sampled_from(NESTED),
    before=LINES,
    after=LINES,
)
def test_a_fault_in_a_nested_block_is_reported_where_it_stands(
    tmp_path_factory: pytest.TempPathFactory,
    style: str,
    fault: tuple[str, int, str],
    nested: list[str],
    before: list[str],
    after: list[str],
) -> None:
    wrong, shows, code = fault
    text = _written(style, [before, [line.format(wrong) for line in nested], after])
    row, column = next((number, line.index(wrong)) for number, line in enumerate(text.split("\n")) if wrong in line)
    assert _problems(tmp_path_factory.getbasetemp(), HEAD + text + ITEMS) == [(code, 4 + row, column + shows + 1)]


def test_several_problems_of_one_paragraph_have_a_place_each(tmp_path: Path) -> None:
    note = (
        "note: >-\n  日本 [one](https://example.org/) and [](https://example.org/) then\n"
        "  [two](#), [](https://example.org/2) and ==x== [three](#) {{ N }}\n"
    )
    assert _problems(tmp_path, HEAD + note + ITEMS) == [
        ("link-text", 5, 38), ("link-address", 6, 7), ("link-text", 6, 13), ("strikethrough", 6, 43),
        ("link-address", 6, 55), ("field", 6, 60),
    ]  # fmt: skip


def test_an_empty_link_is_reported_where_it_is_and_not_at_the_first_link(tmp_path: Path) -> None:
    note = "note: >-\n  A [fine](https://example.org/) link,\n  and [empty]() here\n"
    assert _problems(tmp_path, HEAD + note + ITEMS) == [("link-address", 6, 13)]


@pytest.mark.parametrize(
    ("written", "code", "place"),
    [
        ("\xa0\xa0note: x\n", "unknown-key", (4, 1)),
        ("note:\xa0x\n", "space", (4, 6)),
        ("note：x\n", "colon", (4, 5)),
        ("note： x\n", "colon", (4, 5)),
        ("note: >-\n  x\n\xa0\xa0\xa0\xa0y\n", "space", (6, 1)),
        ("note: >-\n  x\n \u3000y\n", "space", (6, 2)),
        ("note: >-\n  x\n\ty\n", "yaml", (6, 1)),
        ("note: >-\n  one\u2028  two\n", "line-separator", (5, 6)),
        ("note: one\u2029two\n", "line-separator", (4, 10)),
        ("note: >-\n  one\x85  two\n", "line-separator", (5, 6)),
        ('note: "one\\u2028two"\n', "control-character", (4, 11)),
        ("<<<<<<< HEAD\nnote: x\n=======\nnote: y\n>>>>>>> main\n", "conflict", (4, 1)),
        ("note: x\n||||||| 1a2b3c4\n", "conflict", (5, 1)),
    ],
)
def test_what_only_looks_like_yaml_is_named(tmp_path: Path, written: str, code: str, place: tuple[int, int]) -> None:
    found = _problems(tmp_path, HEAD + written + ITEMS)
    assert found[0] == (code, *place), found
    path = tmp_path / "2.1.yaml"
    names = (
        "no-break space",
        "full-width",
        "fullwidth",
        "ideographic space",
        "tab",
        "separator",
        "next line",
        "conflict mark",
    )
    message = read_draft(path).problems[0].message
    assert any(name in message for name in names)
    assert not message.startswith(("a i", "a e"))


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("    detail: >-", "    detail：>-", "colon", (7, 11)),
        ("    detail: >-", "    detail：>-" + "\n      Words" * 9, "colon", (7, 11)),
        ("    detail: >-", "\xa0\xa0\xa0\xa0detail: >-", "unknown-key", (7, 1)),
        ("    detail: >-", "    detail:\xa0>-", "space", (7, 12)),
        ("  - headline", "  – headline", "dash", (5, 3)),
        ("  - headline", "  -\xa0headline", "space", (5, 4)),
    ],
)
def test_what_only_looks_like_yaml_is_named_within_an_item(
    tmp_path: Path, old: str, new: str, code: str, place: tuple[int, int]
) -> None:
    assert (code, *place) in _problems(tmp_path, HEAD + ITEMS.replace(old, new))


def test_all_of_git_s_conflict_marks_are_named(tmp_path: Path) -> None:
    text = HEAD + "<<<<<<< HEAD\n" + ITEMS + "=======\n" + ITEMS + ">>>>>>> main\n"
    assert _problems(tmp_path, text) == [("conflict", 4, 1), ("conflict", 10, 1), ("conflict", 16, 1)]


def test_a_line_separator_moves_no_other_place(tmp_path: Path) -> None:
    note = "note: >-\n  one\u2028two\n  [three](#)\n"
    assert _problems(tmp_path, HEAD + note + ITEMS) == [("line-separator", 5, 6), ("link-address", 6, 9)]


def test_a_paragraph_may_begin_with_an_ideographic_space(tmp_path: Path) -> None:
    note = "note: >-\n  　日本は\n  　とても\n"
    assert _problems(tmp_path, HEAD + note + ITEMS) == []
