"""What is pasted from a word processor and keeps YAML from reading a draft: mended where it can mean one thing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.drafting import format_draft, mend_draft
from newsletter.issue.draft import parse_draft

PATH = Path("2.1.yaml")
DRAFT = """\
volume: 2
number: 1
date: 2024-01-02
items:
  - headline: >-
      One
    detail: >-
      Two
    link: https://example.org/
sections:
  - events:
      - date: 2024-01-02
        time: "14:00"
        title: Three
        place: Four
"""
ISSUE = parse_draft(PATH, DRAFT).issue

SIGNS = {
    "spaces before a key": ("    detail: >-", "\u00a0\u00a0  detail: >-"),
    "nothing before a key": ("date: 2024-01-02\nitems", "\u200bdate: 2024-01-02\nitems"),
    "a space behind a colon": ("volume: 2", "volume:\u00a02"),
    "a space at the end": ("date: 2024-01-02\nitems", "date: 2024-01-02\u00a0\nitems"),
    "a colon": ("volume: 2", "volume：2"),
    "a dash": ("  - headline", "  – headline"),
    "a dash and its space": ("  - headline", "  —\u00a0headline"),
    "quotes around a date": ("date: 2024-01-02\nitems", "date: “2024-01-02”\nitems"),
    "quotes around a time": ('"14:00"', "“14:00”"),
    "German quotes": ('"14:00"', "„14:00“"),
    "one quote of each kind": ('"14:00"', '"14:00”'),
    "quotes around an address": ("https://example.org/", "‘https://example.org/’"),
    "quotes around a number": ("volume: 2", "volume: “2”"),
}


@pytest.mark.parametrize("kind", SIGNS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_sign_of_a_word_processor_is_mended(kind: str, line_end: str) -> None:
    right, wrong = SIGNS[kind]
    assert DRAFT.count(right) == 1
    broken = DRAFT.replace(right, wrong).replace("\n", line_end)
    assert parse_draft(PATH, broken).issue is None
    mended = mend_draft(broken, PATH)
    assert mended
    assert parse_draft(PATH, mended.source).issue == ISSUE
    assert mended.lines == (DRAFT[: DRAFT.index(right)].count("\n") + 1,)
    changed = [a for a, b in zip(broken.split(line_end), mended.source.split(line_end), strict=True) if a != b]
    assert len(changed) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Space: a new start",
        "“Space: a new start”",
        "[The two](https://example.org/) met, and left",
        "{{ name | You }} and they",
        "*Nobody* came",
        '"Two" is what they said',
        "@home they said",
        "`code` is what it was",
        "% of what: more",
        "Space: a new\n      start: so",
    ],
)
def test_prose_that_yaml_misreads_is_put_below_the_mark(text: str) -> None:
    broken = DRAFT.replace(">-\n      Two", text)
    assert parse_draft(PATH, broken).issue is None
    mended = mend_draft(broken, PATH)
    assert mended
    assert mended.source == DRAFT.replace("Two", text)
    assert mended.lines == (7,)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (">-\n      Two", "Two # or is it three"),  # a comment may be meant
        (">-\n      Two", '"Two'),  # or a second quotation mark
        ("volume: 2", "volume: two"),
        ("    detail: >-", "\tdetail: >-"),
        ("  - headline", "  • headline"),
        (">-\n      Two", ">-\n      Two <b>three</b>"),
        ("place: Four", "venue: Four"),
    ],
)
def test_what_can_be_meant_in_two_ways_is_left(right: str, wrong: str) -> None:
    assert mend_draft(DRAFT.replace(right, wrong), PATH) is None
    pasted = DRAFT.replace("number: 1", "number: “1”").replace(right, wrong)
    assert mend_draft(pasted, PATH) is None, "no half of the way"


def test_what_is_below_the_mark_is_not_looked_at() -> None:
    broken = DRAFT.replace("volume: 2", "volume: “2”").replace("Two", "Two\n      place: “there”\n      – title：x")
    mended = mend_draft(broken, PATH)
    assert mended
    assert "\n      place: “there”\n      – title：x\n" in mended.source
    assert mended.lines == (1,)


def test_mended_draft_is_formatted() -> None:
    mended = mend_draft(DRAFT.replace("title: Three", "title: Space: a new start"), PATH)
    assert mended
    assert format_draft(mended.source, PATH) == mended.source


@given(st.integers(0, len(DRAFT)), st.sampled_from(["\u00a0", "“", "”", ": ", " #", "–", "：", "\t", '"']))
def test_mending_gives_a_valid_draft_or_nothing(at: int, sign: str) -> None:
    broken = DRAFT[:at] + sign + DRAFT[at:]
    mended = mend_draft(broken, PATH)
    assert mended is None or parse_draft(PATH, mended.source).issue
