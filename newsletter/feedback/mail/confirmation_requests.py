"""Requests for confirmation: who is to be unsubscribed by a mail that anybody may have written is asked once.

A question is claimed in the store before it is sent, and the claim removed when it surely was not: nobody is asked
twice within AGAIN_DAYS, whatever ends the program in between.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from newsletter.address import SubscriberKey
from newsletter.clock import parse_instant
from newsletter.errors import DeliveryError
from newsletter.feedback.mail.confirmation_message import ConfirmationSender
from newsletter.feedback.mail.decision import Action, Decision
from newsletter.feedback.mail.sources import StoredMail
from newsletter.feedback.mail.spike import Spike, SpikeDecision
from newsletter.mail.message import Outcome
from newsletter.store import Store, suppressions
from newsletter.store.events import StoredEvent, list_events, remove_events, stream_events_since
from newsletter.subscribers.event_recording import record_events, why_ignored
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource, SuppressionKind
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.text import escape_controls

AGAIN_DAYS = 7
_MAIL = "mail"  # in an event's evidence: the key of the mail that asked for it


@dataclass(frozen=True, slots=True)
class ConfirmationOutcome:
    """A mail, the decision on it, and whether it is dealt with; if not, the next run tries again."""

    mail: StoredMail
    decision: Decision
    dealt_with: bool = True


def request_confirmations(
    store: Store,
    keys: SecretKeys | None,
    confirmation: ConfirmationSender | None,
    waiting: Sequence[tuple[StoredMail, Decision]],
    find_spike: Callable[[Sequence[Decision]], Spike],
    decide: Callable[[Spike], SpikeDecision],
) -> Iterator[ConfirmationOutcome]:
    """Ask the subscribers whom these mails name, each once; a person decides when they are too many at once."""
    asking: dict[SubscriberKey, tuple[StoredMail, Decision]] = {}
    for mail, decision in waiting:
        if known := find_needless(store, keys, mail, decision):
            yield ConfirmationOutcome(mail, known)
        elif confirmation is None:
            yield ConfirmationOutcome(mail, _change_action(decision, Action.ASK, "without keys they can't be asked"))
        elif (subscriber := SubscriberKey(decision.address)) in asking:
            yield ConfirmationOutcome(mail, _change_action(decision, Action.NOTHING, "they are asked already"))
        else:
            asking[subscriber] = mail, decision
    spike = find_spike([decision for _, decision in asking.values()])
    answer = decide(spike) if spike.subscribers else SpikeDecision.SUPPRESS
    for one in spike.subscribers if answer is not SpikeDecision.SUPPRESS else ():
        mail, decision = asking.pop(SubscriberKey(one))
        if answer is SpikeDecision.LATER:
            why = f"{decision.why}; too many at once: {spike.why}"
            yield ConfirmationOutcome(mail, replace(decision, action=Action.HOLD, why=why, held_because=spike.why))
        else:
            yield ConfirmationOutcome(mail, _change_action(decision, Action.NOTHING, "not believed, as you said"))
    if asking and confirmation:
        yield from _send_questions(store, keys, confirmation, asking)


def list_recently_asked(store: Store, since: str) -> set[SubscriberKey]:
    """Return the subscribers who have been asked since a moment."""
    with store.reading() as connection:
        return {row.subscriber for row in stream_events_since(connection, (EventKind.ASKED,), EventSource.MAIL, since)}


def _send_questions(
    store: Store,
    keys: SecretKeys | None,
    confirmation: ConfirmationSender,
    asking: Mapping[SubscriberKey, tuple[StoredMail, Decision]],
) -> Iterator[ConfirmationOutcome]:
    claims = [
        Event(subscriber=subscriber, kind=EventKind.ASKED, source=EventSource.MAIL, evidence={_MAIL: mail.key})
        for subscriber, (mail, _) in asking.items()
    ]
    record_events(store, keys, claims)
    try:
        results = confirmation.send(list(asking))
    except DeliveryError as error:
        _remove_claims(store, asking)
        for mail, decision in asking.values():
            why = f"they could not be asked, and will be by the next reading: {escape_controls(error.message)}"
            yield ConfirmationOutcome(mail, _change_action(decision, Action.ASK, why), dealt_with=False)
        return
    for subscriber, (mail, decision) in asking.items():
        result = results[subscriber]
        if result.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            yield ConfirmationOutcome(mail, decision)
            continue
        _remove_claims(store, [subscriber])
        later = result.outcome is Outcome.DEFERRED
        why = f"they could not be asked{', and will be by the next reading' if later else ''}: "
        why += escape_controls(result.line)
        yield ConfirmationOutcome(mail, _change_action(decision, Action.ASK, why), dealt_with=not later)


# A pause ends, and who has moved gets mail at another address.
_STILL_MAILED = {SuppressionKind.PAUSED, SuppressionKind.MOVED}


def find_needless(store: Store, keys: SecretKeys | None, mail: StoredMail, decision: Decision) -> Decision | None:
    """Return the decision on a mail whose subscriber need not be asked, or was; None where they are to be asked.

    Who gets no mail gets no question: anybody can write in the name of one who has complained. A bounce alone may be
    undone some day, so a request to be unsubscribed that came meanwhile is left to a person.
    """
    since = (datetime.now(UTC) - timedelta(days=AGAIN_DAYS)).isoformat(timespec="milliseconds")
    subscriber = SubscriberKey(decision.address)  # of one who was found on the list
    said_at = parse_instant(decision.received_at) if decision.received_at else None
    event = Event(subscriber=subscriber, kind=EventKind.ASKED, source=EventSource.MAIL, said_at=said_at)
    if nothing := why_ignored(store, keys, event):
        return _change_action(decision, Action.NOTHING, nothing)
    with store.reading() as connection:
        causes = suppressions.list_causes(connection, subscriber).keys() - _STILL_MAILED
        asked = [row for row in list_events(connection, subscriber) if row.kind == EventKind.ASKED and row.at > since]
    if causes:
        return _change_action(decision, *_answer_for_suppressed(causes))
    return _change_action(decision, *_answer_for_asked(asked[-1], mail)) if asked else None


def _answer_for_suppressed(causes: Collection[str]) -> tuple[Action, str]:
    if SuppressionKind.UNSUBSCRIBED in causes:
        return Action.NOTHING, "they have left already"
    if set(causes) == {SuppressionKind.BOUNCED}:
        return Action.ASK, f"no mail goes to them, and so they are not asked: {SuppressionKind.BOUNCED}"
    return Action.NOTHING, f"no mail goes to them already: {', '.join(causes)}"


def _answer_for_asked(question: StoredEvent, mail: StoredMail) -> tuple[Action, str]:
    if question.evidence.get(_MAIL) == mail.key:
        return Action.ASK, "a reading ended while they were asked, and they may not have been"
    return Action.NOTHING, f"they were asked on {question.at[:10]}"


def _remove_claims(store: Store, subscribers: Mapping[SubscriberKey, object] | Sequence[SubscriberKey]) -> None:
    with store.transaction() as connection:
        for subscriber in subscribers:
            remove_events(connection, subscriber, EventKind.ASKED)


def _change_action(decision: Decision, action: Action, why: str) -> Decision:
    return replace(decision, action=action, why=f"{decision.why}; {why}")
