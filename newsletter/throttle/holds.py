"""Holds: why nothing, or less, leaves now."""

from dataclasses import dataclass
from enum import StrEnum


class HoldKind(StrEnum):
    """What holds a send."""

    RATE = "rate"
    QUOTA = "quota"
    CONNECTIONS = "connections"
    OUTAGE = "outage"
    GREYLISTING = "greylisting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold on a send.

    `words` are a sentence without its full stop, for whoever waits: "the server takes 14 messages a second". `limit` is
    the number in them; `evidence` is the server's reply from which it was concluded, empty where it was not said.
    `until` is when it is expected to be over, on the throttle's clock; None when that is not known, or it stays.
    """

    kind: HoldKind
    words: str
    limit: float | None = None
    evidence: str = ""
    until: float | None = None
