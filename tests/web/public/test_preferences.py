"""Readers choose by the link of an issue what does little harm, and the rest by a link that they alone get."""

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from html import unescape
from threading import Event as Signal
from time import time
from typing import Any
from urllib.parse import urlencode

import pytest
from conftest import ROOT, Publication
from service_server import FORM, PREFERENCES, Answer, Service, made, served, serving, token
from starlette.requests import Request

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.publication import OpenPublication
from newsletter.store import Store, open_store, suppressions
from newsletter.store.events import list_events
from newsletter.store.schema import metadata, transactional_mails
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.preferences import Preferences, read_preferences
from newsletter.subscribers.purpose_tokens import PurposeTokenSigner, TokenPurpose
from newsletter.subscribers.reader_requests import list_requests_of
from newsletter.subscribers.secret_keys import require_secret_keys
from newsletter.subscribers.stored_subscribers import StoredSubscriber, save_subscribers
from newsletter.web.public import preferences
from newsletter.web.public.preference_pages import ChoiceState, PreferencePages
from newsletter.web.public.publication_routes import ServedPublication
from newsletter.web.public.token_reader import TokenReader
from newsletter.web.public.unsubscribe_pages import UnsubscribePages
from newsletter.workspace import PublicationId

SHIPPED = (ROOT / "templates/preferences.html.j2").read_text(encoding="utf-8")
HOSTILE = '"><script>alert(1)</script>{{ 7*7 }}\r\nBcc: x@example.org\x00\x1b[2J\u202e'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    publication = made(tmp_path_factory.mktemp("service") / "digest")
    publication.environ |= {"NEWSLETTER_LIST__SOURCE": "store", "NEWSLETTER_SEND__BACKEND": "maildir"}
    toml = publication.root / "newsletter.toml"
    toml.write_text(toml.read_text() + PREFERENCES)
    with serving(publication) as running:
        yield running


@pytest.fixture
def store(service: Service) -> Iterator[Store]:
    with closing(open_store(service.publication.workspace.database)) as opened:
        yield opened


@pytest.fixture
def listed(store: Store, reader: str) -> str:
    """Return a reader on the list, of whom more is known than a page may tell."""
    fields, tags = {"name": "Ada Lovelace", "city": "London"}, frozenset({"board", "trade"})
    row = StoredSubscriber(address=EmailAddress(reader), fields=fields, tags=tags)
    with store.transaction() as connection:
        save_subscribers(connection, [row])
    return reader


def _paths(service: Service, reader: str) -> tuple[str, str]:
    """Return the path of an issue's link, and that of the link which is mailed to the reader alone."""
    workspace = service.publication.workspace
    signer = PurposeTokenSigner(require_secret_keys(workspace), workspace.config.subscriber_list.id)
    alone = signer.write(TokenPurpose.ACCESS, SubscriberKey(reader), "", time() + 3600)
    return f"/p/{token(service.publication, reader)}", f"/p/access/{alone}"


def _post(service: Service, path: str, **fields: str) -> Answer:
    return service.ask(path, "POST", urlencode(fields).encode(), FORM)


def _chosen(store: Store, reader: str) -> dict[str, Any]:
    with store.reading() as connection:
        return read_preferences(connection, SubscriberKey(reader)).as_dict()


def _causes(store: Store, reader: str) -> set[str]:
    with store.reading() as connection:
        return {*suppressions.list_causes(connection, SubscriberKey(reader))}


def _mails(store: Store, reader: str) -> list[str]:
    with store.reading() as connection:
        theirs = transactional_mails.select().where(transactional_mails.c.subscriber == reader)
        return [row.kind for row in connection.execute(theirs.order_by(transactional_mails.c.id))]


def _checked(page: bytes) -> list[str]:
    return re.findall(r'name="([^"]+)"(?: value="([^"]*)")? checked', page.decode())


def _dump(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    with store.reading() as connection:
        return {
            table.name: [(*row,) for row in connection.execute(table.select())]
            for table in metadata.sorted_tables
            if table.name not in ("workers", "transactional_mails")  # a thread sends what other tests have asked for
        }


def test_a_reader_chooses_by_the_link_of_an_issue(service: Service, store: Store, listed: str) -> None:
    path, _ = _paths(service, listed)
    status, headers, page = service.ask(path)
    assert (status, headers["cache-control"], headers["x-robots-tag"]) == (200, "no-store", "noindex")
    assert _checked(page) == [("topic-trade", ""), ("language", "en"), ("frequency", "issues"), ("length", "1m")]
    wanted = {"topics": "energy trade", "topic-energy": "on", "language": "ja", "frequency": "summary"}
    saved = _post(service, path, action="save", **wanted)
    assert saved[0] == 200
    assert _chosen(store, listed) == {
        "tags": {"energy": True, "trade": False}, "language": "ja", "frequency": "summary",
    }  # fmt: skip
    assert _checked(saved[2])[:3] == [("topic-energy", ""), ("language", "ja"), ("frequency", "summary")]
    text = saved[2].decode()
    assert '<html lang="ja"' in text or "太平洋" in text
    assert "エネルギー" in text
    assert "月に一度" in unescape(text)
    # A form without some of it, as a restyled page may have it, changes no more than it shows.
    _post(service, path, action="save", topics="trade", **{"topic-trade": "on"})
    assert _chosen(store, listed)["tags"] == {"energy": True, "trade": True}
    assert _chosen(store, listed)["language"] == "ja"
    unsubscribe = service.ask(path.replace("/p/", "/u/"))[2].decode()
    assert "太平洋" in unsubscribe  # the other page, too


def test_a_reader_pauses_and_resumes_and_can_still_leave(service: Service, store: Store, listed: str) -> None:
    path, _ = _paths(service, listed)
    paused = _post(service, path, action="pause", length="3m")
    assert paused[0] == 200
    assert _causes(store, listed) == {"paused"}
    assert 'value="resume"' in paused[2].decode()
    leave = service.ask(path.replace("/p/", "/u/"))[2].decode()
    assert "Unsubscribe from" in leave
    assert _post(service, path, action="resume")[0] == 200
    assert _causes(store, listed) == set()
    with store.reading() as connection:
        kinds = [(event.kind, event.source, event.issue) for event in list_events(connection, SubscriberKey(listed))]
    assert kinds == [("paused", "page", "2.10"), ("resumed", "page", "2.10")]
    assert service.post(listed, b"action=leave")[0] == 200
    page = service.ask(path)[2].decode()
    assert "You have unsubscribed" in page
    assert 'value="pause"' not in page


def test_the_page_of_a_forwarded_issue_names_nobody_and_has_nothing_of_the_readers_own(
    service: Service, store: Store, listed: str
) -> None:
    path, _ = _paths(service, listed)
    pages = [
        service.ask(path)[2],
        _post(service, path, action="save", topics="energy", name="Eve", address="e@e.org")[2],
    ]
    for page in pages:
        text = page.decode().replace(path.removeprefix("/p/"), "")
        for secret in ("Ada", "Lovelace", "London", "board", listed, listed.partition("@")[0]):
            assert secret not in text
        assert not re.search(r'value="(record|erase|address)"|name="name"|name="address"', text)
    assert "name" not in _chosen(store, listed)
    for action in ("record", "erase", "erase-yes", "erase-all", "address"):
        assert _post(service, path, action=action, address="eve@example.net")[0] == 400
    assert _mails(store, listed) == []
    with store.reading() as connection:
        assert list_requests_of(connection, SubscriberKey(listed)) == []


def test_the_link_to_the_rest_is_mailed_to_the_reader_alone_and_not_without_end(
    service: Service, store: Store, listed: str
) -> None:
    path, _ = _paths(service, listed)
    answers = {_post(service, path, action="link")[::2] for _ in range(5)}
    assert len(answers) == 1
    assert _mails(store, listed) == ["access-link"] * 3
    complained = f"complained.{listed}"
    event = Event(subscriber=complained, kind=EventKind.COMPLAINED, source=EventSource.MAIL)
    record_events(store, require_secret_keys(service.publication.workspace), [event])
    assert _post(service, _paths(service, complained)[0], action="link")[0] == 200
    assert _mails(store, complained) == []


def test_the_readers_own_page_has_their_name_their_address_and_a_file(
    service: Service, store: Store, listed: str
) -> None:
    _, path = _paths(service, listed)
    page = service.ask(path)[2].decode()
    assert 'value="Ada Lovelace"' in page
    assert listed in page
    assert "board" not in page
    _post(service, path, action="save", name="Ada Lovelace", topics="")
    assert _chosen(store, listed) == {}  # what the form was filled in with is left to the list
    _post(service, path, action="save", name="  Ada \t King ")
    assert _chosen(store, listed) == {"name": "Ada King"}
    assert _post(service, path, action="pause", length="2w")[0] == 200
    status, headers, file = _post(service, path, action="record")
    assert (status, headers["content-type"], headers["cache-control"]) == (200, "application/json", "no-store")
    assert headers["content-disposition"] == 'attachment; filename="what-we-know-of-you.json"'
    known = json.loads(file)
    assert known["address"] == listed
    assert known["rows"][0]["cells"]["city"] == "London"
    assert known["chosen"] == {"name": "Ada King"}
    assert [event["kind"] for event in known["events"]] == ["paused"]
    assert [cause["cause"] for cause in known["causes"]] == ["paused"]
    done = service.publication.run("subscribers", "show", listed, "--json")
    assert json.loads(done.stdout) == known  # the same as an editor hands out


def test_changes_are_bounded_and_a_forwarded_issue_does_not_use_up_what_its_reader_may_do(
    service: Service, store: Store, listed: str
) -> None:
    issue, path = _paths(service, listed)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _post(service, issue, action="resume")[0], range(55)))
    assert sorted(answers) == [200] * 50 + [429] * 5
    assert _post(service, path, action="record")[0] == 200
    assert service.post(listed)[0] == 200  # leaving is never refused
    assert _causes(store, listed) == {"unsubscribed"}
    assert _post(service, path, action="erase-yes")[0] == 200


def test_an_address_is_changed_by_the_readers_own_page(service: Service, store: Store, listed: str) -> None:
    _, path = _paths(service, listed)
    status, _, page = _post(service, path, action="address", address="no\u202ewhere")
    assert status == 422
    field = r'name="address"[^>]* value="nowhere" aria-invalid="true" aria-describedby="fault" autofocus'
    assert re.search(field, page.decode())
    assert page.count(b'role="alert"') == 1
    assert "<title>No email can be sent to this address." in page.decode()
    assert _post(service, path, action="address", address="New@Example.NET")[0] == 200
    with store.reading() as connection:
        (request,) = list_requests_of(connection, SubscriberKey(listed))
    assert (request.kind, request.address, request.previous) == ("change-address", "New@example.net", listed)
    assert _mails(store, listed) == ["confirm-old-address"]
    assert _mails(store, "new@example.net") == ["confirm-new-address"]
    # By the links that those mails have.
    workspace = service.publication.workspace
    signer = PurposeTokenSigner(require_secret_keys(workspace), workspace.config.subscriber_list.id)
    for purpose, key in ((TokenPurpose.OLD_ADDRESS, listed), (TokenPurpose.CONFIRM, "new@example.net")):
        link = f"/confirm/{signer.write(purpose, SubscriberKey(key), str(request.id), time() + 60)}"
        assert 'value="confirm"' in service.ask(link)[2].decode()
        assert _causes(store, listed) == set()
        assert _post(service, link, action="confirm")[0] == 200
    assert _causes(store, listed) == {"moved"}
    # Whoever has the old mailbox now sees nothing of the new one by the link that was mailed there before.
    assert service.ask(path)[0] == 404
    for action in ("record", "erase-yes"):
        status, _, page = _post(service, path, action=action)
        assert status == 404
        assert b"new@" not in page.lower()
    # The page of an old issue is about the present address, and leaving by it leaves with that one.
    assert service.ask(_paths(service, listed)[0])[0] == 200
    assert service.post(listed)[0] == 200
    assert _causes(store, "new@example.net") == {"unsubscribed"}


def test_who_is_erased_by_their_page_leaves_nothing_behind(service: Service, store: Store, listed: str) -> None:
    issue, path = _paths(service, listed)
    _post(service, path, action="save", name="Zacharias", topics="energy")
    _post(service, path, action="address", address=f"later.{listed}")
    _post(service, path, action="pause", length="1m")
    _post(service, issue, action="link")
    question = _post(service, path, action="erase")
    assert 'value="erase-yes"' in question[2].decode()
    assert _chosen(store, listed)  # asked, and not done
    assert 'value="erase"' in _post(service, path, action="back")[2].decode()
    erased = _post(service, path, action="erase-yes")
    assert erased[0] == 200
    assert "Your data has been erased" in erased[2].decode()
    for rows in _dump(store).values():
        assert listed not in repr(rows)
    with store.reading() as connection:
        assert listed not in repr(connection.execute(transactional_mails.select()).all())
    folder = service.publication.workspace.database.parent
    kept = b"".join(file.read_bytes() for file in folder.glob("state.db*")).lower()
    assert listed.encode() not in kept
    assert b"zacharias" not in kept
    # Nothing is written of them afterwards, and they are answered as a stranger is.
    for each in (issue, path):
        assert service.ask(each)[0] == 200
        for action in ("save", "pause", "resume"):
            assert _post(service, each, action=action, topics="energy", name="x", length="1m")[0] == 200
    assert _post(service, issue, action="link")[0] == 200
    for rows in _dump(store).values():
        assert listed not in repr(rows)
    assert _mails(store, listed) == []


def test_looking_changes_nothing_whatever_is_asked_for(service: Service, store: Store, listed: str) -> None:
    paths = _paths(service, listed)
    query = urlencode({"action": "erase-yes", "topics": "energy", "length": "1m", "address": "a@example.org"})
    before = _dump(store)
    for path in paths:
        for method in ("GET", "HEAD"):
            for headers in ({}, {"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}):
                for end in ("", "/"):
                    status, answer, body = service.ask(f"{path}{end}?{query}", method, None, headers)
                    assert status == 200
                    assert "set-cookie" not in answer
                    assert (body == b"") == (method == "HEAD")
        assert service.ask(path, "PUT", b"action=save", FORM)[0] == 405
    assert _dump(store) == before


@pytest.mark.parametrize(
    "path",
    [
        "/p/", "/p/x", "/p/access/", "/p/access/x", "/p/{u}x", "/p/access/{u}", "/p/{access}", "/p/{confirm}",
        "/p/access/{confirm}", "/p/access/{old}", "/p/access/{late}", "/p/access/{other}", "/u/{access}",
        "/confirm/{access}", "/p/../../etc/passwd", "/p/%00", "/p/" + "x" * 5000,
    ],
)  # fmt: skip
def test_a_token_of_one_purpose_publication_or_list_is_none_of_another(service: Service, path: str) -> None:
    workspace = service.publication.workspace
    keys, list_id = require_secret_keys(workspace), workspace.config.subscriber_list.id
    reader, soon = SubscriberKey("ada@example.org"), time() + 60
    signer, other = PurposeTokenSigner(keys, list_id), PurposeTokenSigner(keys, "other.example.org")
    tokens = {
        "u": token(service.publication, reader),
        "access": signer.write(TokenPurpose.ACCESS, reader, "", soon),
        "confirm": signer.write(TokenPurpose.CONFIRM, reader, "1", soon),
        "old": signer.write(TokenPurpose.OLD_ADDRESS, reader, "1", soon),
        "late": signer.write(TokenPurpose.ACCESS, reader, "", time() - 1),
        "other": other.write(TokenPurpose.ACCESS, reader, "", soon),
    }
    asked = path.format(**tokens)
    assert service.ask(asked)[0] == 404
    assert service.ask(asked, "POST", b"action=erase-yes", FORM)[0] in (404, 405)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", FORM, 400), (b"action=", FORM, 400), (b"action=steal", FORM, 400), (b"action=pause", FORM, 400),
        (b"action=pause&length=99y", FORM, 400), (b"action=save", {"Content-Type": "application/json"}, 415),
        (b"action=save", {}, 415), (b"action=save&" + b"a=1&" * 300, FORM, 400), (b"x" * 40_000, FORM, 413),
        (b"\xff\xfe", {"Content-Type": "application/x-www-form-urlencoded; charset=nonsense"}, 400),
        (b"--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, 400),
        (b"action=save&action=steal", FORM, 400),
    ],
)  # fmt: skip
def test_what_is_no_form_of_the_page_is_refused(
    service: Service, listed: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    for path in _paths(service, listed):
        assert service.ask(path, "POST", body, headers)[0] == status


@pytest.mark.parametrize("field", ["name", "language", "frequency", "topics", "topic-energy", "address", "length"])
def test_hostile_words_in_each_field_stay_words(service: Service, store: Store, listed: str, field: str) -> None:
    _, path = _paths(service, listed)
    for action in ("save", "address"):
        fields = {"topics": "energy", "action": action, field: HOSTILE}
        status, _, page = service.ask(path, "POST", urlencode(fields).encode(), FORM)
        assert status in (200, 422)
        assert b"<script" not in page
        assert b"\x00" not in page
        assert b"\x1b" not in page
    chosen = _chosen(store, listed)
    assert chosen.get("language") is None
    assert chosen.get("frequency") is None
    assert set(chosen.get("tags", {})) <= {"energy"}
    assert all(letter.isprintable() for letter in chosen.get("name", ""))
    assert len(chosen.get("name", "")) <= 200
    assert service.ask(path)[0] == 200


def test_a_broken_template_leaves_the_programs_own_page(publication: Publication) -> None:
    template = publication.root / "templates/preferences.html.j2"
    template.parent.mkdir()
    pages = PreferencePages(publication.workspace)
    for text in ("{% if %}", "<p>mine</p>", SHIPPED.replace('value="erase-yes"', "")):
        template.write_text(text)
        if text.startswith("{%"):  # just saved, and not looked at yet
            assert b"</html>" in pages.render(ChoiceState.CHOOSE, "")
        pages.renew(publication.workspace, several=False)
        assert b"<main" in pages.render(ChoiceState.CHOOSE, "")
        assert b'value="erase-yes"' in pages.render(ChoiceState.ERASE, "")
        assert b"erase-all" not in pages.render(ChoiceState.ERASE, "")
    template.write_text(SHIPPED.replace("<main", "<!-- mine --><main"))
    pages.renew(publication.workspace, several=True)
    later = pages.render(ChoiceState.LATER, "")
    assert b"<!-- mine -->" in later
    assert pages.render(ChoiceState.LATER, "") is later, "it is the same for all"
    assert b"erase-all" in pages.render(ChoiceState.ERASE, "")


def test_while_the_store_hangs_a_reader_is_told_to_come_later(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.web.public.preferences._PATIENCE_S", 0.2)
    workspace, released = served(publication).workspace, Signal()
    with closing(open_store(workspace.database)) as opened:
        pages = UnsubscribePages(workspace)
        endpoints = ServedPublication(workspace, opened, TokenReader(workspace), pages).preferences
        for _ in range(10):
            endpoints._threads.submit(released.wait)
        scope = {"type": "http", "method": "GET", "path_params": {"token": token(publication, "ada@example.org")}}
        try:
            answer = asyncio.run(endpoints.link(Request(scope)))
        finally:
            released.set()
            endpoints.close()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert b"try again in a few minutes" in answer.body


def test_an_erasure_that_is_not_waited_for_is_written_down(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.web.public.preferences._PATIENCE_S", 0.2)
    workspace, released = served(publication).workspace, Signal()
    monkeypatch.setattr("newsletter.web.public.preferences.finish_erasures", lambda *_: released.wait() and {})
    with closing(open_store(workspace.database)) as opened:
        pages = UnsubscribePages(workspace)
        endpoints = ServedPublication(workspace, opened, TokenReader(workspace), pages).preferences
        try:
            state = asyncio.run(endpoints._erase(SubscriberKey("ada@example.org"), everywhere=False))
        finally:
            released.set()
            endpoints.close()
        assert state is ChoiceState.ERASING
        with opened.reading() as connection:
            (task,) = connection.execute(metadata.tables["reader_tasks"].select()).all()
    assert task.kind == "erase"
    assert "ada" not in repr(task)


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_an_editor_is_told_that_another_system_still_has_who_was_erased(
    publication: Publication, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_elsewhere: bool
) -> None:
    workspace = served(publication).workspace
    assert workspace.config.subscriber_list.source not in preferences._ELSEWHERE
    if is_elsewhere:
        monkeypatch.setattr(preferences, "_ELSEWHERE", (workspace.config.subscriber_list.source,))
    monkeypatch.setattr(preferences, "finish_erasures", lambda *_: {})
    with closing(open_store(workspace.database)) as opened:
        pages = UnsubscribePages(workspace)
        endpoints = ServedPublication(workspace, opened, TokenReader(workspace), pages).preferences
        state = asyncio.run(endpoints._erase(SubscriberKey("ada@example.org"), everywhere=False))
        endpoints.close()
    assert state is ChoiceState.ERASED
    assert ("The list in the other system still has them" in caplog.text) is is_elsewhere
    assert "ada" not in caplog.text


def test_another_publications_rows_stay(service: Service, store: Store, listed: str) -> None:
    other = store.of(PublicationId("press"))
    with other.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=EmailAddress(listed))])
    _, path = _paths(service, listed)
    known = json.loads(_post(service, path, action="record")[2])
    assert [each["publication"] for each in known["elsewhere"]] == ["press"]
    _post(service, path, action="erase-yes")
    with OpenPublication(service.publication.workspace, store=store) as publication:
        assert publication.subscriber_source().find([SubscriberKey(listed)]) == {}
    with other.reading() as connection:
        assert read_preferences(connection, SubscriberKey(listed)) == Preferences()
        assert listed in repr(connection.execute(metadata.tables["subscribers"].select()).all())
