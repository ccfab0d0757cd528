"""Whatever comes over the wire gets the right status, changes nothing, and doesn't stop the service."""

import socket
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service_server import FORM, HOST, ONE_CLICK, PATIENCE, Service, ask, made, serving, token

MULTIPART = "multipart/form-data; boundary=x"
PART = '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"{}\r\n\r\nOne-Click\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (FORM["Content-Type"], b"List-Unsubscribe=Two-Clicks", 400),
        (FORM["Content-Type"], b"action=delete", 400),
        (FORM["Content-Type"], b"&".join(b"a%d=b" % number for number in range(100)), 400),
        (FORM["Content-Type"], b"action=leave&words=" + b"x" * 20_000, 413),
        (FORM["Content-Type"], b"\x00" * 10_000_000, 413),
        (MULTIPART, b"nothing of the kind", 400),
        (MULTIPART, PART.format("")[:-10].encode(), 400),
        (MULTIPART, PART.format('; filename="a"').encode(), 400),
        (MULTIPART, b"--x\r\n\r\nOne-Click\r\n--x--\r\n", 400),
        ("multipart/form-data", PART.format("").encode(), 400),
        (f"{MULTIPART}; charset=undefined", PART.format("").encode(), 400),
        (f"{MULTIPART}; charset=idna", PART.format("").replace("One-Click", "xn--a-").encode(), 400),
        (f"{MULTIPART}; charset=punycode", PART.format("").replace("One", "xn--\xff").encode(), 400),
        ("application/json", b'{"List-Unsubscribe": "One-Click"}', 415),
        ("text/plain", b"action=leave", 415),
        ("", b"action=leave", 415),
        ("message/rfc822", b"action=leave", 415),
    ],
)
def test_a_body_that_is_no_order(
    service: Service, known: Callable[[], object], reader: str, content_type: str, body: bytes, status: int
) -> None:
    before = known()
    assert service.post(reader, body, {"Content-Type": content_type})[0] == status
    # The same in pieces, with no length told.
    path = f"/u/{token(service.publication, reader)}"
    pieces = (body[start : start + 8_192] for start in range(0, len(body), 8_192))
    assert service.ask(path, "POST", pieces, {"Content-Type": content_type})[0] == status
    assert known() == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "LEAVE", "post"])
def test_other_methods_are_told_which_there_are(service: Service, reader: str, method: str) -> None:
    for path, allowed in (
        (f"/u/{token(service.publication, reader)}", {"GET", "HEAD", "POST"}),
        ("/u/nobody", {"GET", "HEAD", "POST"}),
        ("/", {"GET", "HEAD"}),
        ("/healthz", {"GET", "HEAD"}),
        ("/2.10.html", {"GET", "HEAD"}),
    ):
        status, headers, _ = service.ask(path, method, ONE_CLICK, FORM)
        assert status == 405
        assert set(headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    ("host", "path", "status"),
    [
        (HOST, "/", 200),
        (f"{HOST}:443", "/", 200),
        (HOST.upper(), "/", 200),
        (f"{HOST}.", "/", 200),
        (f"{HOST}:8080", "/", 421),
        (f"{HOST}.evil.example", "/", 421),
        (f"evil.{HOST}", "/", 421),
        ("127.0.0.1", "/", 421),
        ("localhost", "/u/x", 421),
        ("", "/", 421),
        ("a b", "/", 400),
        ("evil.example", "/healthz", 421),
        ("127.0.0.1:8600", "/healthz", 200),
        ("localhost", "/healthz", 200),
        ("[::1]:80", "/healthz", 200),
    ],
)
def test_only_its_own_name_is_answered(service: Service, host: str, path: str, status: int) -> None:
    service.says("The archive has 1 issue")
    status_, headers, body = service.ask(path, headers={"Host": host})
    assert status_ in (status, 421 if status == 400 else status)
    assert "evil" not in f"{headers}{body!r}"


def test_why_another_host_is_refused_is_told_once(tmp_path: Path) -> None:
    with serving(made(tmp_path / "digest")) as service:
        for _ in range(3):
            assert service.ask("/", headers={"Host": "secret.example"})[0] == 421
        assert service.ask("/healthz")[0] == 200
        service.says("GET /healthz 200")
        told = [line for line in service.printed if "another host" in line]
    assert len(told) == 1
    assert told[0].endswith(f"[service] url is https://{HOST}; pass Host on (docs/operators/service.md)")
    assert not any("secret" in line for line in service.printed)


def test_wherever_get_is_head_is(service: Service, reader: str) -> None:
    service.says("The archive has 1 issue")
    for path in ("/", "/2.10.html", "/2.10.pdf", "/healthz", f"/u/{token(service.publication, reader)}", "/u/x", "/x"):
        got, head = service.ask(path), service.ask(path, "HEAD")
        assert head[2] == b""
        assert [head[0], {**head[1], "date": ""}] == [got[0], {**got[1], "date": ""}]
        assert int(head[1]["content-length"]) == len(got[2])


def test_every_answer_says_what_a_browser_may_do(service: Service, reader: str) -> None:
    service.says("The archive has 1 issue")
    for path, status in (("/", 200), ("/u/x", 404), (f"/u/{token(service.publication, reader)}", 200), ("/x", 404)):
        got, headers, _ = service.ask(path)
        assert got == status
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
        assert ("noindex" in headers.get("x-robots-tag", "")) == (path != "/")


def test_a_long_head_and_no_http_at_all(service: Service) -> None:
    long = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n"
    for sent in (long, b"\x16\x03\x01\x02\x00\x01" * 100, b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\r\n" * 50_000):
        with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as client:
            try:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
                answer = client.recv(100)
            except OSError:
                continue  # it was left while it was still talking
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert service.ask("/healthz")[0] == 200


@pytest.mark.slow  # it takes as long as the service has patience
def test_those_who_say_nothing_hold_nobody_up(service: Service, reader: str) -> None:
    head = f"POST /u/{token(service.publication, reader)} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 26\r\n"
    half = socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE)
    half.sendall(f"{head}Content-Type: {FORM['Content-Type']}\r\n\r\n".encode() + ONE_CLICK[:10])
    clients = [socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) for _ in range(200)]
    for number, client in enumerate(clients):
        client.sendall(b"POST /u/x HTTP/1.1\r\nHost: news.exa"[: number % 40])
    assert service.ask("/healthz")[0] == 200
    for client in clients:
        assert client.recv(1) == b""  # the service has left them
        client.close()
    assert half.recv(100).startswith(b"HTTP/1.1 408 ")
    half.close()
    assert service.process.poll() is None


_TEXT = st.text(max_size=60)
_HEADERS = st.dictionaries(
    st.sampled_from([
        "Host", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Expect", "Range", "If-None-Match", "Cookie",
        "If-Modified-Since", "X-Forwarded-Host", "X-Forwarded-Prefix", "Upgrade", "Connection",
        "X-HTTP-Method-Override", "Content-Disposition", "Accept", "Forwarded", "Authorization",
    ]),
    st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
        st.sampled_from([
            "gzip", "chunked", "100-continue", "bytes=0-", '"*"', "*", "websocket", "upgrade", "close",
            "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 99 Foo 99999 99:99:99 +9999", MULTIPART,
            f"{MULTIPART}; charset=rot13", "multipart/form-data; boundary=\"", "multipart/form-data; boundary*=a''b",
            FORM["Content-Type"], f"{MULTIPART}; charset=undefined", f"{FORM['Content-Type']}; charset=utf-7",
        ]),
    ),
    max_size=4,
)  # fmt: skip
_PATHS = st.one_of(
    st.builds(lambda text: f"/u/{quote(text, safe='')}", _TEXT),
    st.builds(lambda text: f"/{quote(text)}", _TEXT),
    st.builds(lambda text, query: f"/u/{quote(text)}?{quote(query)}", _TEXT, _TEXT),
    st.sampled_from(["/", "//", "/u", "/u/", "/u//", "/healthz", "/healthz/", "/2.10.html", "/feed.xml",
                     "/.newsletter-site.json", "/..%2f..%2fnewsletter.toml", "/%2e%2e/keys.toml", "/../newsletter.toml",
                     "*", "http://evil.example/u/x", "/2.10.html%00", "/index.html/", "/CON", "/%ff"]),
)  # fmt: skip
_BODIES = st.one_of(
    st.none(),
    st.binary(max_size=300),
    st.sampled_from([ONE_CLICK, b"action=leave", b"action=return", b"%", b"%00=%ff&&==;", PART.format("").encode(),
                     b"x" * 20_000]),
)  # fmt: skip
_METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "FOO"])


@pytest.mark.slow
def test_nothing_that_is_hostile_is_taken_or_breaks_it(service: Service, known: Callable[[], object]) -> None:
    service.says("The archive has 1 issue")
    before = known()

    @settings(max_examples=500)
    @given(method=_METHODS, path=_PATHS, body=_BODIES, headers=_HEADERS)
    def drive(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> None:
        if "Transfer-Encoding" in headers and body is not None:
            del headers["Transfer-Encoding"]  # the client would send what it says it does not
        connection = service.connect()
        try:
            status, answer, text = ask(connection, path, method, body, headers)
        except (HTTPException, ConnectionError):
            return  # no HTTP was spoken, and the connection was closed
        finally:
            connection.close()
        assert 200 <= status < 500
        assert "location" not in answer
        assert "keys" not in text.decode(errors="replace")

    drive()
    assert known() == before
    assert service.ask("/healthz")[0] == 200


@pytest.mark.slow
def test_no_body_with_a_good_token_breaks_it(service: Service, reader: str) -> None:
    path = f"/u/{token(service.publication, reader)}"

    @settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
    @given(
        fields=st.lists(st.tuples(st.one_of(st.sampled_from(["action", "why", "words", "List-Unsubscribe"]), _TEXT),
                                  st.one_of(st.sampled_from(["leave", "return", "reason", "One-Click"]), st.text())),
                        max_size=5),
        charset=st.sampled_from(["utf-8", "utf-16", "utf-7", "idna", "undefined", "unicode_escape",
                                 "raw_unicode_escape", "cp037", "a\t"]),
        raw=st.one_of(st.none(), st.binary(max_size=500)),
        multipart=st.booleans(),
    )  # fmt: skip
    def drive(fields: list[tuple[str, str]], charset: str, raw: bytes | None, multipart: bool) -> None:
        if multipart:
            parts = "".join(
                f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
            )
            body = raw if raw is not None else f"{parts}--x--\r\n".encode("utf-8", "replace")
            kind = f"{MULTIPART}; charset={charset}"
        else:
            pairs = "&".join(
                f"{quote(name, errors='replace')}={quote(value, errors='replace')}" for name, value in fields
            )
            body, kind = raw if raw is not None else pairs.encode(), FORM["Content-Type"]
        # 429: nobody comes back so often.
        assert service.ask(path, "POST", body, {"Content-Type": kind})[0] in (200, 400, 429)

    drive()
    assert not [line for line in service.printed if "fault" in line]


def test_the_log_says_nothing_of_anybody(service: Service, reader: str) -> None:
    text = token(service.publication, reader)
    service.ask(f"/u/{text}?who={reader}", headers={"User-Agent": reader, "Referer": f"https://example.org/{text}"})
    service.post(reader, b"action=leave&words=secret-words")
    service.ask(f"/x/{text}")
    service.ask(f"/{text}")
    service.ask("/healthz", "HEAD")
    service.says("HEAD /healthz 200")
    log = "\n".join(service.printed)
    assert "GET /u/… 200" in log
    assert "POST /u/… 200" in log
    assert "GET - 404" in log
    assert not any(word in log for word in (text, text[:20], "example.org/u", reader, "@", "secret-words", "?"))
