"""Batches of suppressions: whom each run of `inbox read` has suppressed for bounces, and how that is undone as one.

Only suppressions for bounces have a batch. What subscribers said themselves, that they leave or that it is spam, is
never undone with others.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from newsletter.address import SubscriberKey
from newsletter.store import Store, suppressions
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.secret_keys import SecretKeys

EVIDENCE_NAME = "reading"  # in an event's evidence, for people
NAME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class SuppressionBatch:
    """A batch's name, which begins with the moment of its run, and the subscribers who are suppressed by it still."""

    name: str
    subscribers: frozenset[SubscriberKey]


def new_batch_name(store: Store) -> str:
    """Return the name of a batch of the store's publication that begins now: `2026-11-30T09:30:00Z`."""
    return suppressions.name_batch(datetime.now(UTC).strftime(NAME_FORMAT), store.publication)


def list_batches(store: Store) -> list[SuppressionBatch]:
    """Return every batch of the store's publication whose suppressions can be undone, the oldest first."""
    with store.reading() as connection:
        batches = suppressions.list_batches(connection)
    return [SuppressionBatch(name, subscribers) for name, subscribers in sorted(batches.items())]


def undo_batches(store: Store, keys: SecretKeys | None, batches: Collection[SuppressionBatch]) -> int:
    """Lift the suppressions of these batches; return how many subscribers that are."""
    return sum(record_events(store, keys, list(_make_undo_events(batches))))


def _make_undo_events(batches: Collection[SuppressionBatch]) -> Iterator[Event]:
    for batch in batches:
        for subscriber in sorted(batch.subscribers):
            evidence = {EVIDENCE_NAME: batch.name}
            yield Event(
                subscriber=subscriber,
                kind=EventKind.UNDONE,
                source=EventSource.EDITOR,
                evidence=evidence,
                batch=batch.name,
            )
