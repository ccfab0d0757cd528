"""A PostgreSQL server on another machine proves who it is before a password or an address reaches it."""

import os
import shutil
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from certificate import Authority
from postgres import GUARDED, NOT_INSTALLED, Postgres, _someone, programs, running_postgres
from pydantic import SecretStr
from sqlalchemy import make_url

from newsletter.errors import DeliveryError
from newsletter.store import open_store
from newsletter.store.encryption import proofs

HOST = "db.example.org"  # which leads to this machine by hostaddr alone
PASSWORD = SecretStr("sesame")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the server's user may read, too."""
    path = Path(tempfile.mkdtemp(prefix="newsletter-tls-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority.make(folder / "authority")


@pytest.fixture(scope="module")
def server(folder: Path, authority: Authority) -> Iterator[Postgres]:
    """Yield a real server with a certificate for HOST, and a user with a password."""
    if programs() is None:
        # .ci/run installs it; a newcomer's machine may lack it, and every other test still says what is right there.
        pytest.skip(NOT_INSTALLED)
    certificate, key = authority.issue(HOST, folder / "server")
    if os.geteuid() == 0:
        shutil.chown(key, _someone().pw_uid)
    with running_postgres(None, "ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={key}") as running:
        running.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD.get_secret_value()}'")
        running.execute(f"CREATE DATABASE digest OWNER {GUARDED}")
        yield running


@pytest.fixture(autouse=True)
def trusting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority) -> None:
    """Let this system trust the authority, and nothing that this user told libpq counts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGSSLROOTCERT", "PGREQUIREAUTH", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PGSSLMODE", "prefer")  # weaker only where it is written out


def _url(port: int, more: str = "", user: str = GUARDED, host: str = HOST) -> str:
    return f"postgresql://{user}@{host}:{port}/digest?hostaddr=127.0.0.1{more}"


def _refused(url: str, password: SecretStr | None = PASSWORD) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        open_store(url, password)
    assert PASSWORD.get_secret_value() not in f"{caught.value.message}{caught.value.next_step}"
    return caught.value


@pytest.mark.slow
def test_a_server_that_the_system_trusts_is_talked_to(server: Postgres) -> None:
    with closing(open_store(_url(server.port), PASSWORD)) as store, store.reading() as connection:
        found = connection.exec_driver_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert found.scalar() is True
    open_store(_url(server.port, "&sslmode=verify-full&sslrootcert=system"), PASSWORD).close()


def test_an_authority_of_ones_own_is_named_in_the_url(
    server: Postgres, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority.make(tmp_path).path))
    assert "does not prove that it is db.example.org" in _refused(_url(server.port)).message
    open_store(_url(server.port, f"&sslrootcert={authority.path}"), PASSWORD).close()


def test_another_hosts_certificate_is_refused(server: Postgres) -> None:
    error = _refused(_url(server.port, host="other.example.org"))
    assert "does not prove that it is other.example.org" in error.message
    assert "sslrootcert=" in error.next_step


def test_a_login_without_scram_is_refused_unless_it_is_written_out(server: Postgres) -> None:
    trusted = _url(server.port, user="newsletter")  # of whom no password is asked
    assert "does not ask for a password by SCRAM" in _refused(trusted).message
    open_store(f"{trusted}&require_auth=none").close()


def test_weaker_is_what_the_url_says(server: Postgres) -> None:
    open_store(_url(server.port, "&sslmode=require", host="other.example.org"), PASSWORD).close()
    open_store(_url(server.port, "&sslmode=disable", host="other.example.org"), PASSWORD).close()


@pytest.mark.parametrize(
    ("more", "libpq", "asked"),
    [
        ("", 180006, {"sslmode": "verify-full", "require_auth": "scram-sha-256"}),
        ("?sslcert=/etc/me.crt", 180006, {"sslmode": "verify-full", "require_auth": "scram-sha-256,none"}),
        ("?require_auth=gss", 180006, {"sslmode": "verify-full", "require_auth": "gss"}),
        ("?sslmode=verify-ca", 180006, {"sslmode": "verify-ca", "require_auth": "scram-sha-256"}),
        ("?sslmode=disable", 180006, {"sslmode": "disable", "require_auth": "scram-sha-256"}),
        ("", 150004, {"sslmode": "verify-full", "channel_binding": "require"}),  # which only SCRAM knows, too
        ("?sslmode=disable", 150004, {"sslmode": "disable"}),
    ],
)
def test_every_libpq_is_asked_for_the_most_that_it_knows(
    authority: Authority, more: str, libpq: int, asked: dict[str, str]
) -> None:
    roots = {"sslrootcert": str(authority.path)} if asked["sslmode"] == "verify-full" else {}
    assert proofs(make_url(f"postgresql://editor@{HOST}/digest{more}"), libpq, password=True) == {**asked, **roots}


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "LOCALHOST"])
def test_this_machine_s_server_has_to_know_the_password(host: str) -> None:
    url = make_url(f"postgresql://{host}/digest")
    assert proofs(url, 180006, password=True) == {"require_auth": "scram-sha-256"}
    assert proofs(url, 180006, password=False) == {"require_auth": "scram-sha-256,none"}
    assert proofs(url.update_query_dict({"require_auth": "md5"}), 180006, password=True) == {}
    assert proofs(url, 150004, password=True) == {}


@pytest.mark.parametrize("url", ["postgresql:///digest", "postgresql:///digest?host=/var/run/postgresql"])
def test_a_socket_has_nothing_to_prove(url: str) -> None:
    assert proofs(make_url(url), 180006, password=True) == {}


@dataclass
class Impostor:
    """Whoever stands in the middle: speaks TLS, and asks for the password itself."""

    port: int
    heard: list[bytes] = field(default_factory=list)


@pytest.fixture
def impostor(request: pytest.FixtureRequest, tmp_path: Path, authority: Authority) -> Iterator[Impostor]:
    of = authority if request.param == "trusted" else Authority.make(tmp_path / "of the impostor's own")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*of.issue(HOST, tmp_path))
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        here = Impostor(listening.getsockname()[1])
        thread = threading.Thread(target=_stand_between, args=(listening, context, here.heard))
        thread.start()
        yield here
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=30)


def _stand_between(listening: socket.socket, context: ssl.SSLContext, heard: list[bytes]) -> None:
    # https://www.postgresql.org/docs/current/protocol-flow.html
    while True:
        try:
            plain, _ = listening.accept()
        except OSError:
            return
        with suppress(OSError), closing(plain):
            plain.recv(8)  # SSLRequest
            plain.sendall(b"S")
            with context.wrap_socket(plain, server_side=True) as talk:
                heard.append(talk.recv(4096))  # the user and the database
                talk.sendall(b"R" + struct.pack("!ii", 8, 3))  # AuthenticationCleartextPassword
                heard.append(talk.recv(4096))


@pytest.mark.parametrize("impostor", ["of its own"], indirect=True)
def test_an_impostor_hears_neither_the_user_nor_the_password(impostor: Impostor) -> None:
    assert "does not prove that it is db.example.org" in _refused(_url(impostor.port)).message
    assert impostor.heard == []


@pytest.mark.parametrize("impostor", ["trusted"], indirect=True)
def test_a_server_that_asks_for_the_password_itself_does_not_get_it(impostor: Impostor) -> None:
    assert "does not ask for a password by SCRAM" in _refused(_url(impostor.port)).message
    assert not any(PASSWORD.get_secret_value().encode() in heard for heard in impostor.heard)
    _refused(_url(impostor.port, "&require_auth=password"))
    assert any(PASSWORD.get_secret_value().encode() in heard for heard in impostor.heard), "the impostor can hear it"


@pytest.mark.parametrize("impostor", ["of its own"], indirect=True)
def test_whoever_took_this_machine_s_port_does_not_get_the_password(
    impostor: Impostor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"postgresql://{GUARDED}@127.0.0.1:{impostor.port}/digest"
    assert "does not ask for a password by SCRAM" in _refused(url).message
    (tmp_path / ".pgpass").write_text(f"*:*:*:*:{PASSWORD.get_secret_value()}\n")
    (tmp_path / ".pgpass").chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / ".pgpass"))
    assert "does not ask for a password by SCRAM" in _refused(url, None).message
    assert not any(PASSWORD.get_secret_value().encode() in heard for heard in impostor.heard)
    _refused(f"{url}?require_auth=password")
    assert any(PASSWORD.get_secret_value().encode() in heard for heard in impostor.heard), "the impostor can hear it"


def test_this_machine_s_server_is_talked_to_by_scram_or_without_a_password(server: Postgres) -> None:
    open_store(f"postgresql://{GUARDED}@127.0.0.1:{server.port}/digest", PASSWORD).close()
    open_store(f"postgresql://newsletter@127.0.0.1:{server.port}/digest").close()


def test_tables_of_somebody_else_are_refused(postgres: Postgres) -> None:
    url = postgres.fresh()
    name = url.rpartition("/")[2]
    postgres.execute("CREATE ROLE stranger LOGIN; CREATE ROLE editor LOGIN")
    try:
        postgres.execute("GRANT ALL ON SCHEMA public TO stranger, editor", name)
        postgres.execute("CREATE TABLE suppressions (reader text); ALTER TABLE suppressions OWNER TO stranger", name)
        ours = postgres.url(name, user="editor")
        error = _refused(ours, None)
        assert "The table suppressions" in error.message
        assert "belongs to stranger, and not to editor" in error.message
        assert "CREATE SCHEMA newsletter AUTHORIZATION editor" in error.next_step
        postgres.execute("CREATE SCHEMA newsletter AUTHORIZATION editor", name)
        open_store(f"{ours}?options=-csearch_path%3Dnewsletter").close()
        open_store(f"{ours}?options=-csearch_path%3Dnewsletter").close()
        assert "belongs to stranger" in _refused(f"{url}?options=-csearch_path%3Dpublic", None).message  # a superuser's
    finally:
        postgres.drop(url)
        postgres.execute("DROP ROLE stranger; DROP ROLE editor")


def test_tables_of_a_group_of_ones_own_are_not_refused(postgres: Postgres) -> None:
    url = postgres.fresh()
    name = url.rpartition("/")[2]
    postgres.execute("CREATE ROLE editors; CREATE ROLE editor LOGIN; GRANT editors TO editor")
    try:
        postgres.execute("GRANT ALL ON SCHEMA public TO editors", name)
        open_store(f"{postgres.url(name, user='editor')}?options=-crole%3Deditors").close()
        open_store(postgres.url(name, user="editor")).close()
    finally:
        postgres.drop(url)
        postgres.execute("DROP ROLE editors; DROP ROLE editor")
