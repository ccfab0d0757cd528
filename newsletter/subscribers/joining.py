"""Joining: the owner of an address has shown that they want the newsletter, and gets it from then on."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from sqlalchemy import Connection

from newsletter.address import SubscriberKey
from newsletter.clock import Instant
from newsletter.store import suppressions
from newsletter.store.erased import is_erased, take_turns
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.event_recording import kinds_lifted_by_return, record_event
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource, SuppressionKind
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.stored_subscribers import (
    StoredSubscriber,
    add_columns,
    add_consents,
    find_subscribers,
    save_subscribers,
)
from newsletter.subscribers.subscriber import LANGUAGE_COLUMNS, SubscriberStatus

# No reader lifts these by joining: a complaint was their answer to mail that they had asked for, and an editor had a
# reason that a form does not know.
_KEPT = (SuppressionKind.COMPLAINED, SuppressionKind.SUPPRESSED)
_LEAVING = (SuppressionKind.UNSUBSCRIBED, SuppressionKind.BOUNCED)


class Joining(StrEnum):
    """Outcome of joining."""

    JOINED = "joined"
    ALREADY = "already"  # they got the newsletter before
    HELD = "held"  # nothing is sent to them, for a reason that only an editor can lift


def may_be_asked(connection: Connection, subscriber: SubscriberKey) -> bool:
    """Return whether somebody may be asked if they want to join: not who complained, or whom an editor suppressed."""
    return not suppressions.list_causes(connection, subscriber).keys() & set(_KEPT)


def gets_newsletter(connection: Connection, subscriber: SubscriberKey) -> bool:
    """Return whether somebody is on the list in the store, active, and may be mailed."""
    known = find_subscribers(connection, [subscriber]).get(subscriber)
    is_active = known is not None and known.status is SubscriberStatus.ACTIVE
    return is_active and not suppressions.list_causes(connection, subscriber)


def join_reader(
    connection: Connection,
    keys: SecretKeys | None,
    reader: StoredSubscriber,
    consent: Consent,
    source: EventSource,
    evidence: Mapping[str, str],
    said_at: Instant | None = None,
) -> Joining:
    """Put a reader on the list in the store who has shown that the address is theirs; keep what they agreed to.

    What they are known by stays, with what they say now over it. Their own leaving and bounces are lifted. `evidence`
    goes with the event, and `said_at` is when they said it (None: now). The caller's transaction holds off erasing.
    """
    take_turns(connection, [reader.key])  # two links of one reader may be pressed at the same time
    if not may_be_asked(connection, reader.key):
        return Joining.HELD
    if gets_newsletter(connection, reader.key):
        add_consents(connection, {reader.key: consent})
        return Joining.ALREADY
    _record(connection, keys, reader.key, source, evidence, said_at)
    known = find_subscribers(connection, [reader.key]).get(reader.key)
    add_columns(connection, reader.fields)
    save_subscribers(connection, [_merge(known, reader) if known else reader])
    add_consents(connection, {reader.key: consent})
    return Joining.JOINED


def _record(
    connection: Connection,
    keys: SecretKeys | None,
    key: SubscriberKey,
    source: EventSource,
    evidence: Mapping[str, str],
    said_at: Instant | None,
) -> None:
    """Record one event, so that who comes back counts once, and lift what keeps them from being mailed."""
    left = set(_LEAVING).intersection(suppressions.list_causes(connection, key))
    kind = EventKind.SIGNED_UP
    if left and not (keys and is_erased(connection, keys.digest(key))):
        # What an editor has entered, only this kind takes back for good.
        kind = EventKind.RETURNED if left <= kinds_lifted_by_return(connection, key) else EventKind.ALLOWED
    record_event(connection, keys, Event(subscriber=key, kind=kind, source=source, evidence=evidence, said_at=said_at))
    suppressions.unsuppress(connection, key)


def _merge(known: StoredSubscriber, reader: StoredSubscriber) -> StoredSubscriber:
    fields = {**known.fields, **{name: value for name, value in reader.fields.items() if value}}
    if reader.language:
        fields |= {name: reader.language for name in LANGUAGE_COLUMNS if fields.get(name)}
    return replace(
        known,
        address=reader.address,
        status=SubscriberStatus.ACTIVE,
        fields=fields,
        tags=known.tags | reader.tags,
        language=reader.language or known.language,
    )
