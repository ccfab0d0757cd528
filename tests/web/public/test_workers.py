"""`newsletter serve --workers` on PostgreSQL: one service to readers, whichever of its processes dies."""

import os
import signal
import threading
import time
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path

import pytest
import smtp_server
from conftest import Publication
from postgres import Postgres
from service_server import PATIENCE, Service, made, serving
from sign_up_floods import flood, from_one_network
from sign_up_forms import joinable

from newsletter.store import find_store, suppressions


def _workers(service: Service) -> list[int]:
    pid = service.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _wait_for_workers(service: Service, number: int, without: int = 0) -> list[int]:
    began = time.monotonic()
    while len(found := _workers(service)) != number or without in found:
        assert time.monotonic() - began < PATIENCE, found
        time.sleep(0.02)
    return found


def _have_ended(processes: list[int]) -> bool:
    return not any(Path(f"/proc/{process}").exists() for process in processes)


def _gone(publication: Publication) -> set[str]:
    store = find_store(publication.workspace.database)
    assert store
    with closing(store), store.reading() as connection:
        return {row[0] for row in suppressions.stream_suppressions(connection)}


def test_sqlite_is_refused_with_what_to_do(tmp_path: Path) -> None:
    run = made(tmp_path / "digest").run("serve", "--port", "0", "--workers", "2")
    assert run.returncode == 2
    assert "docs/operators/state.md" in run.stderr


@pytest.mark.slow
def test_no_answered_post_is_lost_when_processes_are_killed(tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.fresh()
    publication = made(tmp_path / "digest")
    publication.environ |= {"NEWSLETTER_STORE__URL": url, "TMPDIR": str(tmp_path)}
    answered: set[str] = set()
    is_over = threading.Event()

    def leave(client: int) -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            reader = f"reader{client}-{number}@example.org"
            with suppress(OSError, HTTPException):  # of a process that was killed: the mail client asks again
                if service.post(reader)[0] == 200:
                    answered.add(reader)

    with serving(publication, "--port", "0", "--workers", "3") as service:
        clients = [threading.Thread(target=leave, args=(client,)) for client in range(4)]
        for client in clients:
            client.start()
        for _ in range(2):
            for victim in _wait_for_workers(service, 3):
                time.sleep(0.1)
                os.kill(victim, signal.SIGKILL)
                _wait_for_workers(service, 3, without=victim)
        is_over.set()
        for client in clients:
            client.join()
        assert service.post("last@example.org")[0] == 200
        last = _wait_for_workers(service, 3)
        assert service.end() == 0
        assert _have_ended(last)
    assert len(answered) > 20
    assert answered <= _gone(publication)
    with serving(publication, "--port", "0", "--workers", "2") as service:
        last = _wait_for_workers(service, 2)
        service.process.send_signal(signal.SIGKILL)
        began = time.monotonic()
        while not _have_ended(last):
            assert time.monotonic() - began < PATIENCE
            time.sleep(0.02)
    postgres.drop(url)


@pytest.mark.slow
def test_a_flood_from_one_network_is_bounded_as_by_one_process(tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.fresh()
    publication = joinable(tmp_path / "digest")
    publication.environ |= {"NEWSLETTER_STORE__URL": url, "TMPDIR": str(tmp_path)}
    with smtp_server.running() as mail_server:
        publication.through(mail_server)
        with serving(publication, "--port", "0", "--workers", "4") as service:
            statuses, _ = flood(service, from_one_network(400))
            assert statuses == {200: 20, 429: 380}
            began = time.monotonic()
            while len(mail_server.stored) < 20:
                assert time.monotonic() - began < PATIENCE
                time.sleep(0.1)
            time.sleep(1)
            assert len(mail_server.stored) == 20
            assert service.end(signal.SIGINT) == 0
            assert not list(tmp_path.glob("newsletter-serve-*"))
    postgres.drop(url)


@pytest.mark.slow
def test_the_process_that_mails_is_killed_and_its_successor_mails_the_others_once(
    tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.fresh()
    publication = joinable(tmp_path / "digest")
    publication.environ |= {"NEWSLETTER_STORE__URL": url, "TMPDIR": str(tmp_path)}
    with smtp_server.running() as mail_server:
        publication.through(mail_server)
        with serving(publication, "--port", "0", "--workers", "3") as service:
            processes = _wait_for_workers(service, 3)
            smtp_server.kill_at(mail_server, 19, lambda: processes[0])  # in the midst of the dialogue
            assert flood(service, from_one_network(20))[0] == {200: 20}
            began = time.monotonic()
            while len(mail_server.stored) < 19:  # one was under way
                assert time.monotonic() - began < PATIENCE, len(mail_server.stored)
                time.sleep(0.1)
            assert processes[0] not in _wait_for_workers(service, 3, without=processes[0])
            time.sleep(1)
            assert service.end() == 0
    assert set(mail_server.copies().values()) == {1}
    postgres.drop(url)
