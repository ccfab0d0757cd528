"""A count of refusals, which halts a worker when a server refuses the sender or the text, and not single recipients."""

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime

from newsletter.errors import DeliveryError
from newsletter.mail.message import Outcome, Result
from newsletter.mail.reply_concern import Concern
from newsletter.mail.reply_limits import read_quota, read_size
from newsletter.sending.quota_wait import QuotaWait, plan_quota_wait
from newsletter.sending.share_test import ShareTest
from newsletter.text import format_count, format_size

_COUNT_FROM = 30  # answers; addresses that are dead for one reason often stand together in a list
_FOR_POLICY = 0.5  # of the share that is allowed for all reasons: bad addresses are not among these
_BLOCKED = "The server takes no more mail from this sender: {}"
_NOT_THE_READERS = "Nothing of this is held against readers: everyone who has not got the issue still waits. "
# RFC 3463, section 3.2 and 3.3: what is about an address or a mailbox is a matter of the list, however often.
_OF_ADDRESS = re.compile(r"5\.[12]\.\d+$")
_ADDRESS_WORDS = re.compile(
    r"\b(?:user|mailbox|recipient|account|address|inbox|unknown|no such|not exist|unrouteable|null mx)\b", re.IGNORECASE
)
_VARIABLE = re.compile(r"\S*[@\d]\S*")


class TooManyRefused(DeliveryError):
    """More recipients are refused than bad addresses explain, so that a person has to look."""


class MessageRefused(TooManyRefused):
    """The issue itself is refused, whoever gets it: it is too large for the server."""


class SenderBlocked(DeliveryError):
    """No mail is taken from this sender now, because of a quota, a block list or a rule of the server."""


class QuotaUsedUp(DeliveryError):
    """The messages are used up that a server takes in an hour or a day; `wait` says when it takes others."""

    def __init__(self, message: str, wait: QuotaWait) -> None:
        super().__init__(message, next_step=_NOT_THE_READERS + wait.describe())
        self.wait = wait


class Refusals:
    """Refusals of one worker, counted; those that are not about recipients are forgiven.

    `share` is the share of refused recipients, of 1, above which the worker halts, once it is more than chance makes of
    it; None, or 1, never halts it. Half of it is allowed for refusals that may be about the sender: those for policy,
    and those in the same words that name neither an address nor a mailbox. `in_a_row` is after how many refusals for
    policy, with nobody accepted between them, it halts: one such may be about one recipient.
    """

    def __init__(self, share: float | None, in_a_row: int) -> None:
        self._share = share if share is not None and share < 1 else None
        self._all = ShareTest(self._share) if self._share else None
        self._same = ShareTest(self._share * _FOR_POLICY) if self._share else None
        self._most_in_a_row = in_a_row
        self._in_a_row = 0
        self._not_theirs: list[int] = []  # refused for policy
        self._deferred_for_policy = 0
        self._by_words: defaultdict[str, list[int]] = defaultdict(list)  # refused in the same words
        self._senders = False
        self._senders_words: set[str] = set()
        self.forgiven: list[int] = []  # deliveries that are pending again, whatever was recorded of them

    def record(
        self, delivery: int | None, concern: Concern, result: Result, tally: Counter[Outcome]
    ) -> DeliveryError | None:
        """Count a reply, to one `delivery` or to none; return why the worker has to halt, None when it may go on."""
        if result.outcome is Outcome.ACCEPTED:
            self._in_a_row = 0
            return None
        hers = [] if delivery is None else [delivery]
        if concern in (Concern.QUOTA, Concern.STANDING):
            self._forgive(hers)
            wait = plan_quota_wait(read_quota(result.reply), datetime.now(UTC)) if concern is Concern.QUOTA else None
            message = _BLOCKED.format(result.line)
            return QuotaUsedUp(message, wait) if wait else SenderBlocked(message, next_step=_NOT_THE_READERS + _ASK)
        if self._all is None or self._same is None:
            return None
        if concern is Concern.MESSAGE:
            self._forgive(hers)
            return _make_message_refused(result)
        answered = tally[Outcome.ACCEPTED] + tally[Outcome.REFUSED]
        if concern is Concern.PERHAPS_STANDING:
            return self._record_policy(hers, result, answered)
        if result.outcome is not Outcome.REFUSED:
            return None
        if concern is Concern.READER and not _is_about_address(result):
            words = f"{result.code} {_VARIABLE.sub('', result.reply)}"
            alike = self._by_words[words]
            alike += hers
            if words in self._senders_words or (answered >= _COUNT_FROM and self._same.is_larger(len(alike), answered)):
                self._senders_words.add(words)
                return self._stop_for_sender(alike, result, answered)
        return self.find_excess(tally)

    def find_excess(self, tally: Counter[Outcome]) -> TooManyRefused | None:
        """Return why a worker has to halt with this tally, of its own or of all who send with it; None: it goes on."""
        refused = tally[Outcome.REFUSED]
        answered = tally[Outcome.ACCEPTED] + refused
        if self._all is not None and answered >= _COUNT_FROM and self._all.is_larger(refused, answered):
            return TooManyRefused(
                f"{refused:,} of the first {format_count(answered, 'reader')} were refused, far more than the "
                f"{self._share:.0%} that are allowed: something else may be wrong than their addresses.",
                next_step="See what the server says, above.",
            )
        return None

    def compare_size(self, largest: int, limit: int) -> MessageRefused | None:
        """Return why a worker has to halt whose largest message has so many bytes, with a server that takes `limit`."""
        if self._all is None or largest <= limit:
            return None
        sizes = f"a message has {largest:,} bytes or more, and the server takes {limit:,} at most"
        return MessageRefused(f"The issue is too large for the mail server: {sizes}.", next_step=_MAKE_SMALLER)

    def _record_policy(self, hers: list[int], result: Result, answered: int) -> TooManyRefused | None:
        self._in_a_row += 1
        self._not_theirs += hers
        if result.outcome is Outcome.DEFERRED:
            self._deferred_for_policy += 1
        if self._senders or self._in_a_row >= self._most_in_a_row:
            self._forgive([])
            return TooManyRefused(_BLOCKED.format(result.line), next_step=_NOT_THE_READERS + _ASK)
        answered += self._deferred_for_policy
        if self._same is not None and answered >= _COUNT_FROM and self._same.is_larger(len(self._not_theirs), answered):
            self._senders = True
            return self._stop_for_sender(self._not_theirs, result, answered)
        return None

    def _forgive(self, more: list[int]) -> None:
        self._senders = True  # what is said of those in hand is of the same kind
        self.forgiven += [*self._not_theirs, *more]
        self._not_theirs.clear()

    def _stop_for_sender(self, refused: list[int], result: Result, answered: int) -> TooManyRefused:
        count = len(refused)
        self.forgiven += refused
        refused.clear()
        return TooManyRefused(
            f"{count:,} of the first {format_count(answered, 'reader')} were refused for "
            f"what seems to be about the sender and not about them: {result.line}",
            next_step="They still wait, like everyone who has not had a turn. See what the server says, above.",
        )


_MAKE_SMALLER = (
    "Everyone who has not got the issue still waits. Use smaller or fewer pictures, or ask whoever runs the server; "
    "`newsletter send --dry-run --probe` compares the sizes."
)
_ASK = "A limit by the day is over tomorrow; of a block, its page or whoever runs the server says more."


def _is_about_address(result: Result) -> bool:
    """Return whether a refusal names an address or a mailbox."""
    return bool(_OF_ADDRESS.match(result.enhanced or "") or _ADDRESS_WORDS.search(result.reply))


def _make_message_refused(result: Result) -> MessageRefused:
    """Return that the text is refused, with the sizes that are known."""
    largest = None if result.code is None else read_size(result.reply)  # a backend's own refusal gives both
    takes = f" It takes {format_size(largest)} at most." if largest else ""
    return MessageRefused(
        f"The issue is too large for the mail server: {result.line}.{takes}",
        next_step=_MAKE_SMALLER,
    )
