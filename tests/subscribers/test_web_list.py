"""A list that an address serves as CSV, asked of a real server on loopback."""

import stat
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from certificate import make_certificate
from page_server import Answer, PageServer, page, raw, redirect
from ports import free_port
from pydantic import SecretStr

from newsletter.config import SubscriberListSettings
from newsletter.errors import ListError
from newsletter.subscribers import web_list
from newsletter.subscribers.fetched_source import FetchedSource
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.web_list import WebList

LIST = "email;name;tags\nada@example.org;Ada;board\nolga@example.net;Ольга;\n"
TOKEN = "hunter2-of-the-members"


def _with_tag(text: str, tag: str) -> Answer:
    """Return an answer that gives the list, or says that it has not changed."""

    unchanged = raw([f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n".encode()])
    whole = page(text, kind="text/csv", ETag=tag)
    return lambda request: (unchanged if request.headers.get("if-none-match") == tag else whole)(request)


@pytest.fixture
def server() -> Iterator[PageServer]:
    with PageServer() as running:
        yield running


def _source(server: PageServer, folder: Path, path: str = "/readers.csv?key=s3cret") -> FetchedSource:
    origin = WebList(url=server.address(path), password=SecretStr(TOKEN))
    settings = SubscriberListSettings(
        source="address", url=origin.url, id="digest.example.org", unsubscribe="mailto:leave@example.org"
    )
    return FetchedSource(folder / ".newsletter" / "list-from-address.csv", origin, settings)


def _addresses(source: FetchedSource) -> list[str]:
    return [row.address for row in source.read_rows() if isinstance(row, Subscriber)]


def test_the_list_is_fetched_with_the_token_and_again_only_when_it_has_changed(
    server: PageServer, tmp_path: Path
) -> None:
    server.pages["/readers.csv"] = _with_tag(LIST, '"one"')
    source = _source(server, tmp_path)
    source.require()
    assert _addresses(source) == ["ada@example.org", "olga@example.net"]
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert "if-none-match" not in server.requests[0].headers
    before = source.path.stat().st_ino
    source.refresh()
    assert server.requests[1].headers["if-none-match"] == '"one"'
    assert source.path.stat().st_ino == before
    server.pages["/readers.csv"] = _with_tag("email\neva@example.org\n", '"two"')
    source.refresh()
    assert _addresses(source) == ["eva@example.org"]
    # Another address has tags of its own, and a list that is gone here is fetched whole.
    replace(source, origin=WebList(url=server.address("/readers.csv?other"))).refresh()
    source.path.unlink()
    source.refresh()
    assert all("if-none-match" not in request.headers for request in server.requests[-2:])
    assert {stat.S_IMODE(path.stat().st_mode) for path in source.path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("answer", "words", "advice"),
    [
        (page("", 404), "has nothing there .status 404.", "[list] url"),
        (page("", 401), "wants to know who asks .status 401.", "NEWSLETTER_LIST__PASSWORD"),
        (page(TOKEN, 500), "has a fault .status 500.", "run the same command again"),
        (page("", 304), "has a fault .status 304.", "again"),
        (page("<p>Log in"), "gives a web page and no CSV", "[list] url"),
        (page("<!doctype html>", kind="text/csv"), "is no list: no column is named email", "email"),
        (page("mail,name\nx@example.org,X\n", kind="text/csv"), "is no list: no column is named email", "'mail'"),
        (page("", kind="text/csv"), "is no list: the list is empty", "columns"),
        (page(LIST, kind="text/csv", Content_Encoding="gzip"), "gives the list packed", "as it is"),
        (redirect("http://192.0.2.1/readers.csv"), "sends elsewhere .status 302.", "browser"),
        (raw([b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nemail\nada@example.org\n"]), "can't be fetched", "again"),
        (raw([b"220 mail.example.org ESMTP\r\n\r\n"]), "does not answer as a web server does", "again"),
        (raw([]), "hung up", "again"),
    ],
)
def test_what_is_no_list_is_told_and_the_one_before_stays(
    server: PageServer, tmp_path: Path, answer: Answer, words: str, advice: str
) -> None:
    source = _source(server, tmp_path)
    server.pages["/readers.csv"] = page(LIST, kind="text/csv")
    source.refresh()
    server.pages["/readers.csv"] = answer
    with pytest.raises(ListError, match=words) as refused:
        source.refresh()
    assert advice in refused.value.next_step
    shown = "".join(traceback.format_exception(refused.value)) + refused.value.next_step
    assert TOKEN not in shown
    assert "s3cret" not in shown
    assert len(_addresses(source)) == 2
    assert [path.name for path in source.path.parent.iterdir()] == ["list-from-address.csv"]


def test_a_server_that_is_away_and_a_list_without_end_are_told(
    server: PageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = WebList(url=f"http://127.0.0.1:{free_port()}/readers.csv")
    with pytest.raises(ListError, match="refuses the connection"):
        away.fetch(tmp_path / "list.csv")
    monkeypatch.setattr(web_list, "_MOST", 20)
    server.pages["/readers.csv"] = page(LIST, kind="text/csv")
    with pytest.raises(ListError, match="does not end"):
        WebList(url=server.address("/readers.csv")).fetch(tmp_path / "list.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_is_trusted_only_when_its_authority_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, authority = make_certificate(tmp_path)
    path = tmp_path / "list.csv"
    with PageServer({"/readers.csv": page(LIST, kind="text/csv")}, tls=context) as server:
        listed = WebList(url=server.address("/readers.csv", "localhost"), password=SecretStr(TOKEN))
        with pytest.raises(ListError, match="certificate of localhost can't be trusted"):
            listed.fetch(path)
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        listed.fetch(path)
    assert path.read_text() == LIST
