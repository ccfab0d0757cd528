"""The service's own work: what waits for single readers is sent by it, at once and by one service alone."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from conftest import Publication, copy_sample
from mail_room import MailRoom
from postgres import Postgres
from service_server import PATIENCE, served, serving
from smtp_server import Server, kill_at

from newsletter.store import open_store
from newsletter.transactional.mail_kinds import MailKind, MailState

READERS = [f"reader{number:02}@example.org" for number in range(20)]


@pytest.fixture
def room(digest: Publication) -> Iterator[MailRoom]:
    with closing(open_store(served(digest).workspace.database)) as store:
        yield MailRoom(digest, store)


def _wait_until(room: MailRoom, **wanted: int) -> None:
    """Wait until so many mails are in these states, and none in another."""
    expected = {MailState(state): count for state, count in wanted.items()}
    began = time.monotonic()
    while room.counts() != expected:
        assert time.monotonic() - began < PATIENCE, room.counts()
        time.sleep(0.02)


def test_the_service_sends_what_waits_and_says_what_keeps_it_from_that(room: MailRoom, server: Server) -> None:
    server.refuse[READERS[1]] = f"550 5.1.1 <{READERS[1]}> is nobody"
    room.queue(MailKind.CONFIRM_JOIN, READERS[0])
    room.queue(address=READERS[1])
    with serving(room.publication) as service:
        _wait_until(room, accepted=1, refused=1)
        service.says("A mail to a reader (access-link) is refused: 550 5.1.1")
        assert service.end() == 0
    assert server.copies() == {READERS[0]: 1}
    assert not any(reader in "\n".join(service.printed) for reader in READERS)


def test_a_server_that_is_down_is_named_once_and_everything_waits(room: MailRoom, server: Server) -> None:
    room.publication.environ["NEWSLETTER_SMTP__PORT"] = "1"
    room.queue()
    with serving(room.publication) as service:
        service.says("Mails to single readers wait: ")
        assert room.counts() == {MailState.WAITING: 1}
        assert service.end() == 0
    assert not server.stored


@pytest.mark.slow
@pytest.mark.parametrize("number", [3, 27, 46])
def test_a_service_that_is_killed_has_sent_each_mail_once_or_not_known_whether(
    room: MailRoom, server: Server, number: int
) -> None:
    for reader in READERS:
        room.queue(address=reader)
    with serving(room.publication) as service:
        kill_at(server, number, lambda: service.process.pid)
        assert service.process.wait(timeout=PATIENCE) < 0
    server.on_reply = lambda _number, _text: None
    claimed = room.counts().get(MailState.CLAIMED, 0)
    assert claimed <= 1
    room.end_leases()
    with serving(room.publication) as service:
        _wait_until(room, accepted=len(READERS) - claimed, **({"unknown": claimed} if claimed else {}))
        if claimed:
            service.says("1 mail to a reader was under way")
        assert service.end() == 0
    assert set(server.copies().values()) == {1}
    assert len(READERS) - claimed <= len(server.copies()) <= len(READERS)


@pytest.mark.slow
def test_a_service_that_is_told_to_end_has_an_answer_for_what_was_under_way(room: MailRoom, server: Server) -> None:
    for reader in READERS:
        room.queue(address=reader)
    with serving(room.publication) as service:
        kill_at(server, 23, lambda: service.process.pid, signal.SIGTERM)
        assert service.process.wait(timeout=PATIENCE) == 0
    counts = room.counts()
    assert counts.keys() == {MailState.ACCEPTED, MailState.WAITING}
    assert server.copies().total() == counts[MailState.ACCEPTED]


@pytest.mark.slow
def test_two_services_on_one_database_send_nothing_twice(tmp_path: Path, server: Server, postgres: Postgres) -> None:
    publication = copy_sample(tmp_path / "digest")
    publication.through(server)
    publication.environ["NEWSLETTER_STORE__URL"] = postgres.fresh()
    served(publication)
    with closing(open_store(publication.workspace.database)) as store, ExitStack() as stack:
        room = MailRoom(publication, store)
        services = [stack.enter_context(serving(publication)) for _ in range(2)]
        for _ in range(3):
            for reader in READERS:
                room.queue(address=reader)
        _wait_until(room, accepted=3 * len(READERS))
        assert server.sessions >= 2
        assert set(server.copies().values()) == {3}
        for service in services:
            assert service.end() == 0
