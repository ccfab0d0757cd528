"""The crash campaign: `python tests/torture/run.py --seed 1000`, a line for each run and a table at the end.

A run that fails prints the command that repeats it, and leaves its publication behind to be looked at.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path

sys.path[0] = str(Path(__file__).parent.parent)  # the tests' folder, as pytest has it

from postgres import running_postgres  # noqa: E402  # the path first
from torture.kinds import KINDS, plan  # noqa: E402  # the path first
from torture.trial import try_out  # noqa: E402
from torture.verdict import balance, faults_of  # noqa: E402


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run, as far as it is told about."""

    seed: int
    kind: str
    words: str
    struck: bool
    statuses: Sequence[int]
    balance: str
    unknown: int
    faults: Sequence[str]
    kept: str = ""


def main() -> int:
    options = _options()
    alike = (seed for seed in count(options.seed) if options.kind in (None, plan(seed).kind))
    seeds = list(islice(alike, options.runs))
    results = []
    workers = ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn"))
    with workers, _database(options.store) as database:
        run = partial(_run, readers=options.readers, keep=options.keep, database=database)
        for result in workers.map(run, seeds):
            print("\n".join(_told(result, options)), flush=True)
            results.append(result)
    print("\n" + "\n".join(_table(results)))
    return 1 if any(result.faults for result in results) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Send to a server that fails in every way, and count the copies.")
    parser.add_argument(
        "--runs", type=int, default=9 * len(KINDS), help="default: %(default)s, each kind at each stage"
    )
    parser.add_argument("--seed", type=int, default=0, help="the first run's")
    parser.add_argument("--readers", type=int, default=300)
    parser.add_argument("--kind", choices=KINDS, metavar="KIND", help="only scenarios of this kind")
    parser.add_argument("--jobs", type=int, default=2, help="how many at the same time")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--keep", action="store_true", help="keep what each run leaves behind")
    return parser.parse_args()


@contextmanager
def _database(store: str) -> Iterator[str | None]:
    """Yield a PostgreSQL server of our own, by its URL; None for SQLite, which needs none."""
    if store == "sqlite":
        yield None
        return
    with running_postgres() as server:
        yield server.url("postgres")


def _run(seed: int, *, readers: int, keep: bool, database: str | None) -> Result:
    scenario = plan(seed, readers, sqlite=database is None)
    folder = Path(tempfile.mkdtemp(prefix=f"torture-{seed}-"))
    trial = try_out(scenario, folder / "digest", database)
    faults = faults_of(trial)
    keep = keep or bool(faults)
    if keep:
        for number, ended in enumerate(trial.ended, start=1):
            (folder / f"send-{number}.txt").write_text(f"{ended.out}\n--- stderr ---\n{ended.err}", encoding="utf-8")
    else:
        shutil.rmtree(folder)
    planned = [ended for ended in trial.ended if ended.send.at_server or ended.send.within]
    return Result(
        seed=seed,
        kind=scenario.kind,
        words=str(scenario),
        struck=not planned or any(ended.struck or ended.struck_within for ended in planned),
        statuses=[ended.status for ended in trial.ended],
        balance=balance(trial),
        unknown=sum(state == "unknown" for state in trial.listed.values()),
        faults=faults,
        kept=str(folder) if keep else "",
    )


def _told(result: Result, options: argparse.Namespace) -> Iterator[str]:
    verdict = "FAILED" if result.faults else "ok" if result.struck else "ok, but nothing went wrong"
    statuses = ", ".join(map(str, result.statuses))
    yield f"seed {result.seed}  {result.kind}: {result.words} | ended {statuses} | {result.balance} | {verdict}"
    for fault in result.faults:
        yield f"    {fault}"
    if result.faults:
        choices = f"--readers {options.readers} --store {options.store}"
        yield f"    again: python tests/torture/run.py --runs 1 --seed {result.seed} {choices}"
    if result.kept:
        yield f"    left behind: {result.kept}"


def _table(results: Sequence[Result]) -> Iterator[str]:
    yield f"{'scenario':<28} {'runs':>5} {'struck':>7} {'unknown':>8} {'failed':>7}"
    for kind in [*KINDS, "all"]:
        those = [result for result in results if kind in ("all", result.kind)]
        if those:
            struck, failed = sum(result.struck for result in those), sum(bool(result.faults) for result in those)
            unknown = sum(result.unknown for result in those)
            yield f"{kind:<28} {len(those):>5} {struck:>7} {unknown:>8} {failed:>7}"


if __name__ == "__main__":
    sys.exit(main())
