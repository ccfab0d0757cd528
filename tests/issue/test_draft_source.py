"""Words are found in a draft where its file has them, however YAML writes them."""

import re
from pathlib import Path

import pytest

from newsletter.issue.draft_source import DraftSource

TEXT = """\
# the first word is a comment's
subject: "caf\\u00e9 news"
intro: >-
  The first line
  # 1 in the world, the first again
  and *strong* words, &#x65E5;
items:
  - headline: >-
      One first
    detail: >-
      It is the first
      word of all
"""


@pytest.fixture
def source() -> DraftSource:
    return DraftSource(Path("2.10.yaml"), TEXT)


@pytest.mark.parametrize(
    ("words", "nth", "line", "column"),
    [
        ("first", 0, 4, 7),
        ("first", 1, 5, 25),
        ("first", 2, 9, 11),
        ("first word", 0, 11, 17),  # across a line's end
        ("café", 0, 2, 11),  # by an escape
        ("strong words", 0, 3, 8),  # emphasis between the words: where the text begins
        ("日", 0, 3, 8),  # as an entity
    ],
)
def test_words_are_found_where_they_stand(source: DraftSource, words: str, nth: int, line: int, column: int) -> None:
    place = source.find_words(words, nth=nth)
    assert place is not None
    assert (place.line, place.column) == (line, column)


def test_words_that_no_text_has_are_nowhere(source: DraftSource) -> None:
    assert source.find_words("second") is None
    assert source.find_in_lines(re.compile("comment's")) is None


def test_a_line_of_a_text_is_no_comment_whatever_it_begins_with(source: DraftSource) -> None:
    place = source.find_in_lines(re.compile("# 1 (in)"))
    assert place is not None
    assert (place.line, place.column) == (5, 7)


def test_words_are_looked_for_in_one_text_alone(source: DraftSource) -> None:
    place = source.find_words("first", within=source.headline(0))
    assert place is not None
    assert place.line == 9


def test_what_is_no_yaml_has_lines_and_no_texts() -> None:
    source = DraftSource(Path("2.10.yaml"), "a: [\nfirst")
    assert list(source.texts()) == []
    place = source.find_in_lines(re.compile("first"))
    assert place is not None
    assert (place.line, place.column) == (2, 1)
