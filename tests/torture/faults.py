"""What can go wrong, as values: at the server, within the process, and with one reader."""

import re
import signal
from dataclasses import dataclass

STAGES = ("banner", "ehlo", "auth", "mail", "rcpt", "data", "text", "rset", "quit")
SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "int": signal.SIGINT, "stop": signal.SIGSTOP}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """At the server: what goes wrong at the nth reply of `stage` within one send.

    The stage "any" counts all replies, "body" the texts whose first byte has come. `times` and `every` say how often
    again. `stores`: has the server decided to keep the text whose reply does not arrive? (See `keeps`.)

    Acts: "say" `reply` instead; "drop" the connection with a RST, "close" it with a FIN, "half": close it after half
    of the reply; "mute": never say anything again on it; "repeat" the reply, unasked for; the stalls: read no more,
    on this connection or on all; the signals, which the process gets before the reply; and "wake", by which a process
    that was stopped before goes on.
    """

    stage: str
    nth: int
    act: str
    reply: str = ""
    stores: bool = True
    times: int = 1
    every: int = 1

    def strikes(self, count: int) -> bool:
        past = count - self.nth
        return past >= 0 and past % self.every == 0 and past // self.every < self.times

    @property
    def keeps(self) -> bool:
        """Is the text kept at whose reply this strikes? Not to keep one, and to say that one did, would be a lie."""
        if self.act == "say":
            return self.stores and not re.match("[45]", self.reply)
        return self.stores or self.act not in ("drop", "close", "half", "mute")

    @property
    def breaks(self) -> bool:
        """May texts be under way on a connection that this makes useless? 4xx and 5xx leave most as they are."""
        if self.act == "say":
            mild = re.match(r"[45]\d\d ", self.reply) and not self.reply.startswith("421")
            return not mild or self.stage in ("mail", "rset", "any")
        return self.act not in SIGNALS and self.act != "wake"

    def __str__(self) -> str:
        what = {
            "say": f"{self.reply[:24]!r} for", "drop": "connection reset at", "close": "connection closed at",
            "half": "half of", "mute": "silence from", "repeat": "twice", "stall": "connection not read after",
            "stall all": "server reads no more after", "stall until killed": "server reads no more until SIGKILL after",
            "kill": "SIGKILL before", "term": "SIGTERM before", "int": "SIGINT before", "stop": "SIGSTOP before",
            "wake": "SIGCONT to the other before",
        }[self.act]  # fmt: skip
        unit = {"any": "reply", "body": "the first bytes of text"}.get(self.stage, f"{self.stage} reply")
        kept = "" if self.keeps or self.stage not in ("text", "any") else ", no text kept"
        again = f" and {self.times - 1} more, every {self.every}" if self.times > 1 else ""
        return f"{what} {unit} {self.nth}{again}{kept}"


@dataclass(frozen=True, kw_only=True)
class ChildFault:
    """Within the process: what goes wrong at the nth "commit" of the store or the nth "write" to a socket.

    `when` is "before", "after", or for a write "half". Acts: the signals; "full": from then on the database may grow
    by `pages` and no more; "no space": no file may be larger than the store's largest and that, or with -1 than
    nothing; "lock": another process takes the database until this one has ended; "lock briefly": until this one waits
    for it; "cut": its server ends our connections; "clock": the wall clock is set by `seconds`.
    """

    at: str
    nth: int
    act: str
    when: str = "after"
    pages: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        what = {"kill": "SIGKILL", "term": "SIGTERM", "int": "SIGINT", "full": f"database full ({self.pages} pages on)",
                "no space": f"disk full ({self.pages} pages on)", "lock": "database locked",
                "lock briefly": "database locked briefly", "cut": "connections to it cut",
                "stop": "SIGSTOP", "clock": f"clock set by {self.seconds:+,.0f} s"}[self.act]  # fmt: skip
        place = "half-way through" if self.when == "half" else self.when
        return f"{what} {place} {self.at} {self.nth}"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What is said of one reader, at RCPT or after the text; `times` None means always."""

    stage: str
    reply: str
    times: int | None = None


@dataclass(frozen=True, kw_only=True)
class Mood:
    """What the server announces, and how it talks while all is well."""

    pipelining: bool = True
    chunking: bool = False
    size: bool = True
    login: bool = False
    style: str = "whole"  # or "lumps" for what came together, "octets" one at a time, "lines": two to a reply
    lenient: bool = False  # 354 even when no recipient was taken, which RFC 2920, section 3.1, foresees
    lingering: bool = False  # closes a connection only after the client has: no RST overtakes what was said
    wordy: bool = False
    small_buffers: bool = False
