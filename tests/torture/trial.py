"""One trial: a publication, a server and a plan; send until nobody waits any more; gather what there is to judge.

Stages: lay out a publication, carry out the planned sends one after another, go on without faults, look around.
"""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from conftest import ROOT, Publication
from torture.faults import Fault
from torture.scenarios import Scenario, Send
from torture.server import FaultServer, serving
from torture.stores import TrialStore, emptied

from newsletter.backends.smtp import SmtpBackend
from newsletter.config.model import Send as SendSettings

HANG_S = 90  # a net under everything: what has not ended by then never will
_CHILD = Path(__file__).with_name("child.py")
_DRAFT = """\
volume: 2
number: 10
date: 2023-05-31
intro: >-
  Dear {{ name | reader }}, this is the issue that has to arrive once.
items:
  - headline: >-
      Only the even see this
    detail: >-
      A text of their own, with [a link](https://example.org/even).
    only_for: [even]
  - headline: >-
      Everybody sees this
    detail: >-
      And [another](https://example.org/all).
"""
_PICTURE = "image:\n  file: 2.10-lead.jpg\n  alt: >-\n    A bay\n  credit: >-\n    drawn\n"


@dataclass(kw_only=True)
class Ended:
    """How one send ended, and what of its plan came about."""

    send: Send
    status: int
    out: str
    err: str
    struck: list[Fault]
    struck_within: bool
    accepted: frozenset[str]
    hung: bool


@dataclass(kw_only=True)
class Trial:
    """What is known at the end, for the verdict and for whoever looks into a failure."""

    scenario: Scenario
    addresses: list[str]
    connections: int  # this and the next as the program's own backend has it
    window: int
    retries: bool  # are deferred readers tried again within a run?
    ended: list[Ended] = field(default_factory=list)
    copies: Counter[str] = field(default_factory=Counter)
    answered: Mapping[str, set[str]] = field(default_factory=dict)
    offences: list[str] = field(default_factory=list)
    abandoned: int = 0
    status: dict[str, object] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    record: dict[str, object] = field(default_factory=dict)
    database: list[str] = field(default_factory=list)

    @property
    def lasting(self) -> set[str]:
        """Readers whom the server will never take."""
        return {self.addresses[number] for number, rule in self.scenario.rules.items() if rule.times is None}


def try_out(scenario: Scenario, root: Path, database: str | None = None) -> Trial:
    """Carry out the scenario in the new folder `root`; `database` is a PostgreSQL server's URL, None for SQLite."""
    publication = _publication(scenario, root)
    settings = _settings(scenario)
    publication.environ |= {**settings, "NEWSLETTER_SMTP__SECURITY": "none", "PYTHONFAULTHANDLER": "1"}
    limits = _limits(settings)
    trial = Trial(
        scenario=scenario,
        addresses=publication.readers(scenario.readers),
        connections=limits[0],
        window=limits[1],
        retries="retries" in SendSettings.model_fields,
    )
    rules = {trial.addresses[number]: rule for number, rule in scenario.rules.items()}
    with emptied(database, root) as store, serving(scenario.mood, rules) as server:
        publication.environ |= {"NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(server.port)}
        publication.environ |= store.environ
        for send in scenario.sends:
            trial.ended.append(_carry_out(send, publication, server, store))
            server.settle(wait=not scenario.overlapping)
        for _ in range(4):
            trial.ended.append(_carry_out(Send(), publication, server, store))
            waiting = {who for who, state in _listed(publication).items() if state in ("pending", "deferred")}
            if trial.ended[-1].status == 0 or not waiting - trial.lasting:
                break
        server.settle(wait=True)
        _look_around(trial, publication, server, store)
    return trial


def supported(scenario: Scenario) -> Scenario:
    """The same without what this version of the program has no setting for."""
    return scenario if "chunking" in SmtpBackend.Settings.model_fields else replace(scenario, chunking=False)


def _publication(scenario: Scenario, root: Path) -> Publication:
    (root / "drafts").mkdir(parents=True)
    shutil.copyfile(ROOT / "newsletter.toml", root / "newsletter.toml")
    shutil.copyfile(ROOT / "drafts/2.10-lead.jpg", root / "drafts/2.10-lead.jpg")
    publication = Publication(root)
    publication.draft("2.10", _DRAFT + (_PICTURE if scenario.picture else ""))
    return publication


def _settings(scenario: Scenario) -> dict[str, str]:
    """[smtp] and [send] by the environment; keys that the program does not know would be mistakes."""
    smtp = {"connections": str(scenario.connections)}
    if scenario.mood.login:
        smtp |= {"username": "digest", "password": "secret"}
    if scenario.chunking:
        smtp |= {"chunking": "true", "window": str(scenario.window)}
    send = {"retries": scenario.retries} if "retries" in SendSettings.model_fields else {}
    return {f"NEWSLETTER_{table}__{key.upper()}": value
            for table, values in (("SMTP", smtp), ("SEND", send)) for key, value in values.items()}  # fmt: skip


def _limits(settings: Mapping[str, str]) -> tuple[int, int]:
    prefix = "NEWSLETTER_SMTP__"
    own = {key.removeprefix(prefix).lower(): value for key, value in settings.items() if key.startswith(prefix)}
    limits = SmtpBackend(SmtpBackend.Settings.model_validate(own), Path()).limits
    return limits.connections, limits.window


def _carry_out(send: Send, publication: Publication, server: FaultServer, store: TrialStore) -> Ended:
    """One `newsletter send` as a process of its own, with the plan's faults."""
    command, environ, fds = publication.command("send", "2.10", "--yes"), publication.environment(), ()
    patience = _patience(send, environ)
    to_child, from_child = os.pipe(), os.pipe()
    if send.within or patience or server.mood.small_buffers:
        fds = (to_child[0], from_child[1])
        plan = {"faults": [asdict(fault) for fault in send.within], "control": fds, **patience,
                "send_buffer": 4096 if server.mood.small_buffers else None}  # fmt: skip
        command = [sys.executable, str(_CHILD), json.dumps(plan), *command[3:]]
    server.begin(send.at_server)
    process = subprocess.Popen(
        command, cwd=publication.root, env=environ, text=True, pass_fds=fds, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    server.process = process
    os.close(to_child[0])
    os.close(from_child[1])
    struck = threading.Event()
    attending = threading.Thread(target=_attend, args=(from_child[0], to_child[1], store, struck))
    attending.start()
    hung = False
    try:
        out, err = process.communicate(timeout=HANG_S)
    except subprocess.TimeoutExpired:
        hung = True
        process.send_signal(signal.SIGABRT)  # faulthandler then says where it hangs
        out, err = process.communicate()
    attending.join()
    return Ended(send=send, status=process.returncode, out=out, err=err, struck=list(server.struck), hung=hung,
                 struck_within=struck.is_set(), accepted=frozenset(server.accepted))  # fmt: skip


def _patience(send: Send, environ: dict[str, str]) -> dict[str, float]:
    """Shorter waits: by the settings that there are, and by the child's hand where there is none."""
    patience = {} if send.lock_wait_s is None else {"lock_wait_s": send.lock_wait_s}
    if send.deadline_s is not None:
        environ["NEWSLETTER_SMTP__TIMEOUT"] = str(send.deadline_s)
        if "text_timeout" in SmtpBackend.Settings.model_fields:
            environ["NEWSLETTER_SMTP__TEXT_TIMEOUT"] = str(send.deadline_s)
        else:
            patience["text_deadline_s"] = send.deadline_s
    return patience


def _attend(requests: int, answers: int, store: TrialStore, struck: threading.Event) -> None:
    """Be the other process that takes the database when the child says so, until the child has ended."""
    unlock: Callable[[], None] | None = None
    with os.fdopen(requests) as lines, os.fdopen(answers, "w", buffering=1) as told:
        for line in lines:
            struck.set()
            if line == "lock\n":
                unlock = store.lock()
                told.write("taken\n")
            elif line == "waiting\n" and unlock is not None:
                unlock()
            elif line == "cut\n":
                store.cut()
                told.write("done\n")
    if unlock is not None:
        unlock()


def _look_around(trial: Trial, publication: Publication, server: FaultServer, store: TrialStore) -> None:
    """What the server, the program, its files and its database say at the end."""
    trial.copies, trial.answered = Counter(server.accepted), server.answered
    trial.offences, trial.abandoned = server.offences, server.abandoned
    said = publication.run("status", "2.10", "--json")
    (trial.status,) = json.loads(said.stdout) if said.returncode == 0 else ({},)
    trial.listed = _listed(publication)
    record = publication.root / "drafts/2.10.sent.toml"
    trial.record = tomllib.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    trial.database = store.faults()


def _listed(publication: Publication) -> dict[str, str]:
    path = publication.root / "build/2.10/not-accepted.csv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["address"]: row["state"] for row in csv.DictReader(file)}
