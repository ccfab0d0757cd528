"""Lines as blocks: lists, quotations, sub-headings, tables, code and lines across; and prose that looks like them."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.issue.blocks import (
    Block,
    Blocks,
    CodeBlock,
    FootnoteMark,
    Heading,
    LineBreak,
    Link,
    ListBlock,
    Paragraph,
    PictureBlock,
    Quotation,
    TableBlock,
    TextRun,
    ThematicBreak,
    write_words,
)
from newsletter.issue.inline_text import parse_headline, parse_line, parse_paragraphs
from newsletter.issue.richtext import parse
from newsletter.validation import Fault


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
        case PictureBlock(alt=alt):
            return alt
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
        ("1. one\n2. two\n\n![x](a.png)\n\n3. three", [(1, ["one"], ["two"]), "x", (3, ["three"])]),
        ("1. one\n2. two\n\nWords\n\n3. three\n4. four", [(1, ["one"], ["two"]), "Words", (3, ["three"], ["four"])]),
        ("- one\n- two\n\nWords\n\n3. Oktober", [("-", ["one"], ["two"]), "Words", "3. Oktober"]),
        ("9. nine\n10. ten", ["9. nine 10. ten"]),
        ("- one\n  - sub", [("-", ["one", ("-", ["sub"])])]),
        ("- one:\n  - sub\n- two", [("-", ["one:", ("-", ["sub"])], ["two"])]),
        ("1. one\n2. two\n17. Juni ist gut", [(1, ["one"], ["two 17. Juni ist gut"])]),
        ("1. one\n2. two\n\n17. Juni ist gut", [(1, ["one"], ["two"]), "17. Juni ist gut"]),
        ("1. one\n2. two\n2. three\n4. four", [(1, ["one"], ["two"], ["three"], ["four"])]),
        ("- one\n---\nWords", [("-", ["one"]), "---", "Words"]),
        ("- one", [("-", ["one"])]),
        ("- [words](https://example.org/) and more", [("-", ["words and more"])]),
        ("- one\n\nWords\n\n- two", [("-", ["one"]), "Words", ("-", ["two"])]),
        ("- The bank raised rates.\n\n- The government fell.",
         [("-", ["The bank raised rates."], ["The government fell."])]),
    ],
)  # fmt: skip
def test_lists(source: str, blocks: list[object]) -> None:
    assert _read(source) == blocks


@pytest.mark.parametrize(
    "source",
    ["- No, dijo el ministro.", "- The Editors", "1945. The war ended", "1. Mai ist Feiertag",
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


def _picture(source: str) -> PictureBlock:
    text, faults = parse(source)
    assert faults == []
    (picture,) = text.pictures()
    return picture


@pytest.mark.parametrize(
    ("source", "file", "alt", "caption"),
    [
        ("![A chart](chart.png)", "chart.png", "A chart", ""),
        ('![A chart](chart.png "Prices, 2023")', "chart.png", "A chart", "Prices, 2023"),
        ('![A chart](<a chart.png> "x")', "a chart.png", "A chart", "x"),
        ("![A chart](a chart (1).jpg)", "a chart (1).jpg", "A chart", ""),
        ('![A\nchart](chart.png\n"Prices,\n2023")', "chart.png", "A chart", "Prices, 2023"),
        ("![図](図.png “価格「x」”)", "図.png", "図", "価格「x」"),
        ('![A \\[c\\] &amp; d](c.png "He said "yes" \\"so\\"")', "c.png", "A [c] & d", 'He said "yes" "so"'),
        ('![A chart](chart.png "By *us*, for {{ name | you }}")', "chart.png", "A chart", "By us, for you"),
        ("Words\n![A chart](chart.png)\nWords", "chart.png", "A chart", ""),
        ("- one\n- ![A chart](chart.png)", "chart.png", "A chart", ""),
        ("> ![A\n> chart](chart.png)", "chart.png", "A chart", ""),
    ],
)
def test_pictures(source: str, file: str, alt: str, caption: str) -> None:
    picture = _picture(source)
    assert (picture.file, picture.alt, write_words(picture.caption)) == (file, alt, caption)


def test_a_pictures_caption_holds_links_and_fields() -> None:
    caption = _picture('![A chart](chart.png "By [us](https://example.org/), for {{ name | you }}")').caption
    assert Link(address=("https://example.org/",), runs=(TextRun(text="us"),)) in caption
    assert TextRun(text="you", field="name") in caption


@pytest.mark.parametrize(
    ("source", "code", "at"),
    [
        ("![](chart.png)", "alt", 0),
        ("![ ](chart.png)", "alt", 0),
        ("![a {{ name }}](chart.png)", "field", 4),
        ("![a](chart.gif)", "image-file", 5),
        ("![a](../chart.png)", "image-file", 5),
        ("![a]()", "image-file", 0),
        ("![a](https://example.org/chart.png)", "image-file", 5),
        ("![a](chart.png) and words", "picture", 0),
        ('![a](a.png "b") ![c](d.png "e")', "picture", 0),
        ("![a](a.png) ![c](d.png)", "picture", 0),
        ("| a |\n|---|\n| ![a](a.png) |", "picture", 14),
        ('> ![a](a.png "x [b](#) y")', "link-address", 18),
        ("[![a](a.png)](https://example.org/)", "picture", 1),
    ],
)
def test_a_pictures_faults_stand_where_they_are(source: str, code: str, at: int) -> None:
    assert (code, at) in [(fault.code, fault.at) for fault in parse(source)[1]]


@pytest.mark.parametrize(
    ("source", "numbers", "notes"),
    [
        (
            "A[^1] b[^long-name].\n\n[^1]: One.\n[^long-name]: Two *words*\nmore.",
            [1, 2],
            [["One."], ["Two words more."]],
        ),
        ("[^b]: Before.\n[^a]: After.\n\nWords[^a] and[^b].", [1, 2], [["After."], ["Before."]]),
        ("- a[^1]\n- b\n[^1]: Note.", [1], [["Note."]]),
        ("> a[^1]\n\n[^1]: Note.\n\n  More.\n\n    And more.\n\nWords", [1], [["Note.", "More.", "And more."]]),
        (
            "| a[^1] |\n|---|\n| b[^2] |\n\n[^1]: One.\n\n[^2]:\n    - x\n    - y",
            [1, 2],
            [["One."], [("-", ["x"], ["y"])]],
        ),
        ('### a[^1]\n\n![x](a.png "b[^2]")\n\n[^2]: Two.\n[^1]: One.', [1, 2], [["One."], ["Two."]]),
    ],
)
def test_footnotes(source: str, numbers: list[int], notes: list[object]) -> None:
    text, faults = parse(source)
    assert faults == []
    assert [span.number for span in text.spans() if isinstance(span, FootnoteMark)] == numbers
    assert [note.number for note in text.footnotes] == numbers
    assert [_outline(note.blocks) for note in text.footnotes] == notes


@pytest.mark.parametrize(
    ("source", "at"),
    [
        ("Words[^1].", 5),
        ("[^1]: No mark.", 0),
        ("Words[^1][^1]\n\n[^1]: One.", 9),
        ("Words[^1]\n\n[^1]: One.\n[^1]: Two.", 22),
        ("Words[^1]\n\n[^1]:\n", 11),
        ("Words[^1]\n\n[^1]: One[^2].\n\n[^2]: Two.", 20),
        ("Words[^1]\n\n> [^1]: One.", 13),
        ("Words[^1]\n\n[^2]: One.", 5),
    ],
)
def test_marks_and_footnotes_belong_together(source: str, at: int) -> None:
    faults = parse(source)[1]
    assert ("footnote", at) in [(fault.code, fault.at) for fault in faults]
    assert all(fault.next_step for fault in faults)


@pytest.mark.parametrize("read", [parse_headline, parse_paragraphs, parse_line])
def test_a_footnote_stands_in_prose_alone(read: Callable[[str], tuple[object, list[Fault]]]) -> None:
    assert [(fault.code, fault.at) for fault in read("Words[^1]")[1]] == [("footnote", 5)]


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
