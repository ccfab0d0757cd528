"""Stores what readers cause, in groups. While one commit is under way, the next group gathers.

The store works on a thread of its own, so that a sync to disk never stalls a connection.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

from newsletter.errors import DeliveryError

_LOG = logging.getLogger(__name__)
_GROUP = 200  # of one commit
_QUEUE = 5_000  # that may wait for a store that stands still
_PATIENCE_S = 20.0  # more than a store waits for its lock
_T = TypeVar("_T")
_R = TypeVar("_R")


class GroupWriter(Generic[_T, _R]):
    """Writer of values, in groups by `commit`, which returns the answer to each. It lives within one event loop."""

    def __init__(self, commit: Callable[[Sequence[_T]], Sequence[_R]], name: str) -> None:
        self._commit_group = commit
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._waiting: list[tuple[_T, asyncio.Future[_R]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def write(self, value: _T) -> _R:
        """Store a value durably before returning. Raises DeliveryError when it is not stored, or not yet."""
        if len(self._waiting) >= _QUEUE:
            raise DeliveryError("The store takes too long.")
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[_R] = loop.create_future()
        self._waiting.append((value, stored))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        timer = loop.call_later(_PATIENCE_S, _give_up, stored)  # a tenth of what asyncio.timeout costs
        try:
            return await stored
        finally:
            timer.cancel()

    def close(self) -> None:
        """End the thread without waiting for a store that hangs: every request has been answered by now."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _commit(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
            # Who was told that it took too long may have given up on it: it must not be stored later.
            group = [(value, stored) for value, stored in group if not stored.done()]
            if not group:
                continue
            answers: Sequence[_R] = ()
            failure: Exception | None = None
            try:
                work = partial(self._commit_group, [value for value, _ in group])
                answers = await loop.run_in_executor(self._thread, work)
            except Exception as error:  # noqa: BLE001  # whatever it is, each request is told
                failure = error
                _LOG.error("Nothing could be written: %s", error if isinstance(error, DeliveryError) else type(error))
            for number, (_, stored) in enumerate(group):
                if stored.done():  # nobody waits any more
                    continue
                if failure:
                    stored.set_exception(failure)
                else:
                    stored.set_result(answers[number])
        self._committing = None


def _give_up(stored: asyncio.Future[_R]) -> None:
    if not stored.done():
        stored.set_exception(DeliveryError("The store takes too long."))
