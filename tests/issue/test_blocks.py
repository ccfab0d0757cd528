"""Lines as blocks: lists, quotations, sub-headings, tables, code and lines across; and prose that looks like them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.issue.blocks import (
    Block,
    Blocks,
    CodeBlock,
    Heading,
    LineBreak,
    ListBlock,
    Paragraph,
    Quotation,
    TableBlock,
    TextRun,
    ThematicBreak,
    write_words,
)
from newsletter.issue.richtext import parse


def _outline(blocks: Blocks) -> list[object]:
    """Return blocks as plain words, lists and pairs."""
    return [_outline_block(block) for block in blocks]


def _outline_block(block: Block) -> object:
    match block:
        case Paragraph(spans):
            return write_words(spans)
        case Heading(spans):
            return ("###", write_words(spans))
        case ListBlock(entries, first):
            return ("-" if first is None else first, *(_outline(entry) for entry in entries))
        case Quotation(inner):
            return (">", *_outline(inner))
        case TableBlock(header, rows, alignments):
            return ("|", alignments, *([write_words(cell) for cell in row] for row in (header, *rows)))
        case CodeBlock(text, language):
            return ("```", language, text)
        case _:
            assert isinstance(block, ThematicBreak)
            return "---"


def _read(source: str) -> list[object]:
    text, faults = parse(source)
    assert faults == []
    return _outline(text.blocks)


@pytest.mark.parametrize(
    ("source", "blocks"),
    [
        ("- one\n- two", [("-", ["one"], ["two"])]),
        ("* one\n* two\n", [("-", ["one"], ["two"])]),
        ("1. one\n2. two", [(1, ["one"], ["two"])]),
        ("1) one\n1) two", [(1, ["one"], ["two"])]),
        ("1. one\n1. two", [(1, ["one"], ["two"])]),
        ("Words\n- one\n- two\n\nWords", ["Words", ("-", ["one"], ["two"]), "Words"]),
        ("First:\n- one", ["First:", ("-", ["one"])]),
        ("最初：\n- 一", ["最初：", ("-", ["一"])]),
        ("First:\n  - one\n  - two", ["First:", ("-", ["one"], ["two"])]),
        ("First:\n      - one\n      - two", ["First:", ("-", ["one"], ["two"])]),
        ("First:\n1. one", ["First:", (1, ["one"])]),
        ("- one\nand more\n- two", [("-", ["one and more"], ["two"])]),
        ("Words\n- one\n  and more\n- two", ["Words", ("-", ["one and more"], ["two"])]),
        ("- one\n\n- two", [("-", ["one"], ["two"])]),
        ("- One.\n\n  More.\n\n- Two.", [("-", ["One.", "More."], ["Two."])]),
        ("1. One.\n\n2. Two.", [(1, ["One."], ["Two."])]),
        ("1. one\n\n   more\n\n2. two", [(1, ["one", "more"], ["two"])]),
        ("- one\n- two\n* three\n* four", [("-", ["one"], ["two"]), ("-", ["three"], ["four"])]),
        # Nested by two, three or four spaces, below a dash and below a number.
        *((f"- one\n{' ' * n}- sub\n{' ' * n}- more\n- two", [("-", ["one", ("-", ["sub"], ["more"])], ["two"])])
          for n in (2, 3, 4)),
        *((f"1. one\n{' ' * n}- sub\n{' ' * n}- more\n2. two", [(1, ["one", ("-", ["sub"], ["more"])], ["two"])])
          for n in (2, 3, 4)),
        *((f"- one\n{' ' * n}1. sub\n{' ' * n}2. more\n- two", [("-", ["one", (1, ["sub"], ["more"])], ["two"])])
          for n in (2, 3, 4)),
        *((f"1. one\n{' ' * n}1. sub\n{' ' * n}2. more\n2. two", [(1, ["one", (1, ["sub"], ["more"])], ["two"])])
          for n in (2, 3, 4)),
        ("9. nine\n10. ten", ["9. nine 10. ten"]),
        ("- one\n  - sub", [("-", ["one", ("-", ["sub"])])]),
        ("- one:\n  - sub\n- two", [("-", ["one:", ("-", ["sub"])], ["two"])]),
        ("1. one\n2. two\n17. Juni ist gut", [(1, ["one"], ["two 17. Juni ist gut"])]),
        ("1. one\n2. two\n\n17. Juni ist gut", [(1, ["one"], ["two"]), "17. Juni ist gut"]),
        ("1. one\n2. two\n2. three\n4. four", [(1, ["one"], ["two"], ["three"], ["four"])]),
        ("- one\n---\nWords", ["- one", "---", "Words"]),
    ],
)  # fmt: skip
def test_lists(source: str, blocks: list[object]) -> None:
    assert _read(source) == blocks


@pytest.mark.parametrize(
    "source",
    ["- No, dijo el ministro.", "- No.\n\n- Sí, dijo.", "- one", "1945. The war ended", "1. Mai ist Feiertag",
     "He came\n- as always - too late", "on May\n1. The law came", "In May\n17. of them", "3. Oktober ist Feiertag",
     "> 50% of all", ">50%", "> $5 million", "5 * 3", "a < b", "#1", "# 1 of all", "a | b", "a|b|c",
     "* Prices may change", "-5 degrees", "+5%", "***p<0.001", "---b", "-- x", "`` ` ``", "```code```", "The ~~~ sign",
     "1.5 times\n2.5 times", "– No\n\n– Sí", "-> here\n-> there", "2) second", "12. und 13. Mai", "    indented words"],
)  # fmt: skip
def test_prose_stays_prose(source: str) -> None:
    blocks = parse(source)[0].blocks
    assert all(isinstance(block, Paragraph) for block in blocks)
    words = "\n\n".join(write_words(block.spans) for block in blocks if isinstance(block, Paragraph))
    if "`" not in source:
        assert words.split() == source.split()
    assert parse(source)[1] == []


@pytest.mark.parametrize(
    ("source", "blocks"),
    [
        ("> said so", [(">", "said so")]),
        (">said so\n>and more", [(">", "said so and more")]),
        ("Words\n> said so", ["Words", (">", "said so")]),
        ("> one\n>\n> two", [(">", "one", "two")]),
        ("> one\n\n> two", [(">", "one"), (">", "two")]),
        ("> one\n> > two", [(">", "one", (">", "two"))]),
        ("> - one\n> - two", [(">", ("-", ["one"], ["two"]))]),
        ("> 1. one\n> 2. two", [(">", (1, ["one"], ["two"]))]),
        ("> 50 people\n> said so", [(">", "50 people said so")]),
        ("> ### Words\n> more", [(">", ("###", "Words"), "more")]),
        ("- > one\n- two", [("-", [(">", "one")], ["two"])]),
        ("### Words", [("###", "Words")]),
        ("###  Words ###", [("###", "Words")]),
        ("### #1 in the world", [("###", "#1 in the world")]),
        ("Words\n### One\nTwo", ["Words", ("###", "One"), "Two"]),
        ("Words\n---", ["Words", "---"]),
        ("Words\n\n* * *\n\nWords", ["Words", "---", "Words"]),
        ("---", ["---"]),
        ("```\ncode\n```", [("```", "", "code")]),
        ("~~~python title\nx = 1\n\n  y\n~~~", [("```", "python", "x = 1\n\n  y")]),
        ("Words\n```\n- a\n> b\n{{ name }}\n~~~~\n```\nWords",
         ["Words", ("```", "", "- a\n> b\n{{ name }}\n~~~~"), "Words"]),
        ("- one\n  ```\n  x\n    y\n  ```\n- two", [("-", ["one", ("```", "", "x\n  y")], ["two"])]),
        ("> ```\n> x\n> ```", [(">", ("```", "", "x"))]),
        ("````\n```\n````", [("```", "", "```")]),
        ("| a | b |\n| --- | --- |\n| 1 | 2 |", [("|", ("", ""), ["a", "b"], ["1", "2"])]),
        ("a | b\n:-- | --:\n1 | 2\n3 | 4", [("|", ("left", "right"), ["a", "b"], ["1", "2"], ["3", "4"])]),
        ("| a |\n|:-:|\n| *1* |", [("|", ("center",), ["a"], ["1"])]),
        ("| a | b |\n|---|---|\n| `x\\|y` | 1 \\| 2 |", [("|", ("", ""), ["a", "b"], ["x|y", "1 | 2"])]),
        ("| a | b |\n|---|---|\n| 1 |\n| | 2 |", [("|", ("", ""), ["a", "b"], ["1", ""], ["", "2"])]),
        ("| a | b |\n|---|---|\n\nWords", [("|", ("", ""), ["a", "b"]), "Words"]),
        ("שלום:\n- אחת\n- שתיים\n\n> ציטוט", ["שלום:", ("-", ["אחת"], ["שתיים"]), (">", "ציטוט")]),
    ],
)  # fmt: skip
def test_blocks(source: str, blocks: list[object]) -> None:
    assert _read(source) == blocks


def test_a_hard_line_break_is_one() -> None:
    text, faults = parse("one \\\ntwo  \n three *four   \nfive* six\n日本\\\n語")
    assert faults == []
    assert text.paragraphs == (
        (
            TextRun(text="one"), LineBreak(), TextRun(text="two"), LineBreak(), TextRun(text="three "),
            TextRun(text="four", emphasis=True), LineBreak(), TextRun(text="five", emphasis=True),
            TextRun(text=" six 日本"), LineBreak(), TextRun(text="語"),
        ),
    )  # fmt: skip


LINES = st.lists(
    st.builds(
        "".join,
        st.lists(
            st.sampled_from(
                ["- ", "* ", "1. ", "2) ", "> ", "  ", "    ", "\t", "### ", "## ", "#", "```", "~~~", "---", "|",
                 "| a ", "-", ":", "[^1]", "[^1]: ", "![", "](a.png)", "\\", "word", "Word.", "5", "**", "*", "~~",
                 "^", "~", "`", "{{ name }}", "{{", "[a](", "https://example.org/", ")", "日本", "שלום", "x:", "<b>",
                 "["]
            ),
            max_size=6,
        ),
    ),
    max_size=14,
)  # fmt: skip


@given(LINES.map("\n".join) | st.text(max_size=200))
@example("> - 1. > - x")
@example("- - - - a\n- - - - b")
@example("|\n|-|\n|")
def test_parsing_never_raises_and_faults_stand_within_the_text(source: str) -> None:
    text, faults = parse(source)
    assert all(0 <= (fault.at or 0) < max(len(source), 1) for fault in faults)
    assert [fault.at or 0 for fault in faults] == sorted(fault.at or 0 for fault in faults)
    assert text.plain() is not None


@given(st.lists(st.text("abc é日ש5.,:;!?-*+#>|=<_~^\\1\n\t ", min_size=1, max_size=12), max_size=12).map(" ".join))
def test_no_letter_is_lost(source: str) -> None:
    """Marks may go; letters stay, in their order."""
    text, faults = parse(source)
    if not faults:
        letters = [letter for letter in source if letter.isalpha()]
        assert [letter for letter in text.plain() if letter.isalpha()] == letters
