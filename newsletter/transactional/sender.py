"""Sending of the mails that wait for single readers, each claimed before its first byte leaves.

Stages: settle what a crash left claimed, drop what nobody needs any more, then take one mail after another over one
connection: render, claim, hand over, record. What concerns the sender (no connection, the login, a quota, a rate, a
block list) leaves every mail waiting, and counts against no reader.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex
from time import monotonic

from newsletter.backends import Backend, Limits, SessionLost
from newsletter.errors import DeliveryError, NewsletterError
from newsletter.issue_name import IssueName
from newsletter.mail.headers import HeaderFault
from newsletter.mail.message import Message, Outcome, Result
from newsletter.store import Store
from newsletter.text import format_count
from newsletter.throttle.controller import Throttle
from newsletter.transactional.mail_kinds import MailKind, MailState
from newsletter.transactional.messages import MessageWriter
from newsletter.transactional.queue import (
    LEASE_S,
    QueuedMail,
    claim_mail,
    has_accepted_lately,
    has_work,
    list_due_mails,
    record_result,
    release_mail,
)
from newsletter.transactional.queue_upkeep import drop_needless_mails, settle_ended_claims
from newsletter.transactional.reply_decision import FAULT_S, UNTOUCHED_S, ReplyDecision, decide_reply

_AT_ONCE = 50  # mails of one connection; then it is asked again which have waited longest
_LONGEST_WAIT_S = 10.0  # with an open connection, for a rate that allows no more now
_LOOK_S = 0.5
_FIRST_REST_S, _LONGEST_REST_S = 5.0, 300.0  # while there is no connection
_IN_A_ROW = 3  # refusals for policy, with nobody accepted between them, and it is about the sender
_BLOCKED_S = 900.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SentMails:
    """Results of the mails that had their turn, by state; those that were put off or kept back wait.

    `rest_s` is for how many seconds nothing should be tried, since no mail of this sender is taken now, and `why` in
    words without anybody's address. `has_more`: others may be due already.
    """

    counts: Counter[MailState] = field(default_factory=Counter)
    rest_s: float = 0.0
    why: str = ""
    has_more: bool = False


class TransactionalSender:
    """Sender of the mails that wait for single readers of one publication. One process may have several.

    `lease_s` is for how long a claim lasts.
    """

    def __init__(self, store: Store, *, lease_s: float = LEASE_S) -> None:
        self._store = store
        self._worker = token_hex(8)
        self._lease_s = lease_s
        self._limits: Limits | None = None
        self.throttle = Throttle(Limits(), now=monotonic())  # of departures, by the backend's rates
        self._failures = 0
        self._unrecorded: list[tuple[int, ReplyDecision, Result]] = []

    def send_due(
        self,
        make_writer: Callable[[], MessageWriter],
        load_backend: Callable[[], Backend],
        *,
        may_go_on: Callable[[], bool] = lambda: True,
        kinds: Sequence[MailKind] = tuple(MailKind),
    ) -> SentMails:
        """Send what is due, of these kinds, until nothing is or `may_go_on` says so.

        Both callables are called only when something is to be sent. Without a connection, or with settings that can't
        be used, everything waits, and the result says why. Raises DeliveryError for a store that can't be used.
        """
        self._record_late()
        with self._store.reading() as connection:
            if not has_work(connection, kinds):
                return SentMails()
        with self._store.transaction() as connection:
            counts = Counter({MailState.UNKNOWN: settle_ended_claims(connection)})
            due = list_due_mails(connection, _AT_ONCE, kinds)
            are_all = len(due) < _AT_ONCE
            dropped = drop_needless_mails(connection, [mail.id for mail in due])
            counts[MailState.DROPPED] += len(dropped)
            due = [mail for mail in due if mail.id not in dropped]
        if lost := counts[MailState.UNKNOWN]:
            _LOG.warning(
                "%s under way when the program ended. They may have arrived or not, and are not sent again.",
                f"{format_count(lost, 'mail to a reader', 'mails to readers')} {'was' if lost == 1 else 'were'}",
            )
        if not due:
            return SentMails(counts=+counts, has_more=not are_all)
        try:
            writer, backend = make_writer(), load_backend()
        except NewsletterError as error:
            return SentMails(counts=+counts, rest_s=self._rest(), why=_describe(error))
        feed = self._make_feed(writer, backend, due, may_go_on)
        try:
            asyncio.run(_deliver(backend, feed))
        except (NewsletterError, SessionLost) as error:
            rest_s = max(feed.rest_s, self._rest())
            return SentMails(counts=counts + feed.counts, rest_s=rest_s, why=feed.why or _describe(error))
        self._failures = 0
        return SentMails(
            counts=counts + feed.counts,
            rest_s=feed.rest_s,
            why=feed.why,
            has_more=feed.has_more or not are_all,
        )

    def _rest(self) -> float:
        """Return for how many seconds to leave the server alone, longer each time until a connection has ended well."""
        self._failures += 1
        return min(_FIRST_REST_S * 2.0 ** (self._failures - 1), _LONGEST_REST_S)

    def _make_feed(
        self, writer: MessageWriter, backend: Backend, due: list[QueuedMail], may_go_on: Callable[[], bool]
    ) -> "_ClaimingFeed":
        if backend.limits != self._limits:
            self._limits, self.throttle = backend.limits, Throttle(backend.limits, now=monotonic())
        return _ClaimingFeed(self, writer, due, may_go_on)

    @property
    def most(self) -> int:
        """How many mails one connection may carry."""
        return (self._limits and self._limits.per_connection) or _AT_ONCE

    def claim(self, mail: QueuedMail, issue: IssueName | None) -> MailState | None:
        """Claim a mail that carries this issue, durably; return its state, None when another sender was quicker.

        A rate may have kept it for minutes since it was found due, so its reader may have left: then it is dropped.
        """
        with self._store.transaction() as connection:
            if drop_needless_mails(connection, [mail.id]):
                return MailState.DROPPED
            is_ours = claim_mail(connection, mail.id, self._worker, self._lease_s, issue=issue, address=mail.address)
        return MailState.CLAIMED if is_ours else None

    def give_back(self, mail: QueuedMail, wait_s: float) -> None:
        """Let a claimed mail wait of which nothing has left. Where the store can't be written to, it stays claimed."""
        with suppress(DeliveryError), self._store.transaction() as connection:
            release_mail(connection, mail.id, self._worker, wait_s=wait_s)

    def decide(self, mail: QueuedMail, result: Result) -> ReplyDecision:
        """Return what a result means for a mail."""
        others_accepted = False
        with suppress(DeliveryError), self._store.reading() as connection:
            others_accepted = has_accepted_lately(connection)
        return decide_reply(mail, result, others_accepted=others_accepted)

    def record(self, mail: QueuedMail, decision: ReplyDecision, result: Result) -> None:
        """Record what became of a mail; where the store can't be written to now, before the next one is sent."""
        self._unrecorded.append((mail.id, decision, result))
        with suppress(DeliveryError):
            self._record_late()

    def _record_late(self) -> None:
        """Record what could not be recorded when it came."""
        while self._unrecorded:
            mail, decision, result = self._unrecorded[0]
            with self._store.transaction() as connection:
                if decision.counts:
                    record_result(connection, mail, self._worker, decision.state, result, wait_s=decision.wait_s)
                else:
                    release_mail(connection, mail, self._worker, wait_s=decision.wait_s)
            self._unrecorded.pop(0)


def _describe(error: NewsletterError | SessionLost) -> str:
    """Return what keeps mails waiting; of a lost connection only the code, since a server's words may be anything."""
    if isinstance(error, NewsletterError):
        return f"{error.message} {error.next_step}".strip()
    return f"the connection was lost ({error.code})" if error.code else "the connection was lost"


async def _deliver(backend: Backend, feed: "_ClaimingFeed") -> None:
    """Carry the feed's mails over one connection. Raises Unreachable, SenderRefused and SessionLost."""
    try:
        async with backend.connect() as session:
            await session.deliver(feed)
    finally:
        feed.end()


class _ClaimingFeed:
    """A feed that renders and claims each mail when it is taken, and records its result when that comes."""

    def __init__(
        self, sender: TransactionalSender, writer: MessageWriter, due: list[QueuedMail], may_go_on: Callable[[], bool]
    ) -> None:
        self._sender = sender
        self._writer = writer
        self._due = due
        self._may_go_on = may_go_on
        self._in_hand: dict[str, QueuedMail] = {}
        self._taken = 0
        self._in_a_row = 0
        self.counts: Counter[MailState] = Counter()
        self.rest_s = 0.0
        self.why = ""

    @property
    def has_more(self) -> bool:
        return bool(self._due)

    def take(self) -> Message | None:
        """Return the next message that may leave now, claimed; None when there is none."""
        while self._goes_on():
            now = monotonic()
            if self._sender.throttle.find_next_departure(now) > now:
                return None
            message = self._prepare(self._due.pop(0))
            if message is not None:
                self._sender.throttle.record_departure(now)
                self._taken += 1
                return message
        return None

    def may_send(self) -> bool:
        return True

    async def wait(self) -> bool:
        """Wait while the rate allows nothing more; a long wait ends the connection."""
        if not self._goes_on():
            return False
        now = monotonic()
        wait_s = self._sender.throttle.find_next_departure(now) - now
        if wait_s > _LONGEST_WAIT_S:
            self.rest_s, self.why = wait_s, "the limit of messages is reached"
            return False
        await asyncio.sleep(min(max(wait_s, 0.0), _LOOK_S))
        return True

    def answer(self, result: Result) -> None:
        mail = self._in_hand.pop(result.key)
        decision = self._sender.decide(mail, result)
        self._sender.record(mail, decision, result)
        self.counts[decision.state] += 1
        self._in_a_row = self._in_a_row + 1 if decision.may_be_senders else 0
        if decision.rest_s:
            self._rest(decision.rest_s, result.code, result.enhanced)
        elif self._in_a_row >= _IN_A_ROW:
            self._rest(_BLOCKED_S, result.code, result.enhanced)
        if decision.state in (MailState.REFUSED, MailState.UNKNOWN):
            # The server's words may quote an address.
            reply = " ".join(str(part) for part in (result.code, result.enhanced) if part) or result.stage
            _LOG.warning("A mail to a reader (%s) is %s: %s", mail.kind, decision.state, reply)

    def untouched(self, message: Message, why: str = "", code: int | None = None) -> None:
        del why, code  # what they say is about the connection
        self._sender.give_back(self._in_hand.pop(message.key), UNTOUCHED_S)

    def end(self) -> None:
        """Record what was neither answered nor given back when the connection broke: it may have gone out."""
        for key in list(self._in_hand):
            self.answer(Result(key=key, outcome=Outcome.UNKNOWN, stage="connection", reply="the connection was lost"))

    def _goes_on(self) -> bool:
        return bool(self._due) and not self.rest_s and self._taken < self._sender.most and self._may_go_on()

    def _rest(self, rest_s: float, code: int | None, enhanced: str | None) -> None:
        reply = " ".join(str(part) for part in (code, enhanced) if part)
        self.rest_s = max(self.rest_s, rest_s)
        self.why = f"the server takes no more mail from this sender now ({reply})"

    def _prepare(self, mail: QueuedMail) -> Message | None:
        """Return a mail's message when it is this sender's; one that can't be written is no reason to stop."""
        fault: HeaderFault | None = None
        message: Message | None = None
        try:
            message = self._writer.write(mail)
        except HeaderFault as error:
            fault = error
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one mail, the others are sent
            _LOG.error("A mail to a reader (%s) can't be written, and waits: %s", mail.kind, type(error).__name__)
        issue = None if mail.id in self._writer.without_issue else mail.issue
        if (state := self._sender.claim(mail, issue)) is not MailState.CLAIMED:
            self.counts.update([state] if state else [])
            return None
        if fault:
            self._in_hand[str(mail.id)] = mail
            self.answer(Result(key=str(mail.id), outcome=Outcome.REFUSED, stage="message", reply=str(fault)))
        elif message is None:
            self._sender.give_back(mail, FAULT_S)
        else:
            self._in_hand[message.key] = mail
        return message
