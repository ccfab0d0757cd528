"""A file is brought into the store's list: as its plan says, once, and without bringing back anybody who left."""

from collections.abc import Callable
from pathlib import Path
from secrets import token_urlsafe

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.config import SubscriberListSettings
from newsletter.errors import DecisionNeeded, ListError
from newsletter.store import Store, open_store
from newsletter.store.erased import add_erased
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.import_plan import ImportPlan
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.store_source import StoreSource
from newsletter.subscribers.stored_subscribers import (
    StoredSubscriber,
    find_subscribers,
    list_consents,
    stream_subscribers,
)
from newsletter.subscribers.subscriber import Subscriber, SubscriberStatus
from newsletter.subscribers.subscriber_import import SubscriberImport

Write = Callable[[str], Path]
KEYS = SecretKeys((token_urlsafe(),), token_urlsafe())


def _settings(**given: object) -> SubscriberListSettings:
    return SubscriberListSettings.model_validate(
        {"id": "digest.example.org", "unsubscribe": "mailto:leave@example.org", "file": "none.csv", **given}
    )


def _import(store: Store, path: Path, **given: object) -> ImportPlan:
    one = SubscriberImport(store, KEYS, CsvSource(path, _settings(**given)))
    plan = one.plan()
    one.apply()
    return plan


def _all(store: Store) -> dict[str, StoredSubscriber]:
    with store.reading() as connection:
        return {row.key: row for row in stream_subscribers(connection)}


def _quoted(cell: str) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


def _counts(plan: ImportPlan) -> dict[str, int]:
    names = ("new", "changed", "unchanged", "unusable", "duplicates", "suppressed", "inactive", "activated",
             "erased", "absent", "consents")  # fmt: skip
    return {name: getattr(plan, name) for name in names if getattr(plan, name)}


def test_a_plan_counts_and_the_same_file_again_changes_nothing(store: Store, write_list: Write) -> None:
    path = write_list(
        "email,name,tags,city\nA@example.org,Ada,board,Riga\nb@example.org,,,\nnowhere,,,\na@example.org,,,\n"
    )
    first = _import(store, path)
    assert _counts(first) == {"new": 2, "unusable": 1, "duplicates": 1}
    assert [problem.line for problem in first.problems] == [4]
    before = _all(store)
    assert before["a@example.org"].address == "A@example.org"
    assert before["a@example.org"].fields == {"name": "Ada", "city": "Riga"}
    assert before["a@example.org"].tags == {"board"}
    assert _counts(_import(store, path)) == {"unchanged": 2, "unusable": 1, "duplicates": 1}
    assert _all(store) == before


def test_a_later_file_updates_and_takes_nobody_away(store: Store, write_list: Write) -> None:
    _import(store, write_list("email,name,tags,city\na@example.org,Ada,board,Riga\nb@example.org,Ben,press,Rome\n"))
    plan = _import(store, write_list("email,name,country\na@example.org,Ada L.,LV\nc@example.org,Cem,TR\n"))
    assert _counts(plan) == {"new": 1, "changed": 1, "absent": 1}
    everyone = _all(store)
    assert everyone["a@example.org"].fields == {"name": "Ada L.", "city": "Riga", "country": "LV"}
    assert everyone["a@example.org"].tags == {"board"}, "the file has no column for tags"
    assert everyone["b@example.org"].fields == {"name": "Ben", "city": "Rome"}
    source = StoreSource(store)
    assert source.read_columns() == ["email", "name", "tags", "city", "country"]
    fields = [list(row.fields) for row in source.read_subscribers() if isinstance(row, Subscriber)]
    assert fields == [["email", "name", "city", "country"]] * 3


def test_who_left_or_was_erased_is_not_brought_back(store: Store, write_list: Write) -> None:
    with store.transaction() as connection:
        add_erased(connection, KEYS.digest("gone@example.org"))
    left = Event(subscriber="left@example.org", kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE)
    record_events(store, KEYS, [left])
    path = write_list("email\nleft@example.org\ngone@example.org\nstays@example.org\n")
    assert _counts(_import(store, path)) == {"new": 2, "suppressed": 1, "erased": 1}
    assert set(_all(store)) == {"left@example.org", "stays@example.org"}
    assert _counts(_import(store, path)) == {"unchanged": 2, "suppressed": 1, "erased": 1}


def test_a_status_column_is_asked_about_and_then_honoured(store: Store, write_list: Write) -> None:
    rows = {
        "enabled": "active", "unsubscribed": "left", "unconfirmed": "pending", "paused": "paused", "": "active"
    }  # fmt: skip
    text = "email,status\n" + "".join(f"r{n}@example.org,{word}\n" for n, word in enumerate(rows))
    with pytest.raises(DecisionNeeded, match="itself say who must not be mailed"):
        SubscriberImport(store, KEYS, CsvSource(write_list(text), _settings()))
    plan = _import(store, write_list(text), honour=("status",))
    assert _counts(plan) == {"new": 5, "inactive": 3}
    everyone = _all(store)
    assert {f"r{n}@example.org": everyone[f"r{n}@example.org"].status.value for n in range(5)} == {
        f"r{n}@example.org": status for n, status in enumerate(rows.values())
    }
    assert everyone["r0@example.org"].fields == {"name": ""}, "a status is no field"
    active = write_list("email,status\n" + "".join(f"r{n}@example.org,enabled\n" for n in range(5)))
    again = _counts(_import(store, active, honour=("status",)))
    assert again == {"changed": 2, "unchanged": 3, "inactive": 1, "activated": 2}
    assert _all(store)["r1@example.org"].status is SubscriberStatus.LEFT, "no file brings back who left"
    without = write_list("email\nr3@example.org\n")
    assert _counts(_import(store, without)) == {"unchanged": 1, "absent": 4}


@pytest.mark.parametrize(
    ("column", "word", "is_active"),
    [
        ("status", "", False),
        ("status", "enabled", True),
        ("status", "Active", True),
        ("segment", "", False),
        ("segment", "active", True),
        ("subscribed", "yes", True),
        ("unsubscribed_at", "", False),
        ("unsubscribed", "no", False),
        ("newsletter_state", "", False),
        ("newsletter_state", "mailable", True),
    ],
)
def test_only_a_word_that_says_active_makes_somebody_so(
    store: Store, write_list: Write, column: str, word: str, *, is_active: bool
) -> None:
    honour = () if column == "newsletter_state" else (column,)
    _import(store, write_list("email,status\na@example.org,unconfirmed\nb@example.org,paused\n"), honour=("status",))
    plan = _import(store, write_list(f"email,{column}\na@example.org,{word}\nb@example.org,{word}\n"), honour=honour)
    statuses = [row.status.value for row in _all(store).values()]
    assert statuses == (["active", "active"] if is_active else ["pending", "paused"])
    assert _counts(plan) == ({"changed": 2, "activated": 2} if is_active else {"unchanged": 2, "inactive": 2})


def test_consents_are_kept_once_with_their_words_by_hash(store: Store, write_list: Write) -> None:
    words = "You may unsubscribe at any time"
    path = write_list(
        "email,consent_at,consent_source,consent_words\n"
        f"a@example.org,2026-03-01,spring meeting,{words}\n"
        f"b@example.org,2026-03-01T09:30:00+02:00,,{words}\n"
        "c@example.org,,,\n"
        "d@example.org,soon,,\n"
        "e@example.org,,form,\n"
    )
    plan = _import(store, path)
    assert _counts(plan) == {"new": 3, "unusable": 2, "consents": 2}
    assert [(problem.line, problem.code) for problem in plan.problems] == [(5, "consent"), (6, "consent")]
    assert _counts(_import(store, path)) == {"unchanged": 3, "unusable": 2}
    with store.reading() as connection:
        (ada,), (ben,) = (list_consents(connection, key) for key in ("a@example.org", "b@example.org"))
        found = find_subscribers(connection, ["a@example.org"])
    assert (ada.given_at, ada.source, ada.words) == ("2026-03-01T00:00:00.000+00:00", "spring meeting", words)
    assert (ben.given_at, ben.source, ben.words) == ("2026-03-01T07:30:00.000+00:00", "import", words)
    assert found["a@example.org"].fields == {"name": ""}


def test_language_and_time_zone_are_kept_where_they_are_known(store: Store, write_list: Write) -> None:
    path = write_list(
        "email,language,time_zone\na@example.org,pt-BR,America/Sao_Paulo\nb@example.org,English,Mars/Olympus\n"
    )
    assert _import(store, path).unknown_languages == 1
    everyone = _all(store)
    known = {key: (row.language, row.time_zone) for key, row in everyone.items()}
    assert known == {"a@example.org": ("pt-BR", "America/Sao_Paulo"), "b@example.org": ("", "")}
    assert everyone["b@example.org"].fields == {"name": "", "language": "English", "time_zone": "Mars/Olympus"}


def test_a_language_may_be_written_as_other_programs_write_it(store: Store, write_list: Write) -> None:
    assert _import(store, write_list("email,lang\na@example.org,JA_jp\n")).unknown_languages == 0
    (row,) = _all(store).values()
    assert (row.language, row.fields["lang"]) == ("ja-jp", "JA_jp")
    assert _import(store, write_list("email,name\na@example.org,Ada\n")).unknown_languages == 0
    (row,) = _all(store).values()
    assert row.language == "ja-jp"


def test_an_export_of_this_program_is_understood(store: Store, write_list: Write) -> None:
    path = write_list(
        "email,newsletter_state,newsletter_since,newsletter_words\na@example.org,mailable,,\nb@example.org,paused,,\n"
    )
    assert _counts(_import(store, path)) == {"new": 2, "inactive": 1}
    assert _all(store)["b@example.org"].status is SubscriberStatus.PAUSED


def test_a_file_without_addresses_is_refused(store: Store, write_list: Write) -> None:
    with pytest.raises(ListError):
        _import(store, write_list("name\nAda\n"))
    assert _all(store) == {}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([f"r{n}@example.org" for n in range(6)]),
            st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), max_size=8),
        ),
        max_size=12,
    )
)
def test_what_is_imported_is_what_the_file_says(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    """Whatever files come one after another, the list has of each address what the last file says first."""
    state = tmp_path / "any.db"
    state.unlink(missing_ok=True)
    path = tmp_path / "any.csv"
    store = open_store(state)
    try:
        truth: dict[str, str] = {}
        for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            path.write_text("email,note\n" + "".join(f"{key},{_quoted(note)}\n" for key, note in half))
            said = [row for row in CsvSource(path).read_subscribers() if isinstance(row, Subscriber)]
            _import(store, path, ignore=("note",))
            truth |= {row.key: row.fields["note"] for row in said}
        assert {key: row.fields["note"] for key, row in _all(store).items()} == truth
    finally:
        store.close()
