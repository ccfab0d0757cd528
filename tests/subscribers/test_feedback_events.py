"""What readers and servers say is kept as events, and who must not be mailed follows from them; on both databases."""

import threading
from dataclasses import replace
from secrets import token_urlsafe

import pytest
from sqlalchemy import select

from newsletter.clock import parse_instant
from newsletter.errors import ConfigError
from newsletter.store import Store, suppressions
from newsletter.store.erased import add_erased, hold_off_writing
from newsletter.store.events import list_events
from newsletter.store.handled_mails import was_handled
from newsletter.store.publication_facts import agree_to_bounces, note_erasing_key, read_bounces_agreed_at
from newsletter.store.schema import events as events_table
from newsletter.store.schema import suppressions as suppressions_table
from newsletter.subscribers.erased_subscribers import read_erased
from newsletter.subscribers.event_recording import SoftRule, record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource, SuppressionKind
from newsletter.subscribers.reasons import Reason
from newsletter.subscribers.secret_keys import SecretKeys

KEYS = SecretKeys((token_urlsafe(),), token_urlsafe())
ADA = "ada@example.org"
SOFT = SoftRule(bounces=3, days=30)


def _event(kind: EventKind, issue: str | None = "2.10", words: str = "", said_at: str | None = None) -> Event:
    return Event(
        subscriber=ADA,
        kind=kind,
        source=EventSource.MAIL,
        issue=issue,
        evidence={"words": words},
        said_at=parse_instant(said_at) if said_at else None,
    )


def _causes(store: Store, reader: str = ADA) -> set[str]:
    with store.reading() as connection:
        return set(suppressions.list_causes(connection, reader))


def _kinds(store: Store) -> list[str]:
    with store.reading() as connection:
        return [row.kind for row in list_events(connection, ADA)]


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (EventKind.UNSUBSCRIBED, SuppressionKind.UNSUBSCRIBED),
        (EventKind.HARD, SuppressionKind.BOUNCED),
        (EventKind.COMPLAINED, SuppressionKind.COMPLAINED),
        (EventKind.SUPPRESSED, SuppressionKind.SUPPRESSED),
    ],
)
def test_it_takes_effect_at_once_and_its_evidence_is_kept(
    store: Store, kind: EventKind, cause: SuppressionKind
) -> None:
    assert record_events(
        store, KEYS, [_event(kind, words="550 no such user", said_at="2026-11-01T12:00:00+00:00")]
    ) == [True]
    assert _causes(store) == {cause}
    with store.reading() as connection:
        (row,) = list_events(connection, ADA)
    assert (row.kind, row.source, row.issue, row.said_at) == (kind, "mail", "2.10", "2026-11-01T12:00:00+00:00")
    assert row.evidence == {"words": "550 no such user"}


def test_what_is_known_already_adds_nothing(store: Store) -> None:
    assert record_events(store, KEYS, [_event(EventKind.UNSUBSCRIBED)] * 3) == [True, False, False]
    assert record_events(store, KEYS, [_event(EventKind.UNSUBSCRIBED, issue="2.11")]) == [False]
    assert record_events(
        store, KEYS, [_event(EventKind.HARD), _event(EventKind.HARD), _event(EventKind.HARD, issue="2.11")]
    ) == [
        True,
        False,
        True,
    ]
    assert _kinds(store) == [EventKind.UNSUBSCRIBED, EventKind.HARD, EventKind.HARD]


def test_coming_back_lifts_what_a_reader_can_and_nothing_else(store: Store) -> None:
    record_events(
        store,
        KEYS,
        [_event(kind) for kind in (EventKind.UNSUBSCRIBED, EventKind.HARD, EventKind.COMPLAINED, EventKind.RETURNED)],
    )
    assert _causes(store) == {SuppressionKind.COMPLAINED}
    assert record_events(store, KEYS, [_event(EventKind.RETURNED)]) == [False]
    assert _kinds(store) == [EventKind.UNSUBSCRIBED, EventKind.HARD, EventKind.COMPLAINED, EventKind.RETURNED]
    # And leaving again is news again.
    assert record_events(store, KEYS, [_event(EventKind.UNSUBSCRIBED)]) == [True]
    assert _causes(store) == {SuppressionKind.COMPLAINED, SuppressionKind.UNSUBSCRIBED}


@pytest.mark.parametrize(
    ("kind", "cause"),
    [(EventKind.UNSUBSCRIBED, SuppressionKind.UNSUBSCRIBED), (EventKind.HARD, SuppressionKind.BOUNCED)],
)
@pytest.mark.parametrize("readers_own", ["before", "after", "never"])
def test_coming_back_does_not_lift_what_an_editor_has_entered(
    store: Store, kind: EventKind, cause: SuppressionKind, readers_own: str
) -> None:
    own, editors = _event(kind), replace(_event(kind, issue=None), source=EventSource.EDITOR)
    said = {"before": [own, editors], "after": [editors, own], "never": [editors]}[readers_own]
    for event in (*said, _event(EventKind.RETURNED)):
        record_events(store, KEYS, [event])
    assert _causes(store) == {cause}
    assert record_events(store, KEYS, [editors]) == [False]
    record_events(store, KEYS, [replace(editors, kind=EventKind.ALLOWED)])
    assert _causes(store) == set()
    # What the reader says after that is their own again.
    for event in (own, _event(EventKind.RETURNED)):
        record_events(store, KEYS, [replace(event, source=EventSource.PAGE)])
    assert _causes(store) == set()


def test_soft_bounces_from_before_a_reader_came_back_do_not_count(store: Store) -> None:
    for issue in ("2.8", "2.9", "2.10"):
        record_events(store, KEYS, [_event(EventKind.SOFT, issue=issue)], SOFT)
    record_events(store, KEYS, [_event(EventKind.RETURNED)])
    record_events(store, KEYS, [_event(EventKind.SOFT, issue="2.11")], SOFT)
    assert _causes(store) == set()


def test_an_editor_can_lift_everything(store: Store) -> None:
    record_events(store, KEYS, [_event(EventKind.UNSUBSCRIBED), _event(EventKind.HARD), _event(EventKind.ALLOWED)])
    assert _causes(store) == set()


def test_a_reason_is_of_one_who_left_and_the_last_one_counts(store: Store) -> None:
    assert record_events(store, KEYS, [_event(EventKind.REASON, words="early")]) == [False]
    record_events(store, KEYS, [_event(EventKind.UNSUBSCRIBED)])
    assert record_events(
        store, KEYS, [_event(EventKind.REASON, words="too many"), _event(EventKind.REASON, words="x" * 5000)]
    ) == [
        True,
        True,
    ]
    with store.reading() as connection:
        _, reason = list_events(connection, ADA)
    assert reason.evidence == {"words": "x" * 1000}


def test_soft_bounces_suppress_when_there_are_too_many(store: Store) -> None:
    for issue in ("2.8", "2.9", "2.9"):
        record_events(store, KEYS, [_event(EventKind.SOFT, issue=issue)], SOFT)
    assert _causes(store) == set()  # an issue counts once
    record_events(store, KEYS, [_event(EventKind.SOFT, issue="2.10")], SOFT)
    assert _causes(store) == {SuppressionKind.BOUNCED}


def test_soft_bounces_of_long_ago_do_not_count(store: Store) -> None:
    for issue in ("2.1", "2.2", "2.3"):
        record_events(store, KEYS, [_event(EventKind.SOFT, issue=issue, said_at="2026-01-01T00:00:00+00:00")], SOFT)
    record_events(store, KEYS, [_event(EventKind.SOFT)], SOFT)
    assert _causes(store) == set()


def test_a_moment_that_is_still_to_come_is_now(store: Store) -> None:
    record_events(store, KEYS, [_event(EventKind.SOFT, said_at="2999-01-01T00:00:00+00:00")])
    with store.reading() as connection:
        (row,) = list_events(connection, ADA)
    assert row.said_at <= row.at


def test_nothing_is_kept_of_the_erased_until_they_sign_up_again(store: Store) -> None:
    with store.transaction() as connection:
        add_erased(connection, KEYS.digest(ADA))
    is_erased = read_erased(store, KEYS)
    assert is_erased(ADA)
    assert not is_erased("ben@example.org")
    assert record_events(store, KEYS, [_event(EventKind.UNSUBSCRIBED), _event(EventKind.HARD)]) == [False, False]
    assert (_kinds(store), _causes(store)) == ([], set())
    assert record_events(store, KEYS, [_event(EventKind.SIGNED_UP)]) == [True]
    assert not read_erased(store, KEYS)(ADA)


def test_without_the_keys_the_erased_can_not_be_known_and_nobody_is_mailed(store: Store) -> None:
    assert not read_erased(store, None)(ADA)  # nobody was erased
    with store.transaction() as connection:
        add_erased(connection, KEYS.digest(ADA))
    with pytest.raises(ConfigError, match="1 person asked to be erased") as caught:
        read_erased(store, None)
    assert "keys.toml" in caught.value.next_step


def test_a_mail_is_marked_as_handled_together_with_what_it_said(store: Store) -> None:
    record_events(store, KEYS, [_event(EventKind.HARD)], handled=["one", "two"])
    record_events(store, KEYS, [], handled=["one"])
    with store.reading() as connection:
        assert [was_handled(connection, key) for key in ("one", "two", "three")] == [True, True, False]


def test_what_is_recorded_without_the_keys_waits_for_no_erasure(store: Store) -> None:
    assert record_events(store, None, [_event(EventKind.HARD)]) == [True]


def test_other_keys_than_those_that_know_the_erased_are_refused(store: Store) -> None:
    with store.transaction() as connection:
        add_erased(connection, KEYS.digest(ADA))
        note_erasing_key(connection, KEYS.fingerprint)
    assert read_erased(store, KEYS)(ADA)
    with pytest.raises(ConfigError, match="are not the ones that are here now"):
        read_erased(store, SecretKeys((token_urlsafe(),), token_urlsafe()))
    # A new key for links changes nothing about it.
    assert read_erased(store, SecretKeys((token_urlsafe(), *KEYS.tokens), KEYS.forgotten))(ADA)


def test_on_postgresql_nothing_is_written_of_a_reader_while_they_are_erased(store: Store) -> None:
    """What began before the erasure waits, and then finds that there is nobody to write of."""
    written: list[list[bool]] = []
    with store.transaction() as connection:
        hold_off_writing(connection)
        beside = threading.Thread(
            target=lambda: written.append(record_events(store, KEYS, [_event(EventKind.UNSUBSCRIBED)]))
        )
        beside.start()
        beside.join(timeout=0.5)
        assert written == []
        add_erased(connection, KEYS.digest(ADA))
    beside.join(timeout=30)
    assert written == [[False]]
    assert (_kinds(store), _causes(store)) == ([], set())


@pytest.mark.parametrize("words", ["a\0b", "caf\udce9", "'; DROP TABLE events; --", "\x1b[2J", "x" * 5000, "日本"])
def test_whatever_words_come_are_kept_as_words(store: Store, words: str) -> None:
    assert record_events(store, KEYS, [_event(EventKind.SUPPRESSED, words=words)]) == [True]
    with store.reading() as connection:
        (row,) = list_events(connection, ADA)
    assert row.evidence["words"][:1] == words[:1]
    assert len(row.evidence["words"]) <= 1000


def test_the_moment_of_a_person_s_decision_is_kept(store: Store) -> None:
    with store.transaction() as connection:
        assert read_bounces_agreed_at(connection) == ""
        agree_to_bounces(connection)
        first = read_bounces_agreed_at(connection)
        agree_to_bounces(connection)
        assert read_bounces_agreed_at(connection) >= first > "2026"


@pytest.mark.parametrize(
    ("event", "stored"),
    [
        (Event(subscriber=ADA, kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE), ("unsubscribed", "", "page", "")),
        (
            Event(subscriber=ADA, kind=EventKind.UNSUBSCRIBED, source=EventSource.ONE_CLICK),
            ("unsubscribed", "", "one-click", ""),
        ),
        (Event(subscriber=ADA, kind=EventKind.COMPLAINED, source=EventSource.MAIL), ("complaint", "", "mail", "")),
        (Event(subscriber=ADA, kind=EventKind.SUPPRESSED, source=EventSource.EDITOR), ("manual", "", "editor", "")),
        (Event(subscriber=ADA, kind=EventKind.HARD, source=EventSource.EDITOR), ("manual", "", "editor", "")),
        (
            Event(
                subscriber=ADA,
                kind=EventKind.HARD,
                source=EventSource.MAIL,
                reason=Reason.INACTIVE_MAILBOX,
                stage="rcpt",
                batch="2026-11-30T09:30:00Z",
            ),
            ("inactive_mailbox", "rcpt", "mail", "2026-11-30T09:30:00Z"),
        ),
    ],
)
def test_a_suppression_has_the_reason_stage_source_and_batch_of_its_event(
    store: Store, event: Event, stored: tuple[str, ...]
) -> None:
    record_events(store, None, [event])
    columns = ("reason", "stage", "source", "batch")
    with store.reading() as connection:
        for table in (events_table, suppressions_table):
            rows = connection.execute(select(*(table.c[name] for name in columns))).all()
            assert [tuple(row) for row in rows] == [stored]


def test_many_who_leave_at_once_are_each_noted_with_where_they_did(store: Store) -> None:
    kinds = {"a@example.org": EventSource.PAGE, "b@example.org": EventSource.ONE_CLICK}
    left = [Event(subscriber=key, kind=EventKind.UNSUBSCRIBED, source=source) for key, source in kinds.items()]
    assert record_events(store, None, [*left, left[0]]) == [True, True, False]
    with store.reading() as connection:
        rows = connection.execute(select(suppressions_table.c.subscriber, suppressions_table.c.source)).all()
    assert {row.subscriber: row.source for row in rows} == kinds
