"""An SMTP server that goes wrong where a plan says: at the nth reply of a stage, or at the nth text.

It counts, and decides nothing by the clock. A text counts as accepted from the moment the server has decided to store
it, which is before its reply leaves: whoever is killed after that must not send it again. What a client does
against the protocol (a text nobody asked for, MAIL within a transaction, one reader's text for another) is noted.
"""

import asyncio
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from email.utils import parseaddr

from forked import Run
from smtp_server import serving_in_thread
from torture.dialogue import Dialogue
from torture.faults import Fault, Mood, Rule


@dataclass
class FaultServer:
    """What a trial sees of the server, over all of its sends."""

    mood: Mood
    rules: Mapping[str, Rule]
    port: int = 0
    accepted: list[str] = field(default_factory=list)
    accepted_at: list[float] = field(default_factory=list)  # of the clock that goes evenly, beside each of `accepted`
    connections_at_once: int = 0  # the most that there were
    languages: Mapping[str, str] = field(default_factory=dict)  # in which each reader is to get it; empty: all in one
    answered: dict[str, set[str]] = field(default_factory=dict)  # recipient -> first digits of replies to them
    offences: list[str] = field(default_factory=list)
    abandoned: int = 0  # connections that the client closed without QUIT
    resumed: list[str] = field(default_factory=list)  # accepted of a process that had stood still, after it went on
    # Of the send under way:
    process: Run | None = None
    struck: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop
        self._asleep: Run | None = None
        self._of_sleeper: set[Dialogue] = set()
        self._awake = True
        self.dialogues: set[Dialogue] = set()
        self.stalled = False
        self._faults: Sequence[Fault] = ()
        self._counts: Counter[str] = Counter()
        self._rule_uses: Counter[str] = Counter()

    def begin(self, faults: Sequence[Fault]) -> None:
        """Count anew: another send is about to start."""
        self.process, self._faults, self._counts, self.struck = None, faults, Counter(), []

    def settle(self, *, wait: bool) -> None:
        """Read, when the client is gone, what it had sent before, as a server that was merely slow would."""

        async def read_on() -> None:
            self.process, self.stalled, self._faults = None, False, ()
            for dialogue in list(self.dialogues):
                dialogue.wake()
            while wait and self.dialogues:
                await asyncio.sleep(0.002)

        asyncio.run_coroutine_threadsafe(read_on(), self.loop).result(timeout=30)

    def strike(self, stage: str) -> Fault | None:
        """Count this reply (or text begun); what goes wrong at it, if anything."""
        kinds = (stage,) if stage == "body" else (stage, "any")
        self._counts.update(kinds)
        for fault in self._faults:
            if fault.stage in kinds and fault.strikes(self._counts[fault.stage]):
                self.struck.append(fault)
                return fault
        return None

    def rule(self, recipient: str, stage: str) -> str | None:
        rule = self.rules.get(recipient)
        if rule is None or rule.stage != stage:
            return None
        if rule.times is not None and self._rule_uses[recipient] >= rule.times:
            return None
        self._rule_uses[recipient] += 1
        return rule.reply

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process under test, if it still lives."""
        if self.process is not None:
            self.process.send_signal(number)

    def note_sleeper(self, process: "Run") -> None:
        """Note that a process stands still, with all connections that there are now."""
        self._asleep, self._of_sleeper, self._awake = process, set(self.dialogues), False

    def wake_sleeper(self) -> None:
        """Let the process that stands still go on, if it does still."""
        if not self._awake and self._asleep is not None:
            self._awake = True
            self._asleep.send_signal(signal.SIGCONT)

    def greet(self, dialogue: Dialogue) -> None:
        """Take a connection in."""
        self.dialogues.add(dialogue)
        self.connections_at_once = max(self.connections_at_once, len(self.dialogues))

    def accept(self, recipient: str, text: bytes, dialogue: Dialogue) -> None:
        self.accepted.append(recipient)
        self.accepted_at.append(time.monotonic())
        if self._awake and dialogue in self._of_sleeper:
            self.resumed.append(recipient)
        header = BytesHeaderParser().parsebytes(text[:5000])
        if self.languages and header["Content-Language"] != self.languages[recipient]:
            self.offences.append(f"{recipient} got it in {header['Content-Language']}")
        _, named = parseaddr(header["To"] or "")
        if named != recipient:
            self.offences.append(f"the text of {named} came for {recipient}")
        if not text.endswith(b"--\r\n"):
            self.offences.append(f"the text for {recipient} is not whole")


@contextmanager
def serving(mood: Mood, rules: Mapping[str, Rule]) -> Iterator["FaultServer"]:
    """Yield a server on a free loopback port, on a thread of its own for the time of the context."""
    server = FaultServer(mood, rules)
    listener = socket.create_server(("127.0.0.1", 0))
    if mood.small_buffers:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server.port = listener.getsockname()[1]

    async def listen() -> asyncio.Server:
        server.loop = asyncio.get_running_loop()
        return await server.loop.create_server(lambda: Dialogue(server), sock=listener)

    with serving_in_thread(listen):
        yield server
