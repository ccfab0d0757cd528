"""Mails in readers' names that nothing proves: each reader is asked once whether they want to leave.

The question is claimed in the store before it is sent, and the claim taken back when it surely was not: nobody is asked
twice within AGAIN_DAYS, whatever ends the program between.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from newsletter.errors import DeliveryError
from newsletter.feedback.mail.confirmation_message import ConfirmationSender
from newsletter.feedback.mail.decision import Action, Decision
from newsletter.feedback.mail.sources import StoredMail
from newsletter.feedback.mail.spike import Spike, SpikeDecision
from newsletter.mail.message import Outcome, reply_line
from newsletter.store import Store, suppressions
from newsletter.store import events as log
from newsletter.subscribers.feedback_events import (
    Event,
    EventKind,
    EventSource,
    SuppressionKind,
    record_events,
    why_ignored,
)
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.text import escape_controls

AGAIN_DAYS = 7
_MAIL = "mail"  # in an event's evidence: the key of the mail that asked for it


@dataclass(frozen=True, slots=True)
class ConfirmationOutcome:
    """A mail, what becomes of it, and whether it is dealt with; if not, the next reading tries again."""

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
    """Ask the readers whom these mails name, each once; a person decides when they are too many at once."""
    asking: dict[str, tuple[StoredMail, Decision]] = {}
    for mail, decision in waiting:
        if known := needless(store, keys, mail, decision):
            yield ConfirmationOutcome(mail, known)
        elif confirmation is None:
            yield ConfirmationOutcome(mail, _instead(decision, Action.ASK, "without keys they can't be asked"))
        elif decision.address in asking:
            yield ConfirmationOutcome(mail, _instead(decision, Action.NOTHING, "they are asked already"))
        else:
            asking[decision.address] = mail, decision
    spike = find_spike([decision for _, decision in asking.values()])
    answer = decide(spike) if spike.readers else SpikeDecision.SUPPRESS
    for reader in spike.readers if answer is not SpikeDecision.SUPPRESS else ():
        mail, decision = asking.pop(reader)
        if answer is SpikeDecision.LATER:
            why = f"{decision.why}; too many at once: {spike.why}"
            yield ConfirmationOutcome(mail, replace(decision, action=Action.HOLD, why=why, held_because=spike.why))
        else:
            yield ConfirmationOutcome(mail, _instead(decision, Action.NOTHING, "not believed, as you said"))
    if asking and confirmation:
        yield from _sent(store, keys, confirmation, asking)


def recently_asked(store: Store, since: str) -> set[str]:
    """Return who has been asked since a moment."""
    with store.reading() as connection:
        return {row.reader for row in log.of_kinds_since(connection, (EventKind.ASKED,), EventSource.MAIL, since)}


def _sent(
    store: Store,
    keys: SecretKeys | None,
    confirmation: ConfirmationSender,
    asking: Mapping[str, tuple[StoredMail, Decision]],
) -> Iterator[ConfirmationOutcome]:
    claims = [
        Event(subscriber=reader, kind=EventKind.ASKED, source=EventSource.MAIL, evidence={_MAIL: mail.key})
        for reader, (mail, _) in asking.items()
    ]
    record_events(store, keys, claims)
    try:
        results = confirmation.ask(list(asking))
    except DeliveryError as error:
        _take_back(store, asking)
        for mail, decision in asking.values():
            why = f"they could not be asked, and will be by the next reading: {escape_controls(error.message)}"
            yield ConfirmationOutcome(mail, _instead(decision, Action.ASK, why), dealt_with=False)
        return
    for reader, (mail, decision) in asking.items():
        result = results[reader]
        if result.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            yield ConfirmationOutcome(mail, decision)
            continue
        _take_back(store, [reader])
        later = result.outcome is Outcome.DEFERRED
        why = f"they could not be asked{', and will be by the next reading' if later else ''}: "
        why += escape_controls(reply_line(result.code, result.enhanced, result.reply))
        yield ConfirmationOutcome(mail, _instead(decision, Action.ASK, why), dealt_with=not later)


def needless(store: Store, keys: SecretKeys | None, mail: StoredMail, decision: Decision) -> Decision | None:
    """Return what becomes of a mail whose reader need not be asked, or was; None for one to ask.

    Who gets no mail gets no question: anybody can write in the name of one who has complained. A bounce alone may be
    undone some day, so a wish to leave that came meanwhile is left to a person.
    """
    since = (datetime.now(UTC) - timedelta(days=AGAIN_DAYS)).isoformat(timespec="milliseconds")
    event = Event(
        subscriber=decision.address, kind=EventKind.ASKED, source=EventSource.MAIL, said_at=decision.received_at
    )
    if nothing := why_ignored(store, keys, event):
        return _instead(decision, Action.NOTHING, nothing)
    with store.reading() as connection:
        causes = suppressions.causes(connection, decision.address)
        asked = [
            row for row in log.of_reader(connection, decision.address) if row.kind == EventKind.ASKED and row.at > since
        ]
    if SuppressionKind.UNSUBSCRIBED in causes:
        return _instead(decision, Action.NOTHING, "they have left already")
    if set(causes) == {SuppressionKind.BOUNCED}:
        why = f"no mail goes to them, and so they are not asked: {SuppressionKind.BOUNCED}"
        return _instead(decision, Action.ASK, why)
    if causes:
        return _instead(decision, Action.NOTHING, f"no mail goes to them already: {', '.join(causes)}")
    if not asked:
        return None
    if asked[-1].evidence.get(_MAIL) == mail.key:
        return _instead(decision, Action.ASK, "a reading ended while they were asked, and they may not have been")
    return _instead(decision, Action.NOTHING, f"they were asked on {asked[-1].at[:10]}")


def _take_back(store: Store, readers: Mapping[str, object] | Sequence[str]) -> None:
    with store.transaction() as connection:
        for reader in readers:
            log.remove(connection, reader, EventKind.ASKED)


def _instead(decision: Decision, action: Action, why: str) -> Decision:
    return replace(decision, action=action, why=f"{decision.why}; {why}")
