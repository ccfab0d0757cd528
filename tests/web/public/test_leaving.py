"""Readers leave by a mail client's button or by the page's, and by nothing else."""

import json
import os
import re
from collections.abc import Callable
from contextlib import closing

import pytest
from conftest import Publication
from service_server import FORM, HOST, ONE_CLICK, Service, ask, made, serving, token

from newsletter.clock import parse_instant
from newsletter.errors import ConfigError
from newsletter.store import open_store, suppressions
from newsletter.store.erased import add_erased
from newsletter.store.events import StoredEvent, list_events
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource, SuppressionKind
from newsletter.subscribers.secret_keys import SecretKeys, create_secret_keys, require_secret_keys, rotate_secret_keys
from newsletter.subscribers.suppression import suppress
from newsletter.subscribers.tokens import TokenHolder, TokenSigner
from newsletter.web.public.token_reader import TokenReader
from newsletter.workspace import Workspace

Known = Callable[[], tuple[list[StoredEvent], list[tuple[str, str, str, str]]]]
BOUNDARY = "00000000000051b0d4062d4a7b1c"
MULTIPART = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--{BOUNDARY}--\r\n'
).encode()
FORMS = {
    "urlencoded": (ONE_CLICK, FORM),
    "multipart": (MULTIPART, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}),
}


def _heading(page: bytes | str) -> str:
    text = page.decode() if isinstance(page, bytes) else page
    found = re.search("<h2>(.*?)</h2>", text, re.DOTALL)
    assert found
    return re.sub("<[^>]+>", "", found[1])


def _of(known: Known, reader: str) -> tuple[list[StoredEvent], list[str]]:
    said, suppressed = known()
    return [row for row in said if row.subscriber == reader], [row[1] for row in suppressed if row[0] == reader]


@pytest.mark.parametrize("form", FORMS)
def test_one_click_is_a_post_and_nothing_more(service: Service, known: Known, reader: str, form: str) -> None:
    body, headers = FORMS[form]
    # As a mail provider's server sends it: no cookie, no origin, no referrer (RFC 8058, section 3.2).
    for _ in range(3):
        status, answer, text = service.post(reader, body, headers)
        assert status == 200
        assert text == b"You won't get Pacific Alliance Digest any more.\n"
        assert not {"location", "set-cookie", "www-authenticate", "refresh"} & answer.keys()
        assert answer["cache-control"] == "no-store"
    said, causes = _of(known, reader)
    assert [(row.kind, row.source, row.issue, dict(row.evidence)) for row in said] == [
        ("unsubscribed", "one-click", "2.10", {})
    ]
    assert causes == ["unsubscribed"]


@pytest.mark.parametrize(
    ("body", "headers", "end"),
    [
        (b"", {}, ""),  # a proxy has lost it
        (b"", FORM, ""),
        (None, {"Content-Type": "multipart/form-data; boundary=x"}, ""),
        (b" list-unsubscribe=one-click\r\n", {"Content-Type": "text/plain"}, ""),
        (ONE_CLICK, {}, ""),
        (ONE_CLICK, FORM, "/"),
        (b"", {}, "/"),
        (b"action=leave", FORM, "/"),
    ],
)
def test_a_click_that_suffered_on_the_way_leaves(
    service: Service, known: Known, reader: str, body: bytes | None, headers: dict[str, str], end: str
) -> None:
    path = f"/u/{token(service.publication, reader)}{end}"
    assert _heading(service.ask(path)[2]) == "Unsubscribe from Pacific Alliance Digest?"
    assert service.ask(path, "POST", body, headers)[0] == 200
    said, causes = _of(known, reader)
    assert [row.kind for row in said] == ["unsubscribed"]
    assert causes == ["unsubscribed"]


def test_nobody_leaves_and_comes_back_without_end_but_leaving_always_works(
    service: Service, known: Known, reader: str
) -> None:
    connection, path = service.connect(), f"/u/{token(service.publication, reader)}"
    statuses = [
        ask(connection, path, "POST", f"action={action}".encode(), FORM)[0]
        for _ in range(30)
        for action in ("leave", "return", "reason&words=Too+often")
    ]
    connection.close()
    assert set(statuses[::3]) == {200}
    assert statuses[1::3] == [200] * 10 + [429] * 20
    said, causes = _of(known, reader)
    assert len(said) < 25
    assert causes == ["unsubscribed"]
    other = f"{reader}.example"
    assert service.post(other, b"action=leave")[0] == service.post(other, b"action=return")[0] == 200


@pytest.mark.slow
def test_a_thousand_looks_do_not_unsubscribe(service: Service, known: Known, reader: str) -> None:
    path, before = f"/u/{token(service.publication, reader)}", known()
    looks = [
        ("GET", {}), ("HEAD", {}), ("GET", {"Purpose": "prefetch"}), ("GET", {"Sec-Purpose": "prefetch;prerender"}),
        ("GET", {"X-Moz": "prefetch"}), ("GET", {"User-Agent": "a scanner", "Accept": "*/*"}),
    ]  # fmt: skip
    connection = service.connect()
    for number in range(1_000):
        method, headers = looks[number % len(looks)]
        status, answer, body = ask(connection, f"{path}?action=leave&{ONE_CLICK.decode()}", method, None, headers)
        assert status == 200
        assert answer["content-type"] == "text/html; charset=utf-8"
        assert (body == b"") == (method == "HEAD")
    connection.close()
    assert known() == before


def test_the_page_leaves_undoes_and_asks_why(service: Service, known: Known, reader: str) -> None:
    path = f"/u/{token(service.publication, reader)}"

    def post(body: bytes) -> str:
        status, headers, text = service.ask(path, "POST", body, FORM)
        assert status == 200
        assert "location" not in headers
        return text.decode()

    ask_page = service.ask(path)[2].decode()
    assert _heading(ask_page) == "Unsubscribe from Pacific Alliance Digest?"
    left = post(b"action=leave")
    assert _heading(left) == "You won’t get Pacific Alliance Digest any more"
    assert 'value="return"' in left
    assert re.findall("<textarea|<input|why", left) == []  # it asks nothing, but takes what a restyled page asks
    assert service.ask(path)[2].decode() == left
    assert "Thank you" in post(b"action=reason&why=Too+often&words=Every+day+is+%3Cb%3Emuch%3C%2Fb%3E")
    said, causes = _of(known, reader)
    assert [(row.kind, row.source) for row in said] == [("unsubscribed", "page"), ("reason", "page")]
    assert said[1].evidence == {"words": "Too often: Every day is <b>much</b>"}
    assert causes == ["unsubscribed"]
    assert _heading(post(b"action=return")) == "You want Pacific Alliance Digest again"
    assert service.ask(path)[2].decode() == ask_page
    assert _of(known, reader)[1] == []
    assert not any(reader in page or "<script" in page for page in (ask_page, left))


def _held(service: Service, reader: str, *kinds: EventKind) -> None:
    workspace = service.publication.workspace
    with closing(open_store(workspace.database)) as store:
        said = [Event(subscriber=reader, kind=kind, source=EventSource.MAIL) for kind in kinds]
        record_events(store, require_secret_keys(workspace), said)


def test_whose_mail_came_back_is_told_so_and_finds_the_way_back(service: Service, known: Known, reader: str) -> None:
    path = f"/u/{token(service.publication, reader)}"
    _held(service, reader, EventKind.HARD)
    page = service.ask(path)[2].decode()
    assert _heading(page) == "Mail to you came back"
    assert 'value="return"' in page
    assert 'value="leave"' in page
    assert _of(known, reader)[1] == [SuppressionKind.BOUNCED]
    assert _heading(service.post(reader, b"action=return")[2]) == "You want Pacific Alliance Digest again"
    assert _of(known, reader)[1] == []
    # And an older bounce does not bring it back.
    workspace = service.publication.workspace
    with closing(open_store(workspace.database)) as store:
        old = Event(
            subscriber=reader,
            kind=EventKind.HARD,
            source=EventSource.MAIL,
            said_at=parse_instant("2026-01-01T00:00:00Z"),
        )
        assert record_events(store, require_secret_keys(workspace), [old]) == [False]


def test_undoing_lifts_what_a_reader_can_and_says_what_is_true(service: Service, known: Known, reader: str) -> None:
    _held(service, reader, EventKind.HARD)
    service.post(reader, b"action=leave")
    assert _heading(service.post(reader, b"action=return")[2]) == "You want Pacific Alliance Digest again"
    assert _of(known, reader)[1] == []
    for kind, cause in (
        (EventKind.COMPLAINED, SuppressionKind.COMPLAINED),
        (EventKind.SUPPRESSED, SuppressionKind.SUPPRESSED),
    ):
        held = f"{cause}.{reader}"
        _held(service, held, kind)
        page = service.ask(f"/u/{token(service.publication, held)}")[2]
        assert _heading(page) == "Pacific Alliance Digest isn’t sent to you"
        assert b"write to <a" in page
        assert b"<form" not in page
        service.post(held, b"action=leave")
        assert service.post(held, b"action=return")[2] == page  # nobody is told that they are back
        assert _of(known, held)[1] == [cause]


@pytest.mark.parametrize("reason", ["unsubscribed", "bounced", "complained", "never write again"])
def test_no_link_brings_back_whom_an_editor_has_suppressed(
    service: Service, known: Known, reader: str, reason: str
) -> None:
    workspace = service.publication.workspace
    with closing(open_store(workspace.database)) as store:
        suppress(store, require_secret_keys(workspace), reader, reason)
    _, causes = _of(known, reader)
    page = service.ask(f"/u/{token(service.publication, reader)}")[2]
    assert _heading(page) == "Pacific Alliance Digest isn’t sent to you"
    assert b"<form" not in page
    assert service.post(reader, b"action=return")[2] == page
    assert _of(known, reader)[1] == causes


def test_why_without_having_left_is_not_kept(service: Service, known: Known, reader: str) -> None:
    page = service.post(reader, b"action=reason&words=secret")[2]
    assert _of(known, reader) == ([], [])
    service.post(reader, b"action=leave")
    assert service.post(reader, b"action=reason&words=secret")[2] == page


def test_what_cannot_be_read_is_answered_alike(service: Service, known: Known, reader: str) -> None:
    good, before = token(service.publication, reader), known()
    keys = require_secret_keys(service.publication.workspace)
    other = made(service.publication.root.parent / "other")
    bad = [
        f"{good[:-1]}{'A' if good[-1] != 'A' else 'B'}", f"{'A' if good[0] != 'A' else 'B'}{good[1:]}", good[:-1],
        good[: len(good) // 2], f"{good}A", good.replace(".", ""), good.partition(".")[0], good.upper(), f"{good}%00",
        f"{good}%20", "a", ".", "%2e%2e", "A" * 900, "A" * 9_000, "%F0%9F%90%99", "%FF", "'%20OR%201=1--", "%3Cb%3E",
        TokenSigner(keys, "other.example.org").write("2.10", reader), token(other, reader),
    ]  # fmt: skip
    answers = set()
    for text in bad:
        for method, body in (("GET", None), ("POST", ONE_CLICK), ("POST", b"action=leave"), ("POST", b"nonsense")):
            status, headers, page = service.ask(f"/u/{text}", method, body, FORM if body else None)
            answers.add((status, page, tuple(sorted(item for item in headers.items() if item[0] != "date"))))
    assert [status for status, _, _ in answers] == [404]
    assert b"This link can\xe2\x80\x99t be read" in next(iter(answers))[1]
    assert known() == before


def test_nothing_tells_who_is_known_or_was_erased(service: Service, reader: str) -> None:
    workspace = service.publication.workspace
    keys = require_secret_keys(workspace)
    erased, stranger = f"erased.{reader}", f"stranger.{reader}"
    (service.publication.root / "subscribers.csv").write_text(f"email\n{reader}\n")
    with closing(open_store(workspace.database)) as store, store.transaction() as connection:
        add_erased(connection, keys.digest(erased))
    for body in (b"action=leave", b"action=reason&words=x", b"action=return", ONE_CLICK):
        answers = [service.post(one, body) for one in (reader, stranger, erased)]
        assert {(status, text) for status, _, text in answers} == {(200, answers[0][2])}
        assert len({tuple(sorted(headers.items() - {("date", headers["date"])})) for _, headers, _ in answers}) == 1
    with closing(open_store(workspace.database)) as store, store.reading() as connection:
        assert list_events(connection, erased) == []
        assert suppressions.list_causes(connection, erased) == {}
        assert list(suppressions.list_causes(connection, stranger)) == ["unsubscribed"]


def test_keys_that_change_are_read_anew(service: Service, reader: str) -> None:
    publication = service.publication
    old = f"/u/{token(publication, reader)}"
    assert publication.run("keys", "rotate").returncode == 0
    new = f"/u/{token(publication, reader)}"
    assert old != new
    assert [service.ask(path)[0] for path in (old, new)] == [200, 200]
    path = publication.root / ".newsletter/keys.toml"
    whole = path.read_text()
    first, second = re.findall('^    ".*",\n', whole, re.MULTILINE)
    assert first != second
    path.write_text(whole.replace(second, ""))
    assert [service.ask(path)[0] for path in (old, new)] == [404, 200]
    path.write_text("tokens = [")
    assert [service.ask(path)[0] for path in (old, new)] == [404, 200]
    service.says("The keys can't be read any more, and those from before stay in use")
    path.write_text(whole)


def test_keys_that_were_mended_are_read(service: Service, reader: str) -> None:
    publication = service.publication
    path = publication.root / ".newsletter/keys.toml"
    before = path.read_text()
    assert publication.run("keys", "rotate").returncode == 0
    rotated, new = path.read_text(), f"/u/{token(publication, reader)}"
    path.write_text(before)
    # Of some changes only the moment shows: when the file is given to the service's user, say.
    path.write_text(rotated.replace('"', "'", 1))
    assert service.ask(new)[0] == 404
    moment = path.stat().st_mtime_ns
    path.write_text(rotated)
    os.utime(path, ns=(moment, moment))
    assert service.ask(new)[0] == 200


def test_keys_are_tried_again(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    create_secret_keys(publication.root)
    found = TokenReader(publication.workspace)
    rotate_secret_keys(publication.workspace)
    new = token(publication, "ann@example.org")
    monkeypatch.setattr("newsletter.web.public.token_reader._AGAIN_S", 0.0)
    with monkeypatch.context() as for_now:

        def too_many_files(_workspace: Workspace) -> SecretKeys:
            raise ConfigError("keys.toml can't be read: Too many open files.")

        for_now.setattr("newsletter.web.public.token_reader.require_secret_keys", too_many_files)
        assert found.read(new) is None
    assert found.read(new) == TokenHolder("ann@example.org", "2.10")


HOSTILE = "'; DROP TABLE events; -- \" <script>alert(1)</script> \x00\x1b[2J\u202e {{ 7*7 }} ../../etc/passwd \ud800"


@pytest.mark.parametrize("name", ["action", "List-Unsubscribe", "why", "words", "other"])
def test_what_is_hostile_in_a_field_stays_text(service: Service, known: Known, reader: str, name: str) -> None:
    value = HOSTILE.encode("utf-8", "surrogatepass")
    fields = {"action": b"reason", "words": b"x", name: value}
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n'.encode() + text + b"\r\n"
             for key, text in fields.items()]  # fmt: skip
    service.post(reader)
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    status, _, text = service.post(reader, body, FORMS["multipart"][1])
    assert status == (400 if name == "action" else 200)
    assert b"alert" not in text
    reasons = [row.evidence["words"] for row in _of(known, reader)[0] if row.kind == "reason"]
    assert len(reasons) == (status == 200)
    if name in ("why", "words"):
        assert "DROP TABLE events" in reasons[0]
        assert "\x1b" not in reasons[0]
        assert "\x00" not in reasons[0]
        assert json.dumps(reasons[0], ensure_ascii=False).encode()


def test_a_reason_has_an_end(service: Service, known: Known, reader: str) -> None:
    service.post(reader)
    assert service.post(reader, b"action=reason&why=" + b"w" * 5_000 + b"&words=" + b"x" * 5_000)[0] == 200
    reason = _of(known, reader)[0][-1]
    assert len(reason.evidence["words"]) <= 1_000
    assert reason.evidence["words"].startswith("w" * 100 + ": xxx")


BUTTONS = (
    '<form method="post"><button name="action" value="leave"></button><button name="action" value="return"></form>'
)


def test_a_page_of_ones_own_and_one_that_is_broken(service: Service, tmp_path_factory: pytest.TempPathFactory) -> None:
    publication = made(tmp_path_factory.mktemp("restyled") / "digest")
    template = publication.root / "templates/leave.html.j2"
    template.parent.mkdir()
    template.write_text(f"<p>Auf Wiedersehen? {{{{ state }}}} {{{{ publication.title }}}}</p>{BUTTONS}")
    with serving(publication) as own:
        path = f"/u/{token(publication, 'ann@example.org')}"
        assert own.ask(path)[2].decode() == f"<p>Auf Wiedersehen? ask Pacific Alliance Digest</p>{BUTTONS}"
    template.write_text("{{ nothing_of_this_name }}")
    with serving(publication) as own:
        own.says("leave.html.j2:1: 'nothing_of_this_name' is undefined")
        assert b"Unsubscribe" in own.ask(path)[2]
        assert own.post("ann@example.org")[0] == 200


def test_below_a_path(tmp_path_factory: pytest.TempPathFactory) -> None:
    publication = made(tmp_path_factory.mktemp("below") / "digest")
    publication.environ["NEWSLETTER_SERVICE__URL"] = f"https://{HOST}/news"
    with serving(publication) as own:
        path = publication.workspace.config.service.leave(token(publication, "ann@example.org"))
        assert path
        assert own.ask(path.removeprefix(f"https://{HOST}"))[0] == 200
        assert own.ask(f"/u/{token(publication, 'ann@example.org')}")[0] == 404
        assert own.ask("/healthz")[0] == 200
        own.says("The archive has 1 issue")
        assert own.ask("/news/2.10.html")[0] == 200
        for method in ("GET", "HEAD"):
            status, headers, _ = own.ask("/news", method)
            assert (status, headers["location"]) == (308, "/news/")
        status, headers, _ = own.ask("/news", "POST", ONE_CLICK, FORM)
        assert status == 405
        assert "location" not in headers
        assert own.ask("/new")[0] == 404
