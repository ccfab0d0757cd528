"""A scenario: all that is to happen in one trial, as a value."""

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

    def __str__(self) -> str:
        talk = [f"{self.connections} connections"]
        talk += ["PIPELINING"] * self.mood.pipelining + [f"BDAT with window {self.window}"] * self.chunking
        talk += ["two languages"] * self.translated
        talk += ["AUTH"] * self.mood.login + [f"replies in {self.mood.style}"] * (self.mood.style != "whole")
        return f"{'; then '.join(str(send) for send in self.sends)} ({', '.join(talk)})"
