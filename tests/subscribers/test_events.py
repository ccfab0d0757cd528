"""What readers and servers say is kept as events, and who must not be mailed follows from them; on both databases."""

import threading
from dataclasses import replace
from secrets import token_urlsafe

import pytest

from newsletter.errors import ConfigError
from newsletter.store import Store, events, suppressions
from newsletter.subscribers.events import Cause, Event, Kind, SoftRule, Source, erased_readers, record
from newsletter.subscribers.keys import Keys

KEYS = Keys((token_urlsafe(),), token_urlsafe())
ADA = "ada@example.org"
SOFT = SoftRule(bounces=3, days=30)


def _event(kind: Kind, issue: str | None = "2.10", words: str = "", said_at: str = "") -> Event:
    return Event(reader=ADA, kind=kind, source=Source.MAIL, issue=issue, evidence={"words": words}, said_at=said_at)


def _causes(store: Store, reader: str = ADA) -> set[str]:
    with store.reading() as connection:
        return set(suppressions.causes(connection, reader))


def _kinds(store: Store) -> list[str]:
    with store.reading() as connection:
        return [row.kind for row in events.of_reader(connection, ADA)]


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (Kind.UNSUBSCRIBED, Cause.UNSUBSCRIBED),
        (Kind.HARD, Cause.BOUNCED),
        (Kind.COMPLAINED, Cause.COMPLAINED),
        (Kind.SUPPRESSED, Cause.SUPPRESSED),
    ],
)
def test_it_takes_effect_at_once_and_its_evidence_is_kept(store: Store, kind: Kind, cause: Cause) -> None:
    assert record(store, KEYS, [_event(kind, words="550 no such user", said_at="2026-11-01T12:00:00+00:00")]) == [True]
    assert _causes(store) == {cause}
    with store.reading() as connection:
        (row,) = events.of_reader(connection, ADA)
    assert (row.kind, row.source, row.issue, row.said_at) == (kind, "mail", "2.10", "2026-11-01T12:00:00+00:00")
    assert row.evidence == {"words": "550 no such user"}


def test_what_is_known_already_adds_nothing(store: Store) -> None:
    assert record(store, KEYS, [_event(Kind.UNSUBSCRIBED)] * 3) == [True, False, False]
    assert record(store, KEYS, [_event(Kind.UNSUBSCRIBED, issue="2.11")]) == [False]
    assert record(store, KEYS, [_event(Kind.HARD), _event(Kind.HARD), _event(Kind.HARD, issue="2.11")]) == [
        True,
        False,
        True,
    ]
    assert _kinds(store) == [Kind.UNSUBSCRIBED, Kind.HARD, Kind.HARD]


def test_coming_back_lifts_what_a_reader_can_and_nothing_else(store: Store) -> None:
    record(store, KEYS, [_event(kind) for kind in (Kind.UNSUBSCRIBED, Kind.HARD, Kind.COMPLAINED, Kind.RETURNED)])
    assert _causes(store) == {Cause.COMPLAINED}
    assert record(store, KEYS, [_event(Kind.RETURNED)]) == [False]
    assert _kinds(store) == [Kind.UNSUBSCRIBED, Kind.HARD, Kind.COMPLAINED, Kind.RETURNED]
    # And leaving again is news again.
    assert record(store, KEYS, [_event(Kind.UNSUBSCRIBED)]) == [True]
    assert _causes(store) == {Cause.COMPLAINED, Cause.UNSUBSCRIBED}


@pytest.mark.parametrize(("kind", "cause"), [(Kind.UNSUBSCRIBED, Cause.UNSUBSCRIBED), (Kind.HARD, Cause.BOUNCED)])
@pytest.mark.parametrize("readers_own", ["before", "after", "never"])
def test_coming_back_does_not_lift_what_an_editor_has_entered(
    store: Store, kind: Kind, cause: Cause, readers_own: str
) -> None:
    own, editors = _event(kind), replace(_event(kind, issue=None), source=Source.EDITOR)
    said = {"before": [own, editors], "after": [editors, own], "never": [editors]}[readers_own]
    for event in (*said, _event(Kind.RETURNED)):
        record(store, KEYS, [event])
    assert _causes(store) == {cause}
    assert record(store, KEYS, [editors]) == [False]
    record(store, KEYS, [replace(editors, kind=Kind.ALLOWED)])
    assert _causes(store) == set()
    # What the reader says after that is their own again.
    for event in (own, _event(Kind.RETURNED)):
        record(store, KEYS, [replace(event, source=Source.PAGE)])
    assert _causes(store) == set()


def test_soft_bounces_from_before_a_reader_came_back_do_not_count(store: Store) -> None:
    for issue in ("2.8", "2.9", "2.10"):
        record(store, KEYS, [_event(Kind.SOFT, issue=issue)], SOFT)
    record(store, KEYS, [_event(Kind.RETURNED)])
    record(store, KEYS, [_event(Kind.SOFT, issue="2.11")], SOFT)
    assert _causes(store) == set()


def test_an_editor_can_lift_everything(store: Store) -> None:
    record(store, KEYS, [_event(Kind.UNSUBSCRIBED), _event(Kind.HARD), _event(Kind.ALLOWED)])
    assert _causes(store) == set()


def test_a_reason_is_of_one_who_left_and_the_last_one_counts(store: Store) -> None:
    assert record(store, KEYS, [_event(Kind.REASON, words="early")]) == [False]
    record(store, KEYS, [_event(Kind.UNSUBSCRIBED)])
    assert record(store, KEYS, [_event(Kind.REASON, words="too many"), _event(Kind.REASON, words="x" * 5000)]) == [
        True,
        True,
    ]
    with store.reading() as connection:
        _, reason = events.of_reader(connection, ADA)
    assert reason.evidence == {"words": "x" * 1000}


def test_soft_bounces_suppress_when_there_are_too_many(store: Store) -> None:
    for issue in ("2.8", "2.9", "2.9"):
        record(store, KEYS, [_event(Kind.SOFT, issue=issue)], SOFT)
    assert _causes(store) == set()  # an issue counts once
    record(store, KEYS, [_event(Kind.SOFT, issue="2.10")], SOFT)
    assert _causes(store) == {Cause.BOUNCED}


def test_soft_bounces_of_long_ago_do_not_count(store: Store) -> None:
    for issue in ("2.1", "2.2", "2.3"):
        record(store, KEYS, [_event(Kind.SOFT, issue=issue, said_at="2026-01-01T00:00:00+00:00")], SOFT)
    record(store, KEYS, [_event(Kind.SOFT)], SOFT)
    assert _causes(store) == set()


def test_a_moment_that_is_still_to_come_is_now(store: Store) -> None:
    record(store, KEYS, [_event(Kind.SOFT, said_at="2999-01-01T00:00:00+00:00")])
    with store.reading() as connection:
        (row,) = events.of_reader(connection, ADA)
    assert row.said_at <= row.at


def test_nothing_is_kept_of_the_erased_until_they_sign_up_again(store: Store) -> None:
    with store.transaction() as connection:
        events.forget(connection, KEYS.digest(ADA))
    is_erased = erased_readers(store, KEYS)
    assert is_erased(ADA)
    assert not is_erased("ben@example.org")
    assert record(store, KEYS, [_event(Kind.UNSUBSCRIBED), _event(Kind.HARD)]) == [False, False]
    assert (_kinds(store), _causes(store)) == ([], set())
    assert record(store, KEYS, [_event(Kind.SIGNED_UP)]) == [True]
    assert not erased_readers(store, KEYS)(ADA)


def test_without_the_keys_the_erased_can_not_be_known_and_nobody_is_mailed(store: Store) -> None:
    assert not erased_readers(store, None)(ADA)  # nobody was erased
    with store.transaction() as connection:
        events.forget(connection, KEYS.digest(ADA))
    with pytest.raises(ConfigError, match="1 person asked to be erased") as caught:
        erased_readers(store, None)
    assert "keys.toml" in caught.value.next_step


def test_a_mail_is_marked_as_handled_together_with_what_it_said(store: Store) -> None:
    record(store, KEYS, [_event(Kind.HARD)], handled=["one", "two"])
    record(store, KEYS, [], handled=["one"])
    with store.reading() as connection:
        assert [events.was_handled(connection, key) for key in ("one", "two", "three")] == [True, True, False]


def test_what_is_recorded_without_the_keys_waits_for_no_erasure(store: Store) -> None:
    assert record(store, None, [_event(Kind.HARD)]) == [True]


def test_other_keys_than_those_that_know_the_erased_are_refused(store: Store) -> None:
    with store.transaction() as connection:
        events.forget(connection, KEYS.digest(ADA))
        events.note_key(connection, KEYS.mark)
    assert erased_readers(store, KEYS)(ADA)
    with pytest.raises(ConfigError, match="are not the ones that are here now"):
        erased_readers(store, Keys((token_urlsafe(),), token_urlsafe()))
    # A new key for links changes nothing about it.
    assert erased_readers(store, Keys((token_urlsafe(), *KEYS.tokens), KEYS.forgotten))(ADA)


def test_on_postgresql_nothing_is_written_of_a_reader_while_they_are_erased(store: Store) -> None:
    """What began before the erasure waits, and then finds that there is nobody to write of."""
    written: list[list[bool]] = []
    with store.transaction() as connection:
        events.hold_off_writing(connection)
        beside = threading.Thread(target=lambda: written.append(record(store, KEYS, [_event(Kind.UNSUBSCRIBED)])))
        beside.start()
        beside.join(timeout=0.5)
        assert written == []
        events.forget(connection, KEYS.digest(ADA))
    beside.join(timeout=30)
    assert written == [[False]]
    assert (_kinds(store), _causes(store)) == ([], set())


@pytest.mark.parametrize("words", ["a\0b", "caf\udce9", "'; DROP TABLE events; --", "\x1b[2J", "x" * 5000, "日本"])
def test_whatever_words_come_are_kept_as_words(store: Store, words: str) -> None:
    assert record(store, KEYS, [_event(Kind.SUPPRESSED, words=words)]) == [True]
    with store.reading() as connection:
        (row,) = events.of_reader(connection, ADA)
    assert row.evidence["words"][:1] == words[:1]
    assert len(row.evidence["words"]) <= 1000


def test_the_moment_of_a_person_s_decision_is_kept(store: Store) -> None:
    with store.transaction() as connection:
        assert events.agreed_at(connection) == ""
        events.agree(connection)
        first = events.agreed_at(connection)
        events.agree(connection)
        assert events.agreed_at(connection) >= first > "2026"
