"""One trial: a publication, a server and a plan; send until nobody waits any more; gather what there is to judge.

Stages: lay out a publication, carry out the planned sends one after another, go on without faults, look around.
"""

import csv
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import forked
from conftest import ROOT, Publication
from torture.faults import Fault
from torture.scenarios import Scenario, Send
from torture.server import FaultServer, serving
from torture.stores import TrialStore, emptied

from newsletter.backends.smtp import SmtpBackend

LEASE_S = 2.0
MOST_REFUSALS = 16
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
_TRANSLATION = """\
volume: 2
number: 10
date: 2023-05-31
intro: >-
  {{ name | 読者 }}様、この号は一度だけ届きます。
items:
  - headline: >-
      偶数の読者だけに
    detail: >-
      [リンク](https://example.org/even)のある本文。
  - headline: >-
      すべての読者に
    detail: >-
      [もう一つ](https://example.org/all)。
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
    noted: Mapping[str, int]  # the readers in the record beside the draft
    hung: bool
    overtaken: bool = False  # another was let in while this one stood still


@dataclass(kw_only=True)
class Trial:
    """What is known at the end, for the verdict and for whoever looks into a failure."""

    scenario: Scenario
    addresses: list[str]
    connections: int  # this and the next as the program's own backend has it
    window: int
    ended: list[Ended] = field(default_factory=list)
    copies: Counter[str] = field(default_factory=Counter)
    answered: Mapping[str, set[str]] = field(default_factory=dict)
    offences: list[str] = field(default_factory=list)
    abandoned: int = 0
    status: dict[str, Any] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    database: list[str] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)  # accepted of a process that had been overtaken

    @property
    def lasting(self) -> set[str]:
        """Readers whom the server will never take."""
        return {self.addresses[number] for number, rule in self.scenario.rules.items() if rule.times is None}


def try_out(scenario: Scenario, root: Path, database: str | None = None) -> Trial:
    """Carry out the scenario in the new folder `root`; `database` is a PostgreSQL server's URL, None for SQLite."""
    publication = _publication(scenario, root)
    settings = _settings(scenario)
    publication.environ |= {f"NEWSLETTER_SMTP__{key.upper()}": value for key, value in settings.items()}
    publication.environ |= {
        "NEWSLETTER_SMTP__SECURITY": "none", "NEWSLETTER_SEND__RETRIES": scenario.retries, "PYTHONFAULTHANDLER": "1"
    }  # fmt: skip
    limits = SmtpBackend(SmtpBackend.Settings.model_validate(settings), root).limits
    trial = Trial(
        scenario=scenario,
        addresses=publication.readers(scenario.readers),
        connections=limits.connections,
        window=limits.window,
    )
    languages = _write_languages(publication, trial.addresses) if scenario.translated else {}
    rules = {trial.addresses[number]: rule for number, rule in scenario.rules.items()}
    with emptied(database, root) as store, serving(scenario.mood, rules) as server:
        server.languages = languages
        publication.environ |= {"NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(server.port)}
        publication.environ |= store.environ
        for send in scenario.sends:
            trial.ended += _carry_out(scenario, send, publication, server, store)
            server.settle(wait=not scenario.overlapping)
        for _ in range(4):
            trial.ended += _carry_out(scenario, Send(), publication, server, store)
            waiting = {who for who, state in _listed(publication).items() if state in ("pending", "deferred")}
            if trial.ended[-1].status == 0 or not waiting - trial.lasting:
                break
        server.settle(wait=True)
        _look_around(trial, publication, server, store)
    return trial


def _publication(scenario: Scenario, root: Path) -> Publication:
    (root / "drafts").mkdir(parents=True)
    shutil.copyfile(ROOT / "newsletter.toml", root / "newsletter.toml")
    shutil.copyfile(ROOT / "drafts/2.10-lead.jpg", root / "drafts/2.10-lead.jpg")
    publication = Publication(root)
    picture = _PICTURE if scenario.picture else ""
    publication.draft("2.10", _DRAFT + picture)
    if scenario.translated:
        publication.draft("2.10.ja", _TRANSLATION + picture)
        with (root / "newsletter.toml").open("a", encoding="utf-8") as settings:
            settings.write('\n[languages.ja]\nsender = "ダイジェスト"\n')
    return publication


def _write_languages(publication: Publication, addresses: Sequence[str]) -> dict[str, str]:
    """Write the column `language` into the list; return the language in which each reader is to get the issue."""
    path = publication.root / "subscribers.csv"
    heading, *rows = path.read_text(encoding="utf-8").splitlines()
    asked = ("JA_jp", "", "xx")
    lines = [f"{row},{asked[number % 3]}" for number, row in enumerate(rows)]
    path.write_text("\n".join([f"{heading},language", *lines]) + "\n", encoding="utf-8")
    return {address: "en" if number % 3 else "ja" for number, address in enumerate(addresses)}


def _settings(scenario: Scenario) -> dict[str, str]:
    """[smtp], as far as the scenario has a say in it."""
    settings = {"connections": str(scenario.connections)}
    if scenario.mood.login:
        settings |= {"username": "digest", "password": "secret"}
    if scenario.chunking:
        settings |= {"chunking": "true", "window": str(scenario.window)}
    return settings


def _carry_out(
    scenario: Scenario, send: Send, publication: Publication, server: FaultServer, store: TrialStore
) -> list[Ended]:
    """Run one `newsletter send` as a process of its own, with the plan's faults; after those that overtook it."""
    command, environ = ["send", "2.10", "--yes"], publication.environment()
    to_child, from_child = os.pipe(), os.pipe()
    command = [json.dumps(_inside(scenario, send, environ)), *command]
    server.begin(send.at_server)
    process = forked.start(
        command, cwd=publication.root, env=environ, program=_CHILD, pass_fds=(to_child[0], from_child[1])
    )
    server.process = process
    os.close(to_child[0])
    os.close(from_child[1])
    struck = threading.Event()
    attending = threading.Thread(target=_attend, args=(from_child[0], to_child[1], store, struck))
    attending.start()
    hung, overtaking, faults = False, [], server.struck
    if send.meanwhile and _stands_still(process, None if send.within else store):
        overtaking = _overtake(process, scenario, send.meanwhile, publication, server, store)
    try:
        out, err = process.communicate(timeout=HANG_S)
    except subprocess.TimeoutExpired:
        hung = True
        process.send_signal(signal.SIGABRT)  # faulthandler then says where it hangs
        out, err = process.communicate()
    attending.join()
    return [*overtaking, Ended(
        send=send, status=process.returncode, out=out, err=err, struck=list(faults), hung=hung,
        struck_within=struck.is_set(), accepted=frozenset(server.accepted),
        noted=_record(publication).get("readers", {}), overtaken=any(_was_let_in(other) for other in overtaking),
    )]  # fmt: skip


def _stands_still(process: forked.Run, store: TrialStore | None) -> bool:
    """Wait until the process is stopped; return False when it ended instead.

    With a store, a process that was stopped within a transaction, where it most often is, is stopped again a moment
    later until it is in none: it would keep all others from the database.
    """
    latest = time.monotonic() + HANG_S
    while process.poll() is None and time.monotonic() < latest:
        if _is_stopped(process):
            if store is None or not store.is_locked():
                return True
            process.send_signal(signal.SIGCONT)
            time.sleep(0.001)
            process.send_signal(signal.SIGSTOP)
        time.sleep(0.005)
    return False


def _is_stopped(process: forked.Run) -> bool:
    # proc(5): the state follows the name in parentheses, which may hold anything.
    with suppress(OSError):
        return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False


def _overtake(
    process: forked.Run,
    scenario: Scenario,
    send: Send,
    publication: Publication,
    server: FaultServer,
    store: TrialStore,
) -> list[Ended]:
    """Send while the process stands still, until that is let in; then the process goes on, if it does not yet."""
    server.note_sleeper(process)
    ended: list[Ended] = []
    try:
        while len(ended) < MOST_REFUSALS and not any(
            _was_let_in(other) or _is_locked_out(other) or _came_too_late(other) for other in ended
        ):
            ended += _carry_out(scenario, send, publication, server, store)
    finally:
        server.wake_sleeper()
    return ended


def _was_let_in(ended: Ended) -> bool:
    return not _is_locked_out(ended) and not _came_too_late(ended) and "Another process " not in ended.err


def _came_too_late(ended: Ended) -> bool:
    """Return whether the other process had gone on, and reached its end, before this one was let in."""
    return "has been sent already" in ended.out + ended.err


def _is_locked_out(ended: Ended) -> bool:
    """Return whether the process that stands still has the database's own lock, for it was in a transaction."""
    return "in use by another program" in ended.err


def _inside(scenario: Scenario, send: Send, environ: dict[str, str]) -> dict[str, object]:
    """Return what has to be done within the process, since no setting does it."""
    inside: dict[str, object] = {"lease_s": LEASE_S}
    if send.clock_ahead_s:
        inside["clock_ahead_s"] = send.clock_ahead_s
    if send.within:
        inside["faults"] = [asdict(fault) for fault in send.within]
    if scenario.mood.small_buffers:
        inside["send_buffer"] = 4096
    if send.lock_wait_s is not None:
        inside["lock_wait_s"] = send.lock_wait_s
    if send.deadline_s is not None:
        deadlines = ("NEWSLETTER_SMTP__CONNECT_TIMEOUT", "NEWSLETTER_SMTP__TIMEOUT", "NEWSLETTER_SMTP__TEXT_TIMEOUT")
        environ |= dict.fromkeys(deadlines, str(send.deadline_s))
    return inside


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
                time.sleep(0.1)  # so that it does have to wait; nothing hangs on how long
                unlock()
            elif line == "cut\n":
                store.cut()
                told.write("done\n")
    if unlock is not None:
        unlock()


def _look_around(trial: Trial, publication: Publication, server: FaultServer, store: TrialStore) -> None:
    """Return what the server, the program, its files and its database say at the end."""
    trial.copies, trial.answered = Counter(server.accepted), server.answered
    trial.offences, trial.abandoned, trial.resumed = server.offences, server.abandoned, server.resumed
    said = publication.run("status", "2.10", "--json")
    (trial.status,) = json.loads(said.stdout) if said.returncode == 0 else ({},)
    trial.listed = _listed(publication)
    trial.record = _record(publication)
    trial.database = store.faults()


def _record(publication: Publication) -> dict[str, Any]:
    path = publication.root / "drafts/2.10.sent.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _listed(publication: Publication) -> dict[str, str]:
    path = publication.root / "build/2.10/not-accepted.csv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["address"]: row["state"] for row in csv.DictReader(file)}
