"""Processing of a mailbox: each mail is recognised, attributed and decided on, then recorded in a group, and filed."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from newsletter.config import Config
from newsletter.errors import NewsletterError
from newsletter.feedback.event import FeedbackKind
from newsletter.feedback.mail import suppression_batches
from newsletter.feedback.mail.attribution import Attributor, Attributors
from newsletter.feedback.mail.authentication_results import authenticate_sender
from newsletter.feedback.mail.confirmation_message import ConfirmationSender
from newsletter.feedback.mail.confirmation_requests import find_needless, list_recently_asked, request_confirmations
from newsletter.feedback.mail.decision import Action, Decision, decide_action
from newsletter.feedback.mail.recognition import MailFeedback, recognise_mail
from newsletter.feedback.mail.recording import DecidedMail, MailRecorder, ProcessedMail, key_of_left
from newsletter.feedback.mail.sign_up_request import Join, apply_outcomes, decide_sign_up, find_joined
from newsletter.feedback.mail.sources import MailSource, StoredMail
from newsletter.feedback.mail.spike import FEWEST, NO_SPIKE, WINDOW_H, Spike, SpikeDecision, find_spike
from newsletter.feedback.mail.subscriber_lookup import SubscriberLookup
from newsletter.ledger.deliveries import count_domains
from newsletter.store import Store, suppressions
from newsletter.store.handled_mails import was_handled
from newsletter.store.publication_facts import agree_to_bounces, read_bounces_agreed_at
from newsletter.store.publications import list_publications
from newsletter.subscribers.event_recording import SoftRule, why_ignored, would_suppress
from newsletter.subscribers.feedback_events import EventKind, SuppressionKind
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.tokens import TokenSigner
from newsletter.workspace import PublicationId

DecideSpike = Callable[[Spike], SpikeDecision]


@dataclass(frozen=True, kw_only=True)
class FeedbackContext:
    """The store, the keys (None where there are none), the settings and the list, by which mail is judged.

    `others` are the settings of the workspace's other publications, whose mail may come back to the same mailbox.
    `confirmation` asks subscribers in whose name somebody has written; None where nobody can be asked. `join` has a
    publication take somebody who has written to join; None where nobody can.
    """

    store: Store
    keys: SecretKeys | None
    config: Config
    source: SubscriberSource
    join: Join | None = None
    confirmation: ConfirmationSender | None = None
    others: Mapping[PublicationId, Config] = field(default_factory=dict)

    @property
    def publications(self) -> Mapping[PublicationId, Config]:
        """Settings of all publications whose mail may come to the mailbox, the reading one's first."""
        return {self.store.publication: self.config, **self.others}

    def store_of(self, publication: PublicationId | None) -> Store:
        """Return the store of a publication; None is the one that reads the mail."""
        if publication is None or publication == self.store.publication:
            return self.store
        return self.store.of(publication)


def defer_decision(_spike: Spike) -> SpikeDecision:
    """Leave the decision to a later run, where nobody is there to make it."""
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
    it away. Bounces that suppress a subscriber come last, since it matters how many they are: `decide` is asked when
    they are too many. Raises NewsletterError when the source or the store fails; what was yielded is done.
    """
    processor = _MailProcessor(context=context, source=source, dry_run=dry_run, again=again, decide_spike=decide)
    bounces: list[tuple[StoredMail, Decision]] = []
    requests: list[tuple[StoredMail, Decision]] = []
    recorder = processor.recorder
    try:
        for mail in source.mails(processor.was_dealt_with):
            if recorder.holds(mail.key):
                yield from recorder.record_waiting()
                if processor.was_dealt_with(mail.key):
                    source.file(mail)
                    continue
            feedback = processor.recognise(mail)
            is_alone = processor.is_sign_up(feedback)
            if is_alone:
                yield from recorder.record_waiting()
            decision = processor.decide(mail, feedback)
            if recorder.concerns(decision):
                yield from recorder.record_waiting()
                decision = processor.decide(mail, feedback)  # what was recorded just now may say otherwise
            if decision.action is Action.SUPPRESS and decision.kind is not FeedbackKind.COMPLAINT:
                bounces.append((replace(mail, data=b""), decision))
            elif decision.action is Action.CONFIRM and not processor.was_recorded(mail):
                requests.append((replace(mail, data=b""), decision))
            else:
                yield from processor.add(mail, decision, dealt_with=not decision.tries_again)
            if is_alone:
                yield from recorder.record_waiting()
    except NewsletterError:  # of the source: what was decided by then holds
        yield from recorder.record_waiting()
        raise
    yield from recorder.record_waiting()
    yield from processor.ask_subscribers(requests)
    yield from processor.suppress_bounced(bounces)


@dataclass(frozen=True, kw_only=True)
class _MailProcessor:
    """The steps from a mail to its record. On a dry run nothing is recorded, moved or sent."""

    context: FeedbackContext
    source: MailSource
    dry_run: bool
    again: bool
    decide_spike: DecideSpike

    @cached_property
    def _attributor(self) -> Attributors:
        store, others = self.context.store, self.context.others
        with store.reading() as connection:
            stored = [name for name in list_publications(connection) if name not in (store.publication, *others)]
        known = {store.publication: self.context.config, **others, **dict.fromkeys(stored)}
        return Attributors([self._make_attributor(name, config) for name, config in known.items()])

    def _make_attributor(self, name: PublicationId, config: Config | None) -> Attributor:
        """Return a publication's attributor; without settings, of one in another folder, Message-IDs are its proof."""
        keys = self.context.keys
        tokens = TokenSigner(keys, config.subscriber_list.id) if keys and config else None
        bounces = config.sender.bounces if config else None
        return Attributor(self.context.store_of(name), tokens, bounces)

    @cached_property
    def recorder(self) -> MailRecorder:
        return MailRecorder(self.context.store_of, self.context.keys, self.source, moves=self._moves)

    @cached_property
    def _subscribers(self) -> SubscriberLookup:
        return SubscriberLookup(self.context.store, self.context.source)

    @cached_property
    def _soft_rule(self) -> SoftRule:
        inbox = self.context.config.inbox
        return SoftRule(inbox.soft_bounces, inbox.soft_days)

    @property
    def _moves(self) -> bool:
        return self.context.config.inbox.after == "move"

    def was_dealt_with(self, key: str) -> bool:
        """Return whether the mail is passed over: those left to a person are, unless mails are moved."""
        if self.again:
            return False
        return self._is_known(key, *(() if self._moves else (key_of_left(key),)))

    def was_recorded(self, mail: StoredMail) -> bool:
        """Return whether an earlier run dealt with the mail: what an editor has undone since stays undone."""
        return self.again and self._is_known(mail.key)

    def _is_known(self, *keys: str) -> bool:
        with self.context.store.reading() as connection:
            return was_handled(connection, *keys)

    def recognise(self, mail: StoredMail) -> MailFeedback:
        """Return what a mail says."""
        feedback = recognise_mail(mail.data, cut_off=mail.cut_off)
        return replace(feedback, received_at=_earlier_receipt(mail, feedback))

    def is_sign_up(self, feedback: MailFeedback) -> bool:
        """Return whether it may be a mail to join, which is acted on by `decide` and not when it is recorded."""
        return self.context.join is not None and bool(find_joined(feedback, self.context.publications))

    def decide(self, mail: StoredMail, feedback: MailFeedback) -> Decision:
        """Return what is done about a mail, as it will be recorded."""
        requester = self._attributor.find_requester(feedback)
        authenticated = authenticate_sender(feedback, self.context.config.inbox.authserv_id or "")
        joined = [] if requester else find_joined(feedback, self.context.publications)
        if joined and self.context.join:
            return self._decide_sign_up(mail, feedback, joined, authenticated, self.context.join)
        decision = decide_action(
            feedback,
            self._attributor.attribute(feedback, mail.data),
            requester,
            self._subscribers.find,
            authenticated,
        )
        if (publication := self.context.store_of(decision.publication).publication) != self.context.store.publication:
            decision = replace(decision, why=f"{decision.why}; it is about {publication}")
        return self._drop_ignored(self._count_soft(decision))

    def _decide_sign_up(
        self, mail: StoredMail, feedback: MailFeedback, joined: Sequence[PublicationId], authenticated: str, join: Join
    ) -> Decision:
        """Put who wrote a mail to join on the list, but on a dry run; return what was done about the mail."""
        decision, request = decide_sign_up(feedback, joined, self.context.publications, authenticated)
        if request is None:
            return decision
        looks_only = self.dry_run or self.was_recorded(mail)
        outcomes = {name: join(name, request, looks_only) for name in joined}
        return apply_outcomes(decision, outcomes, self.context.store.publication)

    def _count_soft(self, decision: Decision) -> Decision:
        """Return the decision for a soft bounce too many, which has the effect of a hard one; others as they are."""
        soft = self._soft_rule
        if decision.event is None or not would_suppress(
            self.context.store_of(decision.publication), decision.event, soft
        ):
            return decision
        why = f"{decision.why}; it is soft bounce number {soft.bounces} within {soft.days:g} days"
        return replace(decision, action=Action.SUPPRESS, why=why)

    def _drop_ignored(self, decision: Decision) -> Decision:
        """Return a decision to do nothing for an event that the store will not take; others as they are."""
        store = self.context.store_of(decision.publication)
        why = why_ignored(store, self.context.keys, decision.event) if decision.event else None
        if why is None:
            return decision
        return replace(decision, action=Action.NOTHING, why=f"{decision.why}; {why}", event=None)

    def add(
        self, mail: StoredMail, decision: Decision, *, counts: bool = True, dealt_with: bool = True
    ) -> Iterator[ProcessedMail]:
        """Have a decision recorded and the mail filed, and yield those of which that is done by now.

        Without `counts` the rule for soft bounces is left out; without `dealt_with` the next run tries again.
        """
        decided = DecidedMail(
            mail=replace(mail, data=b""),
            decision=decision,
            soft=self._soft_rule if counts else None,
            is_recorded=dealt_with and not self.dry_run and not self.was_recorded(mail),
            met_before=False,
        )
        if decided.is_left:
            decided = replace(decided, met_before=self._is_known(decided.handled_key))
        self.recorder.add(decided)
        if self.recorder.is_full:
            yield from self.recorder.record_waiting()

    def ask_subscribers(self, requests: Sequence[tuple[StoredMail, Decision]]) -> Iterator[ProcessedMail]:
        """Ask those in whose name somebody wants to be unsubscribed whether they do."""
        context = self.context
        if self.dry_run:
            for mail, decision in requests:
                yield from self.add(mail, find_needless(context.store, context.keys, mail, decision) or decision)
            yield from self.recorder.record_waiting()
            return
        for outcome in request_confirmations(
            context.store, context.keys, context.confirmation, requests, self._find_request_spike, self.decide_spike
        ):
            yield from self.add(outcome.mail, outcome.decision, dealt_with=outcome.dealt_with)
            yield from self.recorder.record_waiting()  # a question that was sent is not sent again

    def suppress_bounced(self, bounces: Sequence[tuple[StoredMail, Decision]]) -> Iterator[ProcessedMail]:
        """Suppress whose mail bounced, unless they are too many at once and a person does not believe it."""
        by_publication: dict[PublicationId, list[tuple[StoredMail, Decision]]] = {}
        for mail, decision in bounces:
            publication = self.context.store_of(decision.publication).publication
            by_publication.setdefault(publication, []).append((mail, decision))
        for theirs in by_publication.values():
            yield from self._suppress_bounced_of_one(theirs)

    def _suppress_bounced_of_one(self, bounces: Sequence[tuple[StoredMail, Decision]]) -> Iterator[ProcessedMail]:
        """Suppress whose mail of one publication bounced: how many of its readers they are is what counts."""
        store = self.context.store_of(bounces[0][1].publication)
        new = [decision for mail, decision in bounces if not self.was_recorded(mail)]
        spike = self._find_bounce_spike(store, new)
        answer = SpikeDecision.LATER
        if spike.subscribers and not self.dry_run:
            answer = self.decide_spike(spike)
        if spike.subscribers and answer is not SpikeDecision.LATER:
            with store.transaction() as connection:
                agree_to_bounces(connection)
        batch = suppression_batches.new_batch_name(store)
        for mail, decision in bounces:
            is_held = decision in new and decision.address in spike.subscribers
            decision = _apply_answer(decision, answer if is_held else SpikeDecision.SUPPRESS, spike, batch)
            yield from self.add(mail, decision, counts=decision.action is not Action.COUNT)
        yield from self.recorder.record_waiting()

    def _find_bounce_spike(self, store: Store, decisions: Sequence[Decision]) -> Spike:
        since = _start_of_window(store)
        with store.reading() as connection:
            recent = set(suppressions.find_suppressed_since(connection, SuppressionKind.BOUNCED, since))
        return self._find_spike(store, decisions, recent)

    def _find_request_spike(self, decisions: Sequence[Decision]) -> Spike:
        store = self.context.store
        recent = list_recently_asked(store, _start_of_window(store))
        return replace(self._find_spike(store, decisions, recent), bounced=False)

    def _find_spike(self, store: Store, decisions: Sequence[Decision], recent: AbstractSet[str]) -> Spike:
        """Return those of the decisions' subscribers who are too many at once; `recent` came within the window."""
        subscribers = {decision.address for decision in decisions}
        if len(subscribers | recent) < FEWEST or not subscribers:
            return NO_SPIKE
        ((issue, _),) = Counter(decision.issue for decision in decisions).most_common(1)
        # Of another publication the list is not read: its issue went to those who were on it.
        own = store is self.context.store
        counts = self._subscribers.count_by_domain(issue) if own else count_domains(store, issue)
        return find_spike(subscribers, recent, counts, self.context.config.inbox)


def _start_of_window(store: Store) -> str:
    """Return since when bounces count together: not before a person has last decided about many."""
    since = (datetime.now(UTC) - timedelta(hours=WINDOW_H)).isoformat(timespec="milliseconds")
    with store.reading() as connection:
        return max(since, read_bounces_agreed_at(connection))


def _apply_answer(decision: Decision, answer: SpikeDecision, spike: Spike, batch: str) -> Decision:
    """Return the decision on a bounce, once it is known how many there are and what a person says of that."""
    if decision.event is None:
        return decision
    evidence = {**decision.event.evidence, suppression_batches.EVIDENCE_NAME: batch}
    if answer is SpikeDecision.SUPPRESS:
        return replace(decision, event=replace(decision.event, evidence=evidence, batch=batch))
    if answer is SpikeDecision.LATER:
        why = f"{decision.why}; too many at once: {spike.why}"
        return replace(decision, action=Action.HOLD, why=why, held_because=spike.why)
    evidence["note"] = f"not believed: {spike.why}"
    event = replace(decision.event, kind=EventKind.SOFT, evidence=evidence)
    return replace(decision, action=Action.COUNT, why=f"{decision.why}; not believed, as you said", event=event)


def _earlier_receipt(mail: StoredMail, feedback: MailFeedback) -> str:
    """Return when the mail was received, by the mailbox or by its topmost Received field, whichever is earlier.

    What was moved or copied may have the moment of that. Empty, which means now, where neither is known.
    """
    return min(filter(None, (mail.received_at, feedback.received_at)), default="")
