"""SMTP answers each way a connection can fail with words of its own."""

import asyncio
import socket
import ssl
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from aiosmtplib.protocol import SMTPProtocol
from certificate import make_certificate
from conftest import Publication
from feeds import MemoryFeed, messages
from ports import free_port
from smtp_server import POLITE, Server, running, scripted

from newsletter.backends import Limits, Unreachable
from newsletter.backends.smtp import SmtpBackend
from newsletter.backends.smtp.connect import _read_early_bytes
from newsletter.backends.smtp.helo import choose_helo
from newsletter.config import Config
from newsletter.errors import ConfigError


@pytest.fixture
def secured(publication: Publication, tmp_path: Path) -> Iterator[tuple[Publication, Server, Path]]:
    context, path = make_certificate(tmp_path)
    with running(certificate=context, login=True) as server:
        publication.environ |= {
            "NEWSLETTER_SMTP__HOST": "localhost",
            "NEWSLETTER_SMTP__PORT": str(server.port),
            "NEWSLETTER_SMTP__USERNAME": "digest",
            "NEWSLETTER_SMTP__PASSWORD": "secret",
            "SSL_CERT_FILE": str(path),
        }
        yield publication, server, path


def _refused(publication: Publication) -> str:
    """Return what send says when it can't even begin; nothing may be marked as sent."""
    done = publication.run("send", "2.10", "--yes")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "25 on the list = 0 accepted + 0 refused + 0 deferred + 0 unknown + 25 pending + 0 suppressed" in done.stdout
    return done.stderr


def test_starttls_and_login(secured: tuple[Publication, Server, Path]) -> None:
    publication, server, _ = secured
    assert publication.run("send", "2.10", "--yes").returncode == 0
    assert len(server.stored) == 25


def test_tls_from_the_start(publication: Publication, tmp_path: Path) -> None:
    context, path = make_certificate(tmp_path)
    with running(certificate=context, tls=True) as server:
        publication.environ |= {
            "NEWSLETTER_SMTP__HOST": "localhost", "NEWSLETTER_SMTP__PORT": str(server.port),
            "NEWSLETTER_SMTP__SECURITY": "tls", "SSL_CERT_FILE": str(path),
        }  # fmt: skip
        assert publication.run("send", "2.10", "--yes").returncode == 0
        assert len(server.stored) == 25


@pytest.mark.slow
def test_a_wrong_password(secured: tuple[Publication, Server, Path]) -> None:
    publication, server, _ = secured
    publication.environ["NEWSLETTER_SMTP__PASSWORD"] = "guess"
    words = _refused(publication)
    assert "refused the login of digest: 535" in words
    assert "guess" not in words
    assert server.stored == []
    publication.environ["NEWSLETTER_SMTP__PASSWORD"] = "secret"
    assert publication.run("send", "2.10", "--yes").returncode == 0
    assert len(server.stored) == 25


@pytest.mark.slow
def test_no_password(secured: tuple[Publication, Server, Path]) -> None:
    publication, _, _ = secured
    del publication.environ["NEWSLETTER_SMTP__PASSWORD"]
    publication.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    assert "NEWSLETTER_SMTP__PASSWORD" in _refused(publication)


def test_a_certificate_that_does_not_verify(secured: tuple[Publication, Server, Path]) -> None:
    publication, server, _ = secured
    del publication.environ["SSL_CERT_FILE"]
    assert "certificate of localhost" in _refused(publication)
    assert server.stored == []


def test_a_certificate_for_another_name(secured: tuple[Publication, Server, Path]) -> None:
    publication, _, _ = secured
    publication.environ["NEWSLETTER_SMTP__HOST"] = "127.0.0.1"
    assert "certificate of 127.0.0.1" in _refused(publication)


def test_a_closed_port(publication: Publication) -> None:
    port = free_port()
    publication.environ |= {
        "NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(port), "NEWSLETTER_SMTP__SECURITY": "none",
    }  # fmt: skip
    assert f"No connection to 127.0.0.1:{port}: Connection refused." in _refused(publication)


def test_a_server_without_starttls(publication: Publication, server: Server) -> None:
    publication.through(server)
    publication.environ["NEWSLETTER_SMTP__SECURITY"] = "starttls"
    assert "does not offer" in _refused(publication)


def test_a_server_that_says_nothing(publication: Publication) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        publication.environ |= {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(silent.getsockname()[1]),
            "NEWSLETTER_SMTP__SECURITY": "none", "NEWSLETTER_SMTP__CONNECT_TIMEOUT": "0.5",
        }  # fmt: skip
        assert "did not answer within 0.5 seconds" in _refused(publication)


def test_a_server_that_breaks_every_connection_ends_the_run(publication: Publication, server: Server) -> None:
    publication.through(server)
    server.on_reply = lambda _count, text: "drop" if text.startswith("250 OK") else None
    done = publication.run("send", "2.10", "--yes")
    assert done.returncode == 1
    assert "breaks every connection" in done.stderr
    assert server.stored == []


def _log_in(server: Server, auth: str = "password", password: str = "secret") -> None:
    settings = SmtpBackend.Settings(
        host="localhost", port=server.port, username="digest", password=password, auth=auth, security="starttls"
    )
    asyncio.run(MemoryFeed(messages(2)).carried_by(SmtpBackend(settings, Path())))


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    context, path = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return context


@pytest.mark.parametrize(
    ("offered", "auth", "taken"),
    [
        (["PLAIN"], "password", "PLAIN"),
        (["LOGIN"], "password", "LOGIN"),
        (["CRAM-MD5"], "password", "CRAM-MD5"),
        (["LOGIN", "PLAIN"], "password", "PLAIN"),
        (["LOGIN", "PLAIN", "CRAM-MD5", "XOAUTH2"], "password", "CRAM-MD5"),
        (["PLAIN", "XOAUTH2"], "xoauth2", "XOAUTH2"),
    ],
)
def test_every_login(tls: ssl.SSLContext, offered: Collection[str], auth: str, taken: str) -> None:
    with running(certificate=tls, login=True, mechanisms=offered) as server:
        _log_in(server, auth)
        assert server.logins == [taken]
        assert len(server.stored) == 2
        server.logins.clear()
        with pytest.raises(Unreachable, match="refused the login of digest: 535") as refused:
            _log_in(server, auth, "guess")
        assert refused.value.code == 535
        assert "guess" not in str(refused.value)
        # A wrong password is tried as a password once, so that it locks nobody out.
        assert len([name for name in server.logins if name != "CRAM-MD5"]) <= 1
        assert len(server.stored) == 2


@pytest.mark.parametrize(("password", "tries"), [("guess", 1), ("secret", 5)])
def test_connections_that_are_opened_at_once_try_a_wrong_password_once(
    tls: ssl.SSLContext, password: str, tries: int
) -> None:
    with running(certificate=tls, login=True, mechanisms=["PLAIN"]) as server:
        backend = SmtpBackend(
            SmtpBackend.Settings(host="localhost", port=server.port, username="digest", password=password), Path()
        )

        async def open_one() -> None:
            async with backend.connect():
                pass

        async def open_all() -> list[BaseException | None]:
            return await asyncio.gather(*(open_one() for _ in range(5)), return_exceptions=True)

        ended = asyncio.run(open_all())
        assert len(server.logins) == tries
        assert [getattr(error, "code", None) for error in ended] == [535 if password == "guess" else None] * 5


def test_a_server_that_offers_cram_md5_and_cannot_do_it(tls: ssl.SSLContext) -> None:
    with running(certificate=tls, login=True, mechanisms=["PLAIN", "CRAM-MD5"]) as server:
        server.keeps_passwords = False
        _log_in(server)
        assert server.logins == ["CRAM-MD5", "PLAIN"]
        assert len(server.stored) == 2


@pytest.mark.parametrize(("offered", "auth"), [(["XOAUTH2"], "password"), (["PLAIN"], "xoauth2")])
def test_a_login_that_the_server_does_not_offer(tls: ssl.SSLContext, offered: Collection[str], auth: str) -> None:
    with running(certificate=tls, login=True, mechanisms=offered) as server:
        with pytest.raises(Unreachable, match=r"does not offer what \[smtp\] asks for") as refused:
            _log_in(server, auth)
        assert "auth" in refused.value.next_step
        assert server.logins == []


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("EHLO", b"421 4.3.2 come back later\r\n"),
        ("EHLO", b"554 5.3.2 not today\r\n"),
        ("AUTH", b"454 4.7.0 no password server\r\n"),
        ("AUTH", b"421 4.7.0 too many logins\r\n"),
    ],
)
def test_what_the_server_says_before_a_session_opens(stage: str, reply: bytes) -> None:
    greeting = POLITE | {"EHLO": b"250-ok\r\n250 AUTH PLAIN LOGIN\r\n", stage: reply}
    with scripted(greeting.__getitem__) as (port, _):
        settings = SmtpBackend.Settings(
            host="localhost", port=port, security="none", username="digest", password="secret", timeout=5
        )
        with pytest.raises(Unreachable) as refused:
            asyncio.run(MemoryFeed(messages(1)).carried_by(SmtpBackend(settings, Path())))
    assert refused.value.code == int(reply[:3])
    # A reply to a login may quote it, and leaves its status alone.
    assert reply[4 : 9 if stage == "AUTH" else None].decode().strip() in str(refused.value)
    assert (reply[10:].decode().strip() in str(refused.value)) == (stage != "AUTH")


def _announced(settings: SmtpBackend.Settings, config: Config | None = None) -> list[str]:
    """Return what EHLO said, on each connection."""
    said: list[str] = []
    with running() as server:
        server.on_ehlo = lambda name: said.append(name)
        settings = settings.model_copy(update={"host": "127.0.0.1", "port": server.port, "security": "none"})
        settings = settings.completed(config) if config else settings
        asyncio.run(MemoryFeed(messages(1)).carried_by(SmtpBackend(settings, Path())))
        assert len(server.stored) == 1
    return said


@pytest.mark.parametrize(
    ("machine", "announced"),
    [
        ("localhost", "example.org"),
        ("vm", "example.org"),
        ("localhost.localdomain", "example.org"),
        ("mac.local", "example.org"),
        ("1.0.0.127.in-addr.arpa", "example.org"),
        ("news_room.example.net", "example.org"),
        ("news.example.net", "news.example.net"),
    ],
)
def test_a_machine_without_a_full_name_goes_by_the_senders_domain(machine: str, announced: str) -> None:
    assert choose_helo(machine, "example.org") == announced


def test_what_a_machine_announces_by_itself(publication: Publication) -> None:
    config = publication.workspace.config
    assert config.sender.from_.address.endswith("@example.org")
    assert _announced(SmtpBackend.Settings(), config) == [choose_helo(socket.getfqdn(), "example.org")]


@pytest.mark.parametrize(
    ("written", "announced"),
    [
        ("news.example.net", "news.example.net"),
        ("192.0.2.7", "[192.0.2.7]"),
        ("[192.0.2.7]", "[192.0.2.7]"),
        ("[IPv6:2001:DB8::1]", "[IPv6:2001:db8::1]"),
        ("localhost", "localhost"),
    ],
)
def test_a_machine_announces_itself_by_the_name_that_is_written(
    publication: Publication, written: str, announced: str
) -> None:
    assert _announced(SmtpBackend.Settings(helo=written), publication.workspace.config) == [announced]


@pytest.mark.parametrize("written", ["a b", "a\r\nMAIL FROM:<x@y>", "-a.example", "a..b", "[1.2.3]", "é.example"])
def test_what_no_machine_can_announce_itself_by_is_refused(publication: Publication, written: str) -> None:
    publication.environ["NEWSLETTER_SMTP__HELO"] = written
    with pytest.raises(ConfigError) as refused:
        _ = publication.workspace.config
    assert [problem.code for problem in refused.value.problems] == ["helo"]


@pytest.mark.parametrize(
    ("reply", "words", "advice"),
    [
        (None, "it hung up", "Write another name than localhost into [smtp] helo"),
        (
            b"504 5.5.2 <localhost>: need a full name\r\n",
            "504 5.5.2",
            "Write another name than localhost into [smtp] helo",
        ),
        (
            b"450 4.7.1 <localhost>: Host not found\r\n",
            "450 4.7.1",
            "if it stays so, write another name than localhost into",
        ),
    ],
)
def test_a_server_that_does_not_like_the_name_leads_to_the_setting(
    reply: bytes | None, words: str, advice: str
) -> None:
    """As relays do that hang up on EHLO localhost: to wait, as was advised, can't help."""
    with scripted(lambda command: reply if command == "EHLO" else POLITE[command]) as (port, _):
        settings = SmtpBackend.Settings(host="localhost", port=port, security="none", helo="localhost")
        with pytest.raises(Unreachable) as refused:
            asyncio.run(MemoryFeed(messages(1)).carried_by(SmtpBackend(settings, Path())))
    assert f"announced itself as localhost: {words}" in str(refused.value)
    assert advice in refused.value.next_step
    assert refused.value.code == (int(reply[:3]) if reply else None)


def test_a_server_that_is_full_says_so_in_its_greeting() -> None:
    with scripted(POLITE.__getitem__, banner=b"421 4.7.0 too many connections\r\n") as (port, _):
        settings = SmtpBackend.Settings(host="localhost", port=port, security="none")
        with pytest.raises(Unreachable, match=r"turned the connection away: 421 4\.7\.0 too many") as refused:
            asyncio.run(MemoryFeed(messages(1)).carried_by(SmtpBackend(settings, Path())))
    assert refused.value.code == 421


def test_the_limits_are_those_of_the_settings() -> None:
    assert SmtpBackend(SmtpBackend.Settings(), Path()).limits == Limits(connections=4, window=2)
    paces = {"messages_per_second": 2.5, "messages_per_hour": 500, "messages_per_connection": 100}
    settings = SmtpBackend.Settings(connections=3, chunking=True, window=20, **paces)
    assert SmtpBackend(settings, Path()).limits == Limits(
        connections=3, window=20, per_second=2.5, per_hour=500, per_connection=100
    )


def test_aiosmtplib_keeps_what_came_too_early_where_it_is_looked_for() -> None:
    async def keep() -> bytes:
        protocol = SMTPProtocol()
        protocol._buffer.extend(b"250 too early\r\n")
        return _read_early_bytes(protocol)

    assert asyncio.run(keep()) == b"250 too early\r\n"


def test_an_aiosmtplib_that_keeps_it_elsewhere_is_told_apart() -> None:
    """A reply that is overlooked would be taken for the answer to the first command."""
    with pytest.raises(Unreachable, match=r"aiosmtplib [0-9.]+ is not one that this program can send with") as refused:
        _read_early_bytes(object())
    assert "pip install" in refused.value.next_step
