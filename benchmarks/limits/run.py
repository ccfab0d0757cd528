"""How near a send comes to what a server's limit allows: a table of servers with a limit each.

    make bench-limits
    python benchmarks/limits/run.py --only rate-mail,session --trace
    python benchmarks/limits/run.py --list

`newsletter send` runs as a process of its own, with ten connections and otherwise default settings, against servers on
this machine's loopback: the small server (small_server.py), and real ones, which want root and Debian's packages
postfix, postgrey, opensmtpd and exim4-daemon-light. The last two can't be installed beside Postfix, so they are fetched
by apt-get and unpacked into build/. What can't be had is named.

Measured at the server, from its first connection to the last message that it accepts: the start and the freezing of the
list are not in it. The ideal time is computed from the limit (the rows say how, and why). Each reader has to be
delivered exactly once, checked at the server as well; else the exit status is 1.

**Refusals** are counted once learned: those after the first tenth of the messages, and at least 3 s after the first
refusal (a server may take a lot before it), for each message accepted after it. A refused connection counts as one.
What no sender can avoid does not count: full mailboxes, the first try of greylisting. In the last column are all the
refusals of a second send to the same server.

A send that has not ended after five times the ideal time, and half a minute, is stopped. So is one that has delivered
everybody who can be reached and waits for the others.

--quick takes fewer readers and has four rows at once, all but those that say how fast a server is without a limit: CI
sees by it that everybody is delivered once, but its times are rough.
"""

import json
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from time import monotonic

BENCHMARKS = Path(__file__).parent.parent
sys.path += [str(BENCHMARKS), str(BENCHMARKS.parent / "tests")]

from limits_table import HEADING, line_of, markdown  # noqa: E402  # the path is set above
from measurement import Measurement, measure  # noqa: E402
from publication import ROOT  # noqa: E402
from row import Unavailable  # noqa: E402
from rows import ROWS  # noqa: E402
from table import machine, said_by  # noqa: E402

QUICK_JOBS = 4
PAGE = ROOT / "docs" / "operators" / "sending.md"


def main() -> int:
    began = monotonic()
    options = parse_options()
    if options.list:
        for row in ROWS.values():
            print(f"{row.name:24} {row.server}")
        return 0
    about = {"machine": machine(), "commit": commit(), "quick": options.quick}
    print(f"{about['machine']}\nCommit:  {about['commit']}\n\n{HEADING}", flush=True)
    measurements: dict[str, Measurement] = {}
    unavailable: dict[str, str] = {}
    for name, found in measure_rows(options.only or tuple(ROWS), quick=options.quick, jobs=options.jobs):
        if isinstance(found, Unavailable):
            unavailable[name] = str(found)
            print(f"{name:24} not measured: {found}", flush=True)
            continue
        measurements[name] = found
        print(line_of(found), flush=True)
        if options.trace:
            print(found.trace, flush=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(found), "share": found.share} for found in measurements.values()]
    whole = {**about, "load": os.getloadavg()[0], "not measured": unavailable, "rows": rows}
    options.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    options.json.with_suffix(".md").write_text(markdown(measurements, unavailable), encoding="utf-8")
    if options.docs:
        write_into(PAGE, markdown(measurements, unavailable))
    if unavailable:
        print(f"\nNot measured here: {', '.join(unavailable)}")
    print(f"\nAll of it took {monotonic() - began:.0f} s; load of the machine at the end: {os.getloadavg()[0]:.1f}")
    return int(any(found.wrong for found in measurements.values()))


def measure_rows(names: Sequence[str], *, quick: bool, jobs: int) -> Iterator[tuple[str, Measurement | Unavailable]]:
    """Yield what each row came to: first those by whose pace others are judged, then `jobs` of the others at once."""
    wanted = {*names, *(ROWS[name].yardstick for name in names)} & set(ROWS)
    paces: dict[str, float] = {"": 0.0}
    for name, row in ROWS.items():
        if name in wanted and row.measures_pace:
            found = try_row(name, 0.0, quick)
            if isinstance(found, Measurement):
                paces[name] = found.pace
            yield name, found
    others = [name for name, row in ROWS.items() if name in wanted and not row.measures_pace]
    measured = [name for name in others if ROWS[name].yardstick in paces]
    yield from ((name, Unavailable("see its server without a limit")) for name in others if name not in measured)
    if jobs == 1:
        yield from ((name, try_row(name, paces[ROWS[name].yardstick], quick)) for name in measured)
        return
    with ProcessPoolExecutor(jobs) as pool:
        started = [pool.submit(try_row, name, paces[ROWS[name].yardstick], quick) for name in measured]
        yield from ((name, future.result()) for name, future in zip(measured, started, strict=True))


def try_row(name: str, pace: float, quick: bool) -> Measurement | Unavailable:  # a pool's argument
    try:
        return measure(name, pace, quick=quick)
    except Unavailable as reason:
        return reason


def parse_options() -> Namespace:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=choose_rows, metavar="NAMES", help="some of the rows, with commas between them")
    parser.add_argument("--list", action="store_true", help="the names of the rows")
    parser.add_argument("--quick", action="store_true", help=f"fewer readers, and {QUICK_JOBS} rows at once")
    parser.add_argument("--jobs", type=int, metavar="NUMBER", help="so many rows at once")
    parser.add_argument("--trace", action="store_true", help="what each server saw, second by second")
    parser.add_argument("--docs", action="store_true", help="put the table into docs/operators/sending.md")
    parser.add_argument("--json", type=Path, metavar="FILE", default=ROOT / "build" / "bench-limits.json")
    options = parser.parse_args()
    options.jobs = options.jobs or (QUICK_JOBS if options.quick else 1)
    return options


def choose_rows(words: str) -> tuple[str, ...]:
    names = tuple(words.split(","))
    if unknown := [name for name in names if name not in ROWS]:
        raise ArgumentTypeError(f"unknown: {', '.join(unknown)}; --list has the names")
    return names


def write_into(page: Path, table: str) -> None:
    """Put a table in the place of the one on a page that has the same heading."""
    text = page.read_text(encoding="utf-8")
    begin = text.index(table.splitlines()[0])
    end = text.index("\n\n", begin) + 1
    page.write_text(text[:begin] + table + text[end:], encoding="utf-8")


def commit() -> str:
    return said_by(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], "git is missing.")


if __name__ == "__main__":
    sys.exit(main())
