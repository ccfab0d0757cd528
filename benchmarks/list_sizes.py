"""How time and memory grow with the list: freezing it, reading the mail that came back, and counting it.

    make bench-sizes
    python benchmarks/list_sizes.py --help

Each line is one command as an editor runs it, on SQLite: seconds of processor of the whole command, and the most memory
that it held; below them is what each further reader or mail has cost, from the shortest list to the longest. Freezing
is `send --at`, which leaves the campaign to the outbox. The mailbox has one mail for each ten readers: of ten mails two
are hard bounces, five soft ones, two unsubscribe, and one is an answer by itself.
"""

import os
import sqlite3
import subprocess
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from measured import high_water
from publication import ISSUE, ROOT, Publication
from table import machine, said_by

from newsletter.mail.headers import derive_message_id
from newsletter.mail.message_template import MessageTemplate
from newsletter.subscribers.secret_keys import create_secret_keys, require_secret_keys
from newsletter.subscribers.tokens import TokenSigner
from newsletter.workspace import Workspace

FULL, QUICK = (10_000, 100_000, 1_000_000), (10_000, 100_000)
READERS_A_MAIL = 10
AIMS = "aims: 1,000,000 readers frozen in 12 s and 100 MB; 10,000 mails read in 8 s; counting flat in memory"
DSN = """\
From: MAILER-DAEMON@mx.example.com
To: bounces@example.org
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; {address}
Action: failed
Status: {status}
Diagnostic-Code: smtp; 550 {status} so it is

--b
Content-Type: text/rfc822-headers

From: digest@example.org
Message-ID: {message_id}

--b--
"""


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without the longest list")
    counts = QUICK if parser.parse_args().quick else FULL
    sys.path.append(str(ROOT / "tests"))
    print(machine())
    print(f"Ours:    {said_by(['git', '-C', str(ROOT), 'describe', '--always', '--dirty'], 'git is missing.')}")
    print(f"\n{'readers':>10} {'freezing':>18} {'mails':>9} {'inbox read':>18} {'subscribers stats':>20}")
    found: dict[str, list[Cost]] = {name: [] for name in ("freezing", "inbox read", "subscribers stats")}
    for count in counts:
        with TemporaryDirectory(prefix="newsletter-bench-") as folder:
            publication = Publication(Path(folder))
            publication.environ["NEWSLETTER_SERVICE__URL"] = "https://news.example.org"
            publication.write_readers(count)
            create_secret_keys(publication.root)
            frozen = run(publication, "send", ISSUE, "--yes", "--at", "in 1 day")
            mails = fill_mailbox(publication)
            read = run(publication, "inbox", "read", "Maildir", "--leave", "--yes", "--json")
            counted = run(publication, "subscribers", "stats")
        for name, cost in zip(found, (frozen, read, counted), strict=True):
            found[name].append(cost)
        print(f"{count:10,} {frozen!s:>18} {mails:9,} {read!s:>18} {counted!s:>20}", flush=True)
    more = counts[-1] - counts[0]
    for name, (first, *_, last) in found.items():
        what, each = ("mail", more / READERS_A_MAIL) if name == "inbox read" else ("reader", more)
        took, held = 1e6 * (last.seconds - first.seconds) / each, last.megabytes - first.megabytes
        print(f"{name}: {took:,.1f} µs for each further {what}, {held:+.0f} MB from {counts[0]:,} to {counts[-1]:,}")
    print(f"({AIMS})\nLoad of the machine at the end: {os.getloadavg()[0]:.1f}")


class Cost(NamedTuple):
    """Processor time of a whole command, and the most memory that it held."""

    seconds: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s, {self.megabytes:.0f} MB"


def run(publication: Publication, *words: str) -> Cost:
    """Return what a command of ours costs."""
    with (publication.root / "output").open("wb") as output:
        process = subprocess.Popen(
            publication.command(*words), cwd=publication.root, env=publication.environment(), stdout=output,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        peak = 0.0
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            peak = max(peak, high_water(process.pid))
            time.sleep(0.02)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words}:\n{(publication.root / 'output').read_text(errors='replace')[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, peak)


def fill_mailbox(publication: Publication) -> int:
    """Write the mails that come back from every tenth delivery; return how many they are."""
    workspace = Workspace(publication.root, publication.environment())
    tokens = TokenSigner(require_secret_keys(workspace), workspace.config.subscriber_list.id)
    folder = publication.root / "Maildir"
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir(parents=True)
    count = 0
    for count, mail in enumerate(make_mails(Path(workspace.database), tokens), start=1):
        (folder / "new" / f"{count:07}.benchmark").write_text(mail, encoding="ascii")
    return count


def make_mails(database: Path, tokens: TokenSigner) -> Iterator[str]:
    with closing(sqlite3.connect(database)) as connection:
        (payload,) = connection.execute("SELECT payload FROM templates").fetchone()
        template = MessageTemplate.from_bytes(payload)
        everyone: Sequence[tuple[str]] = connection.execute("SELECT subscriber FROM deliveries ORDER BY id").fetchall()
    for number, (subscriber,) in enumerate(everyone[::READERS_A_MAIL]):
        kind = number % 10
        if kind < 7:  # as the module says
            message_id = derive_message_id(template.seed, subscriber, template.domain)
            yield DSN.format(address=subscriber, status="5.1.1" if kind < 2 else "4.2.2", message_id=message_id)
        else:
            subject = "Out of office" if kind == 9 else f"unsubscribe {tokens.write(ISSUE, subscriber)}"
            yield f"From: {subscriber}\nTo: leave@example.org\nSubject: {subject}\n\n\n"


if __name__ == "__main__":
    main()
