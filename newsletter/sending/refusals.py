"""A count of refusals, which halts a worker when a server refuses the sender and not single recipients."""

from collections import Counter

from newsletter.errors import DeliveryError
from newsletter.mail.message import Outcome, Result
from newsletter.mail.reply_concern import Concern
from newsletter.text import format_count

_COUNT_FROM = 100
_BLOCKED = "The server takes no more mail from this sender: {}"
_NOT_THE_READERS = (
    "Nothing of this is held against readers: everyone who has not got the issue still waits. "
    "A limit by the day is over tomorrow; of a block, its page or whoever runs the server says more."
)


class TooManyRefused(DeliveryError):
    """More recipients are refused than bad addresses explain, so that a person has to look."""


class SenderBlocked(DeliveryError):
    """No mail is taken from this sender now, because of a quota, a block list or a rule of the server."""


class Refusals:
    """Refusals of one worker, counted; those that are not about recipients are forgiven.

    `share` is the share of refused recipients, of 1, at which the worker halts; None, or 1, never halts it.
    `in_a_row` is after how many refusals for policy, with nobody accepted between them, it halts: one such may be about
    one recipient.
    """

    def __init__(self, share: float | None, in_a_row: int) -> None:
        self._share = share if share is not None and share < 1 else None
        self._most_in_a_row = in_a_row
        self._in_a_row = 0
        self._for_policy: list[int] = []
        self._senders = False
        self.forgiven: list[int] = []  # deliveries that are pending again, whatever was recorded of them

    def record(
        self, delivery: int | None, concern: Concern, result: Result, tally: Counter[Outcome]
    ) -> DeliveryError | None:
        """Count a reply, to one `delivery` or to none; return why the worker has to halt, None when it may go on."""
        if result.outcome is Outcome.ACCEPTED:
            self._in_a_row = 0
        if concern in (Concern.QUOTA, Concern.STANDING):
            self._for_policy += [] if delivery is None else [delivery]
            self._forgive()
            return SenderBlocked(_BLOCKED.format(result.line), next_step=_NOT_THE_READERS)
        if concern is Concern.PERHAPS_STANDING and self._share is not None:
            self._in_a_row += 1
            self._for_policy += [] if delivery is None else [delivery]
            if self._senders or self._in_a_row >= self._most_in_a_row:
                self._forgive()
                return TooManyRefused(_BLOCKED.format(result.line), next_step=_NOT_THE_READERS)
            if len(self._for_policy) >= self._most_in_a_row and len(self._for_policy) > self._share * tally.total():
                return self._stop_for_policy(result, tally)
        return self.find_excess(tally)

    def find_excess(self, tally: Counter[Outcome]) -> DeliveryError | None:
        """Return why a worker has to halt with this tally, of its own or of all who send with it; None: it goes on."""
        refused, answered = tally[Outcome.REFUSED], tally.total()
        if self._share is not None and answered >= _COUNT_FROM and refused > self._share * answered:
            return TooManyRefused(
                f"{refused:,} of the first {answered:,} readers were refused; more than {self._share:.0%} is "
                "a sign that something else is wrong than their addresses.",
                next_step="See what the server says, above.",
            )
        return None

    def _forgive(self) -> None:
        self._senders = True  # what is said of those in hand is of the same kind
        self.forgiven += self._for_policy
        self._for_policy.clear()

    def _stop_for_policy(self, result: Result, tally: Counter[Outcome]) -> TooManyRefused:
        self._forgive()
        return TooManyRefused(
            f"{len(self.forgiven):,} of the first {format_count(tally.total(), 'reader')} were refused for "
            f"what seems to be about the sender and not about them: {result.line}",
            next_step="They still wait, like everyone who has not had a turn. See what the server says, above.",
        )
