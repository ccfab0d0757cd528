"""Quotes, apostrophes, dashes and spaces, set typographically by language."""

import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from call_count import count_calls
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from newsletter.field import Field
from newsletter.issue import typography
from newsletter.issue.blocks import (
    Footnote,
    FootnoteMark,
    LineBreak,
    Link,
    Paragraph,
    PictureBlock,
    RichText,
    Spans,
    TextRun,
    iterate_spans,
    write_words,
)
from newsletter.issue.draft import load_issue
from newsletter.issue.model import Issue
from newsletter.issue.richtext import parse
from newsletter.issue.typography import typeset_issue, typeset_pieces, typeset_strings, typeset_text

LANGUAGES = (
    "en", "en-GB", "de", "de-CH", "fr", "fr-CA", "fr-CH", "es", "pt", "it", "nl", "pl", "uk", "tr", "sv", "ja", "zh",
    "zh-TW", "ko", "ar", "he", "ru", "tlh",
)  # fmt: skip


def typeset(text: str, language: str = "en") -> str:
    (result,) = typeset_strings([text], language)
    assert result is not None
    return result


def shown(source: str, language: str = "en") -> str:
    text, faults = parse(source)
    assert not faults
    return typeset_text(text, language).plain()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "“a ‘b’ c”"),
        ("en-GB", "“a ‘b’ c”"),
        ("de", "„a ‚b‘ c“"),
        ("de-AT", "„a ‚b‘ c“"),
        ("de-CH", "«a ‹b› c»"),
        ("fr", "«\u202fa “b” c\u202f»"),
        ("fr-CH", "«\u202fa ‹b› c\u202f»"),
        ("es", "“a ‘b’ c”"),
        ("pt-BR", "“a ‘b’ c”"),
        ("pt-PT", "«a “b” c»"),
        ("it", "«a “b” c»"),
        ("nl", "“a ‘b’ c”"),
        ("pl", "„a «b» c”"),
        ("uk", "«a „b“ c»"),
        ("tr", "“a ‘b’ c”"),
        ("sv", "”a ’b’ c”"),
        ("nb-NO", "«a ‘b’ c»"),
        ("ja", "「a 『b』 c」"),
        ("zh-Hans-CN", "“a ‘b’ c”"),
        ("zh-Hant-TW", "「a 『b』 c」"),
        ("zh-TW", "「a 『b』 c」"),
        ("ko-KR", "“a ‘b’ c”"),
        ("ar", "”a ’b‘ c“"),
        ("he", "”a ’b’ c”"),
        ("hu", "„a »b« c”"),
        ("x-unknown", "“a ‘b’ c”"),
    ],
)
def test_each_language_has_its_own_marks(language: str, text: str) -> None:
    assert typeset('"a "b" c"', language) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("don't, O'Brien, the '90s, the 1990's", "don’t, O’Brien, the ’90s, the 1990’s"),
        ("class of '24 and the boys' club", "class of ’24 and the boys’ club"),
        ("rock 'n' roll, rock'n'roll, 'tis 'em", "rock ’n’ roll, rock’n’roll, ’tis ’em"),
        ("the dogs' bowl", "the dogs’ bowl"),
        ("'single', \"double\"", "‘single’, “double”"),
        ('"\'Tis so," he said', "“’Tis so,” he said"),
        ("\"She said 'no'\"", "“She said ‘no’”"),
        ("'She said \"no\"'", "‘She said “no”’"),
        ('("quoted") ["so"] and—"so"—or "so"-called', "(“quoted”) [“so”] and—“so”—or “so”-called"),
        ('"Who?" "Me." "...and so on"', "“Who?” “Me.” “…and so on”"),
        ("He is 5'10\" tall, 6' at most", "He is 5′10″ tall, 6′ at most"),
        ('a 27" screen', "a 27″ screen"),
        ('"the 6" pipe"', "“the 6″ pipe”"),
        ('"Route 66", she said, "is long."', "“Route 66”, she said, “is long.”"),
        ("48°51'24\"", "48°51′24″"),
        ('"A paragraph that goes on.', "“A paragraph that goes on."),
        ('and here it ends."', "and here it ends.”"),
        ('a " b', 'a " b'),
        ('a"b', 'a"b'),
        ("so - or so", "so – or so"),
        ("so -- or so --- or", "so – or so — or"),
        ("1990--1995, word---word", "1990–1995, word—word"),
        ("send --continue now, well-known, -5", "send --continue now, well-known, -5"),
        ("-----", "-----"),
        ("a --> b <!-- c", "a --> b <!-- c"),
        ("and so on... or....", "and so on… or...."),
        ("../.../x", "../.../x"),
        ("https://example.org/it's--so", "https://example.org/it's--so"),
        ('"https://example.org/a"', "“https://example.org/a”"),
        ("a--b@example.org isn't", "a--b@example.org isn’t"),
    ],
)
def test_english(source: str, text: str) -> None:
    assert typeset(source) == text


@pytest.mark.parametrize(
    ("language", "source", "text"),
    [
        ("de", "\"Wie geht's?\", so 'ne Frage", "„Wie geht’s?“, so ’ne Frage"),
        ("nl", "'s avonds \"'t is laat\"", "’s avonds “’t is laat”"),
        ("fr", 'L\'"été" : pourquoi?', "L’«\u202fété\u202f»\u202f: pourquoi\u202f?"),
        ("fr", "Quoi ?! Non... oui ; 10:30 (!)", "Quoi\u202f?! Non… oui\u202f; 10:30 (!)"),
        ("fr", "« Bonjour » et «salut»", "«\u202fBonjour\u202f» et «\u202fsalut\u202f»"),
        ("fr", '« Est-ce "vrai" ? »', "«\u202fEst-ce “vrai”\u202f?\u202f»"),
        ("fr", "https://example.org/?a;b!c", "https://example.org/?a;b!c"),
        ("fr-CA", '"Quoi?" : oui!', "«\u202fQuoi?\u202f»\u202f: oui!"),
        ("it", "dell'\"Unità\" del '68", "dell’«Unità» del ’68"),
        ("es", "Texto --como este--, y 1990--2000", "Texto —como este—, y 1990–2000"),
        ("uk", "м'ята - це", "м’ята — це"),
        ("tr", "Ankara'da", "Ankara’da"),
        ("ja", '彼は"こんにちは"と言った...', "彼は「こんにちは」と言った……"),
        ("zh", '他说："你好。"她说"再见"--好', "他说：“你好。”她说“再见”——好"),
        ("ko", '그는 "안녕"이라고 했다...', "그는 “안녕”이라고 했다…"),
        ("he", 'צה"ל אמר "שלום" ג\'', "צה״ל אמר ”שלום” ג׳"),
    ],
)
def test_other_languages(language: str, source: str, text: str) -> None:
    assert typeset(source, language) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('"**Bold**" and **"bold"**', "“Bold” and “bold”"),
        ('"opens here and [closes" there](https://example.org/)', "“opens here and closes” there"),
        ("**don**'t, \"*a* '*b*'\"", "don’t, “a ‘b’”"),
        ('`"code" -- it\'s` "so"', '"code" -- it\'s “so”'),
        ('"`code`", "{{ name | Bob\'s }}"', "“code”, “Bob’s”"),
        ('- "one"\n- "two', "“one”\n\n“two"),
        ('> "so"\n> -- me', "“so” – me"),
        ('### A "heading"', "A “heading”"),
        ('| "a" | b |\n| --- | --- |\n| c | "d" |', "“a”\tb\nc\t“d”"),
        ('```\n"a" -- b\n```', '"a" -- b'),
        ("https://example.org/it's--so", "https://example.org/it's--so"),
    ],
)
def test_across_runs_and_in_every_block(source: str, text: str) -> None:
    assert shown(source) == text


def test_addresses_and_names_of_fields_stay() -> None:
    text, _ = parse('["a"](https://example.org/?a="b"--c) {{ name | "you" }}')
    (paragraph,) = typeset_text(text, "en").paragraphs
    assert [span.href for span in paragraph if isinstance(span, Link)] == [link.href for link in text.links()]
    assert [(run.field, run.text) for run in typeset_text(text, "en").runs() if run.field] == [("name", "“you”")]
    assert typeset_pieces(('"', Field("name", "it's"), '"'), "en") == ("“", Field("name", "it’s"), "”")


def test_a_passage_has_the_marks_of_its_own_language() -> None:
    spans: Spans = (
        TextRun(text='"He said '),
        TextRun(text='"so '),
        TextRun(text='"da" - ', language="de"),
        TextRun(text='"dort"', language="de", strong=True),
        TextRun(text='"'),
        TextRun(text='"'),
    )
    text = typeset_text(RichText((Paragraph(spans),)), "en")
    assert text.plain() == "“He said ‘so „da“ – „dort“’”"


def test_pictures_and_footnotes_are_words_too() -> None:
    picture = PictureBlock("it's.jpg", 'It\'s "so"', (TextRun(text="The 'caption'"),))
    spans: Spans = (TextRun(text='"so"'), FootnoteMark(1), TextRun(text=" it's"), LineBreak(), TextRun(text='"or'))
    notes = (Footnote(1, (Paragraph((TextRun(text='"note"'),)),)),)
    changed = typeset_text(RichText((picture, Paragraph(spans)), notes), "en")
    (picture,) = changed.pictures()
    assert (picture.file, picture.alt) == ("it's.jpg", "It’s “so”")
    assert changed.plain() == "The ‘caption’\n\n“so” it’s “or\n\n“note”"
    assert changed.blocks[1] == Paragraph(
        (TextRun(text="“so”"), FootnoteMark(1), TextRun(text=" it’s"), LineBreak(), TextRun(text="“or"))
    )


_SIGNS = st.text(alphabet="ab1 \"'-.!:;«»“”’()é日本ב\u202f\u00a0,/@", max_size=40)


@given(st.lists(st.one_of(st.none(), _SIGNS), max_size=6), st.sampled_from(LANGUAGES))
def test_a_second_time_changes_nothing(parts: list[str | None], language: str) -> None:
    once = typeset_strings(parts, language)
    assert typeset_strings(once, language) == once


@given(st.lists(st.one_of(st.none(), _SIGNS, st.text(max_size=10)), max_size=6), st.sampled_from(LANGUAGES))
def test_words_stay_and_so_do_the_parts_that_are_none(parts: list[str | None], language: str) -> None:
    changed = typeset_strings(parts, language)
    assert [part is None for part in changed] == [part is None for part in parts]
    assert [_keep_words(part) for part in changed] == [_keep_words(part) for part in parts]


def _keep_words(text: str | None) -> str:
    """Return a text without what typography is about: quotes, dashes, full stops and no-break spaces."""
    kept = re.sub("[\"'.…\u202f \u00a0′″׳״「」『』]", "", text or "")
    return "".join(sign for sign in kept if unicodedata.category(sign) not in ("Pd", "Pi", "Pf", "Ps", "Pe"))


@pytest.mark.parametrize(
    "sign", ['"a ', "'a ", "a'\"", "5' ", '5" ', "--a ", "a--b", "-- ", "...", "! ", "«", ":", "!"]
)
def test_ten_times_the_text_takes_ten_times_the_steps(sign: str) -> None:
    assert count_calls(lambda: typeset(sign * 2000, "fr")) <= 11 * count_calls(lambda: typeset(sign * 200, "fr"))


def test_every_text_of_a_draft_is_typeset_or_is_known_to_be_none() -> None:
    """A key that is added to a draft holds words, or else is named here."""
    known = {"id", "file", "only_for", "kind", "corrects", "contents", "path"}
    for model in _list_models(Issue):
        lines = typography._list_lines(model)
        for name, field in model.model_fields.items():
            if name not in lines:
                is_text = bool(re.search(r"\b(str|Literal|Path)\b", repr(field.annotation)))
                assert not is_text or name in known, (model, name)
        assert not lines & known


DRAFT = """\
volume: 2
number: 11
date: 2024-05-02
title: It's "here"
subject: It's {{ name | Bob's }}
preheader: "'Quoted' - so"
headlines_title: The "headlines"
image: {file: its.jpg, alt: It's, caption: "It's", credit: "It's"}
intro: It's
items:
  - {headline: It's one, detail: "It's `it's`", link: "https://example.org/it's"}
  - {headline: It's two, detail: It's, only_for: [board]}
sections:
  - title: It's
    text: It's
    figures: [{number: "5'10\\"", text: It's}]
    quote: {text: It's, by: O'Brien}
    items: [{headline: It's three, detail: It's}, {headline: It's four, detail: It's, only_for: [board]}]
    events: [{date: 2024-05-02, title: It's, place: St. John's}]
    people: [{name: O'Brien, role: The "chair", text: It's, image: {file: portrait.jpg, alt: It's}}]
    button: {text: It's, link: "https://example.org/it's"}
note: It's
"""


def test_an_issue_is_typeset_but_for_names_and_addresses(tmp_path: Path) -> None:
    issue = _read(tmp_path)
    seen = issue.seen_by(frozenset())
    for changed in (typeset_issue(issue, "en"), typeset_issue(seen, "en")):
        words = [*changed.lines(), *(write_words(spans) for spans in _list_spans(changed))]
        assert len(words) == (28 if changed.whole is changed else 24)
        assert [text for text in words if "'" in text.replace("`it's`", "") or '"' in text] == ["It’s it's"]
        assert changed.subject == ("It’s ", Field("name", "Bob’s"))
        assert changed.preheader == ("‘Quoted’ – so",)
        assert changed.sections[0].figures[0].number == "5′10″"
        assert [image.file for image in changed.images()] == [image.file for image in issue.images()]
        assert [link.href for link in changed.links()] == [link.href for link in seen.links()]
        assert changed.visibility_rules == (issue if changed.whole is changed else seen).visibility_rules
        assert typeset_issue(changed, "de") is changed


def test_what_a_reader_sees_is_still_part_of_the_whole(tmp_path: Path) -> None:
    """Items and pictures are counted in the whole issue, in which they are found again as they are."""
    issue = _read(tmp_path)
    seen = typeset_issue(issue.seen_by(frozenset()), "en")
    whole = seen.whole.all_items
    assert [item.headline.plain() for item in whole] == ["It’s one", "It’s two", "It’s three", "It’s four"]
    assert [any(item is other for other in seen.all_items) for item in whole] == [True, False, True, False]
    again = typeset_issue(issue, "en").seen_by(frozenset())
    assert [item.headline for item in again.all_items] == [item.headline for item in seen.all_items]


def _read(folder: Path) -> Issue:
    for name in ("its.jpg", "portrait.jpg"):
        shutil.copyfile(ROOT / "drafts/2.10-lead.jpg", folder / name)
    path = folder / "2.11.yaml"
    path.write_text(DRAFT, encoding="utf-8")
    return load_issue(path)


def _list_spans(issue: Issue) -> Iterator[Spans]:
    for text in issue.texts():
        for leaf in text.leaves():
            yield from iterate_spans(leaf)


def _list_models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for inner in _list_inner(field.annotation):
            yield from _list_models(inner)


def _list_inner(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _list_inner(inner)
