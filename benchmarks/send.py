"""How fast an issue goes out, what it costs, and what a long list needs: ours beside those who also send.

    make bench-send
    python benchmarks/send.py --help

It wants Linux and Debian's postfix, for smtp-sink, smtp-source and a server that discards; nodemailer comes by
`npm install --prefix benchmarks/send-peers`, aiosmtplib is what ours stands on. Without nodemailer it goes on and
says so. Ours is measured from outside, as the command line is used: `newsletter send 2.10 --yes`, with readers of
its own for each message (publication.py), the ledger on disk, in an empty store each time.

**Throughput.** Ten connections into smtp-sink, personalised messages. smtp-source is Postfix's own load generator in
C, which makes its message up once: as called in the aims it opens a connection for each message; with -d it keeps
them as all the others do. nodemailer's pool and ten aiosmtplib clients make each message anew, as one would (see
send-peers/). Rounds go through the contenders in turn, each beginning with another one, so that a busy machine is
busy for all of them; ratios are made within a round. Messages a second are counted at the receiver, from the first
text to the last; processor time is that of the client between the same moments. Start, rendering and freezing are
in neither: processor time with them, of the whole command, stands beside it; the JSON has more. Those who are slow
send fewer, and 2.10 is frozen and sent whole each time. --messages 100000 is the amount at which the start counts for
nothing. --sink fast takes a receiver that needs less time than smtp-sink, whose own is the least that a message takes
(fast_sink.py).

**Distance.** A proxy (delay_proxy.py) adds 20 and 80 ms of round trip before a real Postfix whose transport
discards. Messages for each round trip of a connection, from its first text to the reply to its last one, with the
round trip that a NOOP needed through the same proxy. The row without delay says what Postfix itself takes.

**Memory** of a process that goes on with a frozen list (the most it held), for a short list and for a long one. Of
the long list it sends a part and is then stopped by SIGTERM; --full sends all.

**Freezing**: from starting the command with an empty store until the first text is under way, and what it held until
then: it reads and checks the list, renders, proves every message, and writes the ledger.

Figures that miss their aim are printed as they are. All rounds are in build/bench-send.json.
"""

import json
import os
import platform
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from distance import measure_distance, show_distance
from long_lists import measure_long_lists, show_freezing, show_memory
from measured import Failed
from publication import ROOT, Publication
from sinks import SINKS, Missing, program
from table import machine, said_by
from throughput import PEERS, measure_throughput, show_throughput

SECTIONS = ("send", "delay", "memory", "freeze")


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """How many messages, readers and rounds."""

    fast: int  # messages of ours and of smtp-source
    slow: int  # of nodemailer and aiosmtplib
    rounds: int
    far_rounds: int
    round_trips: int  # that a connection should need at a distance
    short: int  # readers
    long: int
    part: int  # of the long list that is sent; 0: all


FULL = Amounts(
    fast=20_000, slow=1_000, rounds=5, far_rounds=3, round_trips=60, short=10_000, long=1_000_000, part=60_000
)  # fmt: skip
QUICK = Amounts(
    fast=4_000, slow=200, rounds=2, far_rounds=1, round_trips=30, short=10_000, long=50_000, part=20_000
)  # fmt: skip


def main() -> None:
    options = parsed_options()
    began = monotonic()
    amounts = QUICK if options.quick else FULL
    if options.messages:
        amounts = Amounts(**{**vars(amounts), "fast": options.messages})
    if options.full:
        amounts = Amounts(**{**vars(amounts), "part": 0})
    found: dict[str, Any] = {"facts": facts(), "quick": options.quick, "amounts": vars(amounts)}
    for line in found["facts"]:
        print(line)
    with TemporaryDirectory(prefix="newsletter-bench-") as folder:
        publication = Publication(Path(folder) / "digest")
        if "send" in options.only:
            found["throughput"] = measure_throughput(
                publication, amounts.fast, amounts.slow, amounts.rounds, options.sink
            )
            show_throughput(found["throughput"], options.sink)
        if "delay" in options.only:
            found["distance"] = measure_distance(publication, amounts.round_trips, amounts.far_rounds)
            show_distance(found["distance"])
        if {"memory", "freeze"} & set(options.only):
            lists = measure_long_lists(
                publication, amounts.short, amounts.long, amounts.part, sending="memory" in options.only
            )
            found["long lists"] = lists
            if "memory" in options.only:
                show_memory(lists)
            if "freeze" in options.only:
                show_freezing(lists)
    found["seconds"] = monotonic() - began
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"\nAll of it took {found['seconds']:.0f} s; load of the machine at the end: {os.getloadavg()[0]:.1f}")


def parsed_options() -> Namespace:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer messages, rounds and readers: some minutes")
    parser.add_argument("--sink", choices=SINKS, default="smtp-sink", help="the receiver: Postfix's, or one of our own")
    parser.add_argument("--messages", type=int, metavar="NUMBER", help="of ours and of smtp-source, such as 100000")
    parser.add_argument("--full", action="store_true", help="send the whole of the long list")
    parser.add_argument(
        "--only", type=chosen, default=SECTIONS, metavar="SECTIONS", help=f"some of {','.join(SECTIONS)}"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", default=ROOT / "build" / "bench-send.json", help="build/bench-send.json"
    )
    return parser.parse_args()


def chosen(words: str) -> tuple[str, ...]:
    names = tuple(words.split(","))
    if unknown := set(names) - set(SECTIONS):
        raise ArgumentTypeError(f"unknown: {', '.join(unknown)}")
    return names


def facts() -> list[str]:
    """Return what was measured on what."""
    postfix = said_by([program("postconf"), "-d", "-h", "mail_version"], "postconf is missing: apt-get install postfix")
    names = ("aiosmtplib", "sqlalchemy")
    ours = ", ".join(f"{name} {version(name)}" for name in names)
    nodemailer = PEERS / "node_modules" / "nodemailer" / "package.json"
    peers = f"Postfix {postfix}, aiosmtplib {version('aiosmtplib')}"
    if nodemailer.is_file():
        node = said_by(["node", "--version"], "node is missing.").removeprefix("v")
        peers += f", node {node}, nodemailer {json.loads(nodemailer.read_bytes())['version']}"
    commit = said_by(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], "git is missing.")
    return [
        machine(),
        f"Ours:    {commit}, Python {platform.python_version()}, {ours}",
        f"Peers:   {peers}",
    ]


if __name__ == "__main__":
    try:
        main()
    except (Missing, Failed) as reason:
        sys.exit(str(reason))
