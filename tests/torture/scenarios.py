"""A scenario: all that is to happen in one trial, as a value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from torture.faults import ChildFault, Fault, Mood, Rule


@dataclass(frozen=True, kw_only=True)
class Send:
    """One `newsletter send`: what goes wrong in it, and how long the program is to wait for server and store.

    `completes`: must everybody whom the server takes have it afterwards, faults or not? `meanwhile` is another send,
    begun while this one stands still (SIGSTOP), again and again until it is let in; then this one goes on. The wall
    clock of a send is `clock_ahead_s` before the others'.
    """

    at_server: tuple[Fault, ...] = ()
    within: tuple[ChildFault, ...] = ()
    deadline_s: float | None = None
    lock_wait_s: float | None = None
    completes: bool = False
    meanwhile: "Send | None" = None
    clock_ahead_s: float = 0.0

    def __str__(self) -> str:
        words = ", ".join(str(fault) for fault in (*self.within, *self.at_server)) or "nothing goes wrong"
        words += f", its clock {self.clock_ahead_s:,.0f} s ahead" if self.clock_ahead_s else ""
        return f"{words}; another takes over: {self.meanwhile}" if self.meanwhile else words


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """All of one trial. `rules` are by the reader's number, `chunking` and `window` what the program is told."""

    seed: int
    kind: str
    readers: int
    mood: Mood
    sends: tuple[Send, ...] = ()
    rules: Mapping[int, Rule] = field(default_factory=dict)
    connections: int = 4
    chunking: bool = False
    window: int = 1
    retries: str = ""
    picture: bool = False  # larger texts
    translated: bool = False  # into Japanese, which every third reader gets
    overlapping: bool = False  # the next send begins while the server still reads what the last one left behind

    @property
    def asks_for_less(self) -> bool:
        """Does the server ask more than once to be sent less? The program would then take minutes, rightly."""
        faults = [fault for send in self.sends for fault in send.at_server if fault.act == "say"]
        replies = [rule.reply for rule in self.rules.values()]
        replies += [fault.reply for fault in faults if len(faults) > 1 or fault.times > 1]
        return any(re.match(r"421|45[0-4]|\d+ 4\.7\.", reply) for reply in replies)

    def __str__(self) -> str:
        talk = [f"{self.connections} connections"]
        talk += ["PIPELINING"] * self.mood.pipelining + [f"BDAT with window {self.window}"] * self.chunking
        talk += ["two languages"] * self.translated
        talk += ["AUTH"] * self.mood.login + [f"replies in {self.mood.style}"] * (self.mood.style != "whole")
        return f"{'; then '.join(str(send) for send in self.sends)} ({', '.join(talk)})"
