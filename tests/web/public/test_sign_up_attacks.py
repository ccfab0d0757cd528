"""What is known of attacks on the page to leave is tried on the pages to join: right statuses, and nothing changes."""

import http.client
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres import Postgres
from service_server import FORM, HOST, PATIENCE, Service, ask, serving
from sign_up_forms import SENT, Forms, confirm_token, joinable, says, some_network
from sqlalchemy import select

from newsletter.store import open_store
from newsletter.store.schema import consents, events, reader_requests, subscribers
from newsletter.subscribers.joining import gets_newsletter
from newsletter.subscribers.reader_requests import ReaderRequest, RequestKind, RequestState, add_requests

MULTIPART = "multipart/form-data; boundary=x"
PART = '--x\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
CONFIRM = b"action=confirm"
READER = "waiting@example.org"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    publication = joinable(tmp_path_factory.mktemp("attacks") / "digest", hourly="100000", per_network="10000")
    with serving(publication) as running:
        running.says("The archive has 1 issue")
        yield running


@pytest.fixture(scope="module")
def link(service: Service) -> str:
    """Return the path of a link that was mailed and waits to be pressed."""
    with closing(Forms(service).store()) as store, store.transaction() as connection:
        request = ReaderRequest(kind=RequestKind.JOIN, address=READER, state=RequestState.ASKED)
        (number,) = add_requests(connection, [request])
    return f"/confirm/{confirm_token(service.publication, number, READER)}"


@pytest.fixture
def known(service: Service) -> Callable[[], list[Any]]:
    def look() -> list[Any]:
        with closing(Forms(service).store()) as store, store.reading() as connection:
            tables = (reader_requests, subscribers, consents, events)
            return [connection.execute(select(table)).all() for table in tables]

    return look


@pytest.mark.parametrize("page", ["/subscribe", "link"])
@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (FORM["Content-Type"], b"&".join(b"a%d=b" % number for number in range(100)), 400),
        (FORM["Content-Type"], b"email=a%40example.org&name=" + b"x" * 20_000, 413),
        (FORM["Content-Type"], b"\x00" * 10_000_000, 413),
        (MULTIPART, b"nothing of the kind", 400),
        (MULTIPART, (PART.format("email", '; filename="a"', "a@example.org") + "--x--\r\n").encode(), 400),
        ("multipart/form-data", PART.format("email", "", "a@example.org").encode(), 400),
        (f"{MULTIPART}; charset=undefined", (PART.format("email", "", "a@b.cd") + "--x--\r\n").encode(), 400),
        ("application/json", b'{"email": "a@example.org", "action": "confirm"}', 415),
        ("text/plain", b"email=a@example.org&action=confirm", 415),
        ("", b"email=a@example.org&action=confirm", 415),
    ],
)
def test_a_body_that_is_no_form(
    service: Service, known: Callable[[], object], link: str, page: str, content_type: str, body: bytes, status: int
) -> None:
    before, path = known(), link if page == "link" else page
    for sent in (body, (body[start : start + 8_192] for start in range(0, len(body), 8_192))):
        headers = {"Content-Type": content_type, "X-Forwarded-For": some_network()}
        assert service.ask(path, "POST", sent, headers)[0] == status
    assert known() == before


def test_looks_change_nothing_and_heads_are_as_long(service: Service, known: Callable[[], object], link: str) -> None:
    before = known()
    pages = ("/subscribe?email=a@example.org&action=confirm", f"{link}?action=confirm", "/confirm/x", "/subscribe/")
    with closing(service.connect()) as connection:
        for path in pages:
            for headers in ({}, {"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}, {"X-Moz": "prefetch"}):
                got, head = (ask(connection, path, method, None, headers) for method in ("GET", "HEAD"))
                assert head[2] == b""
                assert [head[0], {**head[1], "date": ""}] == [got[0], {**got[1], "date": ""}]
                policy = got[1]["content-security-policy"]
                assert "default-src 'none'" in policy
                assert "script-src" not in policy
                assert (got[1]["cache-control"], got[1]["x-robots-tag"]) == ("no-store", "noindex")
                assert not {"set-cookie", "location", "server"} & got[1].keys()
    assert known() == before


def test_other_methods_and_other_hosts(service: Service, known: Callable[[], object], link: str) -> None:
    before = known()
    for path in ("/subscribe", link, "/confirm/x"):
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "JOIN", "post"):
            status, headers, _ = service.ask(path, method, CONFIRM, FORM)
            assert status == 405
            assert set(headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
        for host in ("evil.example", f"{HOST}.evil.example", f"{HOST}:8080", "127.0.0.1", "localhost"):
            status, headers, body = service.ask(path, "POST", CONFIRM, {**FORM, "Host": host})
            assert status == 421
            assert "evil" not in f"{headers}{body!r}"
    assert service.ask("/confirm", "POST", CONFIRM, FORM)[0] in (404, 405)
    assert service.ask("/subscribe/proof.js", "POST", b"", FORM)[0] == 405
    assert service.ask("/subscribe/../newsletter.toml")[0] == 404
    assert known() == before


def test_hostile_values_are_stored_as_text_or_not_at_all(service: Service) -> None:
    forms = Forms(service)
    hostile = ["\r\nBcc: x@example.org", "<script>", "{{ 7 * 7 }}", "'; DROP TABLE x; --", "\0", "\u202egro", "=1+1",
               "a" * 4_000, "../../etc", "%00", "é" * 500]  # fmt: skip
    for number, text in enumerate(hostile):
        fields = forms.fields(f"hostile{number}@example.org", name=text, source=text, language=text)
        assert SENT in says(forms.send(fields)[2])
        (request,) = forms.requests(f"hostile{number}@example.org")
        assert (request.source, request.language, request.fields) == ("website", "", {})
    twice = b"&".join(f"{name}={value}".encode() for name, value in forms.fields("x%40example.org").items())
    assert forms.send(b"email=first%40example.org&" + twice)[0] == 200
    assert [len(forms.requests(f"{name}@example.org")) for name in ("first", "x")] == [0, 1], "one form is one request"
    cut_short = (PART.format("email", "", "cut@example.org") + "--x--").encode()[:-8]
    assert forms.send(cut_short, **{"Content-Type": MULTIPART})[0] == 422
    surrogate = b"email=ada%ED%A0%80%40example.org&words=" + forms.words.encode()
    assert forms.send(surrogate)[0] == 422


@pytest.mark.slow
def test_no_form_breaks_it(service: Service) -> None:
    forms = Forms(service)
    names = st.sampled_from(["email", "name", "words", "stamp", "language", "source", "remark", "altcha", "action"])

    @settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
    @given(
        fields=st.lists(st.tuples(st.one_of(names, st.text(max_size=20)), st.text()), max_size=6),
        charset=st.sampled_from(["utf-8", "utf-16", "utf-7", "idna", "undefined", "unicode_escape", "cp037", "a\t"]),
        raw=st.one_of(st.none(), st.binary(max_size=500)),
        multipart=st.booleans(),
    )
    def drive(fields: list[tuple[str, str]], charset: str, raw: bytes | None, multipart: bool) -> None:
        parts = "".join(PART.format(name, "", value) for name, value in fields)
        pairs = "&".join(f"{quote(name, errors='replace')}={quote(value, errors='replace')}" for name, value in fields)
        body = f"{parts}--x--\r\n".encode("utf-8", "replace") if multipart else pairs.encode()
        kind = f"{MULTIPART}; charset={charset}" if multipart else FORM["Content-Type"]
        headers = {"Content-Type": kind}
        assert forms.send(body if raw is None else raw, **headers)[0] in (200, 400, 422)

    drive()
    assert not [line for line in service.printed if "fault" in line]


@pytest.mark.slow  # it takes as long as the service has patience
def test_those_who_say_nothing_hold_nobody_up(service: Service, link: str) -> None:
    kind = f"Content-Length: 99\r\nContent-Type: {FORM['Content-Type']}"
    head = f"POST {{}} HTTP/1.1\r\nHost: {HOST}\r\n{kind}\r\n\r\nemail="
    slow = []
    for path in ("/subscribe", link):
        client = socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE)
        client.sendall(head.format(path).encode())
        slow.append(client)
    assert SENT in says(Forms(service).join("quick@example.org")[2])
    for client in slow:
        assert client.recv(100).startswith(b"HTTP/1.1 408 ")
        client.close()


@pytest.mark.slow
@pytest.mark.parametrize("nth", [1, 40])
def test_who_was_answered_is_in_the_store_whatever_ends_the_service(tmp_path: Path, nth: int) -> None:
    publication = joinable(tmp_path / "digest", per_network="10000")
    answered: set[str] = set()
    lock = threading.Lock()
    with serving(publication) as service:
        forms = Forms(service)

        def client(mine: list[str]) -> None:
            for address in mine:
                try:
                    status = forms.join(address)[0]
                except (OSError, HTTPException, http.client.HTTPException):
                    return
                with lock:
                    if status == 200:
                        answered.add(address)
                    if len(answered) == nth:
                        service.process.kill()

        everyone = [f"reader{number}@example.org" for number in range(200)]
        clients = [threading.Thread(target=client, args=[everyone[start::8]]) for start in range(8)]
        for each in clients:
            each.start()
        for each in clients:
            each.join()
        assert service.process.wait() == -signal.SIGKILL
    assert len(answered) >= nth
    with closing(open_store(publication.workspace.database)) as store, store.reading() as connection:
        stored = set(connection.scalars(select(reader_requests.c.subscriber)))
    assert answered <= stored


@pytest.mark.slow
def test_on_postgresql_too(tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.fresh()
    publication = joinable(tmp_path / "digest", ask_name="true", keep_network="true")
    publication.environ["NEWSLETTER_STORE__URL"] = url
    with serving(publication) as service, serving(publication) as other:
        assert SENT in says(Forms(service).join("ada@example.org", "192.0.2.7", name="Ada 李")[2])
        request = Forms(service).wait("ada@example.org")
        with closing(open_store(url)) as store:
            assert (request.network, dict(request.fields)) == ("192.0.2.7", {"name": "Ada 李"})
            path = f"/confirm/{confirm_token(publication, request.id, 'ada@example.org')}"
            assert other.ask(path)[0] == 200
            for each in (other, service):
                assert "from now on" in says(each.ask(path, "POST", CONFIRM, FORM)[2])
            with store.reading() as connection:
                assert gets_newsletter(connection, "ada@example.org")
                assert len(connection.execute(select(consents)).all()) == 1
                assert len(connection.execute(select(events)).all()) == 1
    postgres.drop(url)
