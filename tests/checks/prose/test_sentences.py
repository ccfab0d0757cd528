"""Sentences are split where they end, acronyms known for what they are, and syllables counted."""

import sys

import pytest

from newsletter.checks.prose.passages import OPAQUE
from newsletter.checks.prose.reading_level import count_syllables, measure_grade
from newsletter.checks.prose.sentences import count_words, split_sentences
from newsletter.checks.prose.spelling import look_up
from newsletter.checks.prose.word_list import WordList


@pytest.mark.parametrize(
    "sentences",
    [
        ["It rained.", "It rained again!", "Why?", "Nobody knows…", "So be it."],
        ["The U.S. Navy and the U.K. minister met Dr. Smith, Mr. J. R. R. Okafor and Lt. Gen. K. Sato."],
        [["It moved to the U.S.", " firm is new."][0], "The firm is new."],
        ["He is No. 5 of the list (Vol. 2, p. 17, Fig. III) at 3.6 percent, i.e. low, cf. Rev. 2."],
        ["It begins at 4:30 p.m. on Monday, Jan. 24, and ends by 6 p.m. today."],
        ["“Is it so?” he asked.", "“It is.”", "(Nobody laughed.)", "They left."],
        ["The Acme Corp. report is out.", ["No.", " is not."][0], "It is not."],
        ["It was about 0.5 … and then some, e.g. Smith et al. in their book."],
        [f"See {OPAQUE} and {OPAQUE}.", f"{OPAQUE} is next."],
    ],
)
def test_a_sentence_ends_where_it_ends(sentences: list[str]) -> None:
    text = " ".join(sentences)
    assert [text[start:end] for start, end in split_sentences(text)] == sentences


def test_sentences_of_other_languages() -> None:
    german = ["Am 5. Mai kam Dr. Weber.", "Es regnete."]
    text = " ".join(german)
    assert [text[start:end] for start, end in split_sentences(text, "de")] == german
    japanese = "会談した。「そうだ。」と述べた。"
    assert [japanese[start:end] for start, end in split_sentences(japanese, "ja")] == [
        "会談した。", "「そうだ。」", "と述べた。",
    ]  # fmt: skip


def test_words_are_counted_as_a_reader_does() -> None:
    assert count_words(f"Japan's U.S.-led plan — $3.6 billion, {OPAQUE} — is new—very new.") == 10


@pytest.mark.parametrize(
    ("word", "number"),
    [("cat", 1), ("made", 1), ("table", 2), ("agreed", 2), ("wanted", 2), ("makes", 1), ("changes", 2), ("security", 4),
     ("NATO", 4), ("the", 1), ("co", 1), ("idea", 2)],
)  # fmt: skip
def test_syllables(word: str, number: int) -> None:
    assert count_syllables(word) == number


def test_the_grade_is_that_of_the_formula() -> None:
    # Ten words, ten syllables, a sentence: 0.39 * 10 + 11.8 - 15.59.
    assert measure_grade(["The cat sat on the mat and saw the dog. "] * 10) == pytest.approx(0.11)
    assert measure_grade(["The cat sat on the mat and saw the dog. "] * 9) is None


@pytest.mark.parametrize(
    ("word", "right"),
    [("teh", ("the",)), ("goverment", ("government",)), ("goverment-led", ("government-led",)),
     ("ist", ()), ("fo", ()), ("government", ()), ("hist-new", ())],
)  # fmt: skip
def test_what_the_dictionary_knows(word: str, right: tuple[str, ...]) -> None:
    assert look_up(word) == right


def test_nothing_of_codespell_s_program_is_imported() -> None:
    assert look_up("teh")
    assert not [name for name in sys.modules if name.startswith("codespell")]


@pytest.mark.parametrize(
    ("entry", "text", "covered"),
    [
        ("METI", "METI and METI's METIs", "**** and ****** *****"),
        ("METI", "meti, METIX", "meti, METIX"),
        ("semis", "Semis, SEMIS and semis'", "*****, ***** and *****'"),
        ("CHIPS Act", "the CHIPS Act's chips", "the *********** chips"),
        ("CHIPS Act", "the CHIPS\nAct", "the *********"),
        ("Act on chips", "Act on fish", "Act on fish"),
        ("U.S.–Japan", "a U.S.–Japan plan", "a ********** plan"),
        ("# all", "# all", "# all"),
    ],
)
def test_the_word_list_covers_its_words(entry: str, text: str, covered: str) -> None:
    entries = () if entry.startswith("#") else (entry,)
    assert WordList(entries).cover(text) == covered.replace("*", OPAQUE)
