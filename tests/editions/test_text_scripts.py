"""The plain text in scripts without spaces, in Korean, and from right to left: where lines end, and their direction."""

import re
from itertools import accumulate
from unicodedata import bidirectional

import pytest
from conftest import Publication
from hypothesis import given
from hypothesis import strategies as st

from newsletter.editions import render_text, write_default
from newsletter.editions.plaintext_direction import mark_right_to_left
from newsletter.editions.plaintext_spans import write_runs
from newsletter.editions.plaintext_wrapping import JOIN, count_columns, finish_lines, wrap
from newsletter.issue.blocks import TextRun
from newsletter.issue.draft import load_issue

# JIS X 4051 and JLReq, 3.1.7: closing brackets, full stops, commas, small kana, and marks of length and repetition.
NEVER_FIRST = "、。，．・：；？！」』】〉》〕）］｝々〻ゝゞヽヾーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ…‥"
NEVER_LAST = "「『【〈《〔（［｛"
_PIECES = st.sampled_from(
    [
        *"太平洋同盟のニュースーッょ、。」』）？！・…「『（々",
        "データ",
        "Digest",
        "2023",
        "안녕",
        "https://example.org/a-b/c?d=1",
        "a@example.org",
    ]
)
_RUNS = st.lists(
    st.builds(
        lambda pieces, strong, emphasis: TextRun(text="".join(pieces), strong=strong, emphasis=emphasis),
        st.lists(_PIECES, min_size=1, max_size=30),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@given(runs=_RUNS, width=st.integers(30, 72))
def test_no_line_begins_or_ends_with_a_sign_that_may_not(runs: list[TextRun], width: int) -> None:
    text = write_runs(runs, write_default)
    lines = finish_lines(wrap(text, width=width)).splitlines()
    assert "".join(lines) == finish_lines(text).strip()
    for number, line in enumerate(lines):
        assert number == 0 or line[0] not in NEVER_FIRST
        assert number == len(lines) - 1 or line[-1] not in NEVER_LAST


@given(runs=_RUNS)
def test_no_address_is_broken(runs: list[TextRun]) -> None:
    text = finish_lines(write_runs(runs, write_default))
    lines = finish_lines(wrap(write_runs(runs, write_default), width=30)).splitlines()
    for address in ("https://example.org/a-b/c?d=1", "a@example.org"):
        assert sum(line.count(address) for line in lines) == text.count(address)


@given(runs=_RUNS)
def test_a_mark_of_style_stays_at_its_words(runs: list[TextRun]) -> None:
    written = write_runs(runs, write_default)
    bound = set(accumulate(map(len, written.split(JOIN))))
    lines = finish_lines(wrap(written, width=30)).splitlines()
    assert set(accumulate(map(len, lines[:-1]))).isdisjoint(bound)


def test_korean_is_broken_between_words_alone() -> None:
    text = "태평양 동맹 소식은 NASA와 2.10호의 과학 기술 협력을 격주로 전합니다 (서울에서). " * 4
    lines = wrap(text.strip(), width=40).splitlines()
    assert len(lines) > 4
    assert " ".join(lines) == text.strip()
    assert all(count_columns(line) <= 40 for line in lines)
    assert wrap("우리 大韓民國의 NASA와", width=5).splitlines() == ["우리", "大韓", "民", "國의", "NASA와"]


def test_thai_is_not_broken_within_a_sentence() -> None:
    sentences = ["ข่าวสารและวิทยาศาสตร์ของมหาสมุทรแปซิฟิกในเดือนพฤษภาคมที่ผ่านมานี้" * 2, "ข่าวสาร"]
    assert wrap(" ".join(sentences)).splitlines() == sentences


def test_a_sign_behind_a_space_stays_with_its_word() -> None:
    assert wrap("Un mot ? Oui ! Non : rien", width=5).splitlines() == ["Un", "mot ?", "Oui !", "Non :", "rien"]


@pytest.mark.parametrize(
    ("line", "marked"),
    [
        ("خبر NASA", "\u200f\u2067خبر NASA\u2069"),
        ("1. خبر", "\u200f\u20671. خبر\u2069"),
        ("NASA خبر", "\u200f\u2067NASA خبر\u2069"),
        ("> NASA خبر", "> \u200f\u2067NASA خبر\u2069"),
        ("-----", "\u200f-----"),
        ("[1] https://example.org/", "[1] https://example.org/"),
        ("", ""),
        ("خبر PDF: https://example.org/", "\u200f\u2067خبر PDF:\u200f https://example.org/ \u200e\u2069"),
        ("ידיעה: a@example.org", "\u200f\u2067ידיעה:\u200f a@example.org \u200e\u2069"),
        ("שלום", "\u200f\u2067שלום\u2069"),
    ],
)
def test_a_line_runs_from_right_to_left_in_any_client(line: str, marked: str) -> None:
    assert mark_right_to_left(f"{line}\n{line}") == f"{marked}\n{marked}"


@pytest.mark.parametrize("language", ["ar", "he", "en"])
def test_every_line_of_a_right_to_left_text_runs_so(publication: Publication, language: str) -> None:
    words = {"ar": "خبر", "he": "ידיעה", "en": "news"}[language]
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = language
    draft = f"volume: 2\nnumber: 11\ndate: 2023-06-14\nitems:\n  - headline: {words}\n    detail: |\n      "
    issue = load_issue(publication.draft("2.11", draft + f"NASA {words} DRAM {words} " * 30 + "\n"))
    text = render_text(publication.context, issue, write_default)
    lines = [line for line in text.splitlines() if words in line or re.fullmatch("-+", line.strip("\u200f"))]
    assert len(lines) > 5
    first = [next((kind for kind in map(bidirectional, line) if kind in ("L", "R", "AL")), "") for line in lines]
    assert ("\u200f" in text) == (language != "en")
    assert language == "en" or set(first) <= {"R", "AL"}
