"""Each block is plain text that a reader understands without having seen any other edition."""

import re
from collections.abc import Callable
from functools import partial

import pytest
from call_count import count_calls
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from newsletter.editions.html_blocks import make_page_writer
from newsletter.editions.plaintext_blocks import PlaintextWriter
from newsletter.editions.plaintext_wrapping import WIDTH, finish_lines
from newsletter.field import write_default
from newsletter.issue.blocks import (
    Alignment,
    Block,
    Blocks,
    CodeBlock,
    Footnote,
    FootnoteMark,
    Heading,
    LineBreak,
    Link,
    ListBlock,
    Paragraph,
    PictureBlock,
    Quotation,
    RichText,
    Span,
    Spans,
    TableBlock,
    TextRun,
    ThematicBreak,
)

LONG = "The leaders of seven countries met in Hiroshima, and their ministers in four other places."


def _spans(*spans: Span | str) -> Spans:
    return tuple(TextRun(text=span) if isinstance(span, str) else span for span in spans)


def _paragraph(*spans: Span | str) -> Paragraph:
    return Paragraph(_spans(*spans))


def _link(words: str, path: str) -> Link:
    return Link(address=(f"https://example.org/{path}",), runs=(TextRun(text=words),))


def _entry(*blocks: Block | str) -> Blocks:
    return tuple(_paragraph(block) if isinstance(block, str) else block for block in blocks)


def _write(text: RichText, first: str = "", rest: str | None = None) -> str:
    """Return a text as the template writes one: its blocks, and then its notes."""
    writer = PlaintextWriter(write_default, str)
    written = writer.prose(text, "[Image: {}]".format, first, rest)
    return finish_lines(f"{written}\n\n{writer.take_notes(first if rest is None else rest)}")


BULLETS = ListBlock((_entry(LONG), _entry("two", ListBlock((_entry("in it"), _entry("too")))), _entry("three")))
LOOSE = ListBlock((_entry("one", "more of it"), _entry("two")), first=1)
TENTH = ListBlock((_entry("nine"), _entry(LONG)), first=9)
CODE = CodeBlock("def ask():\n\treturn [\n\n\n        1]" + "  # no line of code is wrapped" * 3 + "\n")
TABLE = TableBlock(
    header=(_spans("Country"), _spans("Share"), _spans("In short")),
    rows=((_spans("Japan"), _spans("12.5"), _spans("up")), (_spans("대한민국"), _spans("3"), _spans())),
    alignments=("", "right", "center"),
)
WIDE = TableBlock(
    header=(_spans("Country"), _spans(_link("Source", "s")), _spans()),
    rows=((_spans("Japan"), _spans(LONG), _spans("x")), (_spans("Korea"), _spans(), _spans())),
    alignments=("", "", ""),
)
BLOCKS: dict[str, tuple[Block, str]] = {
    "bullets": (
        BULLETS,
        """\
- The leaders of seven countries met in Hiroshima, and their ministers
  in four other places.
- two
  - in it
  - too
- three
""",
    ),
    "loose": (
        LOOSE,
        """\
1. one

   more of it

2. two
""",
    ),
    "numbers below each other": (
        TENTH,
        """\
 9. nine
10. The leaders of seven countries met in Hiroshima, and their ministers
    in four other places.
""",
    ),
    "quotation": (
        Quotation((_paragraph(LONG), LOOSE)),
        """\
> The leaders of seven countries met in Hiroshima, and their ministers
> in four other places.
>
> 1. one
>
>    more of it
>
> 2. two
""",
    ),
    "heading": (
        Heading(_spans("What ", TextRun(text="they", emphasis=True), " said")),
        """\
What _they_ said
----------------
""",
    ),
    "picture": (
        PictureBlock(file="a.jpg", alt="A ferry", caption=_spans("By ", _link("me", "me"))),
        """\
[Image: A ferry]
By me [1]

[1] https://example.org/me
""",
    ),
    "picture alone": (PictureBlock(file="a.jpg", alt="A ferry"), "[Image: A ferry]\n"),
    "code": (
        CODE,
        """\
    def ask():
    \treturn [


            1]  # no line of code is wrapped  # no line of code is wrapped  # no line of code is wrapped
""",
    ),
    "table": (
        TABLE,
        """\
Country   Share  In short
--------  -----  --------
Japan      12.5     up
대한민국      3
""",
    ),
    "table that is too wide": (
        WIDE,
        """\
Country: Japan
Source [1]: The leaders of seven countries met in Hiroshima, and their
  ministers in four other places.
x

Country: Korea

[1] https://example.org/s
""",
    ),
    "line across": (ThematicBreak(), "* * *\n"),
    "lines": (_paragraph("One line", LineBreak(), "and the next"), "One line\nand the next\n"),
}


@pytest.mark.parametrize(("block", "text"), BLOCKS.values(), ids=BLOCKS)
def test_a_block_is_lines_of_text(block: Block, text: str) -> None:
    assert _write(RichText((block,))) == text


@pytest.mark.parametrize(("block", "text"), BLOCKS.values(), ids=BLOCKS)
def test_a_block_keeps_to_the_indent_of_its_item(block: Block, text: str) -> None:
    written = _write(RichText((_paragraph("First."), block)), "7. ", "   ")
    lines = written.removeprefix("7. First.\n\n").splitlines()
    assert all(line.startswith("   ") or not line for line in lines)
    assert re.findall(r"\w", written) == ["7", *"First", *re.findall(r"\w", text)]


_STRUCK = TextRun(text="b", strike=True)
SCRIPTS: dict[str, tuple[Spans, str]] = {
    "raised digits": (_spans("10", TextRun(text="-12", script="super"), " m"), "10⁻¹² m"),
    "lowered digits": (_spans("CO", TextRun(text="2", script="sub")), "CO₂"),
    "ordinal": (_spans("the 1", TextRun(text="st", script="super"), " of May"), "the 1st of May"),
    "raised letters": (_spans("x", TextRun(text="ab", script="super")), "x^ab"),
    "raised words": (_spans("x", TextRun(text="a + b", script="super")), "x^(a + b)"),
    "lowered letters": (_spans("v", TextRun(text="max", script="sub")), "v_max"),
    "struck": (_spans("It cost ", TextRun(text="2 ", strike=True), "3"), "It cost ~2~ 3"),
    "struck link": (
        _spans(TextRun(text="a ", strike=True), Link(address=("https://e.org/",), runs=(_STRUCK,))),
        "~a b [1]~\n\n[1] https://e.org/",
    ),
    "strong over two lines": (
        _spans(TextRun(text="one", strong=True), LineBreak(), TextRun(text="two", strong=True), " three"),
        "*one\ntwo* three",
    ),
    "a line ends with strong words": (
        _spans(TextRun(text="one", strong=True), LineBreak(), "two"),
        "*one*\ntwo",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spans", "text"), SCRIPTS.values(), ids=SCRIPTS)
def test_words_that_are_struck_raised_or_lowered(spans: Spans, text: str) -> None:
    assert _write(RichText((Paragraph(spans),))) == f"{text}\n"


def test_footnotes_stand_among_the_notes_of_links() -> None:
    text = RichText(
        (
            _paragraph("A claim", FootnoteMark(1), " and ", _link("a link", "a"), ", and more", FootnoteMark(2), "."),
            _paragraph("The claim again", FootnoteMark(1), "."),
        ),
        (
            Footnote(1, (_paragraph(f"{LONG} Says ", _link("the host", "host"), "."), _paragraph("And others."))),
            Footnote(2, (_paragraph("Short."),)),
        ),
    )
    assert (
        _write(text, "3. ", "   ")
        == """\
3. A claim [1] and a link [2], and more [3].

   The claim again [1].

   [1] The leaders of seven countries met in Hiroshima, and their
       ministers in four other places. Says the host [4].

       And others.
   [2] https://example.org/a
   [3] Short.
   [4] https://example.org/host
"""
    )


def test_each_text_has_footnotes_of_its_own() -> None:
    writer = PlaintextWriter(write_default, str)
    text = RichText((_paragraph("A claim", FootnoteMark(1)),), (Footnote(1, (_paragraph("Says who."),)),))
    for _ in range(2):
        writer.prose(text, str)
    assert writer.take_notes() == "[1] Says who.\n[2] Says who."
    assert writer.take_notes() == ""


_WORDS = st.text("ab c日本、", min_size=1, max_size=120).filter(str.strip)
_SPANS: st.SearchStrategy[Spans] = st.lists(
    st.one_of(
        _WORDS.map(lambda words: TextRun(text=words)),
        st.builds(lambda words: TextRun(text=words, strong=True, strike=True), _WORDS),
        st.just(LineBreak()),
        st.builds(_link, _WORDS, st.text("abc", max_size=90)),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
_ALIGNMENTS: tuple[Alignment, ...] = ("", "left", "center", "right")


@st.composite
def _tables(draw: Callable[..., int]) -> TableBlock:
    columns = draw(st.integers(1, 4))
    row = st.tuples(*[_SPANS] * columns)
    alignments = draw(st.tuples(*[st.sampled_from(_ALIGNMENTS)] * columns))
    return TableBlock(draw(row), draw(st.lists(row, max_size=3).map(tuple)), alignments)  # type: ignore[arg-type]  # drawn values have any type


_LEAVES: st.SearchStrategy[Block] = st.one_of(
    st.builds(Paragraph, _SPANS),
    st.builds(Heading, _SPANS),
    st.builds(PictureBlock, file=st.just("a.jpg"), alt=_WORDS, caption=_SPANS),
    st.builds(CodeBlock, st.text("ab \n{", max_size=100)),
    st.just(ThematicBreak()),
    _tables(),
)
_BLOCKS: st.SearchStrategy[Blocks] = st.recursive(
    st.lists(_LEAVES, min_size=1, max_size=3).map(tuple),
    lambda inner: st.one_of(
        st.builds(
            lambda entries, first: (ListBlock(tuple(entries), first),),
            st.lists(inner, min_size=1, max_size=3),
            st.one_of(st.none(), st.integers(1, 99)),
        ),
        inner.map(lambda blocks: (Quotation(blocks),)),
    ),
    max_leaves=6,
)


@given(blocks=_BLOCKS)
def test_lines_fit_whatever_is_nested(blocks: Blocks) -> None:
    text = RichText(blocks)
    written = _write(text)
    code = "".join(leaf.text for leaf in text.leaves() if isinstance(leaf, CodeBlock))
    for line in written.splitlines():
        # Only what can't be broken is wider: one word, an address, or a line of code.
        assert (
            wcswidth(line) <= WIDTH or " " not in line.lstrip(" >-0123456789.") or line.strip() in code or "://" in line
        )
        assert line == line.rstrip()
    assert [line.partition("] ")[2] for line in written.splitlines() if "] https://" in line] == [
        link.href for link in text.links()
    ]


@pytest.mark.parametrize("write", [_write, make_page_writer("en").blocks])
def test_a_list_four_times_as_long_is_looked_at_four_times_as_often(write: Callable[[RichText], object]) -> None:
    calls = [count_calls(partial(write, RichText((ListBlock((_entry("a"),) * length),)))) for length in (100, 100, 400)]
    assert calls[2] <= 4.4 * calls[1]
