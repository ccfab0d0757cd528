"""Whatever happens to the process or the connection: nobody gets two copies, and nobody is lost unseen."""

import csv
import json
import signal
from collections import Counter

import pytest
from conftest import Publication
from smtp_server import Server, kill_at

READERS = 500
AT_MOST_UNKNOWN = 4 * 2 * 2  # connections x window x 2


def _state(publication: Publication) -> dict[str, int]:
    (status,) = json.loads(publication.run("status", "2.10", "--json").stdout)
    return {**status["readers"], "total": status["list"]}


def _not_accepted(publication: Publication) -> dict[str, str]:
    path = publication.root / "build/2.10/not-accepted.csv"
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {row["address"]: row["state"] for row in csv.DictReader(file)}


def _everyone_once_or_unknown(publication: Publication, copies: Counter[str], readers: list[str]) -> None:
    unknown = {address for address, state in _not_accepted(publication).items() if state == "unknown"}
    assert len(unknown) <= AT_MOST_UNKNOWN
    for reader in readers:
        assert copies[reader] == 1 or (reader in unknown and copies[reader] == 0), reader
    state = _state(publication)
    assert state["total"] == len(readers) == sum(count for name, count in state.items() if name != "total")
    assert state["accepted"] == len(readers) - len(unknown)


@pytest.mark.slow
@pytest.mark.parametrize("number", [6, 7, 61, 611, 1212, 1913])
def test_killed_at_the_nth_reply(publication: Publication, server: Server, number: int) -> None:
    readers = publication.readers(READERS)
    publication.through(server)
    running = []
    kill_at(server, number, lambda: running[0].pid)
    running.append(publication.start("send", "2.10", "--yes"))
    running[0].communicate(timeout=120)
    assert running[0].returncode == -signal.SIGKILL
    assert len(server.stored) < READERS
    again = publication.run("send", "2.10", "--yes")
    assert "Traceback" not in again.stderr
    _everyone_once_or_unknown(publication, server.copies(), readers)
    third = publication.run("send", "2.10", "--yes")
    assert "sent already" in third.stdout
    _everyone_once_or_unknown(publication, server.copies(), readers)


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop(publication: Publication, server: Server, sign: signal.Signals) -> None:
    readers = publication.readers(200)
    publication.through(server)
    running = []
    kill_at(server, 301, lambda: running[0].pid, sign)
    running.append(publication.start("send", "2.10", "--yes"))
    out, err = running[0].communicate(timeout=120)
    assert running[0].returncode == 1
    assert "Traceback" not in err
    assert "newsletter send 2.10" in out
    state = _state(publication)
    assert state["unknown"] == state["sending"] == 0
    assert state["accepted"] == len(server.stored)
    assert 0 < state["pending"] < 200
    assert publication.run("send", "2.10", "--yes").returncode == 0
    assert server.copies() == Counter(readers)


@pytest.mark.slow
def test_the_server_misbehaves_in_every_way(publication: Publication, server: Server) -> None:
    readers = publication.readers(120)
    publication.through(server)
    refused, deferred, late = readers[3], readers[50], readers[70]
    server.refuse[refused] = "550 5.1.1 No such mailbox"
    server.refuse[deferred] = "450 4.2.1 Try again later"
    server.answer[late] = "552 5.2.2 Mailbox full"
    server.on_reply = lambda count, _text: "drop" if count % 97 == 0 else None
    done = publication.run("send", "2.10", "--yes")
    assert done.returncode == 1
    assert "550 5.1.1 No such mailbox" in done.stdout
    assert "450 4.2.1 Try again later" in done.stdout
    assert "552 5.2.2 Mailbox full" in done.stdout
    states = _not_accepted(publication)
    assert states[refused] == states[late] == "refused"
    assert states[deferred] == "deferred"
    assert all(count == 1 for count in server.copies().values())
    unknown = {address for address, state in states.items() if state == "unknown"}
    assert set(readers) - set(server.copies()) <= unknown | {refused, deferred, late}
    del server.refuse[deferred]
    server.on_reply = lambda *_: None
    publication.run("send", "2.10", "--yes")
    assert server.copies()[deferred] == 1
    assert all(count == 1 for count in server.copies().values())
    state = _state(publication)
    assert state["total"] == 120 == sum(count for name, count in state.items() if name != "total")
    assert state["refused"] == 2
    assert state["deferred"] == state["pending"] == 0
