"""Other programs' exports are recognised by their columns, and say who left, who agreed and when, as they said it."""

import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from secrets import token_urlsafe

import pytest
from list_samples import CLEANED, SAMPLES, SUBSCRIBED, UNSUBSCRIBED, ListSample

from newsletter.address import subscriber_key
from newsletter.config import SubscriberListSettings
from newsletter.errors import ListError
from newsletter.store import Store, open_store
from newsletter.subscribers.import_plan import ImportPlan
from newsletter.subscribers.list_formats.export_source import ExportSource, opening_export
from newsletter.subscribers.list_formats.exported_file import ExportedFile
from newsletter.subscribers.list_formats.row_translation import parse_moment
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.stored_subscribers import (
    StoredSubscriber,
    list_consents,
    save_subscribers,
    stream_subscribers,
)
from newsletter.subscribers.subscriber import SubscriberStatus
from newsletter.subscribers.subscriber_import import SubscriberImport
from newsletter.subscribers.suppression import unsuppress
from newsletter.subscribers.suppression_status import read_suppression_statuses

KEYS = SecretKeys((token_urlsafe(),), token_urlsafe())
SETTINGS = SubscriberListSettings.model_validate(
    {"id": "digest.example.org", "unsubscribe": "mailto:leave@example.org", "file": "none.csv"}
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "state.sqlite")) as opened:
        yield opened


def _open(path: Path) -> ExportSource:
    with opening_export(path, SETTINGS) as source:  # what is no workbook can be read afterwards, too
        assert source, "the export was not recognised"
        return source


def _import(store: Store, path: Path) -> ImportPlan:
    with opening_export(path, SETTINGS) as source:
        assert source, "the export was not recognised"
        one = SubscriberImport(store, KEYS, source, suppresses=source.tells_for_all)
        plan = one.plan()
        one.apply()
    return plan


def _all(store: Store) -> dict[str, StoredSubscriber]:
    with store.reading() as connection:
        return {row.key: row for row in stream_subscribers(connection)}


def _suppressed(store: Store, rows: Collection[str]) -> dict[str, str]:
    return {
        key: status.state
        for key, status in zip(rows, read_suppression_statuses(store, KEYS, list(rows)), strict=True)
        if not status.mailable
    }


def _zip(path: Path, entries: Mapping[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.form)
def test_an_export_is_recognised_and_says_who_they_are_who_left_and_how_they_agreed(
    store: Store, tmp_path: Path, sample: ListSample
) -> None:
    path = tmp_path / "export.csv"
    path.write_text(sample.text, encoding="utf-8")
    assert _open(path).description == sample.form
    plan = _import(store, path)
    rows = _all(store)
    assert {key: (row.fields["name"], row.status.value, set(row.tags)) for key, row in rows.items()} == dict(
        sample.rows
    )
    assert plan.new == len(sample.rows)
    assert _suppressed(store, rows) == dict(sample.suppressed)
    assert plan.left + plan.bounced == len(sample.suppressed)
    with store.reading() as connection:
        for key, (moment, evidence) in sample.agreed.items():
            (consent,) = list_consents(connection, key)
            assert (consent.given_at, consent.evidence["note"]) == (moment, evidence)
            assert consent.source == sample.form.partition(",")[0]
    again = _import(store, path)
    assert (again.writes, again.unchanged) == (False, len(sample.rows))


def test_a_status_that_a_row_is_too_short_for_is_an_empty_one(store: Store, tmp_path: Path) -> None:
    """Spreadsheets leave empty cells at a row's end out."""
    path = tmp_path / "export.csv"
    head = '"Email address","First name","Email status","Tags"'
    path.write_text(f"{head}\nshort@example.org,Sue\nempty@example.org,Eve,,\n")
    _import(store, path)
    assert {row.status for row in _all(store).values()} == {SubscriberStatus.PENDING}


def test_who_left_is_noted_as_of_when_they_did_and_why(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "unsubscribed.csv"
    path.write_text(UNSUBSCRIBED)
    _import(store, path)
    (status,) = read_suppression_statuses(store, KEYS, ["left@example.org"])
    (one,) = status.suppressions
    assert one.since
    assert (one.since.isoformat(timespec="seconds"), one.words) == (
        "2021-04-05T06:07:08+00:00", "NO_LONGER_INTERESTED",
    )  # fmt: skip


@pytest.mark.parametrize("text", [UNSUBSCRIBED, UNSUBSCRIBED.replace("2021-04-05 06:07:08", "")])
def test_who_came_back_is_not_taken_off_by_reading_the_same_file_again(store: Store, tmp_path: Path, text: str) -> None:
    path = tmp_path / "unsubscribed.csv"
    path.write_text(text)
    _import(store, path)
    key = subscriber_key("left@example.org")
    unsuppress(store, KEYS, key)
    with store.transaction() as connection:
        save_subscribers(connection, [replace(_all(store)[key], status=SubscriberStatus.ACTIVE)])
    again = _import(store, path)
    assert (again.writes, again.returned, again.left) == (False, 1, 1)
    assert _all(store)[key].status is SubscriberStatus.ACTIVE
    assert _suppressed(store, [key]) == {}


def test_who_left_after_having_come_back_has_left(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "unsubscribed.csv"
    path.write_text(UNSUBSCRIBED)
    _import(store, path)
    unsuppress(store, KEYS, subscriber_key("left@example.org"))
    path.write_text(UNSUBSCRIBED.replace("2021-04-05", "2099-04-05"))
    again = _import(store, path)
    assert (again.returned, again.news) == (0, 1)
    assert _suppressed(store, ["left@example.org"]) == {"left@example.org": "unsubscribed"}


def test_who_was_on_the_list_as_left_already_is_noted_all_the_same(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "cleaned.csv"
    path.write_text(CLEANED)
    with opening_export(path, SETTINGS) as source:
        assert source
        SubscriberImport(store, KEYS, source).apply()
    plan = _import(store, path)
    assert (plan.unchanged, plan.news, plan.writes) == (1, 1, True)
    assert not _import(store, path).writes


def test_what_is_measured_of_readers_is_not_taken_over_and_an_address_book_gives_names_alone(
    store: Store, tmp_path: Path
) -> None:
    for number, text in enumerate([SUBSCRIBED, SAMPLES[-1].text]):
        path = tmp_path / f"{number}.csv"
        path.write_text(text)
        _import(store, path)
    rows = _all(store)
    fields = rows["ada@example.org"].fields
    assert (fields["city"], fields["time_zone"]) == ("London", "Europe/London")
    assert not {"member_rating", "latitude", "notes", "optin_ip", "confirm_time"} & set(fields)
    assert not {"home_phone", "company", "title"} & set(rows["zoe@example.org"].fields)


def test_in_mailchimps_archive_who_left_wins_over_who_is_subscribed(store: Store, tmp_path: Path) -> None:
    path = _zip(
        tmp_path / "audience.zip",
        {
            "../../etc/subscribed_members.csv": SUBSCRIBED,
            "C:\\x\\unsubscribed_members.csv": UNSUBSCRIBED,
            "cleaned\x1b[31m.csv": CLEANED,
            "readme\x1b.txt": "hello",
        },
    )
    source = _open(path)
    assert source.left_out == ["readme\\x1b.txt"]
    assert set(source.description.split("; ")) == {
        "Mailchimp, subscribed", "Mailchimp, unsubscribed", "Mailchimp, cleaned",
    }  # fmt: skip
    plan = _import(store, path)
    assert (plan.new, plan.duplicates, plan.left, plan.bounced) == (4, 1, 2, 1)
    assert {key: row.status.value for key, row in _all(store).items()} == {
        "ada@example.org": "active", "left@example.org": "left", "late@example.org": "left", "gone@example.org": "left",
    }  # fmt: skip
    assert sorted(tmp_path.rglob("*.csv")) == [], "nothing is unpacked to disk"
    assert not _import(store, path).writes


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("utf-8-sig", ""), ("cp1252", " (read as cp1252)"), ("utf-16", " (read as utf-16)")],
)
def test_outlooks_file_is_read_in_the_encoding_it_has(store: Store, tmp_path: Path, encoding: str, named: str) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text(SAMPLES[-1].text.replace("Zoe", "Zoë €").replace(",Zen", ",Müller"), encoding=encoding)
    assert _open(path).description == f"Outlook{named}"
    _import(store, path)
    assert _all(store)["zoe@example.org"].fields["name"] == "Zoë € Müller"


def test_a_plain_list_in_utf16_is_read_and_one_of_ours_is_none_of_these(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("email\tname\ttags\nzoe@example.org\tZoë\tpress\n", encoding="utf-16")
    _import(store, path)
    assert _all(store)["zoe@example.org"].fields["name"] == "Zoë"
    path.write_text("email,name\na@example.org,Ada\n")
    with opening_export(path, SETTINGS) as source:
        assert source is None


def test_bad_rows_are_told_by_their_line_of_the_file_they_are_in(store: Store, tmp_path: Path) -> None:
    head = "id,email,name,subscribed_to_emails,complimentary_plan,created_at,labels\n"
    path = tmp_path / "members.csv"
    path.write_text(
        f'{head}1,a@example.org,"=HYPERLINK(""https://example.com"")",true,false,2024-01-01,\n'
        "2,nowhere,No,true,false,,\n"
        "3,b@example.org,<script>,true,false,no date,\n"
        "4,c@example.org,N\0L,true,false,,\n"
        f"5,d@example.org,{'x' * 600},true,false,,\n"
        "6,e@example.org,Eve,true,false,,,one,too,many\n"
        '7,f@example.org,"never closed,true,false,,\n'
    )
    problems = [row for row in _open(path).read_subscribers() if not hasattr(row, "key")]
    assert [(row.line, row.code) for row in problems] == [
        (3, "address"), (5, "nul"), (6, "too-long"), (7, "columns"), (8, "csv"),
    ]  # fmt: skip
    _import(store, path)
    rows = _all(store)
    assert rows["a@example.org"].fields["name"] == '=HYPERLINK("https://example.com")'
    assert rows["b@example.org"].fields["name"] == "<script>"
    with store.reading() as connection:
        assert list_consents(connection, "b@example.org") == [], "a moment that can't be read is no consent"


def test_a_column_that_an_export_names_like_one_of_ours_says_nothing_in_its_stead(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    path.write_text(
        "email,subscribed_to_emails,complimentary_plan,newsletter_state,consent_at,consent_words,labels\n"
        "a@example.org,false,,mailable,2020-01-01,I agree to everything,\n"
    )
    _import(store, path)
    assert _all(store)["a@example.org"].status.value == "left"
    with store.reading() as connection:
        assert list_consents(connection, "a@example.org") == []


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"posts.csv": "id,title\n1,Hello\n"}, "holds no list that is recognised"),
        ({f"{number}.txt": "" for number in range(1001)}, "holds 1,001 files"),
        ({"bomb.csv": "email,active_subscription,expiry\n" + "\n" * 30_000_000}, "unpacks to 30 MB, which is too much"),
    ],
    ids=["no list", "many files", "bomb"],
)
def test_an_archive_that_harms_or_has_no_list_is_refused(
    tmp_path: Path, entries: Mapping[str, str], message: str
) -> None:
    with pytest.raises(ListError, match=message):
        _open(_zip(tmp_path / "x.zip", entries))


def test_a_damaged_archive_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = _zip(tmp_path / "x.zip", {"subscribed.csv": SUBSCRIBED})
    data = bytearray(path.read_bytes())
    data[60:120] = b"\xff" * 60
    path.write_bytes(data)
    with pytest.raises(ListError, match="is damaged"):
        _open(path)
    path.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(ListError, match="is damaged"):
        _open(path)


def test_long_blanks_take_no_long_time(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    blanks = " " * 90_000
    path.write_text(f"a{blanks}x\n")
    with opening_export(path, SETTINGS) as source:
        assert source is None
    path.write_text(
        "email,subscribed_to_emails,complimentary_plan,labels,created_at\n"
        + f"a@example.org,true,false,a{blanks}b,\nb@example.org,true,false,,x{blanks}y\n" * 20
    )
    codes = [getattr(row, "code", "") for row in _open(path).read_subscribers()]
    assert codes == ["too-long", ""] + ["too-long", "duplicate"] * 19


def test_a_row_of_any_length_is_one_fault(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    with path.open("w") as file:
        file.write("email,active_subscription,expiry,email_disabled\n")
        file.write("a@example.org,false," + "x" * 3_000_000 + ",false\n")
        file.write("b@example.org,false,,false\n")
    rows = list(_open(path).read_subscribers())
    assert [(row.line, getattr(row, "code", "")) for row in rows] == [(2, "csv"), (3, "")]
    assert max(len(record.text) for record in ExportedFile(path).read_records()) <= 100_000, "it comes in pieces"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2019-02-03 10:05:00", "2019-02-03T10:05:00.000+00:00"),
        ("2019-02-03", "2019-02-03T00:00:00.000+00:00"),
        ("2021-02-03 10:00:00.123456789 +0200 EET", "2021-02-03T08:00:00.123+00:00"),
        ("2021-02-03 10:00:00 UTC", "2021-02-03T10:00:00.000+00:00"),
        ("2021-02-03 10:00:00.123456 +0000 +0000", "2021-02-03T10:00:00.123+00:00"),
        ("2024-03-13 00:03:09.183465+00:00", "2024-03-13T00:03:09.183+00:00"),
        ("03/02/2019", ""),
        ("9999-12-31T23:59:59-10:00", ""),
        ("", ""),
    ],
)
def test_moments_are_read_as_programs_write_them_and_never_guessed(text: str, moment: str) -> None:
    assert parse_moment(text) == moment
