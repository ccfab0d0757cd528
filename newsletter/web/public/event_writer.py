"""Stores the events that readers cause."""

from collections.abc import Callable, Sequence

from newsletter.store import Store
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.web.public.group_writer import GroupWriter


class EventWriter(GroupWriter[Event, None]):
    """Writer of events, in groups with a commit each."""

    def __init__(self, store: Store, keys: Callable[[], SecretKeys]) -> None:
        def commit(events: Sequence[Event]) -> Sequence[None]:
            # In one order, or two services could wait for each other's rows; a reader's own events stay in theirs.
            record_events(store, keys(), sorted(events, key=lambda event: event.subscriber))
            return [None] * len(events)

        super().__init__(commit, "event-writer")
