"""A look at the mail server before a send: a login and what it announces, and no message."""

from pathlib import Path

import pytest
from certificate import make_certificate
from conftest import Publication, Run
from ports import free_port
from smtp_server import POLITE, Server, running, scripted

from newsletter import Publication as OpenPublication
from newsletter.backends import Unreachable

LIMITS = b"250-localhost\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250 LIMITS MAILMAX=100 RCPTMAX=10\r\n"


def _point_to(publication: Publication, port: int, **settings: str) -> None:
    publication.environ |= {
        "NEWSLETTER_SMTP__HOST": "127.0.0.1",
        "NEWSLETTER_SMTP__PORT": str(port),
        "NEWSLETTER_SMTP__SECURITY": "none",
        **{f"NEWSLETTER_SMTP__{name.upper()}": value for name, value in settings.items()},
    }


def _open(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> OpenPublication:
    for name, value in publication.environ.items():
        monkeypatch.setenv(name, value)
    return OpenPublication.open(publication.root)


def test_it_says_how_the_server_is_reached_and_what_it_takes(
    publication: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, path = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with running(certificate=context, login=True, size=5_000_000) as server:
        _point_to(publication, server.port, host="localhost", security="starttls", username="digest", password="secret")
        with _open(publication, monkeypatch) as opened:
            probe = opened.probe()
        assert server.stored == []
    assert (
        f"localhost:{server.port} answers, encrypted by TLSv1.3, and accepts the login of digest." in probe.description
    )
    assert "It takes messages of 5.0 MB at most." in probe.description
    assert probe.announced.largest_message == 5_000_000


def test_nothing_but_a_greeting_and_a_goodbye_is_said(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[str] = []

    def answer(command: str) -> bytes:
        commands.append(command)
        return LIMITS if command == "EHLO" else POLITE[command]

    with scripted(answer) as (port, _), _open_at(publication, port, monkeypatch) as opened:
        probe = opened.probe()
    assert commands == ["EHLO", "QUIT"]
    assert "A connection carries 100 messages at most." in probe.description
    assert not [sentence for sentence in probe.description if "PIPELINING" in sentence]


def _open_at(publication: Publication, port: int, monkeypatch: pytest.MonkeyPatch) -> OpenPublication:
    _point_to(publication, port)
    return _open(publication, monkeypatch)


def test_a_server_that_is_not_there_is_said_to_be(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        _open_at(publication, free_port(), monkeypatch) as opened,
        pytest.raises(Unreachable, match="No connection to"),
    ):
        opened.probe()


def test_a_backend_without_a_server_is_ready(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    publication.environ["NEWSLETTER_SEND__BACKEND"] = "maildir"
    with _open(publication, monkeypatch) as opened:
        assert opened.probe().description == ["The backend is ready."]


@pytest.mark.parametrize(("size", "is_too_large"), [(10_000, True), (10_000_000, False)])
def test_a_dry_run_compares_the_sizes(
    publication: Publication, monkeypatch: pytest.MonkeyPatch, size: int, is_too_large: bool
) -> None:
    with running(size=size) as server, _open_at(publication, server.port, monkeypatch) as opened:
        done = opened.dry_run("2.10", probe=True)
        assert opened.dry_run("2.10").probe is None
    written = max(path.stat().st_size for path in done.folder.iterdir())
    assert done.largest == written
    assert done.is_too_large == is_too_large
    assert server.stored == []


def test_the_command_says_both_sizes_and_ends_with_1(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = run("send", "2.10", "--dry-run", "--probe")
    assert ready.exit_code == 0
    assert f"127.0.0.1:{server.port} answers, not encrypted." in ready.output
    assert "The largest message has " in ready.output
    with running(size=10_000) as small:
        monkeypatch.setenv("NEWSLETTER_SMTP__PORT", str(small.port))
        too_large = run("send", "2.10", "--dry-run", "--probe")
    assert too_large.exit_code == 1
    assert "(10,000 bytes) at most" in " ".join(too_large.output.split())
    assert run("send", "2.10", "--probe").exit_code == 2
    assert server.stored == small.stored == []
