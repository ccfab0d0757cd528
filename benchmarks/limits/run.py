"""How near a send comes to what a server's limit allows: a table of servers with a limit each.

    make bench-limits
    python benchmarks/limits/run.py --only rate-mail,session --trace
    python benchmarks/limits/run.py --list

`newsletter send` runs as a process of its own, with ten connections and otherwise default settings, against servers on
this machine's loopback: the small server (small_server.py), and real ones. Measured at the server, from its first
connection to the last message that it accepts: the start and the freezing of the list are not in it. The ideal time is
computed from the limit (rows.py says how, and why). Each reader has to be delivered exactly once, also checked at the
server.

**Refusals** are counted once learned: those after the first tenth of the messages, for each message accepted after it.
A refused connection counts as one. What no sender can avoid does not count: full mailboxes, the first try of
greylisting.

A send that has not ended after five times the ideal time, and half a minute, is stopped. So is one that has delivered
everybody who can be reached and waits for the others.
"""

import json
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

BENCHMARKS = Path(__file__).parent.parent
sys.path += [str(BENCHMARKS), str(BENCHMARKS.parent / "tests")]

from observation import Observation  # noqa: E402  # the path is set above
from publication import ISSUE, ROOT, Publication, readers  # noqa: E402
from row import CONNECTIONS, Row, Unavailable  # noqa: E402
from rows import ROWS  # noqa: E402
from table import machine, said_by  # noqa: E402

LOOK_EVERY_S = 0.02
LINGER_S = 1.0  # a second copy would come within it
SETTLE_S = 10.0
AIM, MOST_REFUSALS = 0.85, 0.05


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What a row came to. `delivered` counts readers; `wrong` says what must not be, in words."""

    name: str
    readers: int
    delivered: int
    seconds: float
    ideal: float
    refusals: int
    refused_share: float
    connections: int
    status: int | None
    ended_by_us: bool
    wrong: str

    @property
    def pace(self) -> float:
        """Return messages a second."""
        return self.delivered / self.seconds

    @property
    def share(self) -> float:
        """Return ideal by measured time; 0 when not everybody was delivered."""
        return self.ideal / self.seconds if self.seconds and not self.wrong else 0.0


def main() -> int:
    options = parse_options()
    if options.list:
        for row in ROWS.values():
            print(f"{row.name:24} {row.server}")
        return 0
    print(f"{machine()}\nCommit:  {commit()}\n", flush=True)
    measurements: dict[str, Measurement] = {}
    unavailable: dict[str, str] = {}
    print(HEADING, flush=True)
    for name in with_yardsticks(options.only or tuple(ROWS)):
        row = ROWS[name]
        yardstick = row.yardstick if not row.measures_pace else ""
        if yardstick in unavailable:
            unavailable[name] = unavailable[yardstick]
            continue
        pace = measurements[yardstick].pace if yardstick else 0.0
        try:
            measurement, observation, said = measure(row, pace, quick=options.quick)
        except Unavailable as reason:
            unavailable[name] = str(reason)
            print(f"{name:24} not measured: {reason}", flush=True)
            continue
        measurements[name] = measurement
        print(line_of(measurement), flush=True)
        if options.trace:
            print("\n".join(observation.trace()), f"\n{said}", flush=True)
    write_tables(list(measurements.values()), unavailable, options.json, quick=options.quick)
    if unavailable:
        print(f"\nNot measured here: {', '.join(unavailable)}")
    return int(any(measurement.wrong for measurement in measurements.values()))


def with_yardsticks(names: Sequence[str]) -> list[str]:
    """Return the rows in the table's order, with those by whose pace others are judged before them."""
    wanted = {*names, *(ROWS[name].yardstick for name in names)}
    return sorted(wanted & set(ROWS), key=lambda name: (not ROWS[name].measures_pace, list(ROWS).index(name)))


def parse_options() -> Namespace:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=choose_rows, metavar="NAMES", help="some of the rows, with commas between them")
    parser.add_argument("--list", action="store_true", help="the names of the rows")
    parser.add_argument("--quick", action="store_true", help="fewer readers")
    parser.add_argument("--trace", action="store_true", help="what each server saw, second by second")
    parser.add_argument("--json", type=Path, metavar="FILE", default=ROOT / "build" / "bench-limits.json")
    return parser.parse_args()


def choose_rows(words: str) -> tuple[str, ...]:
    names = tuple(words.split(","))
    if unknown := [name for name in names if name not in ROWS]:
        raise ArgumentTypeError(f"unknown: {', '.join(unknown)}; --list has the names")
    return names


def measure(row: Row, pace: float, *, quick: bool = False) -> tuple[Measurement, Observation, str]:
    """Send to a row's server; return what came of it, what the server saw, and what the command printed."""
    count = row.quick if quick else row.readers
    with TemporaryDirectory(prefix="newsletter-limits-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # servers run as users of their own
        publication = Publication(folder / "digest")
        publication.write_readers(count)
        (folder / "server").mkdir()
        with row.start(folder / "server") as standing:
            environ = {
                "NEWSLETTER_SMTP__PORT": str(standing.port),
                "NEWSLETTER_SMTP__CONNECTIONS": str(CONNECTIONS),
                **standing.environ,
                **row.environ,
            }
            addresses = [address for address, *_ in readers(count)]
            expected = {
                address
                for address in addresses
                if not row.nobody and not (row.unreachable and row.unreachable(address))
            }
            observation = standing.observation
            ideal = 0.0 if row.measures_pace else row.ideal_seconds(count, pace)
            status, ended_by_us, said = send(publication, environ, observation, len(expected), 5 * ideal + 30)
            settle(observation, len(expected))
            return (
                Measurement(
                    name=row.name,
                    readers=count,
                    delivered=len(observation.accepted),
                    seconds=observation.seconds,
                    ideal=observation.seconds if row.measures_pace else ideal,
                    refusals=observation.count_refusals(),
                    refused_share=observation.share_of_refusals(),
                    connections=sum(event.kind == "connect" for event in observation.events),
                    status=status,
                    ended_by_us=ended_by_us,
                    wrong=find_wrong(observation.accepted, expected) or (find_tried(said, count) if row.nobody else ""),
                ),
                observation,
                said,
            )


def settle(observation: Observation, expected: int) -> None:
    """Wait until a log has what the server did last, and for a second copy that should not come."""
    until = time.monotonic() + SETTLE_S
    while observation.count < expected and time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)
    time.sleep(LINGER_S)


def find_tried(said: str, readers: int) -> str:
    """Return in words that a send which had to stop before the first reader did not leave everybody pending."""
    return "" if f"+ {readers:,} pending" in said or "pending" not in said else "not everybody stayed pending"


def find_wrong(accepted: Counter[str], expected: set[str]) -> str:
    """Return in words who got none or more than one; empty when all is as it must be."""
    twice = [address for address, copies in accepted.items() if copies > 1]
    missing, others = expected - set(accepted), set(accepted) - expected
    parts = [(missing, "got none"), (twice, "got more than one"), (others, "must not have got one")]
    return ", ".join(f"{len(who):,} {what}" for who, what in parts if who)


def send(
    publication: Publication, environ: dict[str, str], observation: Observation, expected: int, patience: float
) -> tuple[int | None, bool, str]:
    """Run `newsletter send`; return its exit status, whether it had to be ended, and what it printed."""
    output = publication.root / "said.txt"
    with output.open("wb") as file:
        process = subprocess.Popen(
            publication.command("send", ISSUE, "--yes"),
            cwd=publication.root, env=publication.environment(**environ),
            stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    began, complete_at, asked = time.monotonic(), None, 0
    try:
        while process.poll() is None:
            now = time.monotonic()
            if expected and complete_at is None and observation.count >= expected:
                complete_at = now
            late = now - began > patience or (complete_at is not None and now - complete_at > LINGER_S + 2)
            if late and asked == 0:
                asked, began = 1, now
                process.send_signal(signal.SIGTERM)
            elif asked and now - began > patience + 30:
                process.kill()
            time.sleep(LOOK_EVERY_S)
    finally:
        process.kill()
    return process.wait(), asked > 0, output.read_text("utf-8", "replace")


HEADING = (
    f"{'server':24}{'readers':>9}{'delivered':>11}{'seconds':>9}{'ideal':>8}{'share':>7}{'refusals':>10}{'learned':>9}"
    f"{'opened':>8}"
)


def line_of(measurement: Measurement) -> str:
    judged = f"  {measurement.wrong}" if measurement.wrong else judge(measurement)
    return (
        f"{measurement.name:24}{measurement.readers:9,}{measurement.delivered:11,}{measurement.seconds:9.1f}"
        f"{measurement.ideal:8.1f}{measurement.share:7.2f}{measurement.refusals:10,}{measurement.refused_share:9.1%}"
        f"{measurement.connections:8,}{judged}"
    )


def judge(measurement: Measurement) -> str:
    missed = []
    if measurement.share < AIM:
        missed.append(f"below {AIM}")
    if measurement.refused_share > MOST_REFUSALS:
        missed.append(f"more than {MOST_REFUSALS:.0%} refused")
    return f"  {', '.join(missed)}" if missed else ""


def commit() -> str:
    return said_by(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], "git is missing.")


def write_tables(measurements: list[Measurement], unavailable: dict[str, str], path: Path, *, quick: bool) -> None:
    """Write all figures as JSON, and the table of docs/operators/sending.md beside it as Markdown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {
        "machine": machine(),
        "commit": commit(),
        "quick": quick,
        "load": os.getloadavg()[0],
        "not measured": unavailable,
        "rows": [{**asdict(measurement), "share": measurement.share} for measurement in measurements],
    }
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text("\n".join(markdown(measurements)) + "\n", encoding="utf-8")


def markdown(measurements: list[Measurement]) -> list[str]:
    lines = [
        "| the server | readers | ideal | delivered after | share | refusals once learned |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for measurement in measurements:
        row = ROWS[measurement.name]
        after = f"{measurement.seconds:.1f} s" if not measurement.wrong else f"{measurement.delivered:,} delivered"
        lines.append(
            f"| {row.server} | {measurement.readers:,} | {measurement.ideal:.1f} s | {after} | "
            f"{measurement.share:.2f} | {measurement.refused_share:.1%} |"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
