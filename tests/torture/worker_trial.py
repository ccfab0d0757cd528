"""One trial of several workers: a campaign is handed over, things happen to the workers, and the copies are counted.

Stages: lay out a publication, start workers, hand over, strike at chosen moments, wait for the end, send what waits for
a person, and judge.
"""

import json
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import forked
from conftest import Publication, copy_sample
from running_workers import end, start_worker, wait_until_ready
from torture.database_cluster import DatabaseCluster, running_cluster
from torture.database_proxy import DatabaseProxy
from torture.faults import Mood
from torture.server import FaultServer, serving

from newsletter.ledger.shared_rates import SLICE_S

LEASE_S = 2.0
KINDS = (
    "kill one",
    "kill all",
    "stand still",
    "cut off",
    "restart the database",
    "crash the database",
    "clocks",
    "rate",
    "fail over",
    "fail over, and the primary lives",
    "join and leave",
)
_HANG_S = 120.0
_CONNECTIONS = 4
_RATE = 60.0


@dataclass(kw_only=True)
class WorkerTrial:
    """What is known at the end of a trial, for the verdict and for whoever looks into a failure."""

    seed: int
    kind: str
    workers: int
    readers: int
    struck: int = 0
    copies: Counter[str] = field(default_factory=Counter)
    states: dict[str, int] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    most_unknown: int = 0
    ahead_of_rate: float = 0.0  # by how many messages at most, over windows of every length
    connections_at_once: int = 0


def try_out_workers(seed: int, readers: int, root: Path) -> WorkerTrial:
    """Carry out a trial in the new folder `root`, by what the seed decides."""
    draw = random.Random(seed)  # so that it can be repeated
    trial = WorkerTrial(seed=seed, kind=KINDS[seed % len(KINDS)], workers=draw.randint(2, 4), readers=readers)
    publication = copy_sample(root)
    addresses = publication.readers(readers)
    with ExitStack() as held:
        database = held.enter_context(running_cluster())
        server = held.enter_context(serving(Mood(), {}))
        publication.environ |= {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1",
            "NEWSLETTER_SMTP__PORT": str(server.port),
            "NEWSLETTER_SMTP__SECURITY": "none",
            "NEWSLETTER_SMTP__CONNECTIONS": str(_CONNECTIONS),
            "NEWSLETTER_STORE__URL": _lead(database.primary.fresh(), database.open_way()),
            "PYTHONFAULTHANDLER": "1",
        }
        # So that there is time for something to happen; in a trial of the rate it is what is looked at.
        rate = _RATE if trial.kind == "rate" else 4 * _RATE
        publication.environ["NEWSLETTER_SMTP__MESSAGES_PER_SECOND"] = str(rate)
        if "fail over" in trial.kind:
            database.add_standby()
        team = _Team(publication, database, draw, held, clocks=trial.kind == "clocks")
        held.callback(team.end)
        team.start(trial.workers)
        done = publication.run("send", "2.10", "--yes", "--detach")
        if done.returncode:
            trial.faults.append(f"it was not handed over: {done.stdout}{done.stderr}")
            return trial
        _strike(trial, team, server, database, draw)
        _wait(trial, lambda: _is_over(publication))
        trial.logs = team.end()
        for _ in range(3):
            if publication.run("send", "2.10", "--yes").returncode == 0:
                break
            time.sleep(LEASE_S)
        server.settle(wait=True)
        trial.copies, trial.states = Counter(server.accepted), _read_states(publication)
        trial.ahead_of_rate = measure_ahead(server.accepted_at, rate)
        trial.connections_at_once = server.connections_at_once
        _judge(trial, addresses, server, rate)
    return trial


class _Team:
    """Workers of a trial, each with a way of its own to the database."""

    def __init__(
        self, publication: Publication, database: DatabaseCluster, draw: random.Random, held: ExitStack, *, clocks: bool
    ) -> None:
        self.members: list[tuple[forked.Run, DatabaseProxy]] = []
        self._publication = publication
        self._database = database
        self._draw = draw
        self._held = held
        self._clocks = clocks
        self._logs: list[str] = []

    def start(self, count: int) -> None:
        """Start so many workers, and wait until they are ready."""
        new = []
        for _ in range(count):
            proxy = self._database.open_way()
            theirs = Publication(self._publication.root, dict(self._publication.environ))
            theirs.environ["NEWSLETTER_STORE__URL"] = _lead(theirs.environ["NEWSLETTER_STORE__URL"], proxy)
            ahead = self._draw.uniform(-300, 300) if self._clocks else 0.0
            new.append((start_worker(theirs, lease_s=LEASE_S, clock_ahead_s=ahead), proxy))
        for worker, _ in new:
            wait_until_ready(worker)
        self.members += new

    def choose(self) -> tuple[forked.Run, DatabaseProxy]:
        return self._draw.choice(self.members)

    def kill(self, members: Sequence[tuple[forked.Run, DatabaseProxy]], sign: signal.Signals = signal.SIGKILL) -> None:
        for member in members:
            self._logs.append(end(member[0], sign))
            self.members.remove(member)

    def end(self) -> list[str]:
        """End all workers; return what each has said."""
        for worker, proxy in self.members:
            proxy.go_on()
            self._logs.append(end(worker))
        self.members = []
        return self._logs


def _strike(
    trial: WorkerTrial, team: _Team, server: FaultServer, database: DatabaseCluster, draw: random.Random
) -> None:
    """Let happen what the trial's kind is about, at moments that the server's count decides."""
    in_hand = 2 * _CONNECTIONS  # claims of a worker: two a connection, and more than it has texts under way
    for moment in sorted(draw.sample(range(10, trial.readers * 3 // 4), 2)):
        if not _wait(trial, lambda moment=moment: len(server.accepted) >= moment):
            return
        trial.struck += 1
        match trial.kind:
            case "kill one":
                team.kill([team.choose()])
                team.start(1)
                trial.most_unknown += in_hand
            case "kill all":
                trial.most_unknown += in_hand * len(team.members)
                team.kill(list(team.members))
                team.start(trial.workers)
            case "stand still":
                worker, _ = team.choose()
                worker.send_signal(signal.SIGSTOP)
                time.sleep(LEASE_S * draw.uniform(0.5, 2.5))
                worker.send_signal(signal.SIGCONT)
                trial.most_unknown += in_hand
            case "cut off":
                _, proxy = team.choose()
                proxy.stop()
                time.sleep(LEASE_S * draw.uniform(0.5, 3.0))
                if draw.random() < 0.5:
                    proxy.cut()
                proxy.go_on()
                trial.most_unknown += in_hand
            case "restart the database" | "crash the database":
                database.restart(signal.SIGINT if "restart" in trial.kind else signal.SIGQUIT)
                trial.most_unknown += in_hand * len(team.members)
            case "fail over" | "fail over, and the primary lives":
                _fail_over(trial, team, database, draw)
                trial.most_unknown += in_hand * len(team.members)
            case "join and leave":  # one more than there are connections; the database bears eight each of no more
                team.start(_CONNECTIONS + 1 - len(team.members))
                team.kill([team.choose()], signal.SIGTERM)
            case _:  # of clocks and of the rate nothing strikes but a worker that is killed beside
                team.kill([team.choose()])
                team.start(1)
                trial.most_unknown += in_hand


def _fail_over(trial: WorkerTrial, team: _Team, database: DatabaseCluster, draw: random.Random) -> None:
    """Let a standby take over, the first time that or the second, and a further standby follow it for the next time.

    A primary that lives keeps some workers for a while: what they claim there waits for a standby that is gone.
    """
    if "lives" in trial.kind:
        ways = [way for _, way in draw.sample(team.members, draw.randint(1, len(team.members) - 1))]
        database.fail_over(left_behind=ways, for_s=LEASE_S * draw.uniform(0.5, 3.0))
    else:
        database.fail_over()
    database.add_standby()


def _lead(url: str, way: DatabaseProxy) -> str:
    """Return a database's URL by another way."""
    return re.sub(r":\d+/", f":{way.port}/", url)


def measure_ahead(moments: Sequence[float], rate: float) -> float:
    """Return by how many messages the most crowded stretch of time, of whatever length, is ahead of its rate."""
    ahead, most, last = 0.0, 0.0, moments[0] if moments else 0.0
    for moment in moments:
        ahead = max(0.0, ahead - rate * (moment - last)) + 1
        most, last = max(most, ahead), moment
    return most


def _is_over(publication: Publication) -> bool:
    states = _read_states(publication)
    return bool(states) and not states.get("pending") and not states.get("sending") and not states.get("deferred")


def _read_states(publication: Publication) -> dict[str, int]:
    said = publication.run("status", "2.10", "--json")
    with suppress(ValueError):
        (status,) = json.loads(said.stdout)
        return {state: count for state, count in status["readers"].items() if count}
    return {}


def _wait(trial: WorkerTrial, is_so: Callable[[], bool]) -> bool:
    latest = time.monotonic() + _HANG_S
    while not is_so():
        if time.monotonic() > latest:
            trial.faults.append("it hangs: nobody goes on by himself")
            return False
        time.sleep(0.2)
    return True


def _judge(trial: WorkerTrial, addresses: Sequence[str], server: FaultServer, rate: float) -> None:
    copies, states = trial.copies, trial.states
    if twice := [who for who, count in copies.items() if count > 1]:
        trial.faults.append(f"TWO COPIES for {len(twice)}: {', '.join(twice[:3])}")
    if sum(states.values()) != len(addresses):
        trial.faults.append(f"the report does not balance: {states}")
    unknown = states.get("unknown", 0)
    if (lost := len(set(addresses) - copies.keys()) - unknown) > 0:
        trial.faults.append(f"LOST UNSEEN: {lost}, {states}")
    if states.get("accepted", 0) > len(copies):
        trial.faults.append(f"{states['accepted']} are accepted, and the server has {len(copies)}")
    if unknown > trial.most_unknown:
        trial.faults.append(f"{unknown} are unknown, and at most {trial.most_unknown} can have been under way")
    # What lies in the bucket leaves at once, and so does what each has drawn; of each connection one is on its way.
    if trial.ahead_of_rate > (most := 2 * SLICE_S * rate + _CONNECTIONS + trial.workers):
        trial.faults.append(f"the rate was not kept: {trial.ahead_of_rate:.0f} ahead of it, and not {most:.0f}")
    if trial.connections_at_once > _CONNECTIONS:
        trial.faults.append(f"{trial.connections_at_once} connections were open at once, and not {_CONNECTIONS}")
    trial.faults += server.offences
    for log in trial.logs:
        if "Traceback" in log or "never retrieved" in log:
            trial.faults.append("a worker has a traceback")
