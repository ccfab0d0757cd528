"""SMTP answers each way a connection can fail with words of its own."""

import asyncio
import datetime
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Publication
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from smtp_server import Server, running

from newsletter import backends
from newsletter.mail.message import Message, Receipt


def _load(publication: Publication, name: str) -> backends.Backend:
    publication.environ["NEWSLETTER_SEND__BACKEND"] = name
    return backends.load(name, publication.workspace.config, publication.root)


def _certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / "server.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, path


@pytest.fixture
def secured(publication: Publication, tmp_path: Path) -> Iterator[tuple[Publication, Server, Path]]:
    context, path = _certificate(tmp_path)
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
    """What send says when it can't even begin; nothing may be marked as sent."""
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
    context, path = _certificate(tmp_path)
    with running(certificate=context, tls=True) as server:
        publication.environ |= {
            "NEWSLETTER_SMTP__HOST": "localhost", "NEWSLETTER_SMTP__PORT": str(server.port),
            "NEWSLETTER_SMTP__SECURITY": "tls", "SSL_CERT_FILE": str(path),
        }  # fmt: skip
        assert publication.run("send", "2.10", "--yes").returncode == 0
        assert len(server.stored) == 25


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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
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
            "NEWSLETTER_SMTP__SECURITY": "none", "NEWSLETTER_SMTP__TIMEOUT": "0.5",
        }  # fmt: skip
        assert "did not answer within 0.5 seconds" in _refused(publication)


def test_an_unknown_backend(publication: Publication) -> None:
    publication.environ["NEWSLETTER_SEND__BACKEND"] = "pigeon"
    done = publication.run("send", "2.10", "--yes")
    assert done.returncode == 2
    assert "no backend named 'pigeon' is installed" in done.stderr
    assert "Installed: command, maildir, memory, smtp." in done.stderr
    assert not (publication.root / ".newsletter").exists()


def test_a_server_that_breaks_every_connection_ends_the_run(publication: Publication, server: Server) -> None:
    publication.through(server)
    server.on_reply = lambda _count, text: "drop" if text.startswith("250 OK") else None
    done = publication.run("send", "2.10", "--yes")
    assert done.returncode == 1
    assert "breaks every connection" in done.stderr
    assert server.stored == []


def test_sessions_end_with_the_feed(publication: Publication, server: Server) -> None:
    publication.through(server)
    backend = _load(publication, "smtp")

    class Empty:
        def take(self) -> Message | None:
            return None

        async def wait(self) -> bool:
            return False

        def answer(self, receipt: Receipt) -> None:
            raise AssertionError(receipt)

        def untouched(self, message: Message) -> None:
            raise AssertionError(message)

    async def deliver() -> None:
        async with backend.connect() as session:
            await session.deliver(Empty())

    asyncio.run(deliver())
    assert server.stored == []
