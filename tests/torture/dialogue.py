"""The server's side of one SMTP connection (RFC 5321, 1870, 2920, 3030), with faults where the plan has them."""

import asyncio
import re
import signal
import socket
import struct
from typing import TYPE_CHECKING

from torture.faults import SIGNALS, Fault

if TYPE_CHECKING:
    from torture.server import FaultServer

_PATH = re.compile(rb":\s*<([^>]*)>")


class Dialogue(asyncio.Protocol):
    """One connection: reads commands and texts, and answers each as is due or as the plan has it."""

    def __init__(self, server: "FaultServer") -> None:
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
        self._server.greet(self)
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
        if self._server.stalled and not self._over:
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
        reply = "250 2.0.0 Ok: queued as " + ("4bZk" * 80 if self._mood.wordy else "4bZkTn")
        if self._chunk_failed:
            reply = "503 5.5.1 A chunk before this one failed"
        elif recipient is None:
            reply = "554 5.5.1 No valid recipients"
        elif rule := server.rule(recipient, "text"):
            reply = rule
        fault = server.strike("text")
        answer = fault.reply if fault is not None and fault.act == "say" else reply
        stores = reply.startswith("2") and (fault is None or fault.keeps)
        if recipient is not None:
            if stores:
                server.accept(recipient, text, self)
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
            self._reply("other", "500 5.5.2 Not understood")
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
        self._misbehave(fault, text_sent.encode() + b"\r\n")
        return fault.reply if fault.act == "say" else text

    def _misbehave(self, fault: Fault, reply: bytes) -> None:
        """Carry out the fault in the place of `reply`."""
        if fault.act == "say":
            self._write(fault.reply.encode("latin-1") + b"\r\n")
            if fault.reply.startswith("421"):  # RFC 5321, section 3.8: and closes the connection
                self._close()
        elif fault.act == "repeat":
            self._write(reply + reply)
        elif fault.act in SIGNALS:
            self._flush()
            self._server.signal(SIGNALS[fault.act])
            self._write(reply)
        elif fault.act == "wake":
            self._flush()
            self._server.wake_sleeper()
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
                # The child ends itself with SIGKILL at its next write that the kernel can't take.
                self._server.signal(signal.SIGUSR1)
            self._write(reply)
            self._stall()

    def _stall(self) -> None:
        """Read nothing more: the client's TCP window fills up."""
        self._stalled = True
        self._transport.pause_reading()

    def _write(self, data: bytes) -> None:
        if self._muted or self._over:
            return
        if self._mood.style == "lumps":
            self._outbox += data
            return
        step = 1 if self._mood.style == "octets" else len(data) or 1
        for start in range(0, len(data), step):
            self._send(data[start : start + step])

    def _flush(self) -> None:
        if self._outbox and not self._over:
            self._send(bytes(self._outbox))
        self._outbox.clear()

    def _send(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def _close(self) -> None:
        self._flush()
        self._over = True
        if self._mood.lingering:
            self._transport.write_eof()
        else:
            self._transport.close()
