"""The inbox worked through: each mail is read, proved, judged, written down, and filed. One at a time in memory."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache, partial

from newsletter.address import domain_of, normalise_address, subscriber_key
from newsletter.config import Config
from newsletter.errors import ListError, NewsletterError, Problem
from newsletter.feedback.event import FeedbackKind
from newsletter.feedback.mail import suppression_batches
from newsletter.feedback.mail.attribution import Attributor
from newsletter.feedback.mail.authentication_results import authenticate_sender
from newsletter.feedback.mail.confirmation_message import ConfirmationSender
from newsletter.feedback.mail.confirmation_requests import needless, recently_asked, request_confirmations
from newsletter.feedback.mail.decision import Action, Decision, decide_action
from newsletter.feedback.mail.recognition import MailFeedback, recognise_mail
from newsletter.feedback.mail.sources import MailSource, StoredMail
from newsletter.feedback.mail.spike import FEWEST, WINDOW_H, Spike, SpikeDecision, find_spike
from newsletter.ledger.deliveries import count_domains, list_deliveries
from newsletter.store import Store, suppressions
from newsletter.store.events import agree, agreed_at, was_handled
from newsletter.subscribers.feedback_events import (
    EventKind,
    SoftRule,
    SuppressionKind,
    record_events,
    why_ignored,
    would_suppress,
)
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.tokens import TokenSigner


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedMail:
    """One mail, by its source's name for it, and what was, or in a dry run would be, done.

    `met_before`: it was left to a person by an earlier run already.
    """

    file: str
    decision: Decision
    moved: bool = False
    met_before: bool = False


@dataclass(frozen=True, kw_only=True)
class FeedbackContext:
    """What judging mail takes: the state, the keys (None where there are none), the rules, and the editors' list.

    `confirmation` asks readers in whose name somebody has written; None where nobody can be asked.
    """

    store: Store
    keys: SecretKeys | None
    config: Config
    source: SubscriberSource
    confirmation: ConfirmationSender | None = None


DecideSpike = Callable[[Spike], SpikeDecision]


def defer_decision(_spike: Spike) -> SpikeDecision:
    """DecideSpike nothing, where nobody is there to do it."""
    return SpikeDecision.LATER


def process_mails(
    context: FeedbackContext,
    source: MailSource,
    *,
    dry_run: bool = False,
    again: bool = False,
    decide: DecideSpike = defer_decision,
) -> Iterator[ProcessedMail]:
    """Deal with each mail that was not dealt with before, or, `again`, with all of them. Streams.

    A mail that is left to a person stays where it is; where mails are moved, it is met again until somebody has taken
    it away. Bounces that suppress a reader come last, since it matters how many they are: `decide` is asked when they
    are too many. Raises NewsletterError when the source or the store fails; what was yielded is done.
    """
    tokens = TokenSigner(context.keys, context.config.subscriber_list.id) if context.keys else None
    attributor = Attributor(context.store, tokens, context.config)
    inbox = context.config.inbox
    soft = SoftRule(inbox.soft_bounces, inbox.soft_days)
    find_reader = _reader_finder(context)
    filing = _Filing(context=context, source=source, soft=soft, dry_run=dry_run, again=again)
    bounces: list[tuple[StoredMail, Decision]] = []
    wishes: list[tuple[StoredMail, Decision]] = []
    for mail in source.mails(_nothing if again else _handled_before(context.store, with_left=not filing.moves)):
        decision = _effective(
            _weighed(_judged(mail, attributor, find_reader, inbox.authserv_id), context.store, soft), context
        )
        if decision.action is Action.SUPPRESS and decision.kind is not FeedbackKind.COMPLAINT:
            bounces.append((replace(mail, data=b""), decision))
        elif decision.action is Action.CONFIRM and not filing.was_settled(mail):
            wishes.append((replace(mail, data=b""), decision))
        else:
            yield filing.settle(mail, decision)
    yield from _ask_readers(filing, wishes, decide)
    yield from _suppress(filing, bounces, decide)


@dataclass(frozen=True, kw_only=True)
class _Filing:
    """Writes down what mails say, and puts each away; on a dry run neither."""

    context: FeedbackContext
    source: MailSource
    soft: SoftRule
    dry_run: bool
    again: bool

    @property
    def moves(self) -> bool:
        return self.context.config.inbox.after == "move"

    def was_settled(self, mail: StoredMail) -> bool:
        """Return whether an earlier reading dealt with the mail: what an editor has undone since stays undone."""
        return self.again and _was_handled(self.context.store, mail.key)

    def settle(
        self, mail: StoredMail, decision: Decision, *, counts: bool = True, dealt_with: bool = True
    ) -> ProcessedMail:
        """Act on a decision. Without `counts` the rule for soft bounces is left out; without `dealt_with` all is."""
        store = self.context.store
        left = decision.action in (Action.ASK, Action.HOLD)
        key = _left(mail.key, decision.action) if left else mail.key
        met_before = left and _was_handled(store, key)
        moved = False
        if dealt_with and not self.dry_run and not self.was_settled(mail):
            events = [decision.event] if decision.event and not left else []
            record_events(store, self.context.keys, events, self.soft if counts else None, handled=[key])
            moved = not left and _filed(self.source, mail) and self.moves
        return ProcessedMail(file=mail.name, decision=decision, moved=moved, met_before=met_before)


def _ask_readers(
    filing: _Filing, wishes: Sequence[tuple[StoredMail, Decision]], decide: DecideSpike
) -> Iterator[ProcessedMail]:
    """Ask the readers in whose name somebody wants to leave whether they do."""
    context = filing.context
    if filing.dry_run:
        for mail, decision in wishes:
            yield filing.settle(mail, needless(context.store, context.keys, mail, decision) or decision)
        return
    find_spike = partial(_find_spike, context, asked=True)
    for one in request_confirmations(context.store, context.keys, context.confirmation, wishes, find_spike, decide):
        yield filing.settle(one.mail, one.decision, dealt_with=one.dealt_with)


def _suppress(
    filing: _Filing, bounces: Sequence[tuple[StoredMail, Decision]], decide: DecideSpike
) -> Iterator[ProcessedMail]:
    """Suppress whose mail bounced, unless they are too many at once and a person does not believe it."""
    context = filing.context
    new = [decision for mail, decision in bounces if not filing.was_settled(mail)]
    spike = _find_spike(context, new)
    answer = decide(spike) if spike.readers and not filing.dry_run else SpikeDecision.LATER
    if spike.readers and answer is not SpikeDecision.LATER:
        with context.store.transaction() as connection:
            agree(connection)
    name = suppression_batches.new_batch_name()
    for mail, decision in bounces:
        held = spike.readers if decision in new else frozenset[str]()
        decision = _after(decision, answer if decision.address in held else SpikeDecision.SUPPRESS, spike, name)
        yield filing.settle(mail, decision, counts=decision.action is not Action.COUNT)


def _find_spike(context: FeedbackContext, decisions: Sequence[Decision], *, asked: bool = False) -> Spike:
    """Return those of the readers whom these would suppress, or have `asked`, who are too many at once."""
    readers = {decision.address for decision in decisions}
    since = (datetime.now(UTC) - timedelta(hours=WINDOW_H)).isoformat(timespec="milliseconds")
    with context.store.reading() as connection:
        since = max(since, agreed_at(connection))
        bounced = suppressions.since(connection, SuppressionKind.BOUNCED, since)
    recent = recently_asked(context.store, since) if asked else set(bounced)
    if len(readers | recent) < FEWEST or not readers:
        return Spike(readers=frozenset(), why="")
    spike = find_spike(readers, recent, _domains(context, decisions), context.config.inbox)
    return replace(spike, bounced=not asked)


def _domains(context: FeedbackContext, decisions: Sequence[Decision]) -> Mapping[str, int]:
    """Return how many readers each domain has: by the list, or without one by the issue that most bounces name."""
    with suppress(ListError):
        rows = (row for row in context.source.read_rows() if isinstance(row, Subscriber))
        if found := Counter(domain_of(row.key) for row in rows):
            return found
    ((issue, _),) = Counter(decision.issue for decision in decisions).most_common(1)
    return count_domains(context.store, issue)


def _after(decision: Decision, answer: SpikeDecision, spike: Spike, reading: str) -> Decision:
    """Return what becomes of a bounce, once it is known how many there are and what a person says of that."""
    if decision.event is None:
        return decision
    evidence = {**decision.event.evidence, suppression_batches.EVIDENCE_NAME: reading}
    if answer is SpikeDecision.SUPPRESS:
        return replace(decision, event=replace(decision.event, evidence=evidence))
    if answer is SpikeDecision.LATER:
        why = f"{decision.why}; too many at once: {spike.why}"
        return replace(decision, action=Action.HOLD, why=why, held_because=spike.why)
    evidence["note"] = f"not believed: {spike.why}"
    event = replace(decision.event, kind=EventKind.SOFT, evidence=evidence)
    return replace(decision, action=Action.COUNT, why=f"{decision.why}; not believed, as you said", event=event)


def _filed(source: MailSource, mail: StoredMail) -> bool:
    """A mail that can't be moved is told in the end, and keeps no other from being read."""
    try:
        source.file(mail)
    except NewsletterError as error:
        source.unread.append(
            Problem(path=mail.name, code="move", message=error.message.rstrip("."), next_step=error.next_step)
        )
        return False
    return True


def _judged(
    mail: StoredMail, attributor: Attributor, find_reader: Callable[[str], str | None], authserv_id: str | None
) -> Decision:
    feedback = recognise_mail(mail.data, cut_off=mail.cut_off)
    feedback = replace(feedback, received_at=_received_at(mail, feedback))
    attribution, requested_by = attributor.attribute(feedback, mail.data), attributor.find_requester(feedback)
    authenticated = authenticate_sender(feedback, authserv_id or "")
    return decide_action(feedback, attribution, requested_by, find_reader, authenticated)


def _weighed(decision: Decision, store: Store, soft: SoftRule) -> Decision:
    """A soft bounce too many has the effect of a hard one."""
    if decision.event is None or not would_suppress(store, decision.event, soft):
        return decision
    why = f"{decision.why}; it is soft bounce number {soft.bounces} within {soft.days:g} days"
    return replace(decision, action=Action.SUPPRESS, why=why)


def _received_at(mail: StoredMail, reading: MailFeedback) -> str:
    """Return when the mail came here, by what the mailbox notes, and by what its server wrote on top of the mail.

    The earlier one: what was moved or copied may have the moment of that. Empty, which means now, where neither is
    known.
    """
    return min(filter(None, (mail.received_at, reading.received_at)), default="")


def _effective(decision: Decision, context: FeedbackContext) -> Decision:
    """Return the decision as it will be recorded: an event that will not be written down does nothing."""
    why = why_ignored(context.store, context.keys, decision.event) if decision.event else None
    if why is None:
        return decision
    return replace(decision, action=Action.NOTHING, why=f"{decision.why}; {why}", event=None)


def _nothing(_key: str) -> bool:
    return False


def _left(key: str, action: Action = Action.ASK) -> str:
    """Return what a mail that was left to a person is known by: it is not dealt with, and never moved."""
    return f"held {key}" if action is Action.HOLD else f"left {key}"


def _handled_before(store: Store, *, with_left: bool) -> Callable[[str], bool]:
    return lambda key: _was_handled(store, key) or (with_left and _was_handled(store, _left(key)))


def _was_handled(store: Store, key: str) -> bool:
    with store.reading() as connection:
        return was_handled(connection, key)


def _reader_finder(context: FeedbackContext) -> Callable[[str], str | None]:
    """Finds the reader whom an address is on the list as, or was ever sent anything as."""

    @lru_cache(maxsize=1000)
    def find_reader(address: str) -> str | None:
        try:
            reader = subscriber_key(normalise_address(address))
        except ValueError:
            return None
        if any(list_deliveries(context.store, reader)):
            return reader
        return reader if hash(reader) in listed() and reader in context.source.find([reader]) else None

    @cache
    def listed() -> frozenset[int]:
        """The list's readers, so that a thousand strangers' mails don't have it read a thousand times."""
        with suppress(ListError):  # a machine that only reads mail may have no list
            return frozenset(hash(row.key) for row in context.source.read_rows() if isinstance(row, Subscriber))
        return frozenset()

    return find_reader
