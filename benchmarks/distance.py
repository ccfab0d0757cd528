"""Messages for each round trip of a connection, with a server that is far away: see delay_proxy.py."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from delay_proxy import Way, ping, way_to
from measured import Failed, measured
from publication import ISSUE, ROOT, Publication
from sinks import smtp_sink

sys.path.append(str(ROOT / "tests"))

from postfix import Postfix, postfix, unavailable  # the tests' server, from the folder named above

MEMORY = "/dev/shm"  # noqa: S108  # what is made there has names of its own
MS = (0, 20, 80)
WINDOW = 16
PINGS = 5
NEAR = 4  # times as many messages go where there is no delay, since they take so much less time
MODES = {
    "PIPELINING": {"NEWSLETTER_SMTP__CONNECTIONS": "4"},
    "CHUNKING": {
        "NEWSLETTER_SMTP__CONNECTIONS": "1",
        "NEWSLETTER_SMTP__CHUNKING": "true",
        "NEWSLETTER_SMTP__WINDOW": str(WINDOW),
    },
}
AIMS = {"PIPELINING": 0.9, "CHUNKING": 0.7 * WINDOW}
AT_ONCE = {"PIPELINING": 4, "CHUNKING": WINDOW}  # messages that a perfect client needs one round trip for


def measure_distance(publication: Publication, round_trips: int, rounds: int) -> dict[str, Any]:
    """`round_trips` says how many a perfect client would need."""
    modes = dict(MODES)
    with ExitStack() as stack:
        if reason := unavailable():
            server, port, through = f"smtp-sink ({reason})", stack.enter_context(smtp_sink()).port, {}
            del modes["CHUNKING"]  # which it does not know
        else:
            running = stack.enter_context(in_memory(postfix(keep=False)))
            server, port, through = "Postfix that throws away, with TLS and a login,", running.port, running.environ
        rows = [
            {"mode": mode, "ms": ms, "messages": AT_ONCE[mode] * round_trips * (1 if ms else NEAR), "rounds": []}
            for mode in modes
            for ms in MS
        ]
        missing = {}
        for _ in range(rounds):
            for row in rows:
                if row["mode"] in missing:
                    continue
                try:
                    row["rounds"].append(
                        one_round(publication, port, through | modes[row["mode"]], row["ms"], row["messages"])
                    )
                except Failed as reason:
                    if row["rounds"]:
                        raise
                    missing[row["mode"]] = str(reason).splitlines()[-1].strip()
    return {"server": server, "rows": [row for row in rows if row["mode"] not in missing], "not available": missing}


@contextmanager
def in_memory(server: AbstractContextManager[Postfix]) -> Iterator[Postfix]:
    """Yield a server whose queue is in memory, where there is a place for it: Postfix's disk is not measured."""
    before = tempfile.tempdir
    tempfile.tempdir = MEMORY if Path(MEMORY).is_dir() else None
    try:
        with server as running:
            tempfile.tempdir = before
            yield running
    finally:
        tempfile.tempdir = before


def one_round(publication: Publication, port: int, environ: dict[str, str], ms: int, messages: int) -> dict[str, float]:
    publication.forget()
    publication.write_readers(messages)
    with way_to("127.0.0.1", port, ms / 1000) as way:
        round_trip = ping(way.port, PINGS)
        through = publication.environment(**{**environ, "NEWSLETTER_SMTP__PORT": str(way.port)})
        run = measured(publication.command("send", ISSUE, "--yes"), publication.root, through, way.received)
        took = time_on_the_way(way, round_trip)
    return {
        "round trip": round_trip,
        "a second": run.messages(run.received / messages) / run.sending,
        "a round trip": messages * round_trip / took,
    }


def time_on_the_way(way: Way, round_trip: float) -> float:
    """Seconds from the first text to the reply to the last, which is a round trip later: of all connections the sum."""
    return sum(passage.last_text - passage.first_text + round_trip for passage in way.passages if passage.first_text)


def show_distance(found: dict[str, Any]) -> None:
    print(f"\nDistance: {found['server']} behind a proxy")
    print(f"{'':24}{'messages':>9}{'NOOP ms':>9}{'a second':>10}{'a round trip and connection':>29}  aim")
    for row in found["rows"]:
        middle = {name: median(one[name] for one in row["rounds"]) for name in row["rounds"][0]}
        mode, ms = row["mode"], row["ms"]
        rates = [one["a round trip"] for one in row["rounds"]]
        each = f"{median(rates):.2f} ({min(rates):.2f} - {max(rates):.2f})" if ms else ""
        aim = f"at least {AIMS[mode]:g}" if ms else "what the server takes"
        print(f"{f'{mode}, {ms} ms more':24}{row['messages']:9,}{1000 * middle['round trip']:9.1f}"
              f"{middle['a second']:10,.0f}{each:>29}  {aim}")  # fmt: skip
    for mode, reason in found["not available"].items():
        print(f"{mode}: not available. {reason}")
