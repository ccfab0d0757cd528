"""A warm-up sends to few at first, to twice as many at each next sending, and never to twice as many within a day."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from conftest import Publication
from frozen import Frozen
from smtp_server import Server
from sqlalchemy import update

from newsletter.actions.deliver import deliver
from newsletter.clock import make_instant
from newsletter.ledger.warm_up import LENGTH, WarmUpStep, begin_warm_up_step, find_warm_up_step
from newsletter.publication import OpenPublication
from newsletter.sending.warm_up import WarmUpReached, begin_warm_up
from newsletter.store import Store, open_store
from newsletter.store.schema import warm_ups

NOW = make_instant(datetime.now(UTC))


def _let_a_day_pass(store: Store) -> None:
    with store.transaction() as connection:
        for row in connection.execute(warm_ups.select()).all():
            began_at = (datetime.fromisoformat(row.began_at) - LENGTH).isoformat(timespec="milliseconds")
            connection.execute(update(warm_ups).values(began_at=began_at))


def test_each_sending_has_twice_as_many_readers_and_nobody_twice(publication: Publication, server: Server) -> None:
    path = publication.root / ".newsletter/state.db"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with closing(open_store(path)) as store:
        Frozen(publication, store, 10)
    publication.through(server)
    publication.environ["NEWSLETTER_SEND__WARM_UP"] = "2"
    server.refuse["reader0001@example.org"] = "550 5.1.1 No such user"
    had = []
    with OpenPublication(publication.workspace) as opened:
        for number in (1, 2):
            with pytest.raises(WarmUpReached) as reached:
                deliver(opened, "2.10")
            had.append(len(server.stored))
            with pytest.raises(WarmUpReached, match=f"may leave at sending {number} through this server"):
                deliver(opened, "2.10")
            assert len(server.stored) == had[-1], "not twice within a day"
            assert reached.value.wait.next_try > datetime.now(UTC) + timedelta(hours=22)
            _let_a_day_pass(opened.store)
        assert deliver(opened, "2.10")
    assert had == [2, 6]
    assert len(server.stored) == 9, "whom the server refuses takes nobody's place"
    assert set(server.copies().values()) == {1}


def test_the_command_says_so_and_the_status_until_when(publication: Publication, server: Server) -> None:
    publication.through(server)
    publication.environ["NEWSLETTER_SEND__WARM_UP"] = "2"
    publication.readers(5)
    sent = publication.run("send", "2.10", "--yes")
    assert sent.returncode == 1
    assert "Warm-up   2 of these readers now" in sent.stdout
    assert "3 readers wait for the next one, with twice as many." in sent.stderr
    assert "Run the same command again from 20" in sent.stderr
    assert len(server.stored) == 2
    for command in ("status", "report"):
        assert "Warm-up: the next sending through this server, with up to 4 messages, may begin " in (
            publication.run(command, "2.10").stdout
        )
    page = (publication.root / "build/2.10/report.html").read_text(encoding="utf-8")
    assert "Warm-up: the next sending through this server, with up to 4 messages, may begin " in page
    (status,) = json.loads(publication.run("status", "--json").stdout)
    assert status["warm_up"] | {"next_at": ""} == {"sending": 1, "messages": 2, "left": 0, "next_at": ""}
    assert json.loads(publication.run("report", "2.10", "--json").stdout)["warm_up"] == status["warm_up"]


def test_workers_that_begin_at_the_same_moment_begin_one_sending(store: Store) -> None:
    together = Barrier(4)

    def begin(server: str) -> WarmUpStep:
        together.wait()
        return begin_warm_up(store, server, 100)

    with ThreadPoolExecutor(4) as threads:
        for number in range(10):
            steps = list(threads.map(begin, [f"server {number}"] * 4))
            assert len(set(steps)) == 1


def test_a_worker_whose_clock_is_behind_keeps_to_the_sending_under_way(store: Store) -> None:
    with store.transaction() as connection:
        step = find_warm_up_step(connection, "a", 100, NOW)
        begin_warm_up_step(connection, "a", step)
        behind = find_warm_up_step(connection, "a", 100, NOW - timedelta(minutes=3))
        assert behind == step
        begin_warm_up_step(connection, "a", replace(step, began_at=make_instant(NOW - timedelta(minutes=3))))
        assert find_warm_up_step(connection, "a", 100, NOW) == step


def test_a_step_is_the_same_for_a_day_and_the_next_one_follows_where_messages_were_accepted(store: Store) -> None:
    with store.transaction() as connection:
        step = find_warm_up_step(connection, "a", 100, NOW)
        assert (step.number, step.most, step.left) == (1, 100, 100)
        begin_warm_up_step(connection, "a", step)
        begin_warm_up_step(connection, "a", step)
        assert find_warm_up_step(connection, "a", 100, NOW + timedelta(hours=22)) == step
        later = find_warm_up_step(connection, "a", 100, NOW + LENGTH)
        assert (later.number, later.most) == (1, 100), "through a server that took nothing, nothing was warmed up"
        assert find_warm_up_step(connection, "b", 5, NOW).most == 5
        connection.execute(update(warm_ups).values(sending=1000))
        assert find_warm_up_step(connection, "a", 100, NOW).most > 10**12
