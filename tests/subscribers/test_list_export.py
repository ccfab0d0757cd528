"""Exports: harmless in a spreadsheet, whole when read again, and the way from one state to another."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError, ListError
from newsletter.store import Store, open_store, suppressions
from newsletter.store.erased import add_erased
from newsletter.store.events import stream_events
from newsletter.subscribers import list_export, suppression
from newsletter.subscribers.csv_file import guard_cell, unguard_cell
from newsletter.subscribers.csv_rows import read_rows
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.erased_subscribers import read_erased
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.status_columns import StatusColumns
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.suppression_status import read_suppression_statuses

Write = Callable[[bytes | str], Path]
KEYS = SecretKeys(tokens=("t" * 40,), forgotten="f" * 40)


class _Unasked(CsvSource):
    """A list whose columns mean nothing, whatever words stand in them."""

    def read_statuses(self) -> StatusColumns:
        return StatusColumns(self.path)


DANGEROUS = "=+-@\t\r＝＋－＠"
_STARTS = st.sampled_from([*DANGEROUS, "'", '"', " ", "\xa0", "'=", ' "=', "''@", "x"])


_ANY = st.text(st.one_of(st.sampled_from(f"{DANGEROUS},;|\n'\" x"), st.characters()), max_size=20)


@given(_STARTS, _ANY)
def test_no_cell_is_a_formula_and_each_is_what_it_was(start: str, rest: str) -> None:
    cell = start + rest
    guarded = guard_cell(cell)
    assert unguard_cell(guarded) == cell
    assert guarded.lstrip().lstrip("\"' ")[:1] not in tuple(DANGEROUS) or guarded.startswith("'")


@given(_ANY, st.sampled_from(",;\t|\r\n"), st.sampled_from(["", " ", '"', "'", ' "']), st.sampled_from(DANGEROUS), _ANY)
def test_nor_is_what_another_separator_would_cut_off(
    before: str, separator: str, blanks: str, sign: str, after: str
) -> None:
    """A reader wrote it, and a spreadsheet that separates by semicolons opens a file that separates by commas."""
    for cut in re.split("[,;|\t\r\n]", guard_cell(f"{before}{separator}{blanks}{sign}{after}")):
        assert not re.match('[\\s"]*[=+\\-@＝＋－＠]', cut)


@pytest.mark.parametrize("cell", ["=1+1", " =1+1", "@SUM(A1)", "\xa0＝1", '"=1', "'=1", "+49 1", "-2"])
def test_what_a_spreadsheet_would_run_is_guarded(cell: str) -> None:
    assert guard_cell(cell) == f"'{cell}"


@pytest.mark.parametrize(
    ("cell", "guarded"),
    [
        ("too many; =HYPERLINK(A1)", "too many;' =HYPERLINK(A1)"),
        ('a,=1;"@x|-2', "a,'=1;'\"@x|'-2"),
        ("\t=1", "'\t'=1"),
        ("words\n=1+1", "words\n'=1+1"),
        ("Pacific - Alliance", "Pacific - Alliance"),
        ("a;b, c-d", "a;b, c-d"),
    ],
)
def test_so_is_what_would_begin_a_cell_after_another_separator(cell: str, guarded: str) -> None:
    assert guard_cell(cell) == guarded
    assert unguard_cell(guarded) == cell


@pytest.mark.parametrize("cell", ["", "Ada", "'t Hooft", "1-2", "a@example.org", "O'Connor"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert guard_cell(cell) == unguard_cell(cell) == cell


_CHARACTERS = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
_NAME = st.tuples(st.sampled_from(["", "=", "'", "'=", "＝", '"', "+"]), st.text(_CHARACTERS, max_size=12)).map("".join)


@given(st.lists(st.tuples(_NAME, _NAME, st.sets(st.sampled_from(["a", "b", "=c"]))), max_size=4))
def test_an_export_read_again_is_the_same_list(
    tmp_path_factory: pytest.TempPathFactory, people: list[tuple[str, str, set[str]]]
) -> None:
    path, copy = (tmp_path_factory.getbasetemp() / name for name in ("people.csv", "copy.csv"))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "Email", "tags", "Home City"])
        writer.writerows(
            [name, f"+r{n}@example.org", " ".join(tags), city] for n, (name, city, tags) in enumerate(people)
        )
    before = [row for row in read_rows(path) if isinstance(row, Subscriber)]
    for rows, ours in (
        (list_export.export_mailable, set()),
        (list_export.export_everyone, {"newsletter_state", "newsletter_since", "newsletter_words"}),
    ):
        left_out = Counter[str]()
        with copy.open("w", newline="", encoding="utf-8") as file:
            count = list_export.write_csv(file, rows(None, None, _Unasked(path), left_out))
        after = [row for row in read_rows(copy) if isinstance(row, Subscriber)]
        assert count == len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            fields = {name: value for name, value in other.fields.items() if name not in ours}
            assert (one.address, one.fields, one.tags) == (other.address, fields, other.tags)


def test_an_export_of_an_export_has_its_columns_once(write_list: Write) -> None:
    path = write_list("email,newsletter_state,state\na@example.org,bounced,Ohio\n")
    head, row = list_export.export_everyone(None, None, CsvSource(path), Counter())
    assert list(head) == ["email", "state", "newsletter_state", "newsletter_since", "newsletter_words"]
    assert list(row) == ["a@example.org", "Ohio", "bounced", "", ""]


def _say(store: Store, reader: str, kind: EventKind, words: str = "") -> None:
    record_events(
        store, KEYS, [Event(subscriber=reader, kind=kind, source=EventSource.MAIL, evidence={"words": words})]
    )


def _all(store: Store) -> list[tuple[str, str, str, str]]:
    with store.reading() as connection:
        return [row[:4] for row in suppressions.stream_suppressions(connection)]


def _exported(path: Path, store: Store) -> Path:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        list_export.write_csv(file, list_export.export_suppressed(store, KEYS))
    return path


def test_causes_words_dates_and_the_erased_move_to_another_state(store: Store, tmp_path: Path) -> None:
    _say(store, "a@example.org", EventKind.UNSUBSCRIBED)
    _say(store, "a@example.org", EventKind.HARD, "=550 5.1.1 unknown\r\nuser")
    _say(store, "+b@example.org", EventKind.COMPLAINED)
    _say(store, "c@example.org", EventKind.SUPPRESSED, '+49 "asked", by phone')
    with store.transaction() as connection:
        add_erased(connection, KEYS.digest("gone@example.org"))
    file = _exported(tmp_path / "out.csv", store)
    with closing(open_store(tmp_path / "other.db")) as other:
        brought = suppression.import_suppressions(other, KEYS, file, "unused")
        assert (brought.new, brought.known) == (5, 0)
        moved = {(reader, cause): (words, at) for reader, cause, words, at in _all(other)}
        assert moved == {(reader, cause): (" ".join(words.split()), at) for reader, cause, words, at in _all(store)}
        (gone,) = read_suppression_statuses(other, KEYS, ["gone@example.org"])
        assert gone.erased is not None
        with other.reading() as connection:
            told = [(row.subscriber, row.kind, row.said_at) for row in stream_events(connection)]
        assert sorted(told) == sorted(
            (reader, {"bounced": "hard bounce"}.get(cause, cause), at) for reader, cause, _, at in _all(store)
        )
        again = suppression.import_suppressions(other, KEYS, file, "unused")
        assert (again.new, again.known) == (0, 5)


def test_who_was_erased_here_is_not_brought_back_by_another_state(store: Store, write_list: Write) -> None:
    with store.transaction() as connection:
        add_erased(connection, KEYS.digest("gone@example.org"))
    suppression.import_suppressions(store, KEYS, write_list("email,newsletter_state\nGone@example.org,bounced\n"), "x")
    assert _all(store) == []
    with store.reading() as connection:
        assert list(stream_events(connection)) == []


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a@example.org,left,,", "'left' is none of unsubscribed"),
        ("a@example.org,bounced,46000.5,", "is no moment"),
        ("nobody,bounced,,", "no mail can be sent"),
        ("a@example.org,erased,,", "not the hash of an erased"),
        (f"{'0' * 64},erased,,0123", "made with another key"),
        ("a@example.org,bounced,0001-01-01T00:00:00+14:00,", "is no moment"),
    ],
)
def test_a_file_is_brought_over_whole_or_not_at_all(store: Store, write_list: Write, row: str, words: str) -> None:
    head = "email,newsletter_state,newsletter_since,newsletter_words"
    path = write_list(f"{head}\ngood@example.org,unsubscribed,,\n{row}\n")
    with pytest.raises(ListError) as caught:
        suppression.import_suppressions(store, KEYS, path, "x")
    (problem,) = caught.value.problems
    assert problem.line == 3
    assert words in problem.message
    assert _all(store) == []


def test_a_plain_list_of_addresses_is_suppressed_for_the_reason_given(store: Store, write_list: Write) -> None:
    path = write_list("email\nA@example.org\n\nb@example.org\n")
    assert suppression.import_suppressions(store, None, path, "Bounced").new == 2
    assert {(reader, cause) for reader, cause, *_ in _all(store)} == {
        ("a@example.org", "bounced"), ("b@example.org", "bounced"),
    }  # fmt: skip


def test_events_are_rows_too(store: Store) -> None:
    _say(store, "a@example.org", EventKind.COMPLAINED, "=cmd()")
    evidence = {"note": "two\nlines \x1b[31m", "colour": "red", "size": "2"}
    record_events(
        store,
        KEYS,
        [Event(subscriber="b@example.org", kind=EventKind.HARD, source=EventSource.MAIL, evidence=evidence)],
    )
    text = io.StringIO()
    assert list_export.write_csv(text, list_export.export_events(store)) == 2
    head, row, other = csv.reader(io.StringIO(text.getvalue()))
    told = dict(zip(head, row, strict=True))
    assert (told["reader"], told["kind"], told["source"]) == ("a@example.org", "complained", "mail")
    assert (told["code"], told["words"], told["proof"], told["more"]) == ("", "'=cmd()", "", "")
    told = dict(zip(head, other, strict=True))
    assert (told["note"], told["more"]) == ("two lines \\x1b[31m", "colour: red; size: 2")


def test_a_file_without_an_address_in_its_row_is_refused_in_words(store: Store, write_list: Write) -> None:
    with pytest.raises(ListError) as caught:
        suppression.import_suppressions(store, KEYS, write_list("newsletter_state,email\nerased\n"), "x")
    (problem,) = caught.value.problems
    assert "not the hash of an erased" in problem.message


def test_what_another_clock_puts_into_the_future_is_said_now(store: Store, write_list: Write) -> None:
    path = write_list("email,newsletter_state,newsletter_since\na@example.org,bounced,2999-01-01T00:00:00+00:00\n")
    suppression.import_suppressions(store, KEYS, path, "x")
    ((_, _, _, at),) = _all(store)
    assert at < "2999"


def test_the_key_of_hashes_that_were_brought_over_is_known_from_then_on(store: Store, write_list: Write) -> None:
    hashed = KEYS.digest("gone@example.org")
    head = "email,newsletter_state,newsletter_since,newsletter_words"
    suppression.import_suppressions(store, KEYS, write_list(f"{head}\n{hashed},erased,,{KEYS.fingerprint}\n"), "x")
    assert read_erased(store, KEYS)("gone@example.org")
    with pytest.raises(ConfigError, match="not the ones that are here now"):
        read_erased(store, SecretKeys(tokens=KEYS.tokens, forgotten="g" * 40))
