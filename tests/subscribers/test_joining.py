"""Who joins by a confirmed request gets the newsletter, whatever was before, but for what only an editor lifts."""

from dataclasses import replace
from secrets import token_urlsafe

import pytest

from newsletter.store import Store, suppressions
from newsletter.store.erased import add_erased, is_erased
from newsletter.store.events import list_events
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.joining import Joining, gets_newsletter, join_reader, may_be_asked
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.store_source import StoreSource
from newsletter.subscribers.stored_subscribers import (
    StoredSubscriber,
    add_columns,
    find_subscribers,
    list_consents,
    save_subscribers,
)
from newsletter.subscribers.subscriber import SubscriberStatus

KEYS = SecretKeys((token_urlsafe(),), token_urlsafe())
KEY = "ada@example.org"
ADA = StoredSubscriber(address="Ada@example.org", fields={"name": "Ada"}, tags=frozenset({"board"}), language="ja")
CONSENT = Consent(given_at="2026-11-30T09:00:00+00:00", source="sign-up", words="I want it.", evidence={"form": "page"})


def _join(store: Store, reader: StoredSubscriber = ADA, consent: Consent = CONSENT) -> Joining:
    with store.transaction() as connection:
        return join_reader(connection, KEYS, reader, consent, EventSource.PAGE, {"form": "page"})


def _said(store: Store, *kinds: EventKind, source: EventSource = EventSource.PAGE) -> None:
    record_events(store, KEYS, [Event(subscriber=KEY, kind=kind, source=source) for kind in kinds])


def _kinds(store: Store) -> list[str]:
    with store.reading() as connection:
        return [row.kind for row in list_events(connection, KEY)]


def test_a_stranger_is_on_the_list_then_with_what_they_agreed_to(store: Store) -> None:
    assert _join(store) is Joining.JOINED
    with store.reading() as connection:
        assert find_subscribers(connection, [KEY])[KEY].is_same(ADA)
        assert list_consents(connection, KEY) == [CONSENT]
        assert gets_newsletter(connection, KEY)
    (listed,) = StoreSource(store).read_subscribers()
    assert listed.fields == {"email": "Ada@example.org", "name": "Ada", "language": "ja"}
    assert _kinds(store) == ["signed up"]
    again = replace(CONSENT, given_at="2027-01-05T10:00:00.000+00:00")
    assert _join(store, consent=again) is Joining.ALREADY
    assert _kinds(store) == ["signed up"]
    with store.reading() as connection:
        assert list_consents(connection, KEY) == [CONSENT, again]


@pytest.mark.parametrize(
    ("kind", "source", "recorded"),
    [
        (EventKind.UNSUBSCRIBED, EventSource.ONE_CLICK, "returned"),
        (EventKind.HARD, EventSource.MAIL, "returned"),
        (EventKind.UNSUBSCRIBED, EventSource.EDITOR, "allowed"),
        (EventKind.HARD, EventSource.EDITOR, "allowed"),
    ],
)
def test_who_had_left_or_bounced_is_back(store: Store, kind: EventKind, source: EventSource, recorded: str) -> None:
    _join(store)
    _said(store, kind, source=source)
    with store.reading() as connection:
        assert may_be_asked(connection, KEY)
        assert not gets_newsletter(connection, KEY)
    assert _join(store) is Joining.JOINED
    with store.reading() as connection:
        assert gets_newsletter(connection, KEY)
    assert _kinds(store) == ["signed up", kind, recorded]
    # And leaves and comes back by the link of an issue as anybody does.
    _said(store, EventKind.UNSUBSCRIBED, EventKind.RETURNED)
    with store.reading() as connection:
        assert gets_newsletter(connection, KEY)


def test_who_left_everything_is_back_in_this_one(store: Store) -> None:
    everything = Event(subscriber=KEY, kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE, everywhere=True)
    record_events(store, KEYS, [everything])
    assert _join(store) is Joining.JOINED
    with store.reading() as connection:
        assert gets_newsletter(connection, KEY)
    with store.of("other").reading() as connection:
        assert suppressions.list_causes(connection, KEY).keys() == {"unsubscribed"}


@pytest.mark.parametrize("kind", [EventKind.COMPLAINED, EventKind.SUPPRESSED])
def test_a_complaint_and_an_editor_s_word_stay(store: Store, kind: EventKind) -> None:
    _said(store, EventKind.UNSUBSCRIBED)
    _said(store, kind, source=EventSource.EDITOR)
    with store.reading() as connection:
        assert not may_be_asked(connection, KEY)
    assert _join(store) is Joining.HELD
    with store.reading() as connection:
        assert find_subscribers(connection, [KEY]) == {}
        assert list_consents(connection, KEY) == []
        assert len(suppressions.list_causes(connection, KEY)) == 2


def test_who_was_erased_is_known_again(store: Store) -> None:
    with store.transaction() as connection:
        add_erased(connection, KEYS.digest(KEY))
    assert _join(store) is Joining.JOINED
    with store.reading() as connection:
        assert not is_erased(connection, KEYS.digest(KEY))
    assert _kinds(store) == ["signed up"]


def test_what_the_list_knows_stays_under_what_they_say_now(store: Store) -> None:
    known = StoredSubscriber(
        address=KEY, status=SubscriberStatus.LEFT, tags=frozenset({"press"}), language="de", time_zone="Asia/Tokyo",
        fields={"name": "A. Lovelace", "city": "London", "language": "de"},
    )  # fmt: skip
    with store.transaction() as connection:
        add_columns(connection, ["city", "language"])
        save_subscribers(connection, [known])
    nameless = StoredSubscriber(address=ADA.address, fields={"name": ""}, language="ja")
    assert _join(store, nameless) is Joining.JOINED
    (listed,) = StoreSource(store).read_subscribers()
    assert (listed.address, listed.tags, listed.status) == (ADA.address, {"press"}, SubscriberStatus.ACTIVE)
    assert {**listed.fields, "email": ""} == {"email": "", "name": "A. Lovelace", "city": "London", "language": "ja"}
