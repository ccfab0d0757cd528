"""Counts that several processes share: exact across them, and none the worse for one that is killed."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.queues import Queue
from pathlib import Path

import pytest

from newsletter.web.public.shared_counts import SharedCounts

_KEY = b"of this run"
_PROCESSES, _MOST = 4, 20


@pytest.fixture
def counts(tmp_path: Path) -> Iterator[SharedCounts]:
    with closing(SharedCounts(tmp_path / "counts", _KEY)) as shared:
        yield shared


def _flood(path: Path, taken: "Queue[int]") -> None:
    with closing(SharedCounts(path, _KEY)) as shared:
        taken.put(sum(shared.take("sign-up", "192.0.2.1", _MOST, 3600) for _ in range(_MOST)))
        taken.put(sum(shared.use_up(f"challenge {number}", 3600) for number in range(_MOST)))


def test_processes_together_count_exactly(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    taken: Queue[int] = context.Queue()
    arguments = (tmp_path / "counts", taken)
    processes = [context.Process(target=_flood, args=arguments) for _ in range(_PROCESSES)]
    for process in processes:
        process.start()
    found = sum(taken.get(timeout=30) for _ in range(2 * _PROCESSES))
    for process in processes:
        process.join()
    assert found == _MOST + _MOST  # as many as one process takes, and each challenge once


def _take_and_die(path: Path) -> None:
    SharedCounts(path, _KEY).take("sign-up", "192.0.2.1", _MOST, 3600)
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_process_has_counted_counts(counts: SharedCounts, tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_take_and_die, args=(tmp_path / "counts",))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert counts.count("sign-up", "192.0.2.1", 3600) == 1
    assert counts.take("sign-up", "192.0.2.1", 2, 3600)
    assert not counts.take("sign-up", "192.0.2.1", 2, 3600)


def test_what_is_long_ago_or_given_back_does_not_count(tmp_path: Path) -> None:
    now = [1000.0]
    with closing(SharedCounts(tmp_path / "counts", _KEY, lambda: now[0])) as counts:
        assert counts.take("page", "reader", 1, 60)
        assert not counts.take("page", "reader", 1, 60)
        assert counts.take("other", "reader", 1, 60)
        counts.give_back("page", "reader")
        assert counts.take("page", "reader", 1, 60)
        now[0] += 61
        assert counts.take("page", "reader", 1, 60)


def test_no_name_is_in_the_file(counts: SharedCounts, tmp_path: Path) -> None:
    counts.take("sign-up", "192.0.2.77", 1, 60)
    counts.use_up("a signature", 60)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"192.0.2.77" not in written
    assert b"a signature" not in written
