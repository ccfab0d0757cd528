"""Readers whom the server has put off in this send, and when each of them is tried again."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from newsletter.ledger.deliveries import Delivery
from newsletter.mail.reply_concern import Concern
from newsletter.throttle.advice import Advice, Evidence
from newsletter.throttle.controller import Throttle

_SOONER_S = 0.05
_OF_OTHERS = (Concern.RATE, Concern.QUOTA, Concern.CONNECTION, Concern.CONNECTIONS)  # who came before


@dataclass(frozen=True, slots=True)
class Retry:
    """The next try of a reader, on the throttle's clock, and whether the last one counts as one of theirs.

    Infinity: in a later send. None: behind the others, as soon as something may leave.
    """

    at: float | None
    counts: bool


@dataclass(slots=True)
class _PutOff:
    first_at: float | None = None  # None: only because of what others got
    due: float | None = None  # None: it is in hand, or waits behind the others
    counts: bool = False  # the deferral, as one of its tries
    uncounted: int = 0  # how often it did not count
    troubled: int = 0  # of these, for the server's health


class PutOffReaders:
    """Readers who were put off and have not got their message yet; times are those of the throttle's clock."""

    def __init__(self, throttle: Throttle, waits: Sequence[float]) -> None:
        self._throttle = throttle
        self._waits = waits
        self._patience = sum(waits)
        self._by_delivery: dict[int, _PutOff] = {}
        self._greylisting_s = throttle.greylisting_s

    def __len__(self) -> int:
        return len(self._by_delivery)

    def measure_wait(self, delivery: int, left_at: float) -> float | None:
        """Return how long before its departure a delivery was first put off; None at its first try."""
        known = self._by_delivery.get(delivery)
        return None if known is None or known.first_at is None else left_at - known.first_at

    def count(self, delivery: int, concern: Concern) -> int:
        """Return how often a delivery was put off without that counting as one of its tries.

        For the server's health these are only the times that it was for that: who is refused by a rate again and again
        has nothing to do with it.
        """
        known = self._by_delivery.get(delivery)
        if known is None:
            return 0
        return known.troubled if concern is Concern.HEALTH else known.uncounted

    def forget(self, delivery: int) -> None:
        """Forget a delivery that is done."""
        self._by_delivery.pop(delivery, None)

    def is_deferred(self, delivery: int) -> bool:
        """Return whether a delivery is deferred in the ledger without that counting as one of its tries."""
        known = self._by_delivery.get(delivery)
        return known is not None and known.due is not None and not known.counts

    def take(self, delivery: int) -> None:
        """Take down that a delivery is in hand again."""
        if (known := self._by_delivery.get(delivery)) is not None:
            known.due = None

    def find_retry(self, delivery: Delivery, concern: Concern, evidence: Evidence, advice: Advice, now: float) -> Retry:
        """Return when a delivery that was put off now is tried again."""
        known = self._by_delivery.setdefault(delivery.id, _PutOff())
        if known.first_at is None and concern not in _OF_OTHERS:
            known.first_at = now
        # A greylisted reader is waited for in one send as long as a full mailbox.
        latest = inf if concern is not Concern.READER or known.first_at is None else known.first_at + self._patience
        if advice.counts_against_reader or now >= latest:
            at = self._throttle.find_retry(now, delivery.tries, self._waits, evidence)
            known.due, known.counts = inf if at is None else at, True
        else:
            known.uncounted += 1
            known.troubled += concern is Concern.HEALTH
            at = advice.retry_reader_at
            known.due, known.counts = None if at is None else min(at, latest), False
        return Retry(known.due, counts=known.counts)

    def find_sooner(self) -> dict[int, float]:
        """Return, by delivery, who is tried sooner than was thought, once it is known how long a server greylists."""
        seconds = self._throttle.greylisting_s
        if seconds == self._greylisting_s:
            return {}
        self._greylisting_s = seconds
        sooner: dict[int, float] = {}
        for delivery, known in self._by_delivery.items():
            if seconds is None or known.due is None or known.counts or known.first_at is None:
                continue
            if known.first_at + seconds < known.due - _SOONER_S:
                sooner[delivery] = known.due = known.first_at + seconds
        return sooner
