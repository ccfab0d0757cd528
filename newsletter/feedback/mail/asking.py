"""Mails in readers' names that nothing proves: each reader is asked once whether they want to leave.

The question is claimed in the store before it is sent, and the claim taken back when it surely was not: nobody is asked
twice within AGAIN_DAYS, whatever ends the program between.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from newsletter.errors import DeliveryError, printable
from newsletter.feedback.mail.brake import Answer, Crowd
from newsletter.feedback.mail.confirmation import Confirmation
from newsletter.feedback.mail.sources import Mail
from newsletter.feedback.mail.verdict import Action, Verdict
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

AGAIN_DAYS = 7
_MAIL = "mail"  # in an event's evidence: the key of the mail that asked for it


@dataclass(frozen=True, slots=True)
class Settled:
    """A mail, what becomes of it, and whether it is dealt with; if not, the next reading tries again."""

    mail: Mail
    verdict: Verdict
    dealt_with: bool = True


def ask_readers(
    store: Store,
    keys: SecretKeys | None,
    confirmation: Confirmation | None,
    waiting: Sequence[tuple[Mail, Verdict]],
    crowd_of: Callable[[Sequence[Verdict]], Crowd],
    decide: Callable[[Crowd], Answer],
) -> Iterator[Settled]:
    """Ask the readers whom these mails name, each once; a person decides when they are too many at once."""
    asking: dict[str, tuple[Mail, Verdict]] = {}
    for mail, verdict in waiting:
        if known := needless(store, keys, mail, verdict):
            yield Settled(mail, known)
        elif confirmation is None:
            yield Settled(mail, _instead(verdict, Action.ASK, "without keys they can't be asked"))
        elif verdict.address in asking:
            yield Settled(mail, _instead(verdict, Action.NOTHING, "they are asked already"))
        else:
            asking[verdict.address] = mail, verdict
    crowd = crowd_of([verdict for _, verdict in asking.values()])
    answer = decide(crowd) if crowd.readers else Answer.SUPPRESS
    for reader in crowd.readers if answer is not Answer.SUPPRESS else ():
        mail, verdict = asking.pop(reader)
        if answer is Answer.LATER:
            why = f"{verdict.why}; too many at once: {crowd.why}"
            yield Settled(mail, replace(verdict, action=Action.HOLD, why=why, held_because=crowd.why))
        else:
            yield Settled(mail, _instead(verdict, Action.NOTHING, "not believed, as you said"))
    if asking and confirmation:
        yield from _sent(store, keys, confirmation, asking)


def recently_asked(store: Store, since: str) -> set[str]:
    """Return who has been asked since a moment."""
    with store.reading() as connection:
        return {row.reader for row in log.of_kinds_since(connection, (EventKind.ASKED,), EventSource.MAIL, since)}


def _sent(
    store: Store, keys: SecretKeys | None, confirmation: Confirmation, asking: Mapping[str, tuple[Mail, Verdict]]
) -> Iterator[Settled]:
    claims = [
        Event(subscriber=reader, kind=EventKind.ASKED, source=EventSource.MAIL, evidence={_MAIL: mail.key})
        for reader, (mail, _) in asking.items()
    ]
    record_events(store, keys, claims)
    try:
        results = confirmation.ask(list(asking))
    except DeliveryError as error:
        _take_back(store, asking)
        for mail, verdict in asking.values():
            why = f"they could not be asked, and will be by the next reading: {printable(error.message)}"
            yield Settled(mail, _instead(verdict, Action.ASK, why), dealt_with=False)
        return
    for reader, (mail, verdict) in asking.items():
        result = results[reader]
        if result.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            yield Settled(mail, verdict)
            continue
        _take_back(store, [reader])
        later = result.outcome is Outcome.DEFERRED
        why = f"they could not be asked{', and will be by the next reading' if later else ''}: "
        why += printable(reply_line(result.code, result.enhanced, result.reply))
        yield Settled(mail, _instead(verdict, Action.ASK, why), dealt_with=not later)


def needless(store: Store, keys: SecretKeys | None, mail: Mail, verdict: Verdict) -> Verdict | None:
    """Return what becomes of a mail whose reader need not be asked, or was; None for one to ask.

    Who gets no mail gets no question: anybody can write in the name of one who has complained. A bounce alone may be
    undone some day, so a wish to leave that came meanwhile is left to a person.
    """
    since = (datetime.now(UTC) - timedelta(days=AGAIN_DAYS)).isoformat(timespec="milliseconds")
    event = Event(
        subscriber=verdict.address, kind=EventKind.ASKED, source=EventSource.MAIL, said_at=verdict.received_at
    )
    if nothing := why_ignored(store, keys, event):
        return _instead(verdict, Action.NOTHING, nothing)
    with store.reading() as connection:
        causes = suppressions.causes(connection, verdict.address)
        asked = [
            row for row in log.of_reader(connection, verdict.address) if row.kind == EventKind.ASKED and row.at > since
        ]
    if SuppressionKind.UNSUBSCRIBED in causes:
        return _instead(verdict, Action.NOTHING, "they have left already")
    if set(causes) == {SuppressionKind.BOUNCED}:
        why = f"no mail goes to them, and so they are not asked: {SuppressionKind.BOUNCED}"
        return _instead(verdict, Action.ASK, why)
    if causes:
        return _instead(verdict, Action.NOTHING, f"no mail goes to them already: {', '.join(causes)}")
    if not asked:
        return None
    if asked[-1].evidence.get(_MAIL) == mail.key:
        return _instead(verdict, Action.ASK, "a reading ended while they were asked, and they may not have been")
    return _instead(verdict, Action.NOTHING, f"they were asked on {asked[-1].at[:10]}")


def _take_back(store: Store, readers: Mapping[str, object] | Sequence[str]) -> None:
    with store.transaction() as connection:
        for reader in readers:
            log.remove(connection, reader, EventKind.ASKED)


def _instead(verdict: Verdict, action: Action, why: str) -> Verdict:
    return replace(verdict, action=action, why=f"{verdict.why}; {why}")
