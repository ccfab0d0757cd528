"""Workers beside one another on one campaign: real processes, a real PostgreSQL, a real SMTP server."""

import json
import signal
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Publication
from postgres import Postgres
from running_workers import end, running_workers
from scheduling import HOUR, put_in
from smtp_server import Server, kill_at

from newsletter.ledger.learned_limits import list_learned_limits
from newsletter.store import open_store

pytestmark = pytest.mark.slow


@pytest.fixture
def shared(digest: Publication, postgres: Postgres) -> Publication:
    """Return a publication whose state is in PostgreSQL, with a mail server that takes everything."""
    digest.environ["NEWSLETTER_STORE__URL"] = postgres.fresh()
    return digest


def _readers(publication: Publication) -> dict[str, int]:
    (status,) = json.loads(publication.run("status", "2.10", "--json").stdout)
    return {name: count for name, count in status["readers"].items() if count}


def test_two_workers_send_what_a_person_hands_over(shared: Publication, server: Server) -> None:
    addresses = shared.readers(400)
    with running_workers(shared, 2) as workers:
        sent = shared.run("send", "2.10", "--yes")
        assert sent.returncode == 0, sent.stdout + sent.stderr
        assert "400 accepted" in sent.stdout
        logs = [end(worker) for worker in workers]
    assert server.copies() == Counter(addresses)
    assert all("sending, with" in log for log in logs), logs  # each had a share of it
    assert "accepted = 400" in (shared.root / "drafts/2.10.sent.toml").read_text()
    assert shared.run("send", "2.10", "--yes").returncode == 0
    assert "no worker" in shared.run("send", "2.10", "--yes", "--detach").stderr.lower()


def test_without_a_worker_a_send_sends_by_itself(shared: Publication, server: Server) -> None:
    addresses = shared.readers(30)
    with running_workers(shared, 1):
        pass
    sent = shared.run("send", "2.10", "--yes")
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert server.copies() == Counter(addresses)


def test_ctrl_c_stops_the_workers_and_the_same_command_goes_on(shared: Publication, server: Server) -> None:
    addresses = shared.readers(200)
    shared.environ["NEWSLETTER_SMTP__MESSAGES_PER_SECOND"] = "40"
    with running_workers(shared, 2):
        left = shared.run("send", "2.10", "--yes", "--detach")
        assert left.returncode == 0, left.stdout + left.stderr
        assert "Workers send it now" in left.stdout
        attached = shared.start("send", "2.10", "--yes")
        _wait_until(lambda: len(server.stored) > 10)
        attached.send_signal(signal.SIGINT)
        out, err = attached.communicate(timeout=60)
        assert attached.returncode == 1, out + err
        stopped = len(server.stored)
        assert stopped < 200
        assert "To go on: newsletter send 2.10" in out
        time.sleep(1.5)
        assert len(server.stored) == stopped  # nobody goes on by himself
        del shared.environ["NEWSLETTER_SMTP__MESSAGES_PER_SECOND"]
        assert _readers(shared) == {"accepted": stopped, "pending": 200 - stopped}
        again = shared.run("send", "2.10", "--yes")
        assert again.returncode == 0, again.stdout + again.stderr
    assert server.copies() == Counter(addresses)


def test_a_killed_worker_leaves_no_more_unknown_than_it_had_in_hand(shared: Publication, server: Server) -> None:
    addresses = shared.readers(300)
    with running_workers(shared, 2, lease_s=2.0) as workers:
        kill_at(server, 400, lambda: workers[0].pid)
        sent = shared.run("send", "2.10", "--yes")
        assert workers[0].poll() == -signal.SIGKILL
        assert sent.returncode == int("unknown" in _readers(shared)), sent.stdout + sent.stderr
    readers, copies = _readers(shared), server.copies()
    assert set(copies.values()) == {1}
    assert readers.get("unknown", 0) <= 16
    assert readers["accepted"] + readers.get("unknown", 0) == 300
    assert len(copies) >= readers["accepted"]
    assert set(copies) <= set(addresses)


def test_a_worker_that_stood_still_sends_nothing_that_others_have_sent(shared: Publication, server: Server) -> None:
    shared.readers(300)
    with running_workers(shared, 2, lease_s=2.0) as workers:
        kill_at(server, 400, lambda: workers[0].pid, signal.SIGSTOP)
        shared.run("send", "2.10", "--yes")
        workers[0].send_signal(signal.SIGCONT)
        time.sleep(1)
        readers = _readers(shared)
    assert set(server.copies().values()) == {1}
    assert readers["accepted"] + readers.get("unknown", 0) == 300
    assert readers.get("unknown", 0) <= 16


def test_when_all_workers_are_killed_the_next_one_goes_on(shared: Publication, server: Server) -> None:
    shared.readers(300)
    shared.environ["NEWSLETTER_SMTP__MESSAGES_PER_SECOND"] = "60"
    with running_workers(shared, 2, lease_s=2.0) as workers:
        assert shared.run("send", "2.10", "--yes", "--detach").returncode == 0
        _wait_until(lambda: len(server.stored) > 20)
        for worker in workers:
            end(worker, signal.SIGKILL)
    del shared.environ["NEWSLETTER_SMTP__MESSAGES_PER_SECOND"]
    with running_workers(shared, 1, lease_s=2.0):
        _wait_until(lambda: "pending" not in (readers := _readers(shared)) and "sending" not in readers)
    readers = _readers(shared)
    assert set(server.copies().values()) == {1}
    assert readers["accepted"] + readers.get("unknown", 0) == 300


def test_what_is_in_the_outbox_leaves_by_the_workers_at_its_moment(shared: Publication, server: Server) -> None:
    addresses = shared.readers(50)
    with running_workers(shared, 2) as workers:
        put = shared.run("send", "2.10", "--at", "in 2 hours", "--yes")
        assert put.returncode == 0, put.stdout + put.stderr
        assert "a worker sends it then" in put.stdout
        assert shared.run("outbox", "cancel", "2.10").returncode == 0
        due = datetime.now(UTC) + timedelta(seconds=2)
        with closing(open_store(shared.environ["NEWSLETTER_STORE__URL"])) as store:
            put_in(shared, store, due, due + HOUR)
        assert server.stored == []
        _wait_until(lambda: _readers(shared) == {"accepted": 50})
        logs = "".join(end(worker) for worker in workers)
    assert logs.count("handed over to the workers") == 1
    assert server.copies() == Counter(addresses)
    assert "accepted = 50" in (shared.root / "drafts/2.10.sent.toml").read_text()  # as it was put in from here
    assert shared.run("outbox", "list").stdout == "The outbox is empty.\n"


def test_workers_keep_a_rate_together(shared: Publication, server: Server) -> None:
    addresses = shared.readers(150)
    shared.environ |= {"NEWSLETTER_SMTP__MESSAGES_PER_SECOND": "40", "NEWSLETTER_SMTP__CONNECTIONS": "5"}
    began: list[float] = []
    server.on_reply = lambda _count, _text: began.append(time.monotonic())
    with running_workers(shared, 3):
        assert shared.run("send", "2.10", "--yes").returncode == 0
    assert server.copies() == Counter(addresses)
    # Half a second's worth lies in the bucket at first; each worker by itself would have taken a third of this.
    assert began[-1] - began[0] > (150 - 20) / 40 - 0.5


def _limit_rate(server: Server, per_second: int) -> Callable[[], float]:
    """Let the server take so many messages in any second; return a function for the share that it refused lately."""
    taken: deque[float] = deque()
    course: list[bool] = []

    def is_over(_recipient: str) -> bool:
        now = time.monotonic()
        while taken and taken[0] <= now - 1:
            taken.popleft()
        course.append(len(taken) >= per_second)
        if not course[-1]:
            taken.append(now)
        return course[-1]

    server.refuse_when = is_over
    return lambda: sum(course[len(course) // 2 :]) / (len(course) - len(course) // 2)


def test_workers_learn_together_what_a_server_takes(shared: Publication, server: Server) -> None:
    addresses = shared.readers(600)
    server.refuse = dict.fromkeys(addresses, "451 4.7.1 Rate limit exceeded")
    find_share = _limit_rate(server, 40)
    with running_workers(shared, 2) as workers:
        sent = shared.run("send", "2.10", "--yes")
        assert sent.returncode == 0, sent.stdout + sent.stderr
        logs = [end(worker) for worker in workers]
    assert server.copies() == Counter(addresses)
    assert all("sending, with" in log for log in logs), logs
    assert find_share() <= 0.05
    with closing(open_store(shared.environ["NEWSLETTER_STORE__URL"])) as store, store.reading() as connection:
        (known,) = list_learned_limits(connection)
    assert known.limits.rate is not None
    assert 25 < known.limits.rate < 45, "it is the rate of both"


def test_a_warm_up_is_of_all_workers_together(shared: Publication, server: Server) -> None:
    shared.readers(60)
    shared.environ["NEWSLETTER_SEND__WARM_UP"] = "20"
    with running_workers(shared, 2):
        shared.run("send", "2.10", "--yes", "--detach")
        latest = time.monotonic() + 20
        while len(server.stored) < 20 and time.monotonic() < latest:
            time.sleep(0.05)
        time.sleep(1.5)
    assert len(server.stored) == 20


def test_cancelling_stops_the_workers(shared: Publication, server: Server) -> None:
    shared.readers(200)
    shared.environ["NEWSLETTER_SMTP__MESSAGES_PER_SECOND"] = "40"
    with running_workers(shared, 2):
        assert shared.run("send", "2.10", "--yes", "--detach").returncode == 0
        _wait_until(lambda: len(server.stored) > 10)
        assert shared.run("send", "2.10", "--to-new", "--yes").returncode == 1  # not while they send
        cancelled = shared.run("cancel", "2.10", "--yes")
        assert cancelled.returncode == 0, cancelled.stdout + cancelled.stderr
        readers = _readers(shared)
    assert readers == {"accepted": len(server.stored), "cancelled": 200 - len(server.stored)}


def test_too_many_refusals_of_all_workers_together_stop_them(shared: Publication, server: Server) -> None:
    addresses = shared.readers(400)
    server.refuse = dict.fromkeys(addresses, "550 5.1.1 no such user")
    with running_workers(shared, 2):
        sent = shared.run("send", "2.10", "--yes")
    assert sent.returncode == 1
    assert "readers were refused" in sent.stderr, sent.stdout + sent.stderr
    assert 0 < _readers(shared)["refused"] < 400


def test_a_server_out_of_reach_is_told_to_who_waits_and_is_not_tried_without_a_rest(shared: Publication) -> None:
    shared.environ["NEWSLETTER_SMTP__PORT"] = "1"
    shared.readers(3)
    with running_workers(shared, 1) as workers:
        sent = shared.run("send", "2.10", "--yes")
        log = end(workers[0])
    assert sent.returncode == 1
    assert "No connection to 127.0.0.1:1" in sent.stderr
    assert log.count("sending, with") <= 3, log


def _wait_until(is_so: Callable[[], bool], seconds: float = 45.0) -> None:
    latest = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < latest
        time.sleep(0.1)
