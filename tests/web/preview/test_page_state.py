"""What stands beside an edition: numbers, links, readers, and an edition's colours."""

import os
import re
from pathlib import Path

import pytest
from conftest import ROOT, Publication
from hypothesis import given
from hypothesis import strategies as st

from newsletter.checks.size import measure_html
from newsletter.editions import place_beside, render_html, write_default
from newsletter.issue.draft import Draft, load_issue, read_draft
from newsletter.mail.compiler import NOBODY
from newsletter.subscribers.csv_source import CsvSource
from newsletter.web.preview import draft_state as draft_states
from newsletter.web.preview import subscriber_search
from newsletter.web.preview.color_scheme import with_color_scheme
from newsletter.web.preview.draft_state import DraftState, refresh_state
from newsletter.web.preview.page_state import state

DRAFT = """\
volume: 2
number: 11
date: 2023-06-14
items:
  - headline: >-
      One two three
    detail: >-
      Four {{ name | reader }} [six seven](https://example.org/a), don't [eight](mailto:me@example.org).
  - headline: >-
      For members
    detail: >-
      日本語の文 and [more](https://example.org/members)
    only_for: [members]
"""


def _shown(publication: Publication, text: str, who: str = "") -> dict:
    """Return the state of a draft with that text, as the first reader that `who` finds."""
    path = publication.draft("2.11", text)
    workspace = publication.workspace
    draft_state = refresh_state(workspace, path, DraftState(name="2.11"))
    id_ = (
        subscriber_search.reader_id(next(subscriber_search.search(CsvSource(workspace.subscribers), who)))
        if who
        else ""
    )
    return state(draft_state, workspace, {"2.11": path}, id_)


def _told(shown: dict) -> list[tuple[str, list[str]]]:
    return [
        (diagnostic["title"], [f"{problem['place']}: {problem['message']}" for problem in diagnostic["problems"]])
        for diagnostic in shown["diagnostics"]
    ]


def test_numbers_and_links_are_the_readers_own(publication: Publication) -> None:
    everyone = _shown(publication, DRAFT)["issue"]
    assert (everyone["words"], everyone["signs"]) == (9, 0)
    assert [(link["text"], link["href"]) for link in everyone["links"]][:2] == [
        ("six seven", "https://example.org/a"),
        ("eight", "mailto:me@example.org"),
    ]
    member = _shown(publication, DRAFT, "tanaka")["issue"]
    assert (member["words"], member["signs"]) == (13, 5)
    assert ("more", "https://example.org/members") in [(link["text"], link["href"]) for link in member["links"]]
    assert member["size"] > everyone["size"]


def test_the_inbox_line_and_the_links_fields_are_the_readers(publication: Publication) -> None:
    text = DRAFT.replace("number: 11", "number: 11\nsubject: '{{ nmae }}, news for {{ name | all }}'").replace(
        "Four", "[Four](https://example.org/?{{ town }})"
    )
    assert _shown(publication, text)["issue"]["subject"] == "[nmae], news for all"
    shown = _shown(publication, text, "okafor")
    assert shown["issue"]["subject"].endswith("news for Ada Okafor")
    ((_, places), *_) = [told for told in _told(shown) if "no column" in told[0]]
    assert [place.split(": ")[0].split(":")[1] for place in places] == [
        "3",
        str(text[: text.index("{{ town")].count("\n") + 1),
    ]


def test_reading_time_is_in_minutes_and_never_none(publication: Publication) -> None:
    assert _shown(publication, DRAFT)["issue"]["minutes"] == 1
    long = DRAFT.replace("Four", "word " * 2380)
    assert _shown(publication, long)["issue"]["minutes"] == 10


def test_the_size_is_that_of_the_mail(publication: Publication) -> None:
    shown = _shown(publication, DRAFT)["issue"]
    html = render_html(publication.context, load_issue(publication.root / "drafts" / "2.11.yaml").seen_by(frozenset()),
                       write_default, place_beside)  # fmt: skip
    assert abs(shown["size"] - measure_html(html)) < 50  # a picture's address is another one in the mail, too
    assert shown["limit"] == 102_000


def test_pictures_are_weighed_once_the_checks_are_made(publication: Publication) -> None:
    text = f"{DRAFT}image: {{file: 2.10-lead.jpg, alt: A bay, link: https://example.org/bay}}\n"
    path = publication.draft("2.11", text)
    draft_state = refresh_state(publication.workspace, path, DraftState(name="2.11"))

    def show() -> dict:
        return state(draft_state, publication.workspace, {"2.11": path}, "")["issue"]

    assert show()["pictures"] == 0
    assert {"text": "example.org", "href": "https://example.org/bay"} in show()["links"]
    assert draft_state.rendered
    draft_state.rendered.check()
    (picture,) = publication.context.pictures(load_issue(path))
    assert show()["pictures"] == len(picture.data)
    path.parent.rename(publication.root / "elsewhere")  # nothing is read again to show it
    assert show()["pictures"] == len(picture.data)


def test_a_field_without_value_or_default_is_said_with_its_place(publication: Publication) -> None:
    text = DRAFT.replace("{{ name | reader }}", "{{ name }}").replace("    only_for: [members]\n", "")
    assert _told(_shown(publication, text)) == [
        ("1 field without a default.", ["drafts/2.11.yaml:8:12: {{ name }} has no default"])
    ]
    assert _told(_shown(publication, text, "okafor")) == []
    told = _told(_shown(publication, text, "team@example.org"))
    assert told[0][1] == ["drafts/2.11.yaml:8:12: {{ name }} has no value here, and no default"]


def test_a_field_that_no_column_has_is_said_even_with_a_default(publication: Publication) -> None:
    text = DRAFT.replace("{{ name | reader }}", "{{ nmae | reader }}").replace("    only_for: [members]\n", "")
    shown = _shown(publication, text)
    assert _told(shown) == [
        ("The list has no column for 1 field.", ["drafts/2.11.yaml:8:12: no reader has a value for {{ nmae }}"])
    ]
    assert "email, name, city" in shown["diagnostics"][0]["problems"][0]["next_step"]
    (publication.root / "subscribers.csv").unlink()
    assert _told(_shown(publication, text)) == []


def test_items_that_are_only_for_some_are_not_missed_in_silence(publication: Publication) -> None:
    (diagnostic,) = _shown(publication, DRAFT)["diagnostics"]
    assert diagnostic["title"] == "1 item not shown."
    assert diagnostic["next_step"] == 'Only for readers tagged members; choose one under "As" to see it.'
    assert _shown(publication, DRAFT, "tanaka")["diagnostics"] == []
    told = _told(_shown(publication, DRAFT.replace("[members]", "[member]")))
    assert told[1] == ("No reader has the tag member.", ["drafts/2.11.yaml:13:16: nobody in the list is tagged member"])


def test_places_are_those_of_what_is_meant(publication: Publication) -> None:
    text = """\
volume: 2
number: 11
date: 2023-06-14
intro: >-
  Dear ghosts, {{ city | you }} and `{{ city }}`
  # 1 is {{ city }}
items:
  - headline: >-
      One
    detail: >-
      Two {{ tags | none }}
  - headline: >-
      Three
    detail: >-
      Four
    only_for:
      - Ghosts
"""
    told = dict(_told(_shown(publication, text)))
    assert told["1 field without a default."] == ["drafts/2.11.yaml:6:10: {{ city }} has no default"]
    assert told["The list has no column for 1 field."] == [
        "drafts/2.11.yaml:11:11: no reader has a value for {{ tags }}"
    ]
    assert told["No reader has the tag ghosts."] == ["drafts/2.11.yaml:17:9: nobody in the list is tagged ghosts"]


def test_a_field_of_a_template_is_looked_for_there(publication: Publication) -> None:
    (publication.root / "templates").mkdir()
    source = (ROOT / "templates" / "email.txt.j2").read_text()
    (publication.root / "templates" / "email.txt.j2").write_text(source + '{{ reader("motto", "") }}')
    told = _told(_shown(publication, DRAFT.replace("    only_for: [members]\n", "")))
    assert told == [("1 field without a default.", ["templates: a template asks for motto, which has no default"])]


def test_a_list_that_can_not_be_read_is_said_and_the_mail_is_anybodys(publication: Publication) -> None:
    workspace = publication.workspace
    id_ = subscriber_search.reader_id(next(subscriber_search.search(CsvSource(workspace.subscribers), "okafor")))
    workspace.subscribers.write_text("name\nAda\n")
    path = publication.root / "drafts" / "2.10.yaml"
    shown = state(refresh_state(workspace, path, DraftState(name="2.10")), workspace, {}, id_)
    assert shown["reader"] is None
    assert shown["issue"]
    (told,) = _told(shown)
    assert told[1] == ["subscribers.csv:1: no column is named email"]


def test_a_template_that_fails_for_one_reader_alone(publication: Publication) -> None:
    (publication.root / "templates").mkdir()
    source = (ROOT / "templates" / "email.txt.j2").read_text()
    odd = "{% if issue.items | length > 1 %}{{ nothing.here }}{% endif %}"
    (publication.root / "templates" / "email.txt.j2").write_text(source + odd)
    assert not any(diagnostic["stops"] for diagnostic in _shown(publication, DRAFT)["diagnostics"])
    shown = _shown(publication, DRAFT, "tanaka")
    assert shown["diagnostics"][0]["stops"]
    assert shown["diagnostics"][0]["problems"][0]["place"].startswith("templates/email.txt.j2:")


def test_a_field_without_a_reader_shows_its_default_whatever_its_name(publication: Publication) -> None:
    text = DRAFT.replace("{{ name | reader }}", "{{ email | you }}")
    path = publication.draft("2.11", text)
    draft_state = refresh_state(publication.workspace, path, DraftState(name="2.11"))
    assert draft_state.rendered
    assert "Four you" in draft_state.rendered.email().text


def test_texts_that_are_still_the_examples_are_said(publication: Publication) -> None:
    assert publication.run("draft", "new", "--volume", "9").returncode == 0
    draft_state = refresh_state(publication.workspace, publication.root / "drafts" / "9.1.yaml", DraftState(name="9.1"))
    (told,) = _told(state(draft_state, publication.workspace, {}, ""))
    assert told[0] == "10 texts to be written."
    assert re.fullmatch(r"drafts/9\.1\.yaml:\d+:7: the first is 'Write the first headline here'", told[1][0])


def test_what_the_check_of_a_draft_finds_is_said_beside_the_mail(publication: Publication) -> None:
    subject = "Pacific Alliance Digest Vol. 2.13: " + "a very long subject " * 3
    text = DRAFT.replace("number: 11", f"number: 13\nsubject: '{subject}'").replace("Four", "Four TODO")
    path = publication.draft("2.13", text.replace("    only_for: [members]\n", ""))
    draft_state = refresh_state(publication.workspace, path, DraftState(name="2.13"))
    assert draft_state.rendered
    draft_state.rendered.check()
    shown = state(draft_state, publication.workspace, {}, "")
    assert [each["noun"] for each in shown["diagnostics"]] == ["problem", "note"]
    problems, notes = _told(shown)
    assert problems[0] == "Before it is sent: 1 problem."
    assert "'TODO' looks like a mark" in problems[1][0]
    assert notes[0] == "To look at: 4 notes."
    for words in (
        "2.11 and 2.12 are left out", "inboxes show about 70", "says little beside the sender's name",
        "the words of this link don't say",
    ):  # fmt: skip
        assert any(words in told for told in notes[1])


def test_a_mail_that_is_too_long_is_a_problem_of_the_draft(publication: Publication) -> None:
    text = DRAFT.replace("Four", "A word. " * 15_000).replace("[more]", "[a report]")
    text = text.replace("    only_for: [members]\n", "")
    path = publication.draft("2.11", text)
    draft_state = refresh_state(publication.workspace, path, DraftState(name="2.11"))
    assert draft_state.rendered
    draft_state.rendered.check()
    (told,) = _told(state(draft_state, publication.workspace, {}, ""))
    assert told[0] == "Mail clients: 1 problem."
    assert told[1][0].startswith("drafts/2.11.yaml: the mail has ")


def test_a_reader_who_has_left_the_list_is_missed(publication: Publication) -> None:
    workspace = publication.workspace
    id_ = subscriber_search.reader_id(next(subscriber_search.search(CsvSource(workspace.subscribers), "okafor")))
    publication.readers(3)
    path = publication.root / "drafts" / "2.10.yaml"
    shown = state(refresh_state(workspace, path, DraftState(name="2.10")), workspace, {}, id_)
    assert shown["reader"] is None
    assert _told(shown) == [("The reader that was chosen is not on the list any more.", [])]


def test_readers_are_found_by_any_of_their_words(publication: Publication) -> None:
    path = publication.root / "subscribers.csv"

    def found(words: str) -> list[str]:
        return [reader.address for reader in subscriber_search.search(CsvSource(path), words)]

    assert found("okafor") == found("ada lagos") == found("OKAFOR board") == ["ada.okafor@example.org"]
    assert found("東京") == ["mika.tanaka@example.com"]
    assert len(found("members")) == 8
    assert len(found("")) == 25
    assert found("nobody at all") == []


def test_the_last_reader_of_a_long_list_is_found(publication: Publication) -> None:
    addresses = publication.readers(60_000)
    path = publication.root / "subscribers.csv"
    (last,) = subscriber_search.search(CsvSource(path), addresses[-1])
    assert subscriber_search.find(CsvSource(path), subscriber_search.reader_id(last)) == last


def test_a_reader_is_known_again_by_an_id_that_tells_nothing(publication: Publication) -> None:
    path = publication.root / "subscribers.csv"
    (ada,) = subscriber_search.search(CsvSource(path), "okafor")
    id_ = subscriber_search.reader_id(ada)
    assert re.fullmatch("2-[0-9a-f]{16}", id_)
    assert subscriber_search.find(CsvSource(path), id_) == ada
    for none in ("2-" + "0" * 16, "0", "", "2-x", "../2", "9" * 99 + "-" + "0" * 16):
        assert subscriber_search.find(CsvSource(path), none) is None
    rows = path.read_text().splitlines()
    path.write_text("\n".join([rows[0], *rows[5:], *rows[1:5]]) + "\n")
    moved = subscriber_search.find(CsvSource(path), id_)
    assert moved
    assert (moved.address, moved.line) == (ada.address, 23)
    publication.readers(3)
    assert subscriber_search.find(CsvSource(path), id_) is None
    path.unlink()
    assert subscriber_search.find(CsvSource(path), id_) is None
    assert subscriber_search.reader_id(NOBODY) != id_


@pytest.mark.parametrize("edition", ["email.html", "web.html"])
def test_both_modes_leave_no_question_open(publication: Publication, edition: str) -> None:
    source = (ROOT / "templates" / {"email.html": "email.css", "web.html": "web.css"}[edition]).read_text()
    html = f"<html><head><style>{source}</style></head><body>(prefers-color-scheme: dark)</body></html>"
    for mode in ("light", "dark"):
        shown = with_color_scheme(html, mode)
        sheet = shown.split("</style>")[0]
        assert "prefers-color-scheme" not in re.sub(r"\{#.*?#\}|/\*.*?\*/", "", sheet, flags=re.DOTALL)
        assert "light dark" not in sheet
        assert shown.endswith("<body>(prefers-color-scheme: dark)</body></html>")
    assert with_color_scheme(html, "dark") != with_color_scheme(html, "light")


@given(st.text())
def test_text_outside_of_styles_is_never_changed(text: str) -> None:
    body = text.replace("<", "").replace("media", "")
    assert with_color_scheme(f"<p>{body}</p>", "dark") == f"<p>{body}</p>"


def test_a_draft_that_is_renamed_while_it_is_looked_at_is_found_by_its_new_name(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publication.draft("2.11", DRAFT)
    seen = refresh_state(publication.workspace, path, DraftState(name="2.11"))
    look_up = draft_states._identity

    def rename_first(file: Path) -> tuple[int, ...] | None:
        if file == path and path.exists():
            path.rename(path.with_name("2.12.yaml"))
        return look_up(file)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(draft_states, "_identity", rename_first)
        seen = refresh_state(publication.workspace, path, seen)
    assert refresh_state(publication.workspace, path, seen).moved_to == "2.12"


def test_a_draft_that_is_written_while_it_is_read_is_found_by_its_new_name(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publication.draft("2.11", "")

    def write_first(_workspace: object, file: Path) -> Draft:
        os.utime(path, ns=(1, 1))
        path.write_text(DRAFT, encoding="utf-8")
        return read_draft(file)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(draft_states, "read_workspace_draft", write_first)
        seen = refresh_state(publication.workspace, path, DraftState(name="2.11"))
    assert seen.rendered
    assert not seen.error
    path.rename(path.with_name("2.12.yaml"))
    assert refresh_state(publication.workspace, path, seen).moved_to == "2.12"
