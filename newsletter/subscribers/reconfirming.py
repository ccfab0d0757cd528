"""Reconfirming: a reader who was asked whether they still want the newsletter says that they do."""

from collections.abc import Mapping

from sqlalchemy import Connection

from newsletter.address import SubscriberKey
from newsletter.store import suppressions
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
