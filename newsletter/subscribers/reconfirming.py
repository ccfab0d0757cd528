"""Reconfirming: a reader who was asked whether they still want the newsletter says that they do."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from newsletter.address import SubscriberKey
from newsletter.store import Store, suppressions
from newsletter.store.engine import now
from newsletter.store.erased import find_erased
from newsletter.store.events import StoredEvent, add_events
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.event_recording import record_event
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource, SuppressionKind
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.stored_subscribers import add_consents

# A pause ends by itself, and who did not answer in time may do so later. Who left, bounced or complained does not get
# it, and an answer to an older question changes nothing of that.
_NO_MATTER = {SuppressionKind.PAUSED, SuppressionKind.UNCONFIRMED}


def can_stay(connection: Connection, subscriber: SubscriberKey) -> bool:
    """Return whether somebody gets the newsletter, or would if they answered."""
    return suppressions.list_causes(connection, subscriber).keys() <= _NO_MATTER


def keep_reader(
    connection: Connection,
    keys: SecretKeys | None,
    subscriber: SubscriberKey,
    consent: Consent,
    evidence: Mapping[str, str],
) -> None:
    """Keep what a reader agreed to who stays, and let them be mailed again if they were too late.

    The caller's transaction holds off erasing.
    """
    add_consents(connection, {subscriber: consent})
    event = Event(subscriber=subscriber, kind=EventKind.KEPT, source=EventSource.PAGE, evidence=evidence)
    record_event(connection, keys, event)  # no news where they were in time


def suppress_silent(
    connection: Connection, keys: SecretKeys | None, silent: Sequence[SubscriberKey], batch: str
) -> int:
    """Suppress those who have not answered, in a few statements for all; return how many that are.

    They are few enough for either database's parameters, and were found in the caller's transaction, which holds off
    writing: nobody answers between. Nothing is kept of a person who was erased.
    """
    digests = {key: keys.digest(key) for key in silent} if keys else {}
    erased = find_erased(connection, list(digests.values()))
    words = {key: "" for key in silent if digests.get(key) not in erased}
    cause, source = SuppressionKind.UNCONFIRMED, EventSource.EDITOR
    new = suppressions.suppress_all(connection, words, cause, source=source, batch=batch)
    _note(connection, [key for key in words if key in new], EventKind.UNCONFIRMED, batch)
    return len(new)


def keep_silent(store: Store, silent: Sequence[SubscriberKey], batch: str) -> int:
    """Undo the suppression of those who are suppressed by a batch still, as `suppress_silent` made them."""
    with store.transaction() as connection:
        lifted = suppressions.lift_batch(connection, silent, SuppressionKind.UNCONFIRMED, batch)
        _note(connection, sorted(lifted), EventKind.KEPT, batch)
    return len(lifted)


def _note(connection: Connection, subscribers: Sequence[SubscriberKey], kind: EventKind, batch: str) -> None:
    moment = now()
    rows = [StoredEvent(key, kind, EventSource.EDITOR, None, {}, moment, moment, batch=batch) for key in subscribers]
    add_events(connection, rows)
