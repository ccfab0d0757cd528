"""From a form that was sent to a reader who gets the newsletter: what is kept, who is asked, what confirming does."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from conftest import Publication
from sqlalchemy import delete, select, update

from newsletter.actions.answer_sign_ups import answer_sign_ups, clear_requests
from newsletter.actions.confirm_request import confirm_request, find_confirmation
from newsletter.actions.erase import erase_subscriber
from newsletter.actions.request_sign_up import request_sign_ups
from newsletter.address import SubscriberKey
from newsletter.config.signup_settings import SignupSettings
from newsletter.publication import OpenPublication
from newsletter.store import Store
from newsletter.store.erased import hold_off_writing
from newsletter.store.events import list_events
from newsletter.store.schema import reader_requests, transactional_mails
from newsletter.subscribers.consent_words import keep_words
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.joining import gets_newsletter
from newsletter.subscribers.purpose_tokens import PurposeToken
from newsletter.subscribers.reader_requests import (
    ReaderRequest,
    RequestKind,
    RequestState,
    add_requests,
    find_request,
    list_requests_of,
    set_state,
)
from newsletter.subscribers.secret_keys import create_secret_keys
from newsletter.subscribers.stored_subscribers import StoredSubscriber, list_consents, save_subscribers

ADA, KEY = "Ada@example.org", "ada@example.org"
SETTINGS = SignupSettings()
Opener = Callable[..., OpenPublication]


def _ask(address: str = ADA, **given: object) -> ReaderRequest:
    return ReaderRequest(**{"kind": RequestKind.JOIN, "address": address, "source": "page", **given})


def _request(store: Store, *requests: ReaderRequest) -> list[int]:
    assert request_sign_ups(store, SETTINGS, requests) == [True] * len(requests)
    with store.reading() as connection:
        return [each.id for request in requests for each in list_requests_of(connection, request.subscriber)][
            -len(requests) :
        ]


def _mails(store: Store) -> list[tuple[str, str, int | None]]:
    table = transactional_mails.c
    with store.reading() as connection:
        rows = connection.execute(select(table.kind, table.address, table.request).order_by(table.id))
        return [tuple(row) for row in rows]


def _states(store: Store) -> list[str]:
    with store.reading() as connection:
        return list(connection.scalars(select(reader_requests.c.state).order_by(reader_requests.c.id)))


def _age(store: Store, **length: float) -> None:
    """Let all requests and mails be so old."""
    then = (datetime.now(UTC) - timedelta(**length)).isoformat(timespec="milliseconds")
    with store.transaction() as connection:
        connection.execute(update(transactional_mails).values(created_at=then))
        connection.execute(update(reader_requests).values(requested_at=then))


def _token(number: int, subscriber: str = KEY) -> PurposeToken:
    return PurposeToken(subscriber, str(number), 2**40)


@pytest.fixture
def open_over(publication: Publication, store: Store) -> Opener:
    """Open the publication over a store on either database, with settings of [signup]."""
    create_secret_keys(publication.root)
    publication.environ |= {"NEWSLETTER_SERVICE__URL": "https://news.example.org", "NEWSLETTER_LIST__SOURCE": "store"}

    def opened(**settings: str) -> OpenPublication:
        publication.environ |= {f"NEWSLETTER_SIGNUP__{name.upper()}": value for name, value in settings.items()}
        return OpenPublication(publication.workspace, store=store)

    return opened


def test_a_stranger_is_asked_confirms_once_and_is_welcomed_once(store: Store, open_over: Opener) -> None:
    with store.transaction() as connection:
        digest = keep_words(connection, "I want it.")
    (number,) = _request(
        store, _ask(fields={"name": "Ada"}, language="ja", words_sha256=digest, commit_id="c0ffee", network="192.0.2.0")
    )
    assert _mails(store) == [], "nothing happens before the answer"
    assert answer_sign_ups(store, SETTINGS) == 1
    assert answer_sign_ups(store, SETTINGS) == 0
    assert _mails(store) == [("confirm-join", ADA, number)]
    assert _states(store) == ["asked"]
    found = find_confirmation(store, _token(number))
    assert found
    assert not found.is_done
    with store.reading() as connection:
        assert not gets_newsletter(connection, KEY)
    publication = open_over()
    for _ in range(3):
        done = confirm_request(publication, _token(number))
        assert done
        assert done.is_done
    assert _states(store) == ["confirmed"]
    assert _mails(store)[1:] == [("welcome", ADA, number)]
    with store.reading() as connection:
        assert gets_newsletter(connection, KEY)
        (consent,) = list_consents(connection, KEY)
        request = find_request(connection, number)
        assert [(event.kind, event.source, dict(event.evidence)) for event in list_events(connection, KEY)] == [
            ("signed up", "page", {"form": "page"})
        ]
    assert request
    assert (consent.source, consent.words) == ("sign-up", "I want it.")
    assert consent.evidence == {
        "form": "page", "requested_at": request.requested_at, "confirmed_at": consent.given_at, "commit": "c0ffee",
        "network": "192.0.2.0",
    }  # fmt: skip
    (listed,) = publication.subscriber_source().read_subscribers()
    assert listed.fields == {"email": ADA, "name": "Ada", "language": "ja"}


@pytest.mark.parametrize(("welcome", "mails"), [("none", []), ("note", ["welcome"]), ("issue", ["welcome"])])
def test_a_welcome_is_what_the_publication_wants(
    store: Store, open_over: Opener, welcome: str, mails: list[str]
) -> None:
    (number,) = _request(store, _ask())
    answer_sign_ups(store, SETTINGS)
    confirm_request(open_over(welcome=welcome), _token(number))
    assert [kind for kind, _, _ in _mails(store)[1:]] == mails


def test_one_address_gets_a_mail_in_ten_minutes_and_three_a_day(store: Store) -> None:
    mailed = []
    for minutes in (0, 9, 11, 20, 600, 1200):
        _age(store, minutes=minutes)
        _request(store, _ask())
        before = len(_mails(store))
        answer_sign_ups(store, SETTINGS)
        mailed.append(len(_mails(store)) - before)
    assert mailed == [1, 0, 1, 1, 0, 0]
    assert _states(store) == ["asked", "dropped", "asked", "asked", "dropped", "dropped"]


@pytest.mark.parametrize(
    ("addresses", "mailed"),
    [(["ada@example.org", "ada+1@example.org", "Ada+2@example.org"], 1),
     (["a.da@gmail.com", "ada@gmail.com", "ad.a+x@googlemail.com"], 1),
     (["a.da@example.org", "ada@example.org", "ada@example.net", "+x@example.org", "+y@example.org"], 5)],
)  # fmt: skip
def test_one_mailbox_is_asked_as_one_address_is_whatever_is_written(
    store: Store, addresses: list[str], mailed: int
) -> None:
    _request(store, *[_ask(address) for address in addresses])
    answer_sign_ups(store, SETTINGS)
    assert len(_mails(store)) == mailed
    _request(store, *[_ask(address) for address in reversed(addresses)])
    answer_sign_ups(store, SETTINGS)
    assert len(_mails(store)) == mailed, "nor by the next forms"
    for _ in range(3):
        _age(store, hours=2)
        _request(store, _ask(addresses[0].replace("@", "+again@")))
        answer_sign_ups(store, SETTINGS)
    assert len(_mails(store)) == mailed + 2, "three times a day"


def test_who_gets_it_already_is_told_so_once_a_day(store: Store) -> None:
    with store.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=ADA)])
    _request(store, _ask(), _ask("ADA@example.org"))
    answer_sign_ups(store, SETTINGS)
    assert [(kind, request) for kind, _, request in _mails(store)] == [("already-joined", None)]
    for hours, mails in ((23, 1), (25, 2)):
        _age(store, hours=hours)
        _request(store, _ask())
        answer_sign_ups(store, SETTINGS)
        assert len(_mails(store)) == mails
    assert set(_states(store)) == {"dropped"}


@pytest.mark.parametrize(
    ("kind", "mails"),
    [(EventKind.UNSUBSCRIBED, 1), (EventKind.HARD, 1), (EventKind.COMPLAINED, 0), (EventKind.SUPPRESSED, 0)],
)
def test_nobody_is_asked_who_complained_or_whom_an_editor_suppressed(
    store: Store, open_over: Opener, kind: EventKind, mails: int
) -> None:
    publication = open_over()
    with store.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=ADA)])
    record_events(store, publication.keys, [Event(subscriber=KEY, kind=kind, source=EventSource.EDITOR)])
    (number,) = _request(store, _ask())
    answer_sign_ups(store, SETTINGS)
    assert len(_mails(store)) == mails
    confirmed = confirm_request(publication, _token(number))
    assert bool(confirmed) == bool(mails)
    with store.reading() as connection:
        assert gets_newsletter(connection, KEY) == bool(mails)


def test_who_was_erased_is_asked_as_anybody_and_known_again_once_they_confirm(store: Store, open_over: Opener) -> None:
    publication = open_over()
    (number,) = _request(store, _ask())
    answer_sign_ups(store, SETTINGS)
    erase_subscriber(publication, KEY)
    assert find_confirmation(store, _token(number)) is None, "what was asked before is gone with them"
    (again,) = _request(store, _ask())
    answer_sign_ups(store, SETTINGS)
    assert [kind for kind, _, _ in _mails(store)] == ["confirm-join"]
    assert confirm_request(publication, _token(again))
    with store.reading() as connection:
        assert gets_newsletter(connection, KEY)
    assert not publication.erased.digests


def test_a_request_waits_while_whoever_made_it_is_erased(store: Store) -> None:
    """On PostgreSQL its row would be locked by the service, which waits for the erasure, which waits for the row."""
    _request(store, _ask())
    with ThreadPoolExecutor(1) as pool:
        with store.transaction() as connection:
            hold_off_writing(connection)
            deciding = pool.submit(answer_sign_ups, store, SETTINGS)
            assert not wait([deciding], timeout=0.5).done
            connection.execute(delete(reader_requests))
        assert deciding.result() == 0
    assert _mails(store) == []


def test_a_link_leads_nowhere_for_another_request_or_another_reader(store: Store, open_over: Opener) -> None:
    (number,) = _request(store, _ask())
    publication = open_over()
    new = _token(number)
    assert find_confirmation(store, new) is None, "nobody has been asked yet"
    answer_sign_ups(store, SETTINGS)
    for wrong in (
        _token(number, "ben@example.org"), _token(number + 1), PurposeToken(KEY, "", 2**40),
        PurposeToken(KEY, "x", 2**40), PurposeToken(KEY, "9" * 30, 2**40), PurposeToken(KEY, "²", 2**40),
    ):  # fmt: skip
        assert find_confirmation(store, wrong) is None
        assert confirm_request(publication, wrong) is None
    with store.transaction() as connection:
        set_state(connection, [number], RequestState.DROPPED)
    assert confirm_request(publication, new) is None
    with store.reading() as connection:
        assert not gets_newsletter(connection, KEY)


def test_nobody_joins_a_list_that_is_elsewhere_by_now(
    store: Store, open_over: Opener, publication: Publication
) -> None:
    (number,) = _request(store, _ask())
    answer_sign_ups(store, SETTINGS)
    opened = open_over()
    publication.environ["NEWSLETTER_LIST__SOURCE"] = "csv"
    assert find_confirmation(store, _token(number), is_in_store=False) is None
    assert confirm_request(opened, _token(number)) is None
    with store.reading() as connection:
        assert not gets_newsletter(connection, KEY)
    assert _states(store) == ["asked"]


def test_a_used_link_does_not_bring_back_who_left_since(store: Store, open_over: Opener) -> None:
    publication = open_over()
    (number,) = _request(store, _ask())
    answer_sign_ups(store, SETTINGS)
    confirm_request(publication, _token(number))
    leaving = Event(subscriber=KEY, kind=EventKind.UNSUBSCRIBED, source=EventSource.ONE_CLICK)
    record_events(store, publication.keys, [leaving])
    assert find_confirmation(store, _token(number)) is None
    assert confirm_request(publication, _token(number)) is None
    with store.reading() as connection:
        assert not gets_newsletter(connection, KEY)


def test_a_suppression_that_came_meanwhile_is_said_and_stays(store: Store, open_over: Opener) -> None:
    publication = open_over()
    (number,) = _request(store, _ask())
    answer_sign_ups(store, SETTINGS)
    by_hand = Event(subscriber=KEY, kind=EventKind.SUPPRESSED, source=EventSource.EDITOR)
    record_events(store, publication.keys, [by_hand])
    for found in (find_confirmation(store, _token(number)), confirm_request(publication, _token(number))):
        assert found
        assert found.is_held
        assert not found.is_done
    assert _states(store) == ["asked"]


def test_the_whole_publication_has_its_bounds_and_they_tell_nothing_of_an_address(store: Store) -> None:
    settings = SignupSettings(hourly=3)
    flood = [_ask() for _ in range(50)]
    assert request_sign_ups(store, settings, flood) == [True] * 3 + [False] * 47, "within one commit each counts"
    assert request_sign_ups(store, settings, flood[:2]) == [True] * 2, "of one address all count as one"
    others = [_ask(f"reader{number}@example.org") for number in range(5)]
    assert request_sign_ups(store, settings, others) == [True, True, False, False, False]
    assert request_sign_ups(store, settings, [_ask()]) == [False], "nor is who asked before let in"
    answer_sign_ups(store, settings)
    assert len(_mails(store)) == 3
    assert len(_states(store)) == 7


def test_requests_that_nobody_confirms_are_bounded_and_dropped_ones_with_them(store: Store) -> None:
    settings = SignupSettings(hourly=2)
    long_ago = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    with store.transaction() as connection:
        add_requests(connection, [_ask(f"r{n}@example.org", state=RequestState.ASKED, requested_at=long_ago)
                                  for n in range(39)])  # fmt: skip
    assert request_sign_ups(store, settings, [_ask(), _ask(), _ask()]) == [True, True, False], "by the hour"
    assert _states(store) == ["asked"] * 38 + ["new"] * 2, "the oldest has given way, and no more than were needed"
    with store.reading() as connection:
        assert list_requests_of(connection, SubscriberKey("r0@example.org")) == []
    with store.transaction() as connection:
        add_requests(connection, [_ask(f"d{n}@example.org", state=RequestState.DROPPED) for n in range(100)])
    assert clear_requests(store, settings) == 60


@pytest.mark.parametrize(("state", "hours"), [(RequestState.ASKED, 1.9), (RequestState.NEW, 48.0)])
def test_whoever_has_just_been_asked_or_not_yet_gives_way_to_nobody(
    store: Store, state: RequestState, hours: float
) -> None:
    settings = SignupSettings(hourly=2)
    then = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    with store.transaction() as connection:
        add_requests(connection, [_ask(f"r{n}@example.org", state=state, requested_at=then) for n in range(39)])
    assert request_sign_ups(store, settings, [_ask(), _ask()]) == [True, False]


def test_a_flood_from_many_networks_does_not_close_the_form_for_days(store: Store) -> None:
    settings = SignupSettings(hourly=2)
    for hour in range(30):
        flood = [_ask(f"flood-{hour}-{number}@example.org") for number in range(2)]
        assert request_sign_ups(store, settings, flood) == [True, True]
        with store.transaction() as connection:  # an hour goes by, in which they are asked
            for row in connection.execute(select(reader_requests.c.id, reader_requests.c.requested_at)).all():
                earlier = (datetime.fromisoformat(row.requested_at) - timedelta(hours=1)).isoformat(
                    timespec="milliseconds"
                )
                connection.execute(
                    update(reader_requests)
                    .where(reader_requests.c.id == row.id)
                    .values(requested_at=earlier, state=RequestState.ASKED)
                )
    assert request_sign_ups(store, settings, [_ask()]) == [True]
    assert len(_states(store)) == 40


def test_beyond_the_mails_of_an_hour_requests_wait_for_the_next(store: Store) -> None:
    settings = SignupSettings(hourly=2)
    with store.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=ADA)])
    _request(store, _ask(), *[_ask(f"reader{number}@example.org") for number in range(3)])
    assert answer_sign_ups(store, settings) == 2
    assert answer_sign_ups(store, settings) == 0
    assert [kind for kind, _, _ in _mails(store)] == ["already-joined", "confirm-join"]
    _age(store, minutes=61)
    assert answer_sign_ups(store, settings) == 2
    assert _states(store) == ["dropped", "asked", "asked", "asked"]


@pytest.mark.parametrize("links", [1, 2])
def test_links_of_one_reader_pressed_at_the_same_time_welcome_them_once(
    open_over: Opener, store: Store, links: int
) -> None:
    publication = open_over()
    for reader in range(5):
        address = f"reader-{reader}@example.org"
        with store.transaction() as connection:
            numbers = add_requests(connection, [_ask(address, state=RequestState.ASKED)] * links)
        together = Barrier(2)

        def press(number: int, address: str = address, together: Barrier = together) -> bool:
            together.wait()
            confirmed = confirm_request(publication, _token(number, address))
            return confirmed is not None and confirmed.is_done

        with ThreadPoolExecutor(2) as pool:
            assert all(pool.map(press, [numbers[0], numbers[-1]]))
        with store.reading() as connection:
            assert len(list_consents(connection, address)) in (1, links)
            assert [event.kind for event in list_events(connection, SubscriberKey(address))] == ["signed up"]
    assert [kind for kind, _, _ in _mails(store)] == ["welcome"] * 5
