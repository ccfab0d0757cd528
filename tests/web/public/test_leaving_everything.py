"""Where a database holds several publications, a reader leaves one of them, or everything, and comes back to either."""

import re
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlencode

import pytest
from service_server import Service, made, serving, token

from newsletter.address import SubscriberKey
from newsletter.store import Store, open_store, suppressions
from newsletter.store.events import list_events
from newsletter.store.publications import EVERY
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.secret_keys import require_secret_keys
from newsletter.subscribers.tokens import TokenSigner
from newsletter.workspace import PublicationId

PRESS, LATER = PublicationId("press"), PublicationId("later")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    publication = made(tmp_path_factory.mktemp("service") / "digest")
    with closing(open_store(publication.workspace.database, publication=PRESS)) as press:
        record_events(press, None, [_bounced("gone@example.org")])
    with serving(publication) as running:
        yield running


@pytest.fixture
def store(service: Service) -> Iterator[Store]:
    with closing(open_store(service.publication.workspace.database)) as opened:
        yield opened


def _bounced(address: str) -> Event:
    return Event(subscriber=SubscriberKey(address), kind=EventKind.HARD, source=EventSource.MAIL)


def _heading(page: bytes) -> str:
    found = re.search(b"<h2>(.*?)</h2>", page, re.DOTALL)
    assert found
    return re.sub("<[^>]+>", "", found[1].decode())


def _get(service: Service, reader: str) -> bytes:
    return service.ask(f"/u/{token(service.publication, reader)}")[2]


def _press_button(service: Service, reader: str, action: str) -> str:
    status, _, page = service.post(reader, urlencode({"action": action}).encode())
    assert status == 200
    return _heading(page)


def _held(store: Store, reader: str) -> list[str]:
    """Return which publications must not mail a reader, one that is added later among them."""
    names = (store.publication, PRESS, LATER)
    held = []
    for name in names:
        with store.of(name).reading() as connection:
            held += [str(name)] if suppressions.list_causes(connection, SubscriberKey(reader)) else []
    return held


def test_everything_is_left_by_a_button_and_by_nothing_else(service: Service, store: Store, reader: str) -> None:
    page = _get(service, reader)
    assert [b'value="leave"' in page, b'value="leave-all"' in page] == [True, True]
    for query in ("", "?action=leave-all"):
        service.ask(f"/u/{token(service.publication, reader)}{query}")
    assert _held(store, reader) == []
    assert _press_button(service, reader, "leave-all") == "You won’t get anything from us any more"
    assert _held(store, reader) == ["main", PRESS, LATER]
    assert _press_button(service, reader, "leave-all") == "You won’t get anything from us any more"
    with store.reading() as connection:
        (event,) = list_events(connection, SubscriberKey(reader))
    assert (event.kind, event.source, event.issue, event.evidence) == (
        "unsubscribed", "page", "2.10", {"of": "everything"},
    )  # fmt: skip
    assert _heading(_get(service, reader)) == "You won’t get anything from us any more"


def test_whoever_left_everything_comes_back_to_all_or_to_one(service: Service, store: Store, reader: str) -> None:
    _press_button(service, reader, "leave-all")
    assert _press_button(service, reader, "return-all") == "You want our newsletters again"
    assert _held(store, reader) == []
    _press_button(service, reader, "leave-all")
    assert _press_button(service, reader, "return") == "You want Pacific Alliance Digest again"
    assert _held(store, reader) == [PRESS, LATER]
    assert _press_button(service, reader, "leave-all") == "You won’t get anything from us any more"
    assert _held(store, reader) == ["main", PRESS, LATER]


def test_leaving_one_is_not_undone_with_everything_by_another(service: Service, store: Store, reader: str) -> None:
    left_press = Event(subscriber=SubscriberKey(reader), kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE)
    record_events(store.of(PRESS), None, [left_press])
    _press_button(service, reader, "leave-all")
    _press_button(service, reader, "return-all")
    assert _held(store, reader) == [PRESS]


def test_the_other_ways_leave_this_newsletter_alone(service: Service, store: Store, reader: str) -> None:
    assert service.post(reader)[2] == b"You won't get Pacific Alliance Digest any more.\n"  # one click (RFC 8058)
    assert _held(store, reader) == ["main"]
    other = f"other.{reader}"
    assert _press_button(service, other, "leave") == "You won’t get Pacific Alliance Digest any more"
    assert _held(store, other) == ["main"]
    assert _press_button(service, other, "leave-all") == "You won’t get anything from us any more"


def test_a_token_of_another_list_is_none_here(service: Service, store: Store, reader: str) -> None:
    strange = TokenSigner(require_secret_keys(service.publication.workspace), "press.example.org").write("2.10", reader)
    assert service.ask(f"/u/{strange}", "POST", b"action=leave-all")[0] == 404
    assert _held(store, reader) == []


def test_the_page_does_not_tell_who_gets_other_newsletters(service: Service, store: Store, reader: str) -> None:
    known = Event(subscriber=SubscriberKey(reader), kind=EventKind.SIGNED_UP, source=EventSource.EDITOR)
    record_events(store.of(PRESS), None, [known])
    assert _get(service, reader) == _get(service, f"stranger.{reader}")
    assert b"press" not in _get(service, reader)


def test_a_bounce_of_another_newsletter_is_lifted_here_for_both(service: Service, store: Store, reader: str) -> None:
    record_events(store.of(PRESS), None, [_bounced(reader)])
    page = _get(service, reader)
    assert _heading(page) == "Mail to you came back"
    assert b"refused mail from us, and we stopped sending" in page
    assert _press_button(service, reader, "return") == "You want Pacific Alliance Digest again"
    assert _held(store, reader) == []
    with store.reading() as connection:
        assert EVERY not in {row.publication for row in suppressions.find_suppressions(connection, [reader])}
