"""States of a delivery, and counts by state that always balance.

from                        to                            when
(freeze)                    pending, suppressed           the list is frozen
pending, deferred           sending, suppressed           claimed, durably, before a byte leaves
pending, deferred           suppressed                    its subscriber has left the list since
sending                     accepted, refused, deferred   the server's reply
sending                     pending                       untouched: none of its text left
sending                     unknown                       a crash, or a connection lost under its text
pending, deferred, unknown  cancelled                     a person cancels
refused, deferred           pending                       a person asks for another try (`retry`)
unknown                     accepted, pending             a person has found out (`reconcile`)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """State of a delivery: what is known of it. Every delivery is in exactly one."""

    PENDING = "pending"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"


OPEN = (State.PENDING, State.DEFERRED)
ANSWERED = (State.ACCEPTED, State.REFUSED, State.DEFERRED, State.UNKNOWN)
REOPENABLE = (State.REFUSED, State.DEFERRED)  # who has not got the issue, and may be tried again
REACHED = (State.SENDING, State.ACCEPTED, State.UNKNOWN)  # who may have the issue


@dataclass(frozen=True)
class Counts:
    """Numbers of deliveries by state; their sum is the list."""

    by_state: Mapping[State, int]

    def __getitem__(self, state: State) -> int:
        return self.by_state.get(state, 0)

    @property
    def total(self) -> int:
        """Return how many deliveries there are."""
        return sum(self.by_state.values())

    @property
    def due(self) -> int:
        """Return how many were to get the issue: all but those who had left, or can't be reached."""
        return self.total - self[State.SUPPRESSED]

    @property
    def waiting(self) -> int:
        """Return how many another run would try."""
        return sum(self[state] for state in OPEN)

    @property
    def untouched(self) -> bool:
        """Return whether nobody has had anything yet, nor may have."""
        return self.total == self[State.PENDING] + self[State.SUPPRESSED]

    @property
    def complete(self) -> bool:
        """Return whether every delivery that should be has been accepted."""
        return self.total == sum(self[state] for state in (State.ACCEPTED, State.SUPPRESSED, State.CANCELLED))
