"""Each prose check finds its mistakes, at the very words, however the YAML is written."""

from pathlib import Path

import pytest
from conftest import Publication

from newsletter.checks.draft_checks import check_draft
from newsletter.checks.draft_report import Finding
from newsletter.checks.prose import MOST_NOTES, check_prose, make_prose_checks
from newsletter.checks.prose.checked_prose import CheckedProse
from newsletter.config.check_settings import ProseSettings
from newsletter.issue.draft import load_issue, read_draft
from newsletter.issue.draft_source import DraftSource

BEGIN = "volume: 2\nnumber: 11\ndate: 2023-06-14\nitems:\n  - headline: Some news\n"
LONG = "The " + "very " * 3 + "old harbor of the town has " + "one more quay, " * 12 + "and a lamp."

# By code: a text, and the word of it at which the note is.
MISTAKES = {
    "spelling": (
        "Of it *the* [goverment](https://example.org/goverment) `goverment` said nothing.",
        "goverment]",
    ),
    "spelling-start": ("It ended. Goverment sources agree.", "Goverment"),
    "spelling-compound": ("A goverment-led plan.", "goverment"),
    "repeated-word": ("It is `the the` plan of the **the** harbor.", "the** harbor"),
    "link-words": ("The minutes of it all are [here](https://example.org/here).", "here]"),
    "link-words-address": ("See https://example.org/2024/05/a-long/address-of-a-report.pdf for it.", "https"),
    "acronym": ("The plan of [NEDO](https://example.org/NEDO) is new.", "NEDO]"),
    "long-sentence": (f"It is so. {LONG} That is all.", "The very"),
}
STYLES = {
    "plain": "    detail: {}\n",
    "single": "    detail: '{}'\n",
    "double": '    detail: "\\u2014 \\\n      {}"\n',
    "folded": "    detail: >-\n      Before it, a line.\n      And {}\n",
    "literal": "    detail: |-\n      Before it, a line.\n\n      {}\n",
    "entry": "    detail: >-\n      Two things:\n\n      - one, and\n        more of it\n      - {}\n",
    "wrapped": "    detail: >-\n      {}\n",
}


def _read(folder: Path, text: str, language: str = "en", **settings: object) -> list[Finding]:
    """Check a draft that is no publication's, and has no word list."""
    path = folder / "2.11.yaml"
    path.write_text(text, encoding="utf-8")
    prose = CheckedProse(DraftSource(path, text), load_issue(path), language, ProseSettings.model_validate(settings))
    return list(make_prose_checks(prose))


def _check(publication: Publication, text: str) -> list[Finding]:
    path = publication.draft("2.11", text)
    return list(check_prose(publication.workspace, DraftSource(path, text), load_issue(path)))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("code", MISTAKES)
def test_a_mistake_is_told_at_its_words(tmp_path: Path, code: str, style: str) -> None:
    words, at = MISTAKES[code]
    draft = BEGIN + STYLES[style].format(words)
    if style == "wrapped":  # each word on a line of its own
        draft, at = draft.replace(words, words.replace(" ", "\n      ")), at.split()[0]
    start = draft.rindex(at)
    line, column = draft.count("\n", 0, start) + 1, start - draft.rfind("\n", 0, start)
    found = _read(tmp_path, draft)
    assert [(each.problem.code, each.problem.line, each.problem.column) for each in found] == [
        (code.removesuffix("-start").removesuffix("-compound").removesuffix("-address"), line, column)
    ]
    assert all(each.note and each.problem.next_step for each in found)


@pytest.mark.parametrize(
    "words",
    ["He met Ms. Teh.", "Teh spoke. Then Ms. Teh left.", "Goverment House is open.", "GOVERMENT NEWS is out.",
     "`teh` and {{ name | teh }} and [it](https://example.org/teh)", "See teh@example.org, @teh and #teh.",
     "The ist, [teh]{lang=ms} and \"Vor\" he said.", "Goverment Announces New Harbor Plan"],
)  # fmt: skip
def test_names_code_fields_and_addresses_are_spelt_as_they_are(tmp_path: Path, words: str) -> None:
    found = _read(tmp_path, f"{BEGIN}    detail: |-\n      {words}\n", acronyms=False)
    assert [each.problem.message for each in found] == []


def test_a_mistake_that_is_made_often_is_told_once_with_its_number(tmp_path: Path) -> None:
    (found,) = _read(tmp_path, f"{BEGIN}    detail: >-\n" + "      The goverment saw it.\n" * 50)
    assert "(50 times in this issue)" in found.problem.message
    assert (found.problem.line, found.problem.column) == (7, 11)


def test_of_very_many_notes_of_a_check_the_first_are_shown(tmp_path: Path) -> None:
    names = [f"Q{first}{second}" for first in "ABCDE" for second in "BCDFGHJK"]
    found = _read(tmp_path, f"{BEGIN}    detail: {' is it. '.join(names)}.\n")
    assert len(found) == MOST_NOTES
    assert found[-1].problem.message.endswith(f"; {len(names) - MOST_NOTES} more notes of this kind not shown")


@pytest.mark.parametrize(
    "name", ["spelling", "repeated_words", "link_words", "long_sentences", "acronyms", "unfinished"]
)
def test_each_check_is_switched_off_by_its_name(tmp_path: Path, name: str) -> None:
    codes = {"repeated_words": "repeated-word", "link_words": "link-words", "long_sentences": "long-sentence",
             "acronyms": "acronym"}  # fmt: skip
    words = f"TODO the goverment of the the NEDO is [here](https://example.org/x). {LONG}"
    text = f"{BEGIN}    detail: >-\n      {words}\n"
    every = {each.problem.code for each in _read(tmp_path, text)}
    assert every - {each.problem.code for each in _read(tmp_path, text, **{name: False})} == {codes.get(name, name)}


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Read more »"), ("en", "Click **here**!"), ("en", "this"), ("de", "Hier"), ("fr", "En savoir plus"),
     ("es", "aquí"), ("ja", "こちら"), ("he", "כאן"), ("zh-TW", "閱讀更多"), ("nl-BE", "lees meer")],
)  # fmt: skip
def test_a_link_s_words_say_where_it_leads(tmp_path: Path, language: str, words: str) -> None:
    (found,) = _read(tmp_path, f"{BEGIN}    detail: >-\n      — [{words}](https://example.org/x)\n", language)
    assert found.problem.code == "link-words"


@pytest.mark.parametrize("words", ["the report", "Hier", "here are the minutes", "www.example.org", "me@example.org"])
def test_other_words_of_links_are_well(tmp_path: Path, words: str) -> None:
    link = words if "example" in words else f"[{words}](https://example.org/x)"
    assert _read(tmp_path, f"{BEGIN}    detail: >-\n      It says {link} so.\n") == []


def test_a_button_says_where_it_leads(tmp_path: Path) -> None:
    button = "sections:\n  - button:\n      text: Read more\n      link: https://example.org/x\n"
    (found,) = _read(tmp_path, f"{BEGIN}    detail: It is so.\n{button}")
    assert (found.problem.code, found.problem.line, found.problem.column) == ("link-words", 9, 13)


@pytest.mark.parametrize(
    ("alt", "caption", "place"),
    [("2.10-lead.jpg", "A ferry", (9, 12)), ("The old ferry", "The *old* ferry.", (9, 12)),
     ("Image of a ferry", "At dusk", (9, 12)), ("A photo showing a ferry", "At dusk", (9, 12)),
     ("A drawing of a ferry", "At dusk", None), ("Images of war, a sculpture", "At dusk", None)],
)  # fmt: skip
def test_a_picture_is_described(
    publication: Publication, alt: str, caption: str, place: tuple[int, int] | None
) -> None:
    image = f"    image:\n      file: 2.10-lead.jpg\n      alt: {alt}\n      caption: >-\n        {caption}\n"
    found = _check(publication, f"{BEGIN}    detail: It is so.\n{image}")
    assert [(each.problem.code, each.problem.line, each.problem.column) for each in found] == (
        [("alt", *place)] if place else []
    )


def test_a_picture_within_a_text_is_described(publication: Publication) -> None:
    picture = '![Picture of a ferry](2.10-lead.jpg "The ferry")\n\n      ![A bay](2.10-lead.jpg "A bay")'
    found = _check(publication, f"{BEGIN}    detail: |-\n      {picture}\n")
    assert [(each.problem.line, each.problem.column) for each in found] == [(7, 9), (9, 9)]


def test_the_reading_level_is_told_once_when_one_is_set(tmp_path: Path) -> None:
    hard = "Intergovernmental considerations necessitate comprehensive institutional accommodation. " * 20
    easy = "The cat sat on the mat, and the dog saw it. " * 20
    assert _read(tmp_path, f"{BEGIN}    detail: >-\n      {hard}\n") == []
    (found,) = _read(tmp_path, f"{BEGIN}    detail: >-\n      {hard}\n", reading_level=14)
    assert (found.problem.code, found.problem.line, found.problem.column) == ("reading-level", 7, 7)
    assert _read(tmp_path, f"{BEGIN}    detail: >-\n      {easy}\n", reading_level=14) == []


def test_proselint_is_asked_when_it_is_wanted(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "For all intensive purposes it is *past history*, and `past history`; past history."
    text = f"{BEGIN}    detail: >-\n      {words}\n"
    assert _check(publication, text) == []
    publication.environ["NEWSLETTER_PROSE__PROSELINT"] = "true"
    found = [(each.problem.line, each.problem.column, each.problem.message) for each in _check(publication, text)]
    assert [place[:2] for place in found] == [(7, 7), (7, 7 + words.index("past"))]
    assert found[1][2].endswith("(2 times in this issue)")
    monkeypatch.setattr("newsletter.checks.prose.proselint_notes.find_spec", lambda _name: None)
    (told,) = _check(publication, text)
    assert "pip install" in told.problem.next_step
    assert told.problem.path == publication.workspace.config_path


def test_the_check_of_a_draft_tells_notes_beside_its_problems(publication: Publication) -> None:
    path = publication.draft("2.11", f"{BEGIN}    detail: The goverment said TODO.\n")
    report = check_draft(publication.workspace, read_draft(path))
    assert [problem.code for problem in report.problems] == ["unfinished"]
    assert [note.code for note in report.notes] == ["spelling"]


def test_the_word_list_is_where_the_setting_says(publication: Publication) -> None:
    text = f"{BEGIN}    detail: METI's goverment, MOUs and Duran Duran.\n"
    assert len(_check(publication, text)) == 3
    (publication.root / "style").mkdir()
    (publication.root / "style" / "words.txt").write_text("# ours\nMETI\nmou\ngoverment  # sic\nDuran Duran\n")
    publication.environ["NEWSLETTER_PROSE__WORDS"] = "style/words.txt"
    assert [each.problem.message[:6] for each in _check(publication, text)] == ["'MOU' "]
    (publication.root / "style" / "words.txt").write_bytes(b"METI\n\xff\n")
    told = _check(publication, text)[0].problem
    assert (told.code, told.line, told.path) == ("word-list", 2, publication.root / "style" / "words.txt")
    publication.environ["NEWSLETTER_PROSE__WORDS"] = "nowhere.txt"
    assert "there is no word list nowhere.txt" in _check(publication, text)[0].problem.message


def test_a_word_list_that_is_no_list_is_told(publication: Publication) -> None:
    (publication.root / "words.txt").unlink()
    (publication.root / "words.txt").mkdir()
    (found,) = _check(publication, f"{BEGIN}    detail: All is well.\n")
    assert "is no file" in found.problem.message
    assert isinstance(found.problem.path, Path)
