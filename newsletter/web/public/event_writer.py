"""Stores the events that readers cause. While one commit is under way, the next group gathers.

The store works on a thread of its own, so that a sync to disk never stalls a connection.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from newsletter.errors import DeliveryError
from newsletter.store import Store
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event
from newsletter.subscribers.secret_keys import SecretKeys

_LOG = logging.getLogger(__name__)
_GROUP = 200  # events of one commit
_QUEUE = 5_000  # events that may wait for a store that stands still
_PATIENCE_S = 20.0  # more than a store waits for its lock


class EventWriter:
    """Stores events in groups, a commit for each. It lives within one event loop."""

    def __init__(self, store: Store, keys: Callable[[], SecretKeys]) -> None:
        self._store = store
        self._keys = keys
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="event-writer")
        self._waiting: list[tuple[Event, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def write(self, event: Event) -> None:
        """Store an event durably before returning. Raises DeliveryError when it is not stored, or not yet."""
        if len(self._waiting) >= _QUEUE:
            raise DeliveryError("The store takes too long.")
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((event, stored))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await stored
        except TimeoutError as error:
            raise DeliveryError("The store takes too long.") from error

    def close(self) -> None:
        """End the thread without waiting for a store that hangs: every request has been answered by now."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _commit(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
            # Who was told that it took too long may have given up on it: it must not be stored later.
            group = [(event, stored) for event, stored in group if not stored.done()]
            if not group:
                continue
            # In one order, or two services could wait for each other's rows; a reader's own events stay in theirs.
            events = sorted((event for event, _ in group), key=lambda event: event.subscriber)
            failure: Exception | None = None
            try:
                await loop.run_in_executor(self._thread, partial(record_events, self._store, self._keys(), events))
            except Exception as error:  # noqa: BLE001  # whatever it is, each request is told
                failure = error
                _LOG.error("Nothing could be written: %s", error if isinstance(error, DeliveryError) else type(error))
            for _, stored in group:
                if stored.done():  # nobody waits any more
                    continue
                if failure:
                    stored.set_exception(failure)
                else:
                    stored.set_result(None)
        self._committing = None
