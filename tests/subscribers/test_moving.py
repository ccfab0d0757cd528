"""Each export moves in twice as once, is undone as one, and moves on in its own program's form, on either database."""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from secrets import token_urlsafe

import pytest
from list_samples import CLEANED, SAMPLES, SUBSCRIBED, UNSUBSCRIBED, ListSample
from openpyxl import Workbook

from newsletter.config import SubscriberListSettings
from newsletter.store import Store, open_store
from newsletter.store.suppressions import stream_suppressions
from newsletter.subscribers.import_changes import list_imports
from newsletter.subscribers.import_plan import ImportPlan
from newsletter.subscribers.import_undo import ImportUndo
from newsletter.subscribers.list_export import export_mailable, write_csv
from newsletter.subscribers.list_formats.export_source import opening_export
from newsletter.subscribers.list_formats.written_forms import WRITTEN_FORMS, write_in_form
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.store_source import StoreSource
from newsletter.subscribers.stored_subscribers import list_consents, read_columns, stream_subscribers
from newsletter.subscribers.subscriber_import import SubscriberImport

KEYS = SecretKeys((token_urlsafe(),), token_urlsafe())
SETTINGS = SubscriberListSettings.model_validate(
    {"id": "digest.example.org", "unsubscribe": "mailto:leave@example.org", "file": "none.csv"}
)
_FORMS = {"Google Contacts": "google", "Constant Contact": "constant-contact"}
# What a form has no place for: names, and tags.
_NAMELESS, _TAGLESS = ("Substack", "Buttondown"), ("Substack", "Mailman", "listmonk")


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "state.sqlite")) as opened:
        yield opened


def _import(store: Store, path: Path) -> ImportPlan:
    with opening_export(path, SETTINGS) as source:
        assert source, "the export was not recognised"
        one = SubscriberImport(store, KEYS, source, suppresses=source.tells_for_all, form=source.description)
        plan = one.plan()
        if plan.writes:
            one.apply()
        return plan


def _known(store: Store) -> object:
    """Return all that an import writes."""
    with store.reading() as connection:
        rows = [(row.key, row.status, row.fields, row.tags, row.language) for row in stream_subscribers(connection)]
        agreed = [(key, one.given_at, one.evidence) for key, *_ in rows for one in list_consents(connection, key)]
        held = [(row.subscriber, row.cause, row.words) for row in stream_suppressions(connection)]
        return rows, agreed, held, read_columns(connection)


def _undo(store: Store) -> None:
    with store.reading() as connection:
        newest = list_imports(connection)[0]
    ImportUndo(store, newest).apply()


def _save_workbook(path: Path, text: str) -> Path:
    book = Workbook()
    for row in csv.reader(io.StringIO(text)):
        book.active.append(row)
    book.save(path)
    return path


def _move_in_twice_and_undo(store: Store, path: Path) -> None:
    before = _known(store)
    assert _import(store, path).writes
    after = _known(store)
    again = _import(store, path)
    assert (again.writes, again.new, again.changed, again.news) == (False, 0, 0, 0)
    assert _known(store) == after
    _undo(store)
    assert _known(store) == before
    assert _import(store, path).writes
    assert _known(store) == after


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.form)
def test_a_file_moves_in_twice_as_once_and_is_undone(store: Store, tmp_path: Path, sample: ListSample) -> None:
    path = tmp_path / "export.csv"
    path.write_text(sample.text, encoding="utf-8")
    _move_in_twice_and_undo(store, path)


def test_mailchimps_archive_moves_in_twice_as_once_and_is_undone(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "audience.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("subscribed", SUBSCRIBED), ("unsubscribed", UNSUBSCRIBED), ("cleaned", CLEANED)):
            archive.writestr(f"{name}_members_export.csv", text)
    _move_in_twice_and_undo(store, path)


@pytest.mark.slow
@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.form != "Mailman"], ids=lambda sample: sample.form)
def test_a_workbook_moves_in_as_the_file_that_it_was_made_of(
    sqlite_store: Store, tmp_path: Path, sample: ListSample
) -> None:
    path = tmp_path / "export.csv"
    path.write_text(sample.text, encoding="utf-8")
    _import(sqlite_store, path)
    as_file = _known(sqlite_store)
    _undo(sqlite_store)
    _move_in_twice_and_undo(sqlite_store, _save_workbook(tmp_path / "export.xlsx", sample.text))
    assert _known(sqlite_store) == as_file


def _mailed(store: Store) -> Mapping[str, tuple[str, frozenset[str]]]:
    return {row.key: (row.fields["name"], row.tags) for row in StoreSource(store).read_rows() if row.status == "active"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.form)
def test_whoever_moves_in_moves_on_in_the_same_form(sqlite_store: Store, tmp_path: Path, sample: ListSample) -> None:
    program = sample.form.partition(",")[0]
    path, moved = tmp_path / "export.csv", tmp_path / "moved.csv"
    path.write_text(sample.text, encoding="utf-8")
    _import(sqlite_store, path)
    rows = write_in_form(
        export_mailable(sqlite_store, KEYS, StoreSource(sqlite_store), Counter()),
        WRITTEN_FORMS[_FORMS.get(program, program.casefold())],
    )
    with moved.open("w", encoding="utf-8", newline="") as file:
        if program == "Mailman":
            next(rows)
            file.writelines(f"{member}\n" for (member,) in rows)
        else:
            write_csv(file, rows)
    mailed = _mailed(sqlite_store)
    with closing(open_store(tmp_path / "other.sqlite")) as other:
        if not mailed:
            return  # a file of people who left: nobody moves on
        with opening_export(moved, SETTINGS) as source:
            assert source
            assert source.description == ("Mailchimp, subscribed" if program == "Mailchimp" else sample.form)
        _move_in_twice_and_undo(other, moved)
        assert _mailed(other) == {
            key: ("" if program in _NAMELESS else name, frozenset() if program in _TAGLESS else tags)
            for key, (name, tags) in mailed.items()
        }
