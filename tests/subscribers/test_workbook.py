"""A workbook is read as the list in its first sheet, and one that is made to harm is refused."""

import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from secrets import token_urlsafe

import pytest
from openpyxl import Workbook

from newsletter.config import SubscriberListSettings
from newsletter.errors import ListError, Problem
from newsletter.store import Store, open_store
from newsletter.subscribers.import_plan import ImportPlan
from newsletter.subscribers.list_formats import workbook
from newsletter.subscribers.list_formats.export_source import opening_export
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.stored_subscribers import list_consents, stream_subscribers
from newsletter.subscribers.subscriber_import import SubscriberImport
from newsletter.subscribers.suppression_status import read_suppression_statuses

MOMENT = datetime(2021, 4, 5, 6, 7, 8)  # noqa: DTZ001  # a sheet's moments have no zone
KEYS = SecretKeys((token_urlsafe(),), token_urlsafe())
SETTINGS = SubscriberListSettings.model_validate(
    {"id": "digest.example.org", "unsubscribe": "mailto:leave@example.org", "file": "none.csv", "honour": ["status"]}
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "state.sqlite")) as opened:
        yield opened


def _save(path: Path, *sheets: list[list[object]]) -> Path:
    book = Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Sheet {number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def _import(store: Store, path: Path) -> tuple[ImportPlan, list[Problem]]:
    with opening_export(path, SETTINGS) as source:
        assert source
        one = SubscriberImport(store, KEYS, source, suppresses=source.tells_for_all)
        plan = one.plan()
        one.apply()
        return plan, [row for row in source.read_subscribers() if isinstance(row, Problem)]


def test_a_list_of_ours_in_a_workbook_keeps_its_columns_and_tells_bad_rows_by_their_number(
    store: Store, tmp_path: Path
) -> None:
    path = _save(
        tmp_path / "people.xlsx",
        [],
        [
            ["email", "name", "tags", "status", "consent_at", "member no", "paid", "note"],
            ["ada@example.org", "Ada\nLovelace", "board; press", "active", MOMENT, 17.0, True, ""],
            [],
            ["nowhere", "No", None, "active"],
            ["ben@example.org", "=1+1", None, "unsubscribed", date(2020, 1, 2), 18, False, "=HYPERLINK(1)"],
        ],
        [["other"]],
    )  # fmt: skip
    plan, problems = _import(store, path)
    assert (plan.new, plan.unusable, plan.left) == (2, 1, 0)
    assert [(one.path, one.line, one.code) for one in problems] == [(path, 4, "address")]
    with store.reading() as connection:
        rows = {str(row.key): row for row in stream_subscribers(connection)}
        (consent,) = list_consents(connection, "ada@example.org")
    assert consent.given_at == f"{MOMENT.isoformat()}.000+00:00"
    ada = rows["ada@example.org"]
    assert (ada.fields["name"], ada.fields["member_no"], ada.fields["paid"]) == ("Ada Lovelace", "17", "true")
    assert ada.tags == {"board", "press"}
    assert rows["ben@example.org"].status.value == "left", "[list] honour counts, as in a CSV"
    assert rows["ben@example.org"].fields["name"] == "", "a formula is not computed, nor taken for a name"
    (status,) = read_suppression_statuses(store, KEYS, ["ben@example.org"])
    assert status.mailable, "only another program's export is sure to mean it"
    again, _ = _import(store, path)
    assert (again.writes, again.unchanged) == (False, 2)


def test_another_programs_export_is_recognised_in_a_workbook(store: Store, tmp_path: Path) -> None:
    path = _save(
        tmp_path / "gone.xlsx",
        [
            ["Email Address", "First Name", "MEMBER_RATING", "UNSUB_TIME", "UNSUB_REASON"],
            ["lea@example.org", "Lea", 3, MOMENT, "too much"],
        ],
        [["notes"]],
    )  # fmt: skip
    with opening_export(path, SETTINGS) as source:
        assert source
        assert (source.description, source.left_out) == ("Mailchimp, unsubscribed", ["sheet Sheet 2"])
    plan, _ = _import(store, path)
    assert (plan.new, plan.left) == (1, 1)
    (status,) = read_suppression_statuses(store, KEYS, ["lea@example.org"])
    assert status.suppressions[0].since == MOMENT.replace(tzinfo=UTC)


def test_one_without_a_column_of_addresses_or_without_cells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="has no sheet with anything in it"):
        _open(_save(tmp_path / "empty.xlsx", [], [[None]]))
    with pytest.raises(ListError) as refused:
        _open(_save(tmp_path / "other.xlsx", [["city", "mail"], ["Riga", "a@example.org"]]))
    (problem,) = refused.value.problems
    assert (problem.path, problem.code, problem.next_step) == (
        tmp_path / "other.xlsx", "no-email-column", "Rename the column 'mail' to email.",
    )  # fmt: skip


def _open(path: Path) -> None:
    with opening_export(path, SETTINGS) as source:
        assert source
        source.read_columns()


def _replace(path: Path, part: str, text: str) -> Path:
    """Write a workbook with one part exchanged."""
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in {**parts, part: text.encode()}.items():
            package.writestr(name, data)
    return path


_SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
_CELL = '<row r="{row}"><c r="{column}{row}" t="inlineStr"><is><t>{text}</t></is></c></row>'


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        ("<worksheet", "can't be read as a workbook"),
        (_SHEET.format(_CELL.format(row=1, column="XFD", text="far")), "16,384 cells"),
        (_SHEET.format(" " * 30_000_000), "unpacks to 30"),
    ],
    ids=["no XML", "far column", "bomb"],
)
def test_a_workbook_that_harms_or_is_damaged_is_refused(tmp_path: Path, sheet: str, message: str) -> None:
    path = _replace(_save(tmp_path / "x.xlsx", [["email"]]), "xl/worksheets/sheet1.xml", sheet)
    with pytest.raises(ListError, match=message):
        _open(path)


def test_a_workbook_of_too_many_parts_is_refused(tmp_path: Path) -> None:
    path = _save(tmp_path / "x.xlsx", [["email"]])
    with zipfile.ZipFile(path, "a") as package:
        for number in range(5_000):
            package.writestr(f"xl/{number}.xml", "")
    with pytest.raises(ListError, match=r"has 5,\d\d\d parts"):
        _open(path)


def test_entities_of_xml_are_not_multiplied(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE worksheet [<!ENTITY e0 "ha">{entities}]>' + _SHEET.format(
        _CELL.format(row=1, column="A", text="&e11;")
    )
    path = _replace(_save(tmp_path / "x.xlsx", [["email"]]), "xl/worksheets/sheet1.xml", bomb)
    with pytest.raises(ListError):
        _open(path)


def test_one_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_SECONDS", 1)
    rows = _SHEET.format("<row><c><v>1</v></c></row>" * 600_000)
    with pytest.raises(ListError, match="more time or memory than a list does"):
        _open(_replace(_save(tmp_path / "x.xlsx", [["email"]]), "xl/worksheets/sheet1.xml", rows))


def test_a_workbook_of_an_old_kind_or_with_a_password_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500)
    with pytest.raises(ListError, match="before 2007, or one with a password"):
        _open(path)
