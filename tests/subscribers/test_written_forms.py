"""A list that is written in another program's form is recognised as that program's, and has the same people."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Publication, Run

from newsletter.cli.subscribers.export_list import _FORMS
from newsletter.config import SubscriberListSettings
from newsletter.store import Store, open_store
from newsletter.subscribers.list_formats.export_source import opening_export
from newsletter.subscribers.list_formats.written_forms import WRITTEN_FORMS
from newsletter.subscribers.stored_subscribers import stream_subscribers
from newsletter.subscribers.subscriber_import import SubscriberImport

SETTINGS = SubscriberListSettings.model_validate(
    {"id": "digest.example.org", "unsubscribe": "mailto:leave@example.org", "file": "none.csv"}
)
_NAMES = {"constant-contact": "Constant Contact", "google": "Google Contacts", "mailchimp": "Mailchimp, subscribed"}
_NAMELESS, _TAGLESS = ("substack", "buttondown"), ("substack", "mailman", "listmonk")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "other.sqlite")) as opened:
        yield opened


def test_the_commands_choice_is_all_there_are() -> None:
    assert list(_FORMS) == list(WRITTEN_FORMS)


@pytest.mark.parametrize("form", WRITTEN_FORMS)
def test_who_is_mailed_is_written_in_a_programs_form_and_moves_in_from_it(
    digest: Publication, run: Run, store: Store, form: str
) -> None:
    (digest.root / "subscribers.csv").write_text(
        'email,name,tags,city\nada@example.org,"Ada King Lovelace",board;press,"=1+1"\nben@example.org,Ben,,\n'
        "gone@example.org,Gus,,\n"
    )
    assert run("subscribers", "suppress", "gone@example.org").exit_code == 0
    done = run("subscribers", "export", "moved.csv", "--as", form, "--nobody-left")
    assert done.exit_code == 0, done.output
    assert "moved.csv: 2 rows." in done.output
    path = digest.root / "moved.csv"
    assert "gone@example.org" not in path.read_text()
    with opening_export(path, SETTINGS) as source:
        assert source
        assert source.description == _NAMES.get(form, form.capitalize() if form != "listmonk" else form)
        SubscriberImport(store, None, source).apply()
    with store.reading() as connection:
        rows = {str(row.key): row for row in stream_subscribers(connection)}
    assert {row.status.value for row in rows.values()} == {"active"}
    assert {key: row.fields["name"] for key, row in rows.items()} == (
        {"ada@example.org": "", "ben@example.org": ""}
        if form in _NAMELESS
        else {"ada@example.org": "Ada King Lovelace", "ben@example.org": "Ben"}
    )
    assert rows["ada@example.org"].tags == (set() if form in _TAGLESS else {"board", "press"})


def test_nobody_but_who_is_mailed_is_written_in_such_a_form(digest: Publication, run: Run) -> None:
    done = run("subscribers", "export", "x.csv", "--as", "ghost", "--suppressed")
    assert done.exit_code == 2
    assert "--as goes with --mailable alone" in done.output
    assert not (digest.root / "x.csv").exists()
