"""The collection of what connections hand in, for the ledger's next commit."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from newsletter.ledger.deliveries import Delivery
from newsletter.ledger.flight_recorder import FlightRecorder
from newsletter.mail.message import Outcome
from newsletter.sending.domain_queue import DomainQueue

_GATHER_S = 0.003  # a commit costs as much as ten messages, so a few more results share it


@dataclass(frozen=True, kw_only=True)
class Collected:
    """Results and messages that connections have handed in since the last time, by delivery."""

    results: Sequence[Delivery]
    returned: dict[int, str]  # untouched, with the reason
    released: Sequence[int]  # not sent, and no fault of theirs
    forgiven: Sequence[int] = ()  # recorded before, with a refusal that was the sender's
    sooner: Mapping[int, float] = field(default_factory=dict)  # deferred before, and due then, in seconds since 1970

    def __len__(self) -> int:
        return len(self.results) + len(self.returned) + len(self.released)


class Collection:
    """Results and messages that wait to be recorded, counted in the tally and noted by the flight recorder.

    `changed` is set when there are a `group` of results, or 3 ms after the first, and for all else soon.
    """

    def __init__(self, recorder: FlightRecorder, domains: DomainQueue | None, group: int) -> None:
        self.tally: Counter[Outcome] = Counter()
        self.changed = asyncio.Event()
        self._recorder = recorder
        self._domains = domains
        self._group = group
        self._loop = asyncio.get_running_loop()
        self._gathering: asyncio.TimerHandle | None = None
        self._results: list[Delivery] = []
        self._returned: dict[int, str] = {}
        self._released: list[int] = []
        self._forgiven: list[int] = []
        self._sooner: dict[int, float] = {}

    def record(self, delivery: Delivery, outcome: Outcome) -> None:
        """Take in a delivery as its result leaves it."""
        if self._domains is not None:
            self._domains.end(delivery, waits=outcome is Outcome.DEFERRED)
        self.tally[outcome] += 1
        self._recorder.note_answer(delivery)
        self._results.append(delivery)
        if len(self._results) >= self._group:
            self.changed.set()
        elif self._gathering is None:
            self._gathering = self._loop.call_later(_GATHER_S, self._announce)

    def release(self, delivery: Delivery) -> None:
        """Take in that a message waits as it did before it was taken."""
        self._recount(delivery)
        self._released.append(delivery.id)
        if self._gathering is None:
            self._gathering = self._loop.call_later(_GATHER_S, self._announce)

    def give_back(self, delivery: Delivery, why: str) -> None:
        """Take in that a message came back untouched, and may have ended its connection."""
        self._recount(delivery)
        self._returned[delivery.id] = why
        self.changed.set()

    def release_untaken(self, deliveries: Sequence[Delivery]) -> None:
        """Take in that no connection has had these."""
        self._released += [delivery.id for delivery in deliveries]
        self.tally[Outcome.DEFERRED] += sum(delivery.tries > 0 for delivery in deliveries)

    def hasten(self, sooner: Mapping[int, float]) -> None:
        """Take in that deliveries that were deferred are due then, in seconds since 1970."""
        self._sooner |= sooner
        self.changed.set()

    def forgive(self, deliveries: Sequence[int]) -> None:
        """Take in that recorded refusals of these were about the sender."""
        self._forgiven += deliveries

    def take(self) -> Collected:
        """Return what there is, and begin with nothing."""
        self.changed.clear()
        collected = Collected(
            results=self._results,
            returned=self._returned,
            released=self._released,
            forgiven=self._forgiven,
            sooner=self._sooner,
        )
        self._results, self._returned, self._released, self._forgiven, self._sooner = [], {}, [], [], {}
        return collected

    def restore(self, collected: Collected) -> None:
        """Put back what was taken, when it may not have been recorded."""
        self._results[:0] = collected.results
        self._returned = collected.returned | self._returned
        self._released[:0] = collected.released
        self._forgiven[:0] = collected.forgiven
        self._sooner = {**collected.sooner, **self._sooner}

    def _recount(self, delivery: Delivery) -> None:
        """Count a delivery as before it was taken."""
        if self._domains is not None:
            self._domains.end(delivery, waits=True)
        if delivery.tries:
            self.tally[Outcome.DEFERRED] += 1
        self._recorder.note_given_back(delivery.id)

    def _announce(self) -> None:
        self._gathering = None
        self.changed.set()
