"""Readings of the inbox: whom each has suppressed for bounces, and how that is undone as one.

Each bounce that a reading writes down bears the reading's name in its evidence. What readers said themselves, that they
leave or that it is spam, is never undone with others.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from newsletter.store import Store, suppressions
from newsletter.store import events as log
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource, SuppressionKind, record_events
from newsletter.subscribers.secret_keys import SecretKeys

EVIDENCE_NAME = "reading"  # in an event's evidence
NAME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class SuppressionBatch:
    """A reading's name, which is its moment, and whom it has suppressed who are suppressed still."""

    name: str
    readers: frozenset[str]


def new_batch_name() -> str:
    """Return the name of a reading that begins now: `2026-11-30T09:30:00Z`."""
    return datetime.now(UTC).strftime(NAME_FORMAT)


def list_batches(store: Store) -> list[SuppressionBatch]:
    """Every reading whose suppressions can be undone, the oldest first."""
    found: dict[str, set[str]] = {}
    with store.reading() as connection:
        held = suppressions.since(connection, SuppressionKind.BOUNCED, "")
        for row in log.of_kinds_since(connection, (EventKind.HARD, EventKind.SOFT), EventSource.MAIL, ""):
            name = row.evidence.get(EVIDENCE_NAME)
            if name and row.reader in held and _made_by(name, row, held[row.reader]):
                found.setdefault(name, set()).add(row.reader)
    return [SuppressionBatch(name, frozenset(readers)) for name, readers in sorted(found.items())]


def _made_by(name: str, row: log.Row, suppressed_at: str) -> bool:
    """Return whether the reader was suppressed in this reading: not before it, nor after its bounce was noted."""
    return name[:19] <= suppressed_at[:19] and suppressed_at <= row.at


def undo_batches(store: Store, keys: SecretKeys | None, chosen: Collection[SuppressionBatch]) -> int:
    """Mail those again whom these readings have suppressed; returns how many that are."""
    return sum(record_events(store, keys, list(_undoing(chosen))))


def _undoing(chosen: Collection[SuppressionBatch]) -> Iterator[Event]:
    for reading in chosen:
        for reader in sorted(reading.readers):
            evidence = {EVIDENCE_NAME: reading.name}
            yield Event(subscriber=reader, kind=EventKind.UNDONE, source=EventSource.EDITOR, evidence=evidence)
