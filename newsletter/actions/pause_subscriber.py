"""A pause, and its end before its time, as an editor enters them for somebody who has asked by mail."""

from dataclasses import dataclass

from newsletter.address import SubscriberKey
from newsletter.errors import DecisionNeeded
from newsletter.publication import OpenPublication
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.pauses import PauseLength, make_pause
from newsletter.subscribers.subscriber import parse_subscriber_key
from newsletter.subscribers.suppression_status import SuppressionStatus, read_suppression_statuses


@dataclass(frozen=True, kw_only=True)
class PauseChange:
    """The address that was meant, in its one spelling, whether anything changed, and what is known of it now."""

    key: SubscriberKey
    changed: bool
    after: SuppressionStatus


def pause_subscriber(publication: OpenPublication, address: str, length: PauseLength) -> PauseChange:
    """Send an address nothing for a time, which ends by itself; another pause is written over.

    Raises ListError for what is no address, and DecisionNeeded for a person who was erased.
    """
    key = parse_subscriber_key(address)
    return _record(publication, make_pause(key, length, EventSource.EDITOR))


def resume_subscriber(publication: OpenPublication, address: str) -> PauseChange:
    """End the pause of an address now. Raises what `pause_subscriber` does."""
    key = parse_subscriber_key(address)
    return _record(publication, Event(subscriber=key, kind=EventKind.RESUMED, source=EventSource.EDITOR))


def _record(publication: OpenPublication, event: Event) -> PauseChange:
    publication.refuse_without_erasure_keys()
    store, keys = publication.store, publication.keys
    (before,) = read_suppression_statuses(store, keys, [event.subscriber])
    if before.erased:
        raise DecisionNeeded(
            f"{event.subscriber} was erased on {before.erased:%Y-%m-%d}, and gets nothing.",
            next_step=f"Did they ask to come back? newsletter subscribers add {event.subscriber} --again",
        )
    changed = record_events(store, keys, [event])[0]
    (after,) = read_suppression_statuses(store, keys, [event.subscriber])
    return PauseChange(key=event.subscriber, changed=changed, after=after)
