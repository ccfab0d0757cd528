"""One row measured: `newsletter send` as a process, and what the server saw of it."""

import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from observation import Observation
from publication import ISSUE, Publication, readers
from row import CONNECTIONS, Row, Standing
from rows import ROWS

AGAIN = "2.11"  # a second issue
LOOK_EVERY_S = 0.02
LINGER_S = 1.0  # a second copy would come within it
SETTLE_S = 10.0  # until a server's log has all that it took
ENDING_S = 3.0  # until a send with nobody left to reach is ended


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What a row came to. `delivered` counts readers; `wrong` says in words what must not be.

    `again` counts the refusals of a second send to the same server, which begins with what the first has learned.
    """

    name: str
    readers: int
    delivered: int
    seconds: float
    ideal: float
    refusals: int
    refused_share: float
    connections: int
    again: int | None
    wrong: str
    trace: str

    @property
    def pace(self) -> float:
        """Return messages a second."""
        return self.delivered / self.seconds if self.seconds else 0.0

    @property
    def share(self) -> float:
        """Return ideal by measured time; 0 when anything was wrong."""
        if self.wrong:
            return 0.0
        return self.ideal / self.seconds if self.seconds else 1.0


@dataclass(frozen=True)
class Sent:
    """The end of a `newsletter send`: its exit status, whether it had to be ended, and what it printed."""

    status: int
    ended: bool
    said: str


def measure(name: str, pace: float, *, quick: bool = False) -> Measurement:
    """Send to a row's server; `pace` is that of its yardstick. Raises Unavailable."""
    row = ROWS[name]
    count = row.quick if quick else row.readers
    with TemporaryDirectory(prefix="newsletter-limits-") as path:
        folder = Path(path)
        folder.chmod(0o755)  # servers run as users of their own
        (folder / "server").mkdir()
        publication = Publication(folder / "digest")
        write_second_issue(publication)
        with row.start(folder / "server") as standing:
            ideal = 0.0 if row.measures_pace else row.ideal_seconds(count, pace)
            sent, wrong = send_to(row, publication, standing, ISSUE, count, 5 * ideal + 30)
            observation = standing.observation
            measured = Measurement(
                name=name,
                readers=count,
                delivered=len(observation.accepted),
                seconds=observation.seconds,
                ideal=observation.seconds if row.measures_pace else ideal,
                refusals=observation.count_refusals(),
                refused_share=observation.share_of_refusals(),
                connections=sum(event.kind == "connect" for event in observation.events),
                again=None,
                wrong=wrong,
                trace="\n".join([*observation.trace(), sent.said]),
            )
            return measure_again(measured, row, publication, standing, ideal) if row.again and not wrong else measured


def measure_again(
    first: Measurement, row: Row, publication: Publication, standing: Standing, ideal: float
) -> Measurement:
    """Send a second issue to the same server, and count its refusals."""
    standing.observation.restart()
    sent, wrong = send_to(row, publication, standing, AGAIN, row.again, 5 * ideal + 30)
    observation = standing.observation
    trace = "\n".join([first.trace, "The second send:", *observation.trace(), sent.said])
    found = {**vars(first), "again": observation.count_refusals(), "trace": trace}
    return Measurement(**{**found, "wrong": f"the second send: {wrong}" if wrong else ""})


def write_second_issue(publication: Publication) -> None:
    first = (publication.root / "drafts" / f"{ISSUE}.yaml").read_text(encoding="utf-8")
    second = first.replace("number: 10\ndate: 2023-05-31", "number: 11\ndate: 2023-06-14")
    (publication.root / "drafts" / f"{AGAIN}.yaml").write_text(second, encoding="utf-8")


def send_to(
    row: Row, publication: Publication, standing: Standing, issue: str, count: int, patience: float
) -> tuple[Sent, str]:
    """Send an issue to so many readers; return what came of it, and in words what must not be."""
    publication.write_readers(count)
    environ = {
        "NEWSLETTER_SMTP__PORT": str(standing.port),
        "NEWSLETTER_SMTP__CONNECTIONS": str(CONNECTIONS),
        **standing.environ,
        **row.environ,
    }
    addresses = [address for address, *_ in readers(count)]
    expected = {address for address in addresses if not row.nobody and not row.is_unreachable(address)}
    sent = send(publication, issue, environ, standing.observation, len(expected), patience)
    settle(standing.observation, len(expected))
    wrong = find_wrong(standing.observation.accepted, expected)
    if not wrong and row.nobody and f"+ {count:,} pending" not in sent.said and sent.said.count("pending"):
        wrong = "not everybody stayed pending"
    if not wrong and len(expected) == count and not row.nobody and sent.status != 0:
        wrong = f"exit status {sent.status}"
    return sent, wrong


def send(
    publication: Publication,
    issue: str,
    environ: dict[str, str],
    observation: Observation,
    expected: int,
    patience: float,
) -> Sent:
    """Run `newsletter send` to its end, or until nobody is left who can be reached, or for so many seconds."""
    output = publication.root / "said.txt"
    with output.open("wb") as file:
        process = subprocess.Popen(
            publication.command("send", issue, "--yes"),
            cwd=publication.root, env=publication.environment(**environ),
            stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    over = time.monotonic() + patience
    kill_at = over + 30
    ended = False
    try:
        while process.poll() is None:
            now = time.monotonic()
            if expected and observation.count >= expected:
                over = min(over, now + ENDING_S)
            if now > over and not ended:
                ended = True
                kill_at = now + 30
                process.send_signal(signal.SIGTERM)
            if now > kill_at:
                process.kill()
            time.sleep(LOOK_EVERY_S)
    finally:
        process.kill()
    return Sent(process.wait(), ended, output.read_text("utf-8", "replace"))


def settle(observation: Observation, expected: int) -> None:
    """Wait until a log has what the server did last, and for a second copy that should not come."""
    until = time.monotonic() + SETTLE_S
    while observation.count < expected and time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)
    time.sleep(LINGER_S)


def find_wrong(accepted: Counter[str], expected: set[str]) -> str:
    """Return in words who got none or more than one; empty when all is as it must be."""
    twice = [address for address, copies in accepted.items() if copies > 1]
    missing, others = expected - set(accepted), set(accepted) - expected
    parts = [(missing, "got none"), (twice, "got more than one"), (others, "must not have got one")]
    return ", ".join(f"{len(who):,} {what}" for who, what in parts if who)
