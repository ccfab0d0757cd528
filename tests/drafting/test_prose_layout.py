"""Prose as the program writes it: filled to one width, and read back as the text that it was."""

import pytest
from draft_texts import blocks, texts
from hypothesis import example, given
from hypothesis import strategies as st
from wcwidth import wcswidth

from newsletter.drafting.meaning import has_same_meaning
from newsletter.drafting.prose_layout import WIDTH, format_prose, lay_out
from newsletter.issue.richtext import parse
from newsletter.issue.sourcemap import SourceMap
from newsletter.issue.yamltext import YamlMapping, YamlScalar, YamlSequence, parse_yaml, split_lines

SENTENCES = "Ministers met in Detroit and agreed on what is to come next year. " * 4
JAPANESE = (
    "二十年続いた駅前の朝市が、六月七日から川沿いの広場に移ります。「新しい地図」では、店の場所がほぼ同じ順に並んでいます。"
    * 2
)
HEBREW = "שלום לכולם ותודה שקראתם את הגיליון הזה עד סופו " * 4


def read_back(text: str, indent: int) -> str:
    """Return what newsletter.issue reads of a text that was written below >-."""
    source = f"{' ' * (indent - 2)}- {'detail: >-'}\n{format_prose(text, indent + 2)}\n"
    root, _ = parse_yaml(source)
    assert isinstance(root, YamlSequence)
    entry = root.entries[0]
    assert isinstance(entry, YamlMapping)
    value = entry.entries["detail"][1]
    assert isinstance(value, YamlScalar)
    return SourceMap(value, split_lines(source)).text


anything = st.one_of(
    texts,
    st.lists(blocks, min_size=1, max_size=3).map(" ".join),
    st.text("ab #-*>|_`~[](){}.:1\\\n \t日本、“”&", max_size=120),
)


@given(anything, st.sampled_from([2, 6]))
@example("  - first\n  - second\n\n  and more", 2)
@example("one  \ntwo\\\nthree", 2)
@example(f"{SENTENCES}\n\n- {SENTENCES}\n  - {SENTENCES}\n\n> {SENTENCES}\n\nwords[^1]\n\n[^1]: {SENTENCES}", 6)
def test_text_is_read_back_as_it_was_given(text: str, indent: int) -> None:
    assert has_same_meaning(text, read_back(text, indent))


@given(anything, st.sampled_from([20, 60, WIDTH]))
@example(f"{JAPANESE}{SENTENCES}{JAPANESE}", 60)
def test_lines_stay_when_they_are_laid_out_again(text: str, width: int) -> None:
    lines = lay_out(text, width)
    assert lay_out("\n".join(lines), width) == lines


@pytest.mark.parametrize(
    "text",
    [SENTENCES, JAPANESE, HEBREW, f"- {SENTENCES}\n- {JAPANESE}", f"> {SENTENCES}", f"Note[^1]\n\n[^1]: {SENTENCES}"],
)
def test_paragraphs_are_filled(text: str) -> None:
    lines = format_prose(text, 6).split("\n")
    assert max(map(wcswidth, lines)) <= WIDTH
    assert max(map(wcswidth, lines)) > WIDTH - 15
    # One that was broken elsewhere gets the same lines.
    assert lay_out("\n".join(lay_out(text, 40)), WIDTH - 6) == lay_out(text, WIDTH - 6)


def test_links_fields_and_code_stay_in_one_line() -> None:
    whole = ["[a memorandum of several words](https://example.org/a)", "{{ name | dear reader }}", "`some code here`"]
    lines = lay_out(" ".join(f"{SENTENCES}{piece}" for piece in whole * 3), 60)
    for piece in whole:
        assert sum(line.count(piece) for line in lines) == 3


@pytest.mark.parametrize(
    "kept",
    [
        "one line  \nand the next",
        "one line\\\nand the next",
        "```\ncode   \n\n\n  more\n```",
        "| a | b |\n| --- | --: |\n| 1 | 2 |",
        '![What it shows](file.jpg "Caption")',
        f"| {SENTENCES} | b |\n| --- | --- |\n| {SENTENCES} | d |",
        "日本語 の間の空白はそのまま",
    ],
)
def test_lines_that_mean_something_stay(kept: str) -> None:
    assert format_prose(kept) == kept


@pytest.mark.parametrize(
    "start", ["- not a list", "1. nor this", "> 50%", "# nor a heading", "* nor this", "| or this"]
)
def test_no_line_begins_with_what_would_begin_a_block(start: str) -> None:
    for words in range(30):
        text = f"{'word ' * words}{start} {SENTENCES}"
        assert parse(text)[0] == parse("\n".join(lay_out(text, 40)))[0]


def test_blanks_and_what_nobody_sees_go() -> None:
    assert format_prose("\n\n one \t\n\n\n\n\ufefftwo\u200b words\u2028more   \n\n") == "one\n\ntwo words more"
    assert format_prose("\x0bcontrol\x00 characters") == "control characters"
    assert format_prose("") == format_prose(" \n\n ") == ""


@pytest.mark.parametrize("kept", ["10\u00a0km", "hy\u00adphen", "“quoted”", "a\u200dz", "‏right"])
def test_characters_that_carry_something_stay(kept: str) -> None:
    assert format_prose(kept) == kept
