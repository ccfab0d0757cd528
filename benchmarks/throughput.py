"""Messages a second into a sink over ten connections, and what they cost: ours beside those who also send."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from measured import Failed, Run, measured
from publication import ISSUE, ROOT, Publication, without_ours
from sinks import SINKS, Sink, program

sys.path.append(str(ROOT / "tests"))

from postgres import NOT_INSTALLED, Postgres, programs, running_postgres  # the tests' server

PEERS = Path(__file__).parent / "send-peers"
CONNECTIONS = 10
WARM_UP = 200  # messages
BODY = 36_000  # bytes of smtp-source's
SIGNATURE = 300  # bytes that a signature adds at least
MANY = 100_000  # messages, from which on the start counts for nothing
CPU_AIM = 0.13  # seconds for 1,000 of so many


@dataclass
class Contender:
    """One way to send. For each run it is prepared anew, with the number of messages: command and environment."""

    name: str
    prepare: Callable[[int], tuple[Sequence[str], dict[str, str]]]
    folder: Path
    messages: int
    aim: float | None = None  # ours should be that many times as fast
    runs: list[Run] = field(default_factory=list)
    signed: bool = False
    warm_up: int = 0  # bytes that the receiver got of it

    def run(self, sink: Sink, messages: int) -> Run:
        command, environ = self.prepare(messages)
        return measured(command, self.folder, environ, sink.received)


def measure_throughput(publication: Publication, fast: int, slow: int, rounds: int, sink_name: str) -> dict[str, Any]:
    with SINKS[sink_name]() as sink, postgres() as server:
        contenders = [
            *ours(publication, server, sink.port, fast),
            *sources(publication, sink.port, fast),
            *peers(publication, sink.port, slow),
        ]
        contenders = [contender for contender in contenders if warmed_up(contender, sink, contenders[0])]
        for turn in range(rounds):
            for contender in rotated(contenders, turn):
                contender.runs.append(contender.run(sink, contender.messages))
    return {contender.name: told(contender) for contender in contenders}


def warmed_up(contender: Contender, sink: Sink, first: Contender) -> bool:
    """One small run that is not counted; whoever fails in it is left out, unless it is the one that all else is for."""
    try:
        contender.warm_up = contender.run(sink, WARM_UP).received
    except Failed as reason:
        if contender is first:
            raise
        why = str(reason).splitlines()[-1].strip()
    else:
        if not contender.signed or contender.warm_up >= first.warm_up + WARM_UP * SIGNATURE:
            return True
        why = "Its messages are no longer than the others: they bear no signature."
    print(f"{contender.name}: not available. {why}")
    return False


def ours(publication: Publication, server: Postgres | None, port: int, messages: int) -> list[Contender]:
    """Unsigned with the ledger in SQLite first: it is what the others are compared with."""

    def contender(name: str, store: Callable[[], str] | None = None, **environ: str) -> Contender:
        def prepare(count: int) -> tuple[list[str], dict[str, str]]:
            publication.forget()
            publication.write_readers(count)
            through = {"NEWSLETTER_SMTP__PORT": str(port), "NEWSLETTER_SMTP__CONNECTIONS": str(CONNECTIONS)}
            place = {"NEWSLETTER_STORE__URL": store()} if store else {}
            return publication.command("send", ISSUE, "--yes"), publication.environment(**through, **place, **environ)

        return Contender(name, prepare, publication.root, messages)

    found = [contender("ours")]
    key = publication.root.parent / "dkim.pem"
    if made_key(key):
        signing = {
            "NEWSLETTER_DKIM__SELECTOR": "bench",
            "NEWSLETTER_DKIM__DOMAIN": "example.org",
            "NEWSLETTER_DKIM__KEY_FILE": str(key),
        }
        found.append(contender("ours, signed (RSA-2048)", **signing))
        found[-1].signed = True
    else:
        print("ours, signed (RSA-2048): not available. openssl is missing")
    if server is not None:
        found.append(contender("ours, ledger in PostgreSQL", server.fresh))
    return found


@contextmanager
def postgres() -> Iterator[Postgres | None]:
    """Yield a server that syncs to disk as SQLite does; None where none is installed."""
    if programs() is None:
        print(f"ours, ledger in PostgreSQL: not available. {NOT_INSTALLED}")
        yield None
    else:
        with running_postgres(None, "fsync=on") as server:
            yield server


def made_key(path: Path) -> bool:
    openssl = shutil.which("openssl")
    if openssl is None:
        return False
    new = [openssl, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(path)]
    subprocess.run(new, capture_output=True, check=True)
    path.chmod(0o600)
    return True


def sources(publication: Publication, port: int, messages: int) -> list[Contender]:
    """Postfix's generator, as the aim names it, and with connections that are kept."""

    def contender(name: str, *options: str, aim: float | None = None) -> Contender:
        def prepare(count: int) -> tuple[list[str], dict[str, str]]:
            amount = ["-s", str(CONNECTIONS), "-l", str(BODY), "-m", str(count)]
            return [program("smtp-source"), *options, *amount, f"127.0.0.1:{port}"], without_ours()

        return Contender(name, prepare, publication.root, messages, aim)

    return [
        contender("smtp-source -s 10", aim=1.0 if messages >= MANY else 0.9),
        contender("smtp-source -s 10 -d", "-d"),
    ]


def peers(publication: Publication, port: int, messages: int) -> list[Contender]:
    task = publication.root.parent / "task.json"

    def contender(name: str, *command: str, aim: float) -> Contender:
        def prepare(count: int) -> tuple[list[str], dict[str, str]]:
            publication.write_task(task, port, count, CONNECTIONS)
            return [*command, str(task)], without_ours()

        return Contender(name, prepare, publication.root, messages, aim)

    found = [contender("aiosmtplib x10", sys.executable, str(PEERS / "one_by_one.py"), aim=20)]
    node = shutil.which("node")
    if node and (PEERS / "node_modules" / "nodemailer").is_dir():
        found.insert(0, contender("nodemailer's pool of 10", node, str(PEERS / "pool.mjs"), aim=10))
    else:
        print("nodemailer's pool: not available. npm install --prefix benchmarks/send-peers")
    return found


def rotated(contenders: Sequence[Contender], turn: int) -> Sequence[Contender]:
    first = turn % len(contenders)
    return [*contenders[first:], *contenders[:first]]


def told(contender: Contender) -> dict[str, Any]:
    """Return what the JSON has of it. Each round's rate comes from the bytes that were counted between two moments."""
    sizes = [run.received / contender.messages for run in contender.runs]
    return {
        "messages": contender.messages,
        "bytes a message": median(sizes),
        "rates": [run.messages(size) / run.sending for run, size in zip(contender.runs, sizes, strict=True)],
        "cpu s per 1000": [
            1000 * run.cpu_sending / run.messages(size) for run, size in zip(contender.runs, sizes, strict=True)
        ],
        "whole command cpu s per 1000": [1000 * run.whole_cpu / contender.messages for run in contender.runs],
        "aim": contender.aim,
        "runs": [{**asdict(run), "libraries": sorted(run.libraries)} for run in contender.runs],
    }


def show_throughput(found: dict[str, Any], sink_name: str) -> None:
    first = next(iter(found.values()))
    print(f"\nThroughput: {CONNECTIONS} connections into {sink_name}, {len(first['rates'])} rounds; "
          f"{first['bytes a message'] / 1000:.1f} kB a message of ours")  # fmt: skip
    print(f"{'':28}{'messages':>9}{'a second':>10}{'range':>16}{'CPU s/1000':>12}{'whole':>8}{'ours is x':>11}  aim")
    for name, row in found.items():
        rates = row["rates"]
        times = median(mine / other for mine, other in zip(first["rates"], rates, strict=True))
        aim = f"at least {row['aim']:g} x" if row["aim"] else ""
        if name == "ours" and row["messages"] >= MANY:
            aim = f"CPU at most {CPU_AIM}"
        between = f"{min(rates):,.0f} - {max(rates):,.0f}"
        print(f"{name:28}{row['messages']:9,}{median(rates):10,.0f}{between:>16}{median(row['cpu s per 1000']):12.3f}"
              f"{median(row['whole command cpu s per 1000']):8.3f}{times:11.2f}  {aim}")  # fmt: skip
