"""What `draft check` says of a translation: all that lacks or differs, and nothing else, with both files' places."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Publication
from draft_texts import PICTURES, write_draft
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from newsletter.checks.draft_checks import check_draft, check_file, check_languages
from newsletter.checks.draft_report import Finding
from newsletter.checks.translation_differences import compare_with_main
from newsletter.errors import DraftError
from newsletter.issue.draft import read_draft
from newsletter.publication import OpenPublication

_Parts = list[dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drafts")
    for name in (*PICTURES, "other.png"):
        Image.new("RGB", (60, 40), "#406080").save(folder / name)
    return folder


def _compare(folder: Path, main: dict[str, Any], other: dict[str, Any], language: str = "en-GB") -> list[Finding]:
    """Write both drafts, the second as a translation, and return what differs."""
    paths = (folder / "2.1.yaml", folder / f"2.1.{language.lower()}.yaml")
    for path, draft in zip(paths, (main, other), strict=True):
        write_draft(path, draft)
    read = read_draft(paths[0]), read_draft(paths[1], language)
    assert [each.problems for each in read] == [(), ()]
    return list(compare_with_main(*read, "en"))


# Drafts of any shape, whose texts are short: what is looked at here is which parts they have.
_TEXTS = st.sampled_from(["A word.", "Some words.", "Words with [a link](https://example.org/a) in them.", "*Well*"])
_LINKS = st.sampled_from([None, "https://example.org/b", "https://example.org/c"])
_IMAGES = st.none() | st.fixed_dictionaries(
    {"file": st.sampled_from(PICTURES), "alt": st.just("Ships"), "credit": _TEXTS | st.none(), "link": _LINKS}
)
_READERS = st.sampled_from([None, None, ["board"]])
_ITEMS = st.lists(
    st.fixed_dictionaries(
        {
            "headline": st.sampled_from(["One", "*Two*"]),
            "detail": _TEXTS,
            "link": _LINKS,
            "image": _IMAGES,
            "only_for": _READERS,
        }
    ),
    max_size=3,
)
_SECTIONS = st.fixed_dictionaries(
    {
        "title": st.just("Title") | st.none(),
        "text": _TEXTS,
        "image": _IMAGES,
        "items": _ITEMS,
        "quote": st.none() | st.fixed_dictionaries({"text": _TEXTS, "by": st.just("Bo") | st.none(), "link": _LINKS}),
        "people": st.lists(st.fixed_dictionaries({"name": st.just("Bo"), "image": _IMAGES}), max_size=2),
        "events": st.lists(
            st.fixed_dictionaries({"date": st.sampled_from(["2024-01-01", "2025-01-01"]), "title": st.just("Fair")}),
            max_size=2,
        ),
        "only_for": _READERS,
    }
)
_FIRST = {"headline": "First", "detail": "For all.", "link": "https://example.org/first", "image": None}


@st.composite
def _drafts(draw: st.DrawFn) -> dict[str, Any]:
    whole = {"intro": _TEXTS | st.none(), "image": _IMAGES, "note": _TEXTS | st.none()}
    draft = draw(st.fixed_dictionaries({**whole, "items": _ITEMS, "sections": st.lists(_SECTIONS, max_size=3)}))
    return {**draft, "date": "2024-01-02", "items": [dict(_FIRST), *draft["items"]]}


def _add_ids(draft: dict[str, Any]) -> dict[str, Any]:
    for number, part in enumerate([*_list_items(draft), *draft["sections"]]):
        part["id"] = f"part-{number}"
    return draft


def _list_items(draft: dict[str, Any]) -> _Parts:
    return [item for parts in _list_containers(draft) for item in parts]


def _list_containers(draft: dict[str, Any]) -> list[_Parts]:
    return [draft["items"], *(section["items"] for section in draft["sections"] if section.get("items"))]


def _remove_item(draft: dict[str, Any], draw: Callable[..., Any]) -> str:
    parts = draw(st.sampled_from(_list_containers(draft)))
    assume(parts is not draft["items"] or len(parts) > 1)
    del parts[draw(st.integers(int(parts is draft["items"]), len(parts) - 1))]
    return "the item .* is left out here"


def _remove_section(draft: dict[str, Any], draw: Callable[..., Any]) -> str:
    assume(draft["sections"])
    del draft["sections"][draw(st.integers(0, len(draft["sections"]) - 1))]
    return "the section .* is left out here"


def _add_item(draft: dict[str, Any], draw: Callable[..., Any]) -> str:
    item = {"headline": "New", "detail": "New", "id": "new", "link": None}
    draft["items"].insert(draw(st.integers(0, len(draft["items"]))), item)
    return "the item 'New' is not in 2.1.yaml"


def _remove_text(draft: dict[str, Any], draw: Callable[..., Any]) -> str:
    names = [name for name in ("intro", "image", "note") if draft[name]]
    assume(names)
    name = draw(st.sampled_from(names))
    draft[name] = None
    return f"'{name}' .* is left out here"


def _change_date(draft: dict[str, Any], _draw: Callable[..., Any]) -> str:
    draft["date"] = "2024-01-03"
    return "'date' is 2024-01-03, and 2024-01-02 in 2.1.yaml:"


def _change_readers(draft: dict[str, Any], draw: Callable[..., Any]) -> str:
    parts = [*_list_items(draft), *draft["sections"]][1:]
    assume(parts)
    part = draw(st.sampled_from(parts))
    part["only_for"] = ["others"]
    return "whom this is for is said by 2.1.yaml:"


def _change_link(draft: dict[str, Any], draw: Callable[..., Any]) -> str:
    parts = [part for part in _list_items(draft) if part["link"]]
    assume(parts)
    draw(st.sampled_from(parts))["link"] = "https://example.net/elsewhere"
    return "this leads to 'https://example.net/elsewhere', and 2.1.yaml:"


def _remove_link(draft: dict[str, Any], draw: Callable[..., Any]) -> str:
    parts = [part for part in _list_items(draft) if part["link"]]
    assume(parts)
    draw(st.sampled_from(parts))["link"] = None
    return "the link to .* is left out here"


def _list_images(draft: dict[str, Any]) -> _Parts:
    people = [person for section in draft["sections"] for person in section.get("people") or ()]
    held = [draft, *_list_items(draft), *draft["sections"], *people]
    return [part["image"] for part in held if part.get("image")]


def _change_picture(draft: dict[str, Any], draw: Callable[..., Any]) -> str:
    images = _list_images(draft)
    assume(images)
    draw(st.sampled_from(images))["file"] = "other.png"
    return "this picture is other.png, and "


def _remove_credit(draft: dict[str, Any], draw: Callable[..., Any]) -> str:
    images = [image for image in _list_images(draft) if image["credit"] and "](" not in image["credit"]]
    assume(images)
    draw(st.sampled_from(images))["credit"] = None
    return "'credit' .* is left out here"


def _change_id(draft: dict[str, Any], draw: Callable[..., Any]) -> str:
    parts = [*_list_items(draft), *draft["sections"]]
    draw(st.sampled_from(parts))["id"] = "misspelled"
    return "'misspelled' is the id of nothing in 2.1.yaml"


def _remove_event(draft: dict[str, Any], draw: Callable[..., Any]) -> str:
    lists = [section[name] for section in draft["sections"] for name in ("events", "people") if section[name]]
    lists = [entries for entries in lists if len(entries) > 1 and not entries[-1].get("image")]
    assume(lists)
    draw(st.sampled_from(lists)).pop()
    return "has 1 entry, and 2 in 2.1.yaml:"


_CHANGES = [
    _remove_item, _remove_section, _add_item, _remove_text, _change_date, _change_readers, _change_link, _remove_link,
    _change_picture, _remove_credit, _change_id, _remove_event,
]  # fmt: skip
_SETTINGS = settings(
    max_examples=5,
    phases=[Phase.generate],  # an example is small enough as it is
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@_SETTINGS
@given(draft=_drafts())
def test_a_translation_that_differs_in_nothing_is_told_of_nothing(folder: Path, draft: dict[str, Any]) -> None:
    assert _compare(folder, draft, draft) == []
    assert {finding.problem.code for finding in _compare(folder, draft, draft, "ja")} <= {"untranslated"}


@pytest.mark.parametrize("change", _CHANGES)
@_SETTINGS
@given(draft=_drafts(), data=st.data())
def test_the_one_thing_that_differs_is_the_one_that_is_told(
    folder: Path, change: Callable[..., str], draft: dict[str, Any], data: st.DataObject
) -> None:
    main = _add_ids(draft)
    other = copy.deepcopy(main)
    expected = change(other, data.draw)
    (finding,) = _compare(folder, main, other)
    assert re.search(expected, finding.problem.message), finding.problem.message
    assert finding.problem.path == folder / "2.1.en-gb.yaml"
    assert finding.problem.line > 0


MAIN = """\
volume: 2
number: 11
date: 2024-05-02
intro: >-
  The words of the introduction are here.
items:
  - headline: Trade talks begin again
    detail: >-
      See [the report](https://example.org/trade).
  - headline: Fish stocks recover slowly
    detail: >-
      See [the survey](https://example.org/fish).
    only_for: [board]
  - headline: Ports are full once more
    detail: >-
      See [the map](https://example.org/ports) of them.
"""
JAPANESE = """\
volume: 2
number: 11
date: 2024-05-02
intro: >-
  はじめの言葉です。
items:
  - headline: 貿易交渉の再開
    detail: >-
      [報告書](https://example.org/trade)。
  - headline: 港の混雑
    detail: >-
      [地図](https://example.org/ports)。
"""


@pytest.fixture
def bilingual(publication: Publication) -> Publication:
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write("\n[languages.ja]\ntitle = '太平洋'\nabout = '海の話'\n[languages.de]\n")
    publication.draft("2.11", MAIN)
    return publication


def _check(publication: Publication, text: str) -> list[Finding]:
    publication.draft("2.11.ja", text)
    with OpenPublication(publication.workspace) as opened:
        reports = list(check_languages(opened.workspace, opened.draft("2.11")))
    assert [draft.language for draft, _ in reports] == ["", "ja"]
    return [finding for _, report in reports for finding in report.findings if _is_about_languages(finding)]


def test_a_translation_that_leads_out_of_the_publication_is_not_read(bilingual: Publication) -> None:
    outside = bilingual.root.parent / "secret.yaml"
    outside.write_text("volume: a secret")
    (bilingual.root / "drafts" / "2.11.ja.yaml").symlink_to(outside)
    with (
        OpenPublication(bilingual.workspace) as opened,
        pytest.raises(DraftError, match="leads out of the publication"),
    ):
        check_draft(opened.workspace, opened.draft("2.11"))


def _is_about_languages(finding: Finding) -> bool:
    return finding.problem.code.startswith(("translation", "untranslated"))


def test_an_item_without_a_translation_is_the_one_whose_links_are_nowhere(bilingual: Publication) -> None:
    lacking, item = _check(bilingual, JAPANESE)
    assert (lacking.note, lacking.problem.path.name) == (True, "2.11.yaml")  # type: ignore[union-attr]  # a path
    assert lacking.problem.message == "there is no translation into German: its readers get this"
    assert lacking.problem.next_step == "newsletter draft new 2.11 --language de"
    assert not item.note
    assert item.problem.message == "the item 'Fish stocks recover slowly' (2.11.yaml:10) is left out here"
    assert item.problem.line == 7


def test_a_link_that_differs_has_its_line_in_both_files(bilingual: Publication) -> None:
    text = JAPANESE.replace("example.org/ports", "example.org/ja/ports") + "  - headline: 魚\n    detail: あ\n"
    found = [each for each in _check(bilingual, text) if each.problem.code == "translation-link"]
    messages = {each.problem.message: each.problem.line for each in found}
    assert all(each.note for each in found)
    assert any("'https://example.org/ja/ports'" in message and line == 12 for message, line in messages.items())


def test_texts_that_were_left_as_they_were_are_noted(bilingual: Publication) -> None:
    found = _check(bilingual, MAIN)[1:]
    assert {(each.problem.code, each.note) for each in found} == {("untranslated", True)}
    lines = [each.problem.line for each in found]
    assert lines == [4, 7, 10, 14, 15]
    assert found[0].problem.message == "'intro' is the same as in 2.11.yaml:4, word for word"


def test_whom_an_item_is_for_is_the_main_draft_s_say(bilingual: Publication) -> None:
    text = MAIN.replace("    only_for: [board]\n", "")
    bilingual.draft("2.11.ja", text)
    with OpenPublication(bilingual.workspace) as opened:
        issue = opened.issue("2.11", "ja")
        assert [item.only_for for item in issue.items] == [(), ("board",), ()]
    assert not [each for each in _check(bilingual, text) if not each.note]
    (other,) = [each for each in _check(bilingual, MAIN.replace("[board]", "[press]")) if not each.note]
    assert other.problem.message == "whom this is for is said by 2.11.yaml:13, which has it for board alone"
    assert other.problem.line == 13


def test_items_correspond_by_their_ids_in_whatever_order(bilingual: Publication) -> None:
    main, names = MAIN, ("Trade", "Fish", "Ports")
    for name in names:
        main = main.replace(f"  - headline: {name}", f"  - id: {name.lower()}\n    headline: {name}")
    bilingual.draft("2.11", main)
    head, *items = main.split("  - id: ")
    turned = head + "".join(f"  - id: {item}" for item in reversed(items))
    assert not [each for each in _check(bilingual, turned) if each.problem.code != "untranslated" and not each.note]
    with OpenPublication(bilingual.workspace) as opened:
        assert [item.only_for for item in opened.issue("2.11", "ja").items] == [(), ("board",), ()]


def test_a_translation_without_a_main_draft_is_a_problem(bilingual: Publication) -> None:
    path = bilingual.draft("2.12.ja", JAPANESE.replace("11", "12"))
    report = check_draft(bilingual.workspace, read_draft(path, "ja"))
    assert "this is a translation of 2.12, which has no draft" in [each.message for each in report.problems]


def test_a_translation_under_the_issue_s_old_name_is_told_to_be_renamed(bilingual: Publication) -> None:
    bilingual.draft("2.9.ja", JAPANESE.replace("number: 11", "number: 9"))
    (note,) = [
        each
        for each in check_draft(bilingual.workspace, read_draft(bilingual.root / "drafts/2.11.yaml")).notes
        if "Japan" in each.message
    ]
    assert note.message == "there is no translation into Japanese: its readers get this"
    assert note.next_step == (
        "Rename 2.9.ja.yaml to 2.11.ja.yaml if it is one: no issue has its name. "
        "Else: newsletter draft new 2.11 --language ja"
    )


def test_two_files_of_one_language_are_a_problem_of_both(bilingual: Publication) -> None:
    bilingual.draft("2.11.JA", JAPANESE)
    path = bilingual.draft("2.11.ja", JAPANESE)
    found = [each.message for each in check_draft(bilingual.workspace, read_draft(path, "ja")).problems]
    assert "2.11.JA.yaml is 2.11 in Japanese as well" in found


@pytest.mark.parametrize("name", ["2.11.jp", "2.11-ja", "2.11ja"])
def test_a_translation_named_in_no_declared_language_is_not_told_to_take_the_issue_s_name(
    bilingual: Publication, name: str
) -> None:
    path = bilingual.draft(name, JAPANESE)
    report = check_draft(bilingual.workspace, read_draft(path))
    (problem,) = [each for each in report.problems if each.code in ("file-name", "numbering", "translation")]
    assert problem.message == f"the file is named {name}.yaml, but says it is 2.11"
    assert problem.next_step == (
        "If it is a translation, end its name in a language that newsletter.toml declares: 2.11.ja.yaml with "
        "[languages.ja]. If not, mend its name, or volume and number."
    )
    assert not [each for each in report.notes if each.code == "translation"]


def test_a_sent_issue_is_told_of_no_missing_language(bilingual: Publication) -> None:
    bilingual.workspace.record("2.11").write_text("", encoding="utf-8")
    report = check_draft(bilingual.workspace, read_draft(bilingual.root / "drafts/2.11.yaml"))
    assert not any("no translation into" in each.message for each in report.notes)


def test_the_checks_of_a_translation_go_by_its_language(bilingual: Publication) -> None:
    found = [*_check(bilingual, JAPANESE.replace("港の混雑", "TK"))]
    assert found
    report = check_draft(bilingual.workspace, read_draft(bilingual.root / "drafts/2.11.ja.yaml", "ja"))
    assert [each.code for each in report.problems if each.code == "unfinished"] == ["unfinished"]
    assert not [each for each in report.notes if each.code == "spelling"]  # 貿易 is no English word


def test_words_that_nobody_has_translated_are_noted_at_the_language_s_table(bilingual: Publication) -> None:
    path = bilingual.root / "newsletter.toml"
    path.write_text(path.read_text(encoding="utf-8") + "[languages.sv]\n", encoding="utf-8")
    draft = read_draft(bilingual.draft("2.11.sv", JAPANESE), "sv")
    (note,) = [each for each in check_file(bilingual.workspace, draft).notes if "into 'sv'" in each.message]
    assert path.read_text(encoding="utf-8").splitlines()[note.line - 1] == "[languages.sv]"
    assert note.next_step.startswith("Write them under [languages.sv.words];")


@pytest.mark.parametrize(("written", "told"), [("", True), ("about = '海の話'\n", False), ("about = ''\n", False)])
def test_what_a_newsletter_is_about_is_noted_where_readers_get_it_in_another_language(
    bilingual: Publication, written: str, told: bool
) -> None:
    path = bilingual.root / "newsletter.toml"
    text = path.read_text(encoding="utf-8").replace("about = '海の話'\n", written)
    path.write_text(text, encoding="utf-8")
    draft = read_draft(bilingual.draft("2.11.ja", JAPANESE), "ja")
    notes = [each for each in check_file(bilingual.workspace, draft).notes if "'about'" in each.message]
    assert [each.message for each in notes] == ["'about', which readers see below each issue, is in English"] * told
    assert all(text.splitlines()[note.line - 1] == "[languages.ja]" for note in notes)
    assert not [each for each in check_draft(bilingual.workspace, draft).problems if "'about'" in each.message]
