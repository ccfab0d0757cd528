"""An import is undone as one: what it brought goes, and what anybody has done since stays."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from secrets import token_urlsafe

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select

from newsletter.address import EmailAddress
from newsletter.config import SubscriberListSettings
from newsletter.store import Store, open_store
from newsletter.store.engine import now
from newsletter.store.events import list_events
from newsletter.store.schema import consents, import_changes, preferences
from newsletter.store.suppressions import list_batches, stream_suppressions
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.import_changes import (
    IMPORTS_KEPT,
    StoredImport,
    forget_changes,
    list_forgettable,
    list_imports,
)
from newsletter.subscribers.import_undo import ImportUndo, UndoPlan
from newsletter.subscribers.joining import Joining, join_reader
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.stored_subscribers import (
    StoredSubscriber,
    delete_subscriber,
    find_subscribers,
    read_columns,
    save_subscribers,
    stream_subscribers,
)
from newsletter.subscribers.subscriber_import import SubscriberImport

Write = Callable[[str], Path]
KEYS = SecretKeys((token_urlsafe(),), token_urlsafe())
SETTINGS = SubscriberListSettings.model_validate(
    {"id": "digest.example.org", "unsubscribe": "mailto:leave@example.org", "file": "none.csv"}
)
A, B, C, D = (f"{name}@example.org" for name in "abcd")
LEFT = "newsletter_state,newsletter_since"


def _import(store: Store, path: Path) -> str:
    return SubscriberImport(store, KEYS, CsvSource(path, SETTINGS), suppresses=True).apply()


def _find(store: Store, batch: str) -> StoredImport:
    with store.reading() as connection:
        return next(one for one in list_imports(connection) if one.batch == batch)


def _undo(store: Store, batch: str) -> UndoPlan:
    """Undo an import, of which the plan says what is done."""
    undo = ImportUndo(store, _find(store, batch))
    plan = undo.plan()
    assert undo.apply() == plan
    return plan


def _counts(plan: UndoPlan) -> dict[str, int]:
    names = ("removed", "restored", "kept", "consents", "suppressions")
    return {name: getattr(plan, name) for name in names if getattr(plan, name)}


def _known(store: Store) -> tuple[Mapping[str, StoredSubscriber], set[tuple[str, str]], set[str], list[str]]:
    """Return all that an import writes: rows, suppressions, whose consents there are, and columns."""
    with store.reading() as connection:
        rows = {row.key: replace(row, created_at="", changed_at="") for row in stream_subscribers(connection)}
        held = {(row.subscriber, row.cause) for row in stream_suppressions(connection)}
        agreed = set(connection.scalars(select(consents.c.subscriber)))
        return rows, held, agreed, read_columns(connection)


def test_what_it_brought_goes_and_what_it_changed_is_as_before(store: Store, write_list: Write) -> None:
    _import(store, write_list(f"email,name,tags,consent_at\n{A},Ada,board,2026-01-02\n{B},Ben,,\n{D},Dan,,\n"))
    before = _known(store)
    batch = _import(
        store,
        write_list(
            f"email,name,city,consent_at,{LEFT}\n{A},Ada L.,Riga,2026-03-01,,\n{B},Ben,,,unsubscribed,2026-02-01\n"
            f"{C},Cem,Rome,2026-03-01,,\n{D},Dan,,2026-03-01,complained,\n"
        ),
    )
    assert _known(store) != before
    with store.reading() as connection:
        assert {event.kind for event in list_events(connection, B)} == {"unsubscribed"}
        assert list_batches(connection) == {}, "to undo a reading of the inbox does not undo imports"
    assert _counts(_undo(store, batch)) == {"removed": 1, "restored": 3, "consents": 3, "suppressions": 2}
    assert _known(store) == before
    with store.reading() as connection:
        assert list_events(connection, B) == []
        assert (
            connection.scalar(select(func.count()).select_from(import_changes).where(import_changes.c.batch == batch))
            == 0
        )
    assert _find(store, batch).undone_at
    assert _counts(_undo(store, batch)) == {}


def test_the_same_file_can_be_imported_again_afterwards(store: Store, write_list: Write) -> None:
    path = write_list(f"email,name,{LEFT}\n{A},Ada,,\n{B},Ben,unsubscribed,2026-02-01\n")
    _undo(store, _import(store, path))
    assert _known(store)[0] == {}
    _import(store, path)
    assert (set(_known(store)[0]), _known(store)[1]) == ({A, B}, {(B, "unsubscribed")})


def test_who_confirmed_meanwhile_that_they_want_it_stays(store: Store, write_list: Write) -> None:
    """They were asked before the import, or whether they stay since; being on the list they joined by no event."""
    batch = _import(store, write_list(f"email,name,consent_at\n{A},Ada,2026-01-02\n{B},Ben,\n"))
    reader = StoredSubscriber(address=EmailAddress(A))
    with store.transaction() as connection:
        joined = join_reader(connection, KEYS, reader, Consent(given_at=now(), source="sign-up"), EventSource.PAGE, {})
    assert joined is Joining.ALREADY
    assert _counts(_undo(store, batch)) == {"removed": 1, "kept": 1}
    assert set(_known(store)[0]) == {A}


def _edit(store: Store, key: str, name: str) -> None:
    with store.transaction() as connection:
        row = find_subscribers(connection, [key])[key]
        save_subscribers(connection, [replace(row, fields={**row.fields, "name": name})])


def _say(store: Store, key: str, kind: EventKind, source: EventSource = EventSource.PAGE) -> None:
    record_events(store, KEYS, [Event(subscriber=key, kind=kind, source=source)])


def test_what_was_done_since_stays_and_is_counted(store: Store, write_list: Write) -> None:
    _import(store, write_list(f"email,name\n{A},Ada\n{B},Ben\n"))
    batch = _import(
        store,
        write_list(
            f"email,name,consent_at\n{A},Ada L.,\n{B},Ben B.,\n{C},Cem,2026-03-01\n{D},Dan,\n"
            "e@example.org,Eve,\nf@example.org,Fay,\ng@example.org,Gus,\n"
        ),
    )
    _edit(store, A, "Ada Lovelace")
    _edit(store, C, "Cem C.")
    with store.transaction() as connection:
        delete_subscriber(connection, B)
        delete_subscriber(connection, "g@example.org")
        chosen = {"publication": store.publication, "subscriber": "e@example.org", "chosen": "{}", "changed_at": now()}
        connection.execute(insert(preferences).values(chosen))
    _say(store, D, EventKind.SIGNED_UP)
    _say(store, "f@example.org", EventKind.UNSUBSCRIBED)
    assert _counts(_undo(store, batch)) == {"removed": 1, "kept": 5}
    rows, held, agreed, _columns = _known(store)
    assert {key: row.fields["name"] for key, row in rows.items()} == {
        A: "Ada Lovelace", C: "Cem C.", D: "Dan", "e@example.org": "Eve"
    }  # fmt: skip
    assert held == {("f@example.org", "unsubscribed")}, "who has left by themselves has left"
    assert agreed == {C}, "of a row that stays the proof stays"


@pytest.mark.parametrize("kind", [EventKind.UNSUBSCRIBED, EventKind.COMPLAINED])
@pytest.mark.parametrize("source", [EventSource.PAGE, EventSource.MAIL, EventSource.EDITOR])
def test_who_says_what_the_file_said_of_them_has_said_it(
    store: Store, write_list: Write, kind: EventKind, source: EventSource
) -> None:
    word = "complained" if kind is EventKind.COMPLAINED else "unsubscribed"
    batch = _import(store, write_list(f"email,{LEFT}\n{A},{word},2026-02-01\n{B},{word},2026-02-01\n"))
    _say(store, A, kind, source)
    _say(store, A, kind, source)
    assert _counts(_undo(store, batch)) == {"removed": 2, "suppressions": 1}
    assert _known(store)[1] == {(A, word)}
    with store.reading() as connection:
        assert [(event.kind, event.source) for event in list_events(connection, A)] == [(kind, source)]


def test_a_bounce_that_a_server_reports_is_no_longer_the_import_s(store: Store, write_list: Write) -> None:
    batch = _import(store, write_list(f"email,{LEFT}\n{A},bounced,2026-02-01\n{B},bounced,2026-02-01\n"))
    bounce = Event(subscriber=A, kind=EventKind.HARD, source=EventSource.MAIL, batch="2026-11-30T09:30:00Z")
    record_events(store, KEYS, [bounce])
    assert _counts(_undo(store, batch)) == {"removed": 2, "suppressions": 1}
    assert _known(store)[1] == {(A, "bounced")}
    with store.reading() as connection:
        assert list_batches(connection) == {"2026-11-30T09:30:00Z": {A}}, "and can be undone as the others of its kind"


def test_what_a_later_import_says_too_stays_until_that_is_undone(store: Store, write_list: Write) -> None:
    left = "unsubscribed,2026-02-01"
    text = f"email,name,consent_at,{LEFT}\n{A},Ada,2026-03-01,{left}\n{B},Ben,,complained,\n{D},Dan,,,\n"
    first = _import(store, write_list(text))
    text = f"email,name,city,{LEFT}\n{A},Ada,,{left}\n{B},Ben B.,,,\n{C},Cem,Rome,,\n"
    second = _import(store, write_list(text))
    assert _counts(_undo(store, first)) == {"removed": 1, "kept": 2, "suppressions": 1}
    rows, held, agreed, _ = _known(store)
    assert (set(rows), held, agreed) == ({A, B, C}, {(A, "unsubscribed")}, {A})
    assert _counts(_undo(store, second)) == {"removed": 3, "consents": 1, "suppressions": 1}
    assert _known(store) == ({}, set(), set(), ["email", "name", "tags"])


def test_nobody_is_put_onto_the_list_by_it(store: Store, write_list: Write) -> None:
    _import(store, write_list(f"email,name\n{A},Ada\n"))
    batch = _import(store, write_list(f"email,name\n{A},Ada L.\n"))
    with store.transaction() as connection:
        delete_subscriber(connection, A)
    assert _counts(_undo(store, batch)) == {"kept": 1}
    assert _known(store)[0] == {}


def test_what_the_newest_imports_changed_is_kept(store: Store, write_list: Write) -> None:
    batches = [_import(store, write_list(f"email,col{n}\nr{n}@example.org,x\n")) for n in range(IMPORTS_KEPT + 2)]
    with store.reading() as connection:
        known = {one.batch: one.is_undoable for one in list_imports(connection)}
    assert list(known) == batches[::-1]
    assert [known[batch] for batch in batches] == [False, False, True, True, True]
    for batch in batches[2:]:
        assert _counts(_undo(store, batch)) == {"removed": 1}
    rows, _, _, columns = _known(store)
    assert (len(rows), columns) == (2, ["email", "name", "tags", "col0", "col1"])


def test_an_older_import_is_not_undone_by_half_when_forgetting_it_was_broken_off(
    store: Store, write_list: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _import(store, write_list("email\n" + "".join(f"r{number}@example.org\n" for number in range(3))))
    with monkeypatch.context() as patched:
        patched.setattr("newsletter.subscribers.import_changes._FORGOTTEN_AT_ONCE", 1)
        patched.setattr(SubscriberImport, "_forget_old_imports", lambda _: None)
        for number in range(IMPORTS_KEPT):
            _import(store, write_list(f"email\nlater{number}@example.org\n"))
        with store.transaction() as connection:
            assert list_forgettable(connection) == [first]
            assert forget_changes(connection, first) == 1
    assert not _find(store, first).is_undoable
    _import(store, write_list("email\nlast@example.org\n"))
    assert not _find(store, first).has_changes


class _Stopped(Exception):
    pass


def test_one_that_was_stopped_halfway_is_finished_by_undoing_it_again(store: Store, write_list: Write) -> None:
    batch = _import(store, write_list("email\n" + "".join(f"r{number}@example.org\n" for number in range(700))))
    seen: list[tuple[str, int, int | None]] = []

    def stop(stage: str, done: int, total: int | None) -> None:
        seen.append((stage, done, total))
        raise _Stopped

    with pytest.raises(_Stopped):
        ImportUndo(store, _find(store, batch), stop).apply()
    assert seen == [("Undoing", 500, 700)]
    assert len(_known(store)[0]) == 200
    assert _counts(_undo(store, batch)) == {"removed": 200}


_PEOPLE = st.dictionaries(
    st.sampled_from([f"{name}@example.org" for name in "abcde"]),
    st.tuples(st.sampled_from(["", "Ada", "Ben"]), st.sampled_from(["", "", "unsubscribed"]), st.booleans()),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(_PEOPLE, min_size=1, max_size=3), order=st.randoms())
def test_whatever_is_undone_in_whatever_order_leads_back(tmp_path: Path, files: list[dict], order: object) -> None:
    """Imports undone in any order leave the list as the others alone... and all undone, as it was before."""
    state, path = tmp_path / "any.db", tmp_path / "any.csv"
    for old in tmp_path.glob("any.db*"):
        old.unlink()
    store = open_store(state)
    try:
        path.write_text(f"email,name\n{A},Ann\n{B},Bea\n")
        _import(store, path)
        before = _known(store)
        batches = []
        for people in files:
            lines = [
                f"{key},{name},{'2026-03-01' if agreed else ''},{left},\n"
                for key, (name, left, agreed) in people.items()
            ]
            path.write_text(f"email,name,consent_at,{LEFT}\n" + "".join(lines))
            batches.append(_import(store, path))
        order.shuffle(batches)
        for batch in batches:
            _undo(store, batch)
        assert _known(store) == before
    finally:
        store.close()
