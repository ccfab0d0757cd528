"""How many readers can leave in a second, and how long each waits, on both databases.

    make bench-serve
    python benchmarks/serve.py --help

It wants Debian's wrk and postgresql. wrk, on the same machine, posts what mail providers post (RFC 8058), over some
kept connections that each wait for their answer before they ask again. Every answer is a reader who is in the store,
durably: PostgreSQL runs with fsync on, SQLite with synchronous = FULL, on the disk of the folder that is printed.

- many: a different reader's token each time, in each round new ones;
- same: one reader's, over and over, who is known to have left from the second time on.

Beside it, in the same rounds, with the same server and protocol: `bare`, a route that reads nothing and answers at
once, which is what the server itself takes; `single`, ours with a commit for each POST instead of groups; and
`2 workers`, ours in two processes. Rounds go through all in turn, each beginning with another one; ratios are made
within a round, and medians are shown.

After each round with many tokens, the store is asked for the readers: fewer than were answered ends the benchmark.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from table import machine, said_by

from newsletter.store import open_store, suppressions
from newsletter.subscribers.secret_keys import create_secret_keys, require_secret_keys
from newsletter.subscribers.tokens import TokenSigner
from newsletter.workspace import Workspace

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))
LUA = ROOT / "benchmarks" / "serve.lua"
PEER = ROOT / "benchmarks" / "serve_peer.py"
FOUND = re.compile(r"^FOUND (.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Amounts:
    seconds: int  # of each measurement
    rounds: int
    connections: int
    tokens: int  # different ones, more than are used up


FULL = Amounts(seconds=8, rounds=5, connections=64, tokens=40_000)
QUICK = Amounts(seconds=3, rounds=2, connections=64, tokens=15_000)


@dataclass
class Contender:
    """One service, and what each round found: POSTs a second, and milliseconds."""

    name: str
    command: list[str]
    environment: dict[str, str]
    root: Path
    stores: bool = True
    address: str = ""
    many: list[dict[str, float]] = field(default_factory=list)
    same: list[dict[str, float]] = field(default_factory=list)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorter and fewer rounds: two minutes")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", default=ROOT / "build" / "bench-serve.json", help="build/bench-serve.json"
    )
    options = parser.parse_args()
    amounts = QUICK if options.quick else FULL
    for program in ("wrk", "setsid"):
        if not shutil.which(program):
            sys.exit(f"{program} is missing: apt-get install wrk util-linux")
    from postgres import running_postgres

    (ROOT / "build").mkdir(exist_ok=True)
    commit = said_by(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], "git is missing.")
    facts = [machine(), f"Ours:    {commit}, Python {sys.version.split()[0]}"]
    with TemporaryDirectory(prefix="newsletter-bench-") as folder, running_postgres(None, "fsync=on") as postgres:
        facts.append(f"Disk:    {folder}, {1000 * sync_time(Path(folder)):.2f} ms to sync a page")
        print("\n".join(facts))
        contenders = [
            contender(Path(folder), "SQLite", "ours", None),
            contender(Path(folder), "SQLite", "single", None),
            contender(Path(folder), "PostgreSQL", "ours", postgres.fresh()),
            contender(Path(folder), "PostgreSQL", "single", postgres.fresh()),
            contender(Path(folder), "PostgreSQL", "2 workers", postgres.fresh()),
            contender(Path(folder), "", "bare", None),
        ]
        measure(contenders, amounts)
    show("Different readers", {one.name: one.many for one in contenders})
    show("One reader, over and over", {one.name: one.same for one in contenders})
    found = {one.name: {"many": one.many, "same": one.same} for one in contenders}
    options.json.write_text(json.dumps({"facts": facts, "amounts": vars(amounts), "found": found}, indent=1) + "\n")
    print(f"\nLoad of the machine at the end: {os.getloadavg()[0]:.1f}")


def contender(folder: Path, database: str, kind: str, url: str | None) -> Contender:
    """Return a publication of its own with keys, and the command that serves it."""
    name = f"{database} {kind}".strip()
    root = folder / name.replace(" ", "-")
    (root / "drafts").mkdir(parents=True)
    shutil.copyfile(ROOT / "newsletter.toml", root / "newsletter.toml")
    create_secret_keys(root)
    environment = {**os.environ, "NEWSLETTER_SERVICE__URL": "https://news.example.org"}
    if url:
        environment["NEWSLETTER_STORE__URL"] = url
    command = [sys.executable, str(PEER), kind]
    if kind in ("ours", "2 workers"):
        command = [sys.executable, "-m", "newsletter", "serve", "--port", "0"]
    if kind == "2 workers":
        command += ["--workers", "2"]
    return Contender(name, command, environment, root, stores=kind != "bare")


def measure(contenders: list[Contender], amounts: Amounts) -> None:
    for number in range(amounts.rounds):
        for one in [*contenders[number % len(contenders) :], *contenders[: number % len(contenders)]]:
            workspace = Workspace(one.root, one.environment)
            tokens = TokenSigner(require_secret_keys(workspace), workspace.config.subscriber_list.id)
            readers = (f"reader{reader}@round{number}.example" for reader in range(amounts.tokens))
            different, alike = one.root / "different", one.root / "alike"
            different.write_text("".join(f"{tokens.write('2.10', reader)}\n" for reader in readers))
            alike.write_text(f"{tokens.write('2.10', 'one@example.org')}\n")
            with running(one) as address:
                posted(address, alike, 1, amounts.connections)  # warm
                before = gone(workspace) if one.stores else 0
                found = posted(address, different, amounts.seconds, amounts.connections)
                one.many.append(found)
                stored = gone(workspace) - before if one.stores else found["requests"]
                one.same.append(posted(address, alike, amounts.seconds, amounts.connections))
            if found["requests"] < amounts.tokens and stored < found["requests"]:
                sys.exit(f"{one.name}: {found['requests']} were answered, and {stored} are in the store.")
            print(f"  round {number + 1}: {one.name}, {found['requests'] / found['seconds']:.0f} a second", flush=True)


@contextmanager
def running(one: Contender) -> Iterator[str]:
    """Yield the service from the moment it says where it listens; its log goes nowhere."""
    process = subprocess.Popen(
        one.command, cwd=one.root, env=one.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        for line in process.stdout or ():
            if address := re.search(r"listens at (http://[\d.:]+)", line):
                break
        else:
            sys.exit(f"{one.name} does not start: {' '.join(one.command)}")
        yield address[1]
    finally:
        process.terminate()
        process.wait(timeout=30)
        with process:
            pass


def posted(address: str, tokens: Path, seconds: int, connections: int) -> dict[str, Any]:
    """Return what wrk tells of one measurement."""
    many = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]  # a slow answer is an answer
    command = ["wrk", *many, "-s", str(LUA), address, "--", str(tokens)]
    said = said_by(command, "wrk failed.")
    found: dict[str, Any] = json.loads(FOUND.findall(said)[0])
    if found["errors"]:
        sys.exit(f"Not every POST was answered 200:\n{said}")
    return found


def gone(workspace: Workspace) -> int:
    """How many readers have left, by the store."""
    with closing(open_store(workspace.database)) as store, store.reading() as connection:
        return suppressions.count_by_cause(connection).get("unsubscribed", 0)


def sync_time(folder: Path) -> float:
    """Return the median of some, in seconds."""
    times = []
    with (folder / "probe").open("wb", buffering=0) as probe:
        for _ in range(50):
            began = perf_counter()
            probe.write(b"x" * 4096)
            os.fsync(probe.fileno())
            times.append(perf_counter() - began)
    return median(times)


def show(title: str, found: dict[str, list[dict[str, float]]]) -> None:
    bare = found["bare"]
    print(f"\n{title}\n{'':20}{'POSTs/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'worst':>9}{'of bare':>10}")
    for name, rounds in found.items():
        rates = [one["requests"] / one["seconds"] for one in rounds]
        shares = [rate / (other["requests"] / other["seconds"]) for rate, other in zip(rates, bare, strict=True)]
        low, middle, high = (median(one[key] for one in rounds) for key in ("p50", "p99", "worst"))
        print(f"{name:20}{median(rates):9.0f}{low:9.1f}{middle:9.1f}{high:9.1f}{median(shares):10.2f}")
    for database in ("SQLite", "PostgreSQL"):
        ours, single = found[f"{database} ours"], found[f"{database} single"]
        gains = [
            (one["requests"] / one["seconds"]) / (other["requests"] / other["seconds"])
            for one, other in zip(ours, single, strict=True)
        ]
        print(f"{database}: {median(gains):.1f} times as many as with a commit for each")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
