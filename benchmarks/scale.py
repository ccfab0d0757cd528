"""How many claims and records a second PostgreSQL carries, with 1, 2, 4 and 8 workers, and what larger lists take.

    make bench-scale
    python benchmarks/scale.py --help

Each worker is a process that sends its share of one campaign through a backend that only counts, so that what is left
is what the ledger costs: messages are claimed, made and recorded as ever, and then not sent. The database syncs to disk
as in service. Printed are the rate of all workers, the processor time a message on both sides, and what PostgreSQL's
sessions were seen to do: work, wait for a lock, wait for the disk. With fewer cores than workers, they wait for each
other; then the processor times say where the limit of a larger machine is. At the end, scale_model.py's table.
"""

import json
import os
import subprocess
import sys
import threading
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from measured import cpu_so_far
from publication import ISSUE, ROOT, Publication
from scale_model import Measured, print_model
from table import machine, said_by

if TYPE_CHECKING:
    from postgres import Postgres

WORKERS, QUICK_WORKERS = (1, 2, 4, 8), (1, 2)
READERS, QUICK_READERS = 100_000, 5_000
FEW_READERS = 10  # what freezing these takes is a command's start
LOOK_EVERY_S = 0.02
SYNCED = ("fsync=on", "autovacuum=on")
A_LOOK = """\
SELECT coalesce(wait_event_type, 'work') FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid() AND state <> 'idle'
"""


@dataclass(kw_only=True)
class Trial:
    """One campaign by so many workers."""

    workers: int
    messages: int = 0
    seconds: float = 0.0
    worker_cpu: float = 0.0
    database_cpu: float = 0.0
    looks: Counter[str] = field(default_factory=Counter)

    def share(self, *kinds: str) -> float:
        """Return the share of these kinds among what busy sessions were seen to do; waits for us are none of it."""
        total = sum(count for kind, count in self.looks.items() if kind != "Client")
        return sum(self.looks[kind] for kind in kinds) / total if total else 0.0


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short list, by one worker and by two")
    parser.add_argument("--readers", type=int, help=f"of the list (default {READERS:,})")
    options = parser.parse_args()
    readers = options.readers or (QUICK_READERS if options.quick else READERS)
    sys.path.append(str(ROOT / "tests"))
    from postgres import running_postgres

    print(machine())
    print(f"Ours:    {said_by(['git', '-C', str(ROOT), 'describe', '--always', '--dirty'], 'git is missing.')}")
    with TemporaryDirectory(prefix="newsletter-bench-") as folder, running_postgres(None, *SYNCED) as server:
        publication = Publication(Path(folder) / "publication")
        publication.write_readers(FEW_READERS)
        starting_cpu = freeze(publication, server.fresh(), server)
        publication.forget()
        publication.write_readers(readers)
        frozen = server.fresh()
        freezing_cpu = freeze(publication, frozen, server) - starting_cpu
        name = frozen.rpartition("/")[2]
        ((size,),) = server.execute("SELECT pg_total_relation_size('deliveries')", name)
        columns = f"{'workers':>7} {'a second':>9} {'worker µs':>10} {'database µs':>12}"
        print(f"\n{columns} {'work':>6} {'locks':>6} {'disk':>6}")
        trials = []
        for workers in QUICK_WORKERS if options.quick else WORKERS:
            trial = run_trial(server, publication, name, workers)
            trials.append(trial)
            print(
                f"{workers:7} {trial.messages / trial.seconds:9,.0f} {1e6 * trial.worker_cpu / trial.messages:10.0f} "
                f"{1e6 * trial.database_cpu / trial.messages:12.0f} {trial.share('work'):6.0%} "
                f"{trial.share('Lock', 'LWLock'):6.0%} {trial.share('IO'):6.0%}",
                flush=True,
            )
    print(f"Two workers are {rate(trials[1]) / rate(trials[0]):.2f} times as fast as one.")
    print(f"Load of the machine at the end: {os.getloadavg()[0]:.1f}\n")
    most = max(trials, key=lambda trial: trial.database_cpu / trial.messages)
    print_model(
        Measured(
            database_us=1e6 * most.database_cpu / most.messages,
            freeze_us=1e6 * freezing_cpu / (readers - FEW_READERS),
            row_bytes=int(str(size)) / readers,
        )
    )


def rate(trial: Trial) -> float:
    return trial.messages / trial.seconds


def freeze(publication: Publication, url: str, server: "Postgres") -> float:
    """Freeze the campaign in an empty database, for the outbox to begin; return the seconds of processor it took."""
    publication.environ["NEWSLETTER_STORE__URL"] = url
    before, server_before = os.times(), server_cpu(server.process.pid)
    done = subprocess.run(
        publication.command("send", ISSUE, "--yes", "--at", "in 1 day"),
        cwd=publication.root, env=publication.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"freezing failed:\n{done.stdout}{done.stderr}")
    after = os.times()
    ours = after.children_user + after.children_system - before.children_user - before.children_system
    return ours + server_cpu(server.process.pid) - server_before


def run_trial(server: "Postgres", publication: Publication, frozen: str, workers: int) -> Trial:
    """Send a copy of the frozen campaign by so many workers, all begun at once."""
    trial, name = Trial(workers=workers), f"trial{workers}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {frozen}")
    server.execute("CHECKPOINT")
    publication.environ["NEWSLETTER_STORE__URL"] = server.url(name)
    worker = str(ROOT / "benchmarks" / "scale_worker.py")
    command = [sys.executable, worker, str(publication.root), ISSUE, hand_over(publication)]
    processes = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=publication.environment(), text=True
        )
        for _ in range(workers)
    ]
    for process in processes:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise SystemExit("A worker did not begin.")
    before = server_cpu(server.process.pid)
    with looking(server, name, trial.looks):
        for process in processes:
            if process.stdin is not None:
                process.stdin.write("go\n")
                process.stdin.flush()
        said = [json.loads(process.stdout.readline()) for process in processes if process.stdout is not None]
        trial.database_cpu = server_cpu(server.process.pid) - before
    for process in processes:
        process.communicate(timeout=60)
    trial.messages = sum(one["count"] for one in said)
    trial.worker_cpu = sum(one["cpu"] for one in said)
    # A worker that finds no range left waits for the others' leases: the last message counts, not the last process.
    trial.seconds = max(one["ended"] for one in said) - min(one["began"] for one in said)
    ((left,),) = server.execute("SELECT count(*) FROM deliveries WHERE state <> 'accepted'", name)
    if left:
        raise SystemExit(f"{left} deliveries were not accepted: the figures would mean nothing.")
    server.drop(server.url(name))
    return trial


def hand_over(publication: Publication) -> str:
    """Give the campaign to workers, as `send` does when some are there; return the handover's id."""
    from newsletter.issue_name import IssueName
    from newsletter.ledger.handovers import hand_over as begin
    from newsletter.publication import OpenPublication

    with OpenPublication.open(publication.root, publication.environment()) as opened, opened.store.transaction() as one:
        return begin(one, IssueName(ISSUE))


@contextmanager
def looking(server: "Postgres", name: str, looks: Counter[str]) -> Iterator[None]:
    """Count what the database's busy sessions do, fifty times a second."""
    import psycopg

    over = threading.Event()

    def look() -> None:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            while not over.wait(LOOK_EVERY_S):
                looks.update(row[0] for row in connection.execute(A_LOOK, [name]).fetchall())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def server_cpu(pid: int) -> float:
    """Return the seconds of processor of a server and of its processes that run now; those that ended are its own."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for file in tasks for child in file.read_text().split()]
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return cpu_so_far(pid) + ended + sum(cpu_so_far(child) for child in children)


if __name__ == "__main__":
    main()
