"""Workers as processes of their own, beside one another, on one PostgreSQL database."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import forked
from conftest import Publication

_PATIENCE_S = 30.0
_CHILD = Path(__file__).parent / "torture/child.py"


def wait_until_ready(worker: forked.Run) -> None:
    """Wait until a worker says that it waits for what is to be done."""
    assert worker.stdout is not None
    latest = time.monotonic() + _PATIENCE_S
    said = b""
    while b"waits for what is to be done" not in said:
        ready = select.select([worker.stdout], [], [], max(0.0, latest - time.monotonic()))[0]
        chunk = os.read(worker.stdout.fileno(), 4096) if ready else b""
        if not chunk:
            raise AssertionError(f"the worker is not ready: {said.decode()} {worker.communicate(timeout=5)[1]}")
        said += chunk


def start_worker(publication: Publication, **inside: object) -> forked.Run:
    """Start a worker; `inside` is what no setting does, see torture/child.py: `lease_s`, `clock_ahead_s`."""
    command = [json.dumps(inside), "worker"]
    return forked.start(command, cwd=publication.root, env=publication.environment(), program=_CHILD)


@contextmanager
def running_workers(publication: Publication, count: int, **inside: object) -> Iterator[list[forked.Run]]:
    """Yield so many workers that are ready; those that still live are asked to end, and killed when they do not."""
    workers = [start_worker(publication, **inside) for _ in range(count)]
    try:
        for worker in workers:
            wait_until_ready(worker)
        yield workers
    finally:
        for worker in workers:
            end(worker)


def end(worker: forked.Run, sign: int = signal.SIGTERM) -> str:
    """End a worker, as an operator does, or by another signal; return what it said in its log."""
    if worker.poll() is None:
        for each in (sign, signal.SIGCONT):
            with suppress(ProcessLookupError):
                worker.send_signal(each)
    try:
        return worker.communicate(timeout=_PATIENCE_S)[1]
    except subprocess.TimeoutExpired:
        worker.send_signal(signal.SIGKILL)
        return worker.communicate(timeout=_PATIENCE_S)[1]
