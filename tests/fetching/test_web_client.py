"""The client's limits, redirects and failures, against a real server that keeps no rules."""

import asyncio
import datetime
import gzip
import itertools
import zlib
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_server import LOOPBACK, Names, PageServer, by_method, never, page, raw, redirect

from newsletter.fetching import AllowedHosts, FailureReason, FetchFailure, FetchLimits, Response
from newsletter.fetching.web_client import WebClient, join_page_address, parse_page_address

LIMITS = FetchLimits(total=5, connect=2, body=10_000)


@pytest.fixture
def server() -> Iterator[PageServer]:
    with PageServer() as started:
        yield started


def fetch(
    address: str,
    method: str = "GET",
    *,
    limits: FetchLimits = LIMITS,
    names: Names | None = None,
    allowed: AllowedHosts = LOOPBACK,
) -> Response:
    async def ask() -> Response:
        async with WebClient("test", limits=limits, resolve=names or Names(), allowed=allowed) as client:
            return await client.fetch(address, "HEAD" if method == "HEAD" else "GET")

    return asyncio.run(ask())


def fail(address: str, **how: object) -> FetchFailure:
    with pytest.raises(FetchFailure) as caught:
        fetch(address, **how)  # type: ignore[arg-type]  # the options of fetch()
    return caught.value


def test_a_page_is_fetched_with_its_type_and_charset(server: PageServer) -> None:
    server.pages["/ü"] = page("<p>Grüße</p>".encode("windows-1252"), kind="Text/HTML; charset=Windows-1252")
    response = fetch(server.address("/ü") + "#part")
    assert (response.status, response.media_type, response.charset, response.cut) == (
        200,
        "text/html",
        "windows-1252",
        None,
    )
    assert response.body.decode("windows-1252") == "<p>Grüße</p>"
    assert response.address == server.address("/ü")
    assert "newsletter-press/" in server.requests[0].headers["user-agent"]


def test_a_password_in_the_address_is_not_sent(server: PageServer) -> None:
    server.pages["/"] = page()
    response = fetch(server.address("/").replace("://", "://anna:secret@"))
    assert "secret" not in response.address
    assert "authorization" not in server.requests[0].headers


def test_redirects_are_followed_and_told(server: PageServer) -> None:
    server.pages |= {
        "/old": redirect("/new", 301),
        "/new": redirect("/daily?d=1", 308),
        "/daily": redirect(server.address("/end") + "#x", 302),
        "/end": page(),
    }
    response = fetch(server.address("/old"))
    assert response.address == server.address("/end")
    assert [step.status for step in response.redirects] == [301, 308, 302]
    assert response.moved_to == server.address("/daily?d=1")


def test_a_head_request_stays_one_along_redirects(server: PageServer) -> None:
    server.pages |= {"/a": redirect("/b"), "/b": page("long" * 100)}
    response = fetch(server.address("/a"), "HEAD")
    assert (response.status, response.body, response.cut) == (200, b"", None)
    assert {request.method for request in server.requests} == {"HEAD"}


def test_cookies_are_kept_along_one_chain_of_redirects_only(server: PageServer) -> None:
    server.pages |= {"/a": redirect("/b", Set_Cookie="wall=passed; Path=/"), "/b": page()}

    async def ask_twice() -> None:
        async with WebClient("test", resolve=Names(), allowed=LOOPBACK) as client:
            await client.fetch(server.address("/a"))
            await client.fetch(server.address("/b"))

    asyncio.run(ask_twice())
    assert [request.headers.get("cookie") for request in server.requests] == [None, "wall=passed", None]


@pytest.mark.parametrize(
    "cookie",
    ["a=ü", "ü=1", "a=\x01", "a=1; Expires=ü", "=;;;=", "a=" + "1" * 70_000, "a=日本".encode().decode("latin-1")],
)
def test_cookies_that_break_the_rules_break_nothing(server: PageServer, cookie: str) -> None:
    server.pages |= {"/a": redirect("/b", Set_Cookie=f"{cookie}; Path=/"), "/b": page()}
    try:
        assert fetch(server.address("/a")).status == 200
    except FetchFailure as failure:
        assert failure.address.endswith(("/a", "/b"))  # noqa: PT017  # either is well


@pytest.mark.parametrize("target", ["/loop", "/loop?again", ""])
def test_a_loop_of_redirects_ends(server: PageServer, target: str) -> None:
    server.pages["/loop"] = redirect(target or server.address("/loop"))
    failure = fail(server.address("/loop"))
    assert failure.reason is FailureReason.REDIRECTS
    assert len(server.requests) == LIMITS.redirects + 1


@pytest.mark.parametrize("target", ["ftp://example.org/x", "javascript:alert(1)", "http://[::x", "file:///etc/passwd"])
def test_a_redirect_to_no_web_page_fails(server: PageServer, target: str) -> None:
    server.pages["/"] = redirect(target)
    assert fail(server.address("/")).reason is FailureReason.ADDRESS


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.org/",
        "example.org",
        "",
        "http://",
        "https://a b/",
        "http://[x/",
        "data:,x",
        "http://example.org:0/",
        "http://example.org:65536/",
    ],
)
def test_what_is_no_web_address_is_not_asked(address: str) -> None:
    assert fail(address).reason is FailureReason.ADDRESS


def test_a_large_body_is_read_to_the_limit(server: PageServer) -> None:
    endless = itertools.chain([b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"], itertools.repeat(b"x" * 60_000))
    server.pages |= {"/endless": raw(endless), "/large": page(b"y" * 20_000), "/just": page(b"z" * 10_000)}
    for path, cut in (("/endless", "size"), ("/large", "size"), ("/just", None)):
        response = fetch(server.address(path))
        assert (len(response.body), response.cut) == (10_000, cut)


def test_a_body_that_drips_is_cut_when_the_time_is_up(server: PageServer) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
    server.pages["/drip"] = raw(itertools.chain([head], itertools.repeat(b"x")), pause=0.02)
    response = fetch(server.address("/drip"), limits=FetchLimits(total=0.3))
    assert response.cut == "time"
    assert response.body.startswith(b"x")


@pytest.mark.parametrize(
    "answer", [never, raw(itertools.repeat(b"HTTP/1.1 200 OK\r\nX: "), pause=0.05)], ids=["never", "drip"]
)
def test_a_head_that_does_not_come_fails_in_time(server: PageServer, answer: object) -> None:
    server.pages["/"] = answer  # type: ignore[assignment]  # one of the two above
    assert fail(server.address("/"), limits=FetchLimits(total=0.3)).reason is FailureReason.TIMEOUT


def test_all_redirects_share_the_time(server: PageServer) -> None:
    server.delay = 0.1
    server.pages["/"] = redirect("/")
    assert fail(server.address("/"), limits=FetchLimits(total=0.35)).reason is FailureReason.TIMEOUT
    assert len(server.requests) <= 4


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate", "identity"])
def test_a_packed_body_is_unpacked(server: PageServer, encoding: str) -> None:
    text = b"<p>packed</p>" * 50
    raw_deflate = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(text),
        "deflate": zlib.compress(text),
        "raw deflate": raw_deflate.compress(text) + raw_deflate.flush(),
        "identity": text,
    }[encoding]
    server.pages["/"] = page(packed, Content_Encoding=encoding.split()[-1])
    assert fetch(server.address("/")).body == text


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_unpacked_to_the_limit(server: PageServer, encoding: str) -> None:
    zeros = b"0" * 50_000_000
    server.pages["/"] = page(
        gzip.compress(zeros) if encoding == "gzip" else zlib.compress(zeros), Content_Encoding=encoding
    )
    response = fetch(server.address("/"))
    assert (len(response.body), response.cut) == (10_000, "size")


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd", "gzip"])
def test_a_body_that_cannot_be_unpacked_is_cut(server: PageServer, encoding: str) -> None:
    server.pages["/"] = page(b"\x00\x01nonsense", Content_Encoding=encoding)
    response = fetch(server.address("/"))
    assert (response.status, response.body, response.cut) == (200, b"", "encoding")


def test_a_body_that_breaks_off_is_cut(server: PageServer) -> None:
    server.pages["/"] = raw([b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"])
    response = fetch(server.address("/"))
    assert (response.body, response.cut) == (b"half", "dropped")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([], FailureReason.DROPPED),
        ([b"220 mail.example.org ESMTP\r\n\r\n"], FailureReason.PROTOCOL),
        ([b"HTTP/1.1 200 OK\r\nBad\x00Name: x\r\n\r\n"], FailureReason.PROTOCOL),
        ([b"HTTP/1.1 200 OK\r\n" + b"X-Long: y\r\n" * 20_000], FailureReason.PROTOCOL),
    ],
    ids=["nothing", "mail server", "invalid header", "endless headers"],
)
def test_an_answer_that_is_not_http_fails(server: PageServer, answer: list[bytes], reason: FailureReason) -> None:
    server.pages["/"] = raw(answer)
    assert fail(server.address("/")).reason is reason


def test_nothing_behind_a_port_is_a_refusal() -> None:
    with PageServer() as gone:
        address = gone.address("/")
    assert fail(address).reason is FailureReason.REFUSED


def test_a_name_that_is_not_known_fails() -> None:
    assert fail("https://nowhere.example.org/").reason is FailureReason.UNKNOWN_NAME
    assert fail("https://a..b/").reason in (FailureReason.UNKNOWN_NAME, FailureReason.ADDRESS)


def test_a_busy_server_says_when_to_come_again(server: PageServer) -> None:
    now = datetime.datetime(2026, 12, 1, 9, tzinfo=datetime.UTC)
    for text, seconds in (
        ("120", 120),
        ("Tue, 01 Dec 2026 09:01:00 GMT", 60),
        ("soon", None),
        ("-1", None),
        ("", None),
    ):
        server.pages["/"] = page("", 429, Retry_After=text)
        assert fetch(server.address("/")).find_retry_delay(now) == seconds


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "localhost"])
def test_a_private_address_is_not_asked(server: PageServer, host: str) -> None:
    names = Names({"localhost": [["127.0.0.1"]]})
    failure = fail(f"http://{host}:{server.port}/", allowed=AllowedHosts(), names=names)
    assert failure.reason is FailureReason.PRIVATE
    assert not server.requests


def test_the_system_s_own_names_are_looked_at_too(server: PageServer) -> None:
    with pytest.raises(FetchFailure) as caught:
        asyncio.run(_fetch_as_shipped(server.address("/", "localhost")))
    assert caught.value.reason is FailureReason.PRIVATE
    assert not server.requests


async def _fetch_as_shipped(address: str) -> Response:
    async with WebClient("test") as client:
        return await client.fetch(address)


def test_a_redirect_does_not_reach_a_private_address(server: PageServer) -> None:
    names = Names({"public.example.org": [["127.0.0.1"]], "inside.example.org": [["127.0.0.1"]]})
    allowed = AllowedHosts.parse(["public.example.org"])
    for target in (f"http://127.0.0.1:{server.port}/in", f"http://inside.example.org:{server.port}/in"):
        server.pages |= {"/out": redirect(target), "/in": page("secret")}
        failure = fail(server.address("/out", "public.example.org"), allowed=allowed, names=names)
        assert failure.reason is FailureReason.PRIVATE
        assert [step.target for step in failure.redirects] == [target]
    assert server.count("/in") == 0


def test_a_name_server_that_changes_its_mind_reaches_nothing(server: PageServer) -> None:
    server.pages["/"] = page("secret")
    # The first answer is allowed, and nothing listens there; a second look-up would lead to the server.
    names = Names({"rebind.example.org": [["127.0.0.77"], ["127.0.0.1"]]})
    failure = fail(server.address("/", "rebind.example.org"), allowed=AllowedHosts.parse(["127.0.0.77"]), names=names)
    assert failure.reason is FailureReason.REFUSED
    assert names.asked == ["rebind.example.org"]
    assert not server.requests


def test_a_name_server_is_not_believed_the_second_time(server: PageServer) -> None:
    server.pages |= {"/": redirect("/in"), "/in": page("secret")}
    names = Names({"rebind.example.org": [["127.0.0.77"], ["127.0.0.1"]]})
    allowed = AllowedHosts.parse(["127.0.0.77"])

    async def ask_twice() -> list[FailureReason]:
        async with WebClient("test", limits=LIMITS, resolve=names, allowed=allowed) as client:
            answers = await asyncio.gather(
                *(client.fetch(server.address("/", "rebind.example.org")) for _ in range(2)), return_exceptions=True
            )
        return [answer.reason for answer in answers if isinstance(answer, FetchFailure)]

    assert sorted(asyncio.run(ask_twice())) == [FailureReason.PRIVATE, FailureReason.REFUSED]
    assert not server.requests


def test_one_private_address_of_a_name_keeps_it_from_being_asked(server: PageServer) -> None:
    names = Names({"mixed.example.org": [["93.184.215.14", "127.0.0.1"]]})
    assert (
        fail(server.address("/", "mixed.example.org"), allowed=AllowedHosts(), names=names).reason
        is FailureReason.PRIVATE
    )
    assert not server.requests


def test_the_connection_goes_to_the_address_that_was_checked_under_the_host_s_name(server: PageServer) -> None:
    server.pages["/"] = page()
    names = Names({"page.example.org": [["127.0.0.1"]]})
    assert fetch(server.address("/", "page.example.org"), names=names).status == 200
    assert server.requests[0].host == "page.example.org"


def test_another_address_of_a_name_is_tried_when_the_first_refuses(server: PageServer) -> None:
    server.pages["/"] = page()
    names = Names({"two.example.org": [["127.0.0.99", "127.0.0.1"]]})
    assert fetch(server.address("/", "two.example.org"), names=names).status == 200


def test_a_proxy_of_the_environment_is_not_used(server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.pages["/"] = page()
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch(server.address("/")).status == 200


def test_few_are_asked_at_a_time_and_fewer_of_one_host(server: PageServer) -> None:
    server.delay = 0.02
    server.pages["/"] = page()
    names = Names(everything="127.0.0.1")
    limits = FetchLimits(at_once=5, at_once_per_host=2)

    async def ask_all() -> None:
        async with WebClient("test", limits=limits, resolve=names, allowed=LOOPBACK) as client:
            # One host after the other, since hosts in turn would hardly be asked twice at a time in any case.
            hosts = [f"host{number // 10}.example.org" for number in range(40)]
            await asyncio.gather(*(client.fetch(server.address(f"/?{host}", host)) for host in hosts))

    asyncio.run(ask_all())
    assert server.most_at_once.pop("") == 5
    assert max(server.most_at_once.values()) == 2


def test_methods_can_be_answered_differently(server: PageServer) -> None:
    server.pages["/"] = by_method(HEAD=page("", 405), GET=page("here"))
    assert fetch(server.address("/"), "HEAD").status == 405
    assert fetch(server.address("/")).body == b"here"


_PIECES = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            ["http:", "https:", "//", "/", "?", "#", "@", ":", "[", "]", "%", "..", "example.org", "\x00", ":99999"]
        ),
    ),
    max_size=8,
).map("".join)


@given(_PIECES)
def test_any_text_is_a_page_s_address_or_a_failure(text: str) -> None:
    for read in (
        lambda: parse_page_address(text),
        lambda: join_page_address(httpx.URL("https://example.org/a"), text, []),
    ):
        try:
            url = read()
        except FetchFailure:
            continue
        assert url.scheme in ("http", "https")
        assert url.host
        assert not url.fragment
        assert parse_page_address(str(url)) == url


_ANSWERS = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from(
            [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 301 Moved\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 999 \r\n",
             b"Location: /a\r\n", b"Location: //\xff:99999\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n",
             b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n",
             b"Content-Type: text/html; charset=\xff\r\n", b"Set-Cookie: \xe9=\x80; Expires=0\r\n",
             b"Retry-After: \xb2\r\n",
             b"\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"fffffffff\r\n", b"\x1f\x8b\x08\x00\x00\x00", b"hello"]
        ),
    ),
    max_size=9,
)  # fmt: skip


@pytest.mark.slow
def test_any_bytes_are_an_answer_or_a_failure() -> None:
    limits = FetchLimits(total=1, redirects=2, body=1000)
    with PageServer() as server:

        @given(_ANSWERS)
        def ask(pieces: list[bytes]) -> None:
            server.pages["/"] = server.pages["/a"] = raw([piece for piece in pieces if piece])
            try:
                response = fetch(server.address("/"), limits=limits)
            except FetchFailure:
                return
            assert len(response.body) <= 1000
            assert response.find_retry_delay(datetime.datetime.now(datetime.UTC)) is None or response.status in (
                429,
                503,
            )
            assert isinstance((response.media_type, response.charset, response.moved_to), tuple)

        ask()
