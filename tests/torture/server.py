"""An SMTP server that goes wrong where a plan says: at the nth reply of a stage, or at the nth text.

It counts, and never looks at the clock. A text counts as accepted from the moment the server has decided to store
it, which is before its reply leaves: whoever is killed after that must not send it again. What a client does
against the protocol (a text nobody asked for, MAIL within a transaction, one reader's text for another) is noted.
"""

import asyncio
import re
import signal
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from subprocess import Popen

from torture.faults import SIGNALS, Fault, Mood, Rule

_PATH = re.compile(rb":\s*<([^>]*)>")


@dataclass
class FaultServer:
    """What a trial sees of the server, over all of its sends."""

    mood: Mood
    rules: Mapping[str, Rule]
    port: int = 0
    accepted: list[str] = field(default_factory=list)
    answered: dict[str, set[str]] = field(default_factory=dict)  # recipient -> first digits of replies to them
    offences: list[str] = field(default_factory=list)
    abandoned: int = 0  # connections that the client closed without QUIT
    # Of the send under way:
    process: "Popen[str] | None" = None
    struck: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.dialogues: set[_Dialogue] = set()
        self.stalled = False
        self._faults: Sequence[Fault] = ()
        self._counts: Counter[str] = Counter()
        self._rule_uses: Counter[str] = Counter()

    def begin(self, faults: Sequence[Fault]) -> None:
        """Count anew: another send is about to start."""
        self.process, self._faults, self._counts, self.struck = None, faults, Counter(), []

    def settle(self, *, wait: bool) -> None:
        """The client is gone: read what it had sent before, as a server that was merely slow would."""

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

    def signal(self, act: str) -> None:
        """Send the signal that `act` names to the process under test, if it still lives."""
        if self.process is not None:
            self.process.send_signal(SIGNALS.get(act, signal.SIGUSR1))

    def accept(self, recipient: str, text: bytes) -> None:
        self.accepted.append(recipient)
        _, named = parseaddr(BytesHeaderParser().parsebytes(text[:5000])["To"] or "")
        if named != recipient:
            self.offences.append(f"the text of {named} came for {recipient}")
        if not text.endswith(b"--\r\n"):
            self.offences.append(f"the text for {recipient} is not whole")


class _Dialogue(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: FaultServer) -> None:
        self._server = server
        self._mood = server.mood
        self._inbox = bytearray()
        self._outbox = bytearray()
        self._searched = 0
        self._muted = self._stalled = self._over = self._said_quit = self._logged_in = False
        self._reset()

    def _reset(self) -> None:
        self._sender: bytes | None = None
        self._recipient: str | None = None
        self._in_text = self._begun = self._chunk_failed = False
        self._chunk: tuple[int, bool] | None = None
        self._chunks = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.dialogues.add(self)
        self._reply("banner", "220 mail.example.org ESMTP")
        self._work()

    def data_received(self, data: bytes) -> None:
        if not self._over:
            self._inbox += data
            self._work()

    def connection_lost(self, _error: Exception | None) -> None:
        self._server.dialogues.discard(self)
        if not self._said_quit and not self._over:
            self._server.abandoned += 1
        self._over = True

    def wake(self) -> None:
        if self._stalled and not self._over:
            self._stalled = False
            self._transport.resume_reading()
            self._work()

    def _work(self) -> None:
        if self._server.stalled:
            self._stall()
        while not (self._over or self._stalled) and self._step():
            pass
        self._flush()

    def _step(self) -> bool:
        """Read one command, or one text; False when more has to come first."""
        if (self._in_text or self._chunk) and self._inbox and not self._begun:
            self._begun = True
            if fault := self._server.strike("body"):
                self._misbehave(fault, b"")
                return not self._over
        if self._chunk is not None:
            return self._read_chunk(*self._chunk)
        if self._in_text:
            return self._read_text()
        line, end, _ = self._inbox.partition(b"\r\n")
        if not end:
            return False
        del self._inbox[: len(line) + 2]
        self._command(bytes(line))
        return True

    def _read_text(self) -> bool:
        if self._inbox.startswith(b".\r\n"):
            text, length = b"", 3
        else:
            found = self._inbox.find(b"\r\n.\r\n", self._searched)
            if found < 0:
                self._searched = max(0, len(self._inbox) - 4)
                return False
            text, length = bytes(self._inbox[: found + 2]), found + 5
        del self._inbox[:length]
        self._searched = 0
        self._decide(text)
        return True

    def _read_chunk(self, length: int, last: bool) -> bool:
        if len(self._inbox) < length:
            return False
        self._chunks += self._inbox[:length]
        del self._inbox[:length]
        self._chunk = None
        if last:
            self._decide(bytes(self._chunks))
        elif self._recipient is None or self._chunk_failed:
            self._chunk_failed = True
            self._reply("data", "503 5.5.1 No recipient for this chunk")
        else:
            self._reply("data", f"250 2.0.0 {length} octets")
        return True

    def _decide(self, text: bytes) -> None:
        """Store the text or not; only then say so."""
        server, recipient, chunked = self._server, self._recipient, not self._in_text
        fault = server.strike("text")
        own = server.rule(recipient, "text") if recipient else "554 5.5.1 No valid recipients"
        reply = own or "250 2.0.0 Ok: queued as " + ("4bZk" * 80 if self._mood.wordy else "4bZkTn")
        if self._chunk_failed:
            reply = "503 5.5.1 A chunk before this one failed"
        if fault is not None and fault.act == "say":
            stores = fault.keeps
            answer = fault.reply
        else:
            stores = reply.startswith("2") and (fault is None or fault.keeps)
            answer = reply
        if recipient is not None:
            if stores:
                server.accept(recipient, text)
            server.answered.setdefault(recipient, set()).add(answer[:1])
        self._reset()
        # RFC 3030, section 2: after a failed BDAT nothing but RSET is sure to be understood.
        self._chunk_failed = chunked and not answer.startswith("2")
        self._say("text", reply, fault)

    def _command(self, line: bytes) -> None:
        verb, _, rest = line.partition(b" ")
        handler = getattr(self, f"_{verb.decode('latin-1').lower()}", None) if verb.isalpha() else None
        if verb.upper() not in (b"EHLO", b"HELO", b"AUTH", b"MAIL", b"RCPT", b"DATA", b"BDAT", b"RSET", b"QUIT"):
            self._server.offences.append(f"not a command: {line[:60]!r}")
            self._reply("any", "500 5.5.2 Not understood")
        elif handler is not None:
            handler(rest)

    def _ehlo(self, _rest: bytes) -> None:
        mood = self._mood
        offers = {"PIPELINING": mood.pipelining, "CHUNKING": mood.chunking, "SIZE 50000000": mood.size,
                  "AUTH PLAIN": mood.login, "8BITMIME": True}  # fmt: skip
        lines = ["mail.example.org", *(name for name, offered in offers.items() if offered)]
        self._reset()
        self._reply("ehlo", "\r\n".join([*(f"250-{line}" for line in lines), "250 ENHANCEDSTATUSCODES"]))

    def _helo(self, _rest: bytes) -> None:
        self._reset()
        self._reply("ehlo", "250 mail.example.org")

    def _auth(self, _rest: bytes) -> None:
        self._logged_in = self._reply("auth", "235 2.7.0 Welcome")

    def _mail(self, rest: bytes) -> None:
        path = _PATH.search(rest)
        if path is None or self._sender is not None or self._chunk_failed or self._mood.login > self._logged_in:
            self._server.offences.append("MAIL within a transaction, after a failed BDAT, or before the login")
            self._reply("mail", "503 5.5.1 Not now")
        elif self._reply("mail", "250 2.1.0 Ok"):
            self._sender = path[1]

    def _rcpt(self, rest: bytes) -> None:
        path = _PATH.search(rest)
        if path is None or self._sender is None:
            self._reply("rcpt", "503 5.5.1 MAIL first")
            return
        recipient = path[1].decode("ascii", "backslashreplace")
        rule = self._server.rule(recipient, "rcpt")
        if self._reply("rcpt", rule or "250 2.1.5 Ok", recipient):
            self._recipient = recipient

    def _data(self, _rest: bytes) -> None:
        if self._recipient is None and not (self._mood.lenient and self._sender is not None):
            self._reply("data", "503 5.5.1 No valid recipients")
        else:
            self._in_text = self._reply("data", "354 Go ahead", self._recipient)

    def _bdat(self, rest: bytes) -> None:
        length, _, last = rest.partition(b" ")
        if not length.isdigit() or not self._mood.chunking:
            self._server.offences.append(f"BDAT {rest[:40]!r}")
        self._chunk = (int(length), last.strip().upper() == b"LAST")

    def _rset(self, _rest: bytes) -> None:
        self._reset()
        self._reply("rset", "250 2.0.0 Ok")

    def _quit(self, _rest: bytes) -> None:
        self._said_quit = True
        self._reply("quit", "221 2.0.0 Bye")
        self._close()

    def _reply(self, stage: str, text: str, recipient: str | None = None) -> bool:
        """Say it, or what the plan wants in its stead; True when the client was told that all is well."""
        fault = self._server.strike(stage)
        told = self._say(stage, text, fault)
        if recipient is not None:
            self._server.answered.setdefault(recipient, set()).add(told[:1])
        return told == text and text[0] in "23"

    def _say(self, stage: str, text: str, fault: Fault | None) -> str:
        if self._mood.style == "lines" and stage in ("text", "rcpt", "mail", "rset"):
            text_sent = f"{text[:3]}-{text[4:]}\r\n{text[:3]} {text[4:]}"
        else:
            text_sent = text
        if fault is None:
            self._write(text_sent.encode() + b"\r\n")
            return text
        return self._misbehave(fault, text_sent.encode() + b"\r\n") or text

    def _misbehave(self, fault: Fault, reply: bytes) -> str:
        """Carry out the fault in the place of `reply`; returns what was said instead, if anything was."""
        if fault.act == "say":
            self._write(fault.reply.encode("latin-1") + b"\r\n")
            if fault.reply.startswith("421"):  # RFC 5321, section 3.8: and closes the connection
                self._close()
            return fault.reply
        if fault.act == "repeat":
            self._write(reply + reply)
        elif fault.act in SIGNALS:
            self._flush()
            self._server.signal(fault.act)
            self._write(reply)
        elif fault.act in ("half", "close"):
            self._write(reply[: len(reply) // 2] if fault.act == "half" else b"")
            self._close()
        elif fault.act == "drop":
            # With nothing to linger for, the kernel sends a RST at once.
            own = self._transport.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._over = True
            self._transport.abort()
        elif fault.act == "mute":
            self._flush()
            self._muted = True
        else:
            self._server.stalled = fault.act != "stall"
            if fault.act == "stall until killed":
                self._server.signal("its next write that the kernel can't take")
            self._write(reply)
            self._stall()
        return ""

    def _stall(self) -> None:
        """Read nothing more: the client's TCP window fills up."""
        self._stalled = True
        self._transport.pause_reading()

    def _write(self, data: bytes) -> None:
        if self._muted or self._over:
            return
        if self._mood.style == "octets":
            for octet in data:
                self._transport.write(bytes([octet]))
        elif self._mood.style == "lumps":
            self._outbox += data
        else:
            self._transport.write(data)

    def _flush(self) -> None:
        if self._outbox and not self._over:
            self._transport.write(bytes(self._outbox))
        self._outbox.clear()

    def _close(self) -> None:
        self._flush()
        self._over = True
        if self._mood.lingering:
            self._transport.write_eof()
        else:
            self._transport.close()


@contextmanager
def serving(mood: Mood, rules: Mapping[str, Rule]) -> Iterator["FaultServer"]:
    """A server on a free loopback port, on a thread of its own for the time of the context."""
    server = FaultServer(mood, rules)
    listener = socket.create_server(("127.0.0.1", 0))
    if mood.small_buffers:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server.port = listener.getsockname()[1]
    loop = server.loop
    loop.set_exception_handler(lambda *_: None)  # clients that die are what this is about
    listening = loop.run_until_complete(loop.create_server(lambda: _Dialogue(server), sock=listener))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(_close(listening), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


async def _close(listening: asyncio.Server) -> None:
    listening.close()
    await asyncio.sleep(0)
