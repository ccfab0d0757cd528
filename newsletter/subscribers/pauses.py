"""Pauses: a reader gets nothing for a time, and then everything again by itself. Who pauses has not left."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from newsletter.address import SubscriberKey
from newsletter.issue_name import IssueName
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.store.erased import hold_off_erasing
from newsletter.store.events import StoredEvent, add_events
from newsletter.store.timed_suppressions import has_ended, remove_ended
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource


class PauseLength(StrEnum):
    """Lengths of a pause that readers choose from."""

    TWO_WEEKS = "2w"
    MONTH = "1m"
    THREE_MONTHS = "3m"
    SIX_MONTHS = "6m"

    def end(self, start: datetime) -> datetime:
        """Return when a pause of this length ends; of a month that is shorter, on its last day."""
        number = int(self.value[:-1])
        if self.value.endswith("w"):
            return start + timedelta(weeks=number)
        years, month = divmod(start.month - 1 + number, 12)
        year, month = start.year + years, month + 1
        return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))


def make_pause(
    key: SubscriberKey, length: PauseLength, source: EventSource, *, issue: IssueName | None = None
) -> Event:
    """Return the event by which a subscriber gets nothing from now on for a time."""
    until = length.end(datetime.now(UTC)).isoformat(timespec="milliseconds")
    return Event(subscriber=key, kind=EventKind.PAUSED, source=source, issue=issue, evidence={"until": until})


def lift_ended_pauses(store: Store) -> int:
    """Take away the pauses whose time is over, each with an event; return how many. Nothing is written without one."""
    with store.reading() as connection:
        if not has_ended(connection):
            return 0
    with store.transaction() as connection:
        hold_off_erasing(connection)
        ended = remove_ended(connection)
        rows = [
            StoredEvent(subscriber, EventKind.RESUMED, EventSource.TIME, None, {}, until, now())
            for subscriber, _cause, until in ended
        ]
        add_events(connection, rows)
        return len(rows)
