"""An address changes once the owners of both have said so, and nobody who left is mailed again by it."""

from time import time

import pytest
from conftest import Publication, Run
from smtp_server import Server

from newsletter.actions import erase
from newsletter.actions.change_address import MOST_A_DAY, request_address_change
from newsletter.actions.confirm_request import Confirmation, confirm_request, find_confirmation
from newsletter.actions.erase import erase_subscriber
from newsletter.address import EmailAddress, SubscriberKey
from newsletter.feedback.mail.subscriber_lookup import SubscriberLookup
from newsletter.ledger.erasure import list_known_subscribers
from newsletter.publication import OpenPublication
from newsletter.store import Store, suppressions
from newsletter.store.erased import add_erased, is_erased
from newsletter.store.events import list_events
from newsletter.store.schema import transactional_mails
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.joining import join_reader
from newsletter.subscribers.moved_addresses import find_present_address, follow_moves, list_addresses_of_person
from newsletter.subscribers.preferences import Preferences, read_preferences, save_preferences
from newsletter.subscribers.purpose_tokens import PurposeToken
from newsletter.subscribers.reader_requests import list_requests_of
from newsletter.subscribers.secret_keys import create_secret_keys
from newsletter.subscribers.stored_subscribers import (
    StoredSubscriber,
    add_consents,
    find_subscribers,
    list_consents,
    save_subscribers,
)

A, B, C = (SubscriberKey(f"{name}@example.org") for name in ("old", "new", "third"))


@pytest.fixture
def opened_publication(publication: Publication, opened: Store) -> OpenPublication:
    create_secret_keys(publication.root)
    publication.environ["NEWSLETTER_LIST__SOURCE"] = "store"
    with opened.transaction() as connection:
        save_subscribers(
            connection, [StoredSubscriber(address=EmailAddress("Old@example.org"), fields={"name": "Ada"})]
        )
        add_consents(connection, {A: Consent(given_at="2026-01-01T00:00:00.000+00:00", source="import")})
        save_preferences(connection, A, Preferences(tags={"energy": True}))
    return OpenPublication(publication.workspace, store=opened)


def _mails(store: Store) -> list[tuple[str, str]]:
    with store.reading() as connection:
        rows = connection.execute(transactional_mails.select().order_by(transactional_mails.c.id))
        return [(row.kind, row.address) for row in rows]


def _press(publication: OpenPublication, key: SubscriberKey, number: int, *, by_old: bool) -> Confirmation | None:
    token = PurposeToken(key, str(number), int(time()) + 60)
    before = find_confirmation(publication.store, token, by_old=by_old)
    assert before == find_confirmation(publication.store, token, by_old=by_old)  # looking changes nothing
    return confirm_request(publication, token, by_old=by_old)


def _move(publication: OpenPublication, old: SubscriberKey, new: SubscriberKey) -> None:
    assert request_address_change(publication, old, EmailAddress(new), "")
    with publication.store.reading() as connection:
        number = list_requests_of(connection, old)[-1].id
    assert _press(publication, old, number, by_old=True)
    done = _press(publication, new, number, by_old=False)
    assert done
    assert done.is_done


def _causes(store: Store, key: SubscriberKey) -> set[str]:
    with store.reading() as connection:
        return {*suppressions.list_causes(connection, key)}


def _say(store: Store, key: SubscriberKey, kind: EventKind, source: EventSource = EventSource.PAGE) -> bool:
    return record_events(store, None, [Event(subscriber=key, kind=kind, source=source)])[0]


@pytest.mark.parametrize("old_first", [True, False])
def test_both_addresses_have_to_say_so(opened_publication: OpenPublication, opened: Store, old_first: bool) -> None:
    publication = opened_publication
    assert request_address_change(publication, A, EmailAddress("New@example.org"), "")
    assert _mails(opened) == [("confirm-old-address", "Old@example.org"), ("confirm-new-address", "New@example.org")]
    assert _press(publication, A, 1, by_old=False) is None  # a link of one address is none of the other
    assert _press(publication, B, 1, by_old=True) is None
    first, second = ((A, True), (B, False)) if old_first else ((B, False), (A, True))
    for _ in range(2):
        waiting = _press(publication, first[0], 1, by_old=first[1])
        assert waiting
        assert (waiting.is_waiting, waiting.is_done) == (True, False)
    with opened.reading() as connection:
        assert [*find_subscribers(connection, [A, B])] == [A]
    for _ in range(2):
        done = _press(publication, second[0], 1, by_old=second[1])
        assert done
        assert done.is_done
    with opened.reading() as connection:
        (row,) = find_subscribers(connection, [A, B]).values()
        assert (row.address, row.fields) == ("New@example.org", {"name": "Ada"})
        assert [len(list_consents(connection, key)) for key in (A, B)] == [0, 1]
        assert read_preferences(connection, B).tags == {"energy": True}
        assert read_preferences(connection, A).is_empty
        assert [[event.kind for event in list_events(connection, key)] for key in (A, B)] == [["address changed"]] * 2
    assert (_causes(opened, A), _causes(opened, B)) == ({"moved"}, set())
    assert _mails(opened)[2:] == [("address-changed", "Old@example.org"), ("address-changed", "New@example.org")]


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (EventKind.UNSUBSCRIBED, "unsubscribed"), (EventKind.COMPLAINED, "complained"),
        (EventKind.SUPPRESSED, "suppressed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("moves", [1, 2])
def test_who_leaves_by_an_old_link_leaves_with_the_address_they_have(
    opened_publication: OpenPublication, opened: Store, kind: EventKind, cause: str, moves: int
) -> None:
    for old, new in [(A, B), (B, C)][:moves]:
        _move(opened_publication, old, new)
    present = (B, C)[moves - 1]
    with opened.reading() as connection:
        assert find_present_address(connection, A) == present
        assert {*list_addresses_of_person(connection, B)} == {A, B, C} - ({C} if moves == 1 else set())
    assert _say(opened, A, kind)
    assert not _say(opened, A, kind)
    assert cause in _causes(opened, present)
    assert cause in _causes(opened, A)


def test_a_mail_from_the_old_address_is_known_as_theirs(opened_publication: OpenPublication, opened: Store) -> None:
    """Also of one who was never sent anything there, and is on the list no more."""
    _move(opened_publication, A, B)
    lookup = SubscriberLookup(opened, opened_publication.subscriber_source())
    assert lookup.find("OLD@example.org") == A
    assert lookup.find(B) == B
    assert lookup.find(C) is None


def test_a_wish_by_an_old_link_is_about_the_present_address(opened_publication: OpenPublication, opened: Store) -> None:
    _move(opened_publication, A, B)
    _say(opened, A, EventKind.UNSUBSCRIBED, EventSource.ONE_CLICK)
    assert _say(opened, A, EventKind.RETURNED)
    assert (_causes(opened, A), _causes(opened, B)) == ({"moved", "unsubscribed"}, set())
    _say(opened, A, EventKind.HARD, EventSource.MAIL)  # a mailbox that is given up is often closed
    assert _causes(opened, B) == set()


@pytest.mark.parametrize("kind", [EventKind.UNSUBSCRIBED, EventKind.SUPPRESSED])
def test_who_has_left_stays_so_at_another_address(
    opened_publication: OpenPublication, opened: Store, kind: EventKind
) -> None:
    assert request_address_change(opened_publication, A, EmailAddress(B), "")
    _say(opened, A, kind)
    _press(opened_publication, A, 1, by_old=True)
    _press(opened_publication, B, 1, by_old=False)
    assert _causes(opened, B) == {kind.value}


def test_who_moves_to_an_address_that_was_erased_is_known_there_again(
    opened_publication: OpenPublication, opened: Store
) -> None:
    assert opened_publication.keys
    digest = opened_publication.keys.digest(B)
    with opened.transaction() as connection:
        add_erased(connection, digest)
    _move(opened_publication, A, B)
    with opened.reading() as connection:
        assert not is_erased(connection, digest)


def test_a_pause_goes_along_and_ends_at_the_other_address(opened_publication: OpenPublication, opened: Store) -> None:
    until = "2027-01-30T09:00:00.000+00:00"
    pause = Event(subscriber=A, kind=EventKind.PAUSED, source=EventSource.PAGE, evidence={"until": until})
    record_events(opened, None, [pause])
    _move(opened_publication, A, B)
    with opened.reading() as connection:
        (row,) = suppressions.find_suppressions(connection, [B])
    assert (row.cause, row.until) == ("paused", until)


def test_an_address_that_is_taken_back_is_ones_own_again(opened_publication: OpenPublication, opened: Store) -> None:
    _move(opened_publication, A, B)
    _move(opened_publication, B, A)
    assert (_causes(opened, A), _causes(opened, B)) == (set(), {"moved"})
    with opened.reading() as connection:
        assert follow_moves(connection, [A, B]) == {B: [A]}
    _say(opened, B, EventKind.UNSUBSCRIBED)
    assert _causes(opened, A) == {"unsubscribed"}


def test_nobody_is_asked_who_may_not_be_nor_without_end(opened_publication: OpenPublication, opened: Store) -> None:
    assert not request_address_change(opened_publication, A, EmailAddress("OLD@example.org"), "")
    assert not request_address_change(opened_publication, SubscriberKey("no@example.org"), EmailAddress(B), "")
    _say(opened, C, EventKind.COMPLAINED)
    assert not request_address_change(opened_publication, A, EmailAddress(C), "")
    for _ in range(MOST_A_DAY):
        assert request_address_change(opened_publication, A, EmailAddress(B), "")
    assert not request_address_change(opened_publication, A, EmailAddress("other@example.org"), "")
    assert len(_mails(opened)) == 2 * MOST_A_DAY


def test_one_mailbox_is_asked_as_often_by_whichever_label_and_reader(
    opened_publication: OpenPublication, opened: Store
) -> None:
    readers = [SubscriberKey(f"reader-{number}@example.net") for number in range(2)]
    with opened.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=EmailAddress(key)) for key in readers])
    asked = [
        request_address_change(opened_publication, key, EmailAddress(f"victim+{key[:8]}{number}@example.org"), "")
        for number in range(MOST_A_DAY)
        for key in readers
    ]
    assert sum(asked) == MOST_A_DAY
    assert request_address_change(opened_publication, A, EmailAddress(B), "")  # another mailbox


def test_who_has_a_given_up_address_after_its_owner_is_somebody_else(
    opened_publication: OpenPublication, opened: Store
) -> None:
    """Mailboxes are given to others; neither sees the other's data, nor is erased with them."""
    _move(opened_publication, A, B)
    other = StoredSubscriber(address=EmailAddress(A), fields={"name": "Eve"})
    with opened.transaction() as connection:
        consent = Consent(given_at="2026-11-01T00:00:00.000+00:00", source="sign-up")
        join_reader(connection, opened_publication.keys, other, consent, EventSource.PAGE, {})
    _move(opened_publication, A, C)
    with opened.reading() as connection:
        assert list_addresses_of_person(connection, B) == [B]
        assert {*list_addresses_of_person(connection, C)} == {A, C}
        assert find_present_address(connection, A) == C
    erase_subscriber(opened_publication, B)
    with opened.reading() as connection:
        assert [*find_subscribers(connection, [A, B, C])] == [C]


def test_who_has_a_given_up_address_after_its_owner_leaves_alone(
    opened_publication: OpenPublication, opened: Store
) -> None:
    _move(opened_publication, A, B)
    with opened.transaction() as connection:
        consent = Consent(given_at="2026-11-01T00:00:00.000+00:00", source="sign-up")
        reader = StoredSubscriber(address=EmailAddress(A))
        join_reader(connection, opened_publication.keys, reader, consent, EventSource.PAGE, {})
    for _ in range(2):
        _say(opened, A, EventKind.UNSUBSCRIBED, EventSource.ONE_CLICK)
        assert (_causes(opened, A), _causes(opened, B)) == ({"unsubscribed"}, set())


def test_who_is_erased_is_erased_with_each_address(
    opened_publication: OpenPublication, opened: Store, publication: Publication
) -> None:
    _move(opened_publication, A, B)
    _move(opened_publication, B, C)
    erase_subscriber(opened_publication, B)
    opened.close()
    files = publication.workspace.database.parent.glob("state.db*")
    kept = b"".join(path.read_bytes().lower() for path in files)
    for key in (A, B, C):
        assert key.encode() not in kept


def test_who_takes_another_address_while_they_are_erased_is_erased_there_too(
    opened_publication: OpenPublication, opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Erasing waits for what is under way, and the button may be pressed meanwhile."""
    assert request_address_change(opened_publication, A, EmailAddress(B), "")
    _press(opened_publication, A, 1, by_old=True)
    look_up = erase._list_addresses

    def press_once_looked_up(store: Store, key: SubscriberKey) -> list[SubscriberKey]:
        found = look_up(store, key)
        _press(opened_publication, B, 1, by_old=False)
        return found

    monkeypatch.setattr(erase, "_list_addresses", press_once_looked_up)
    erase_subscriber(opened_publication, A)
    with opened.reading() as connection:
        assert find_subscribers(connection, [A, B]) == {}
        assert {A, B}.isdisjoint(list_known_subscribers(connection))


@pytest.mark.slow
def test_nobody_gets_two_copies_by_moving_and_nobody_none(
    run: Run, server: Server, digest: Publication, opened: Store
) -> None:
    digest.environ["NEWSLETTER_LIST__SOURCE"] = "store"
    create_secret_keys(digest.root)
    with opened.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=EmailAddress(key)) for key in (A, C)])
    server.answer[C] = "450 4.2.1 later"
    run("send", "2.10", "--yes", "--despite-problems", env={"NEWSLETTER_LIST__SOURCE": "store"})
    assert dict(server.copies()) == {A: 1}
    with OpenPublication(digest.workspace, store=opened) as publication:
        _move(publication, A, B)
        _move(publication, C, SubscriberKey("fourth@example.org"))
    sent = run("send", "2.10", "--to-new", "--yes", "--despite-problems", env={"NEWSLETTER_LIST__SOURCE": "store"})
    assert sent.exit_code == 0, sent.output
    assert dict(server.copies()) == {A: 1, "fourth@example.org": 1}
