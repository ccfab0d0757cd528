"""What stands beside an edition: numbers, links, readers, and an edition's colours."""

import re

import pytest
from conftest import ROOT, Publication
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.subscribers import Subscriber
from newsletter.checks.size import html_size
from newsletter.editions import beside, default_fields, render_html
from newsletter.issue.draft import load_issue
from newsletter.mail.template import NOBODY
from newsletter.preview import readers
from newsletter.preview.frames import in_mode
from newsletter.preview.look import Showing, look
from newsletter.preview.state import state

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


def _shown(publication: Publication, text: str, reader: Subscriber | None = None) -> dict:
    path = publication.draft("2.11", text)
    workspace = publication.workspace
    showing = look(workspace, path, Showing(name="2.11"))
    return state(showing, workspace, {"2.11": path}, reader, lost=False)


def _reader(**fields: str) -> Subscriber:
    return Subscriber(address="ada@example.org", fields={"email": "ada@example.org", "name": "", **fields},
                      tags=frozenset(fields.pop("tags", "").split()))  # fmt: skip


def test_numbers_and_links_are_the_readers_own(publication: Publication) -> None:
    everyone = _shown(publication, DRAFT)["issue"]
    assert (everyone["words"], everyone["signs"]) == (9, 0)
    assert [(link["text"], link["href"]) for link in everyone["links"]][:2] == [
        ("six seven", "https://example.org/a"),
        ("eight", "mailto:me@example.org"),
    ]
    member = _shown(publication, DRAFT, _reader(tags="members"))["issue"]
    assert (member["words"], member["signs"]) == (13, 5)
    assert ("more", "https://example.org/members") in [(link["text"], link["href"]) for link in member["links"]]
    assert member["size"] > everyone["size"]


def test_reading_time_is_in_minutes_and_never_none(publication: Publication) -> None:
    assert _shown(publication, DRAFT)["issue"]["minutes"] == 1
    long = DRAFT.replace("Four", "word " * 2380)
    assert _shown(publication, long)["issue"]["minutes"] == 10


def test_the_size_is_that_of_the_mail(publication: Publication) -> None:
    shown = _shown(publication, DRAFT)["issue"]
    html = render_html(publication.press, load_issue(publication.root / "drafts" / "2.11.yaml").seen_by(frozenset()),
                       default_fields, beside)  # fmt: skip
    assert abs(shown["size"] - html_size(html)) < 50  # a picture's address is another one in the mail, too
    assert shown["limit"] == 102_000


def test_a_field_without_value_or_default_is_said(publication: Publication) -> None:
    text = DRAFT.replace("{{ name | reader }}", "{{ name }}")
    (notice,) = _shown(publication, text)["notices"]
    assert (notice["title"], notice["stops"]) == ("Nothing stands for {{ name }}.", False)
    assert _shown(publication, text, _reader(name="Ada"))["notices"] == []
    (notice,) = _shown(publication, text, _reader(city="Lagos"))["notices"]
    assert "ada@example.org" in notice["next_step"]


def test_texts_that_are_still_the_examples_are_said(publication: Publication) -> None:
    done = publication.run("draft", "new", "--volume", "9")
    assert done.returncode == 0
    path = publication.root / "drafts" / "9.1.yaml"
    showing = look(publication.workspace, path, Showing(name="9.1"))
    notices = state(showing, publication.workspace, {}, None, lost=False)["notices"]
    assert "still the example's" in notices[0]["title"]
    assert not notices[0]["stops"]


def test_readers_are_found_by_any_of_their_words(publication: Publication) -> None:
    path = publication.root / "subscribers.csv"

    def found(words: str) -> list[str]:
        return [reader.address for reader in readers.search(path, words)]

    assert found("okafor") == found("ada lagos") == found("OKAFOR board") == ["ada.okafor@example.org"]
    assert found("東京") == ["mika.tanaka@example.com"]
    assert len(found("members")) == 8
    assert len(found("")) == 20
    assert found("nobody at all") == []


def test_a_reader_is_known_again_by_an_id_that_tells_nothing(publication: Publication) -> None:
    path = publication.root / "subscribers.csv"
    (ada,) = readers.search(path, "okafor")
    id_ = readers.reader_id(ada)
    assert re.fullmatch("[0-9a-f]{16}", id_)
    assert readers.find(path, id_) == ada
    assert readers.find(path, "0" * 16) is None
    publication.readers(3)
    assert readers.find(path, id_) is None
    path.unlink()
    assert readers.find(path, id_) is None
    assert readers.reader_id(NOBODY) != id_


@pytest.mark.parametrize("edition", ["email.html", "web.html"])
def test_both_modes_leave_no_question_open(publication: Publication, edition: str) -> None:
    source = (ROOT / "templates" / {"email.html": "email.css", "web.html": "web.css"}[edition]).read_text()
    html = f"<html><head><style>{source}</style></head><body>(prefers-color-scheme: dark)</body></html>"
    for mode in ("light", "dark"):
        shown = in_mode(html, mode)
        sheet = shown.split("</style>")[0]
        assert "prefers-color-scheme" not in re.sub(r"\{#.*?#\}|/\*.*?\*/", "", sheet, flags=re.DOTALL)
        assert "light dark" not in sheet
        assert shown.endswith("<body>(prefers-color-scheme: dark)</body></html>")
    assert in_mode(html, "dark") != in_mode(html, "light")


@given(st.text())
def test_text_outside_of_styles_is_never_changed(text: str) -> None:
    body = text.replace("<", "").replace("media", "")
    assert in_mode(f"<p>{body}</p>", "dark") == f"<p>{body}</p>"
