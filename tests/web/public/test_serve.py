"""The process: what was answered is kept, whatever ends it, and it goes on when the store does."""

import http.client
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import smtp_server
from conftest import Publication
from postgres import Postgres
from service_server import FORM, HOST, ONE_CLICK, PATIENCE, Service, ask, made, served, serving, token

from newsletter.store import open_store, suppressions
from newsletter.web.public.service import serve


def _on(publication: Publication, place: Path | str) -> Publication:
    """With its store at that place."""
    publication.environ["NEWSLETTER_STORE__URL"] = f"sqlite:///{place}" if isinstance(place, Path) else place
    return publication


def _gone(publication: Publication) -> set[str]:
    with closing(open_store(publication.workspace.database)) as store, store.reading() as connection:
        return {row[0] for row in suppressions.stream_suppressions(connection)}


def _leaving(service: Service, readers: list[str], on_answer: Callable[[str, int], None]) -> list[threading.Thread]:
    """Clients that each post for one reader after the other, until there is nobody to answer."""

    def client(mine: list[str]) -> None:
        with closing(service.connect()) as connection:
            for reader in mine:
                try:
                    status, _, _ = ask(connection, f"/u/{token(service.publication, reader)}", "POST", ONE_CLICK, FORM)
                except (OSError, http.client.HTTPException):
                    return
                on_answer(reader, status)

    clients = [threading.Thread(target=client, args=[readers[start::8]]) for start in range(8)]
    for one in clients:
        one.start()
    return clients


@pytest.mark.parametrize(
    "nth", [9, pytest.param(1, marks=pytest.mark.slow), pytest.param(40, marks=pytest.mark.slow),
            pytest.param(250, marks=pytest.mark.slow)],
)  # fmt: skip
def test_who_was_answered_is_gone_for_good(tmp_path: Path, place: Path | str, nth: int) -> None:
    publication = _on(made(tmp_path / "digest"), place)
    answered: set[str] = set()
    lock = threading.Lock()
    with serving(publication) as service:

        def on_answer(reader: str, status: int) -> None:
            with lock:
                if status == 200:
                    answered.add(reader)
                if len(answered) == nth:
                    service.process.kill()

        for client in _leaving(service, [f"reader{number}@example.org" for number in range(400)], on_answer):
            client.join()
        assert service.process.wait() == -signal.SIGKILL
    assert len(answered) >= nth
    with serving(publication) as again:
        for reader in list(answered)[:5]:
            page = again.ask(f"/u/{token(publication, reader)}")[2].decode()
            assert "You won’t get" in page
    assert answered <= _gone(publication)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_those_under_way_are_answered(tmp_path: Path, number: int) -> None:
    publication = made(tmp_path / "digest")
    path = f"/u/{token(publication, 'ann@example.org')}"
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {FORM['Content-Type']}\r\n"
    with serving(publication) as service, closing(_locked(publication)) as other:
        with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as client:
            client.sendall(f"{head}Content-Length: {len(ONE_CLICK)}\r\nExpect: 100-continue\r\n\r\n".encode())
            assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
            client.sendall(ONE_CLICK)
            service.process.send_signal(number)
            other.execute("ROLLBACK")
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert service.process.wait(timeout=PATIENCE) == 0
        service.says("The service has ended.")
    assert _gone(publication) == {"ann@example.org"}


def _locked(publication: Publication) -> sqlite3.Connection:
    """Somebody else who writes, and has not finished."""
    other = sqlite3.connect(publication.root / ".newsletter/state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


def test_a_store_that_fails_is_said_and_gone_on_with(tmp_path: Path) -> None:
    publication = made(tmp_path / "digest")
    with serving(publication) as service:
        with closing(sqlite3.connect(publication.root / ".newsletter/state.db", timeout=30)) as other:
            other.execute("ALTER TABLE suppressions RENAME TO elsewhere")
            path = f"/u/{token(publication, 'ann@example.org')}"
            for method, body in (("GET", None), ("POST", ONE_CLICK), ("POST", b"action=leave")):
                status, headers, page = service.ask(path, method, body, FORM if body else None)
                assert status == 503
                assert int(headers["retry-after"]) > 0
                assert b"state.db" not in page
            assert service.ask("/healthz")[::2] == (503, b"out of order\n")
            other.execute("ALTER TABLE elsewhere RENAME TO suppressions")
        assert service.post("ann@example.org")[0] == 200
        assert service.ask("/healthz")[0] == 200
    assert _gone(publication) == {"ann@example.org"}


def test_a_database_that_was_away(tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.fresh()
    name = url.rpartition("/")[2]
    publication = _on(made(tmp_path / "digest"), url)
    with serving(publication) as service:
        assert service.post("ann@example.org")[0] == 200
        cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        postgres.execute(cut)
        assert service.post("ben@example.org")[0] == 200  # by a new connection
        postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgres.execute(cut)
        status, _, page = service.post("cem@example.org")
        assert status == 503
        assert name.encode() not in page
        assert service.ask("/healthz")[0] == 503
        postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert service.post("cem@example.org")[0] == 200
        assert service.ask("/healthz")[0] == 200
    assert _gone(publication) == {"ann@example.org", "ben@example.org", "cem@example.org"}
    postgres.drop(url)


@pytest.mark.slow
def test_beside_a_sending(publication: Publication, server: smtp_server.Server, place: Path | str) -> None:
    _on(served(publication), place).through(server)
    readers = publication.readers(600)
    statuses: list[int] = []
    with serving(publication) as service:
        sending = publication.start("send", "2.10", "--yes")
        for client in _leaving(service, readers[:200], lambda _, status: statuses.append(status)):
            client.join()
        out, err = sending.communicate(timeout=120)
    assert sending.returncode == 0, out + err
    assert statuses == [200] * 200
    assert _gone(publication) == set(readers[:200])


@pytest.mark.slow
def test_what_is_missing_is_said(publication: Publication) -> None:
    without_url = publication.run("serve")
    assert without_url.returncode == 2
    assert 'url = "https://' in without_url.stderr
    publication.environ["NEWSLETTER_SERVICE__URL"] = f"https://{HOST}"
    without_keys = publication.run("serve")
    assert without_keys.returncode == 2
    assert "newsletter keys new" in without_keys.stderr
    served(publication)
    with serving(publication) as service:
        service.says(f"readers reach it at https://{HOST}/")
        service.says("No issue has been sent yet")
        assert service.ask("/")[0] == 200
        taken = publication.run("serve", "--port", str(service.port))
        assert taken.returncode == 1
        assert f"Port {service.port} is in use" in taken.stderr
    for host, words in (
        ("192.0.2.1", "no address of this machine"),
        ("no.such.host.invalid", "no host"),
        ("fe80::1", "fe80::1, port 0, can't be listened at"),
        ("[fe80::1]", "fe80::1%eth0"),
    ):
        refused = publication.run("serve", "--host", host, "--port", "0")
        assert refused.returncode in (1, 2)
        assert words in refused.stderr
        assert "Traceback" not in refused.stderr
        assert "fault of the program" not in refused.stderr
    publication.environ["NEWSLETTER_SERVICE__URL"] = "http://localhost:8600"
    with serving(publication) as service:
        service.says("Mails carry no one-click")
        assert service.ask("/", headers={"Host": "localhost:8600"})[0] in (200, 503)


def test_what_fails_at_the_start_is_raised_and_nothing_listens(publication: Publication) -> None:
    workspace = served(publication).workspace
    service = workspace.config.service.model_copy(update={"url": f"https://{HOST}:99999"})  # no config has it
    vars(workspace)["config"] = workspace.config.model_copy(update={"service": service})
    said: list[str] = []
    with pytest.raises(ValueError, match="out of range"):
        serve([workspace], "127.0.0.1", 0, lambda address, *_: said.append(address))
    assert said == []


def test_brackets_around_a_number_of_ipv6_are_taken(publication: Publication) -> None:
    process = served(publication).start("serve", "--port", "0", "--host", "[::1]")
    assert process.stdout
    assert process.stdout.readline().startswith("The service listens at http://[::1]:")
    process.terminate()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, out + err
