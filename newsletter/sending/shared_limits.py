"""The limits of a server, kept by several workers together: each draws a slice of them, some times a second."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from newsletter.errors import DeliveryError
from newsletter.ledger.shared_rates import SLICE_S, draw_slice, give_back
from newsletter.sending.assignment import Assignment
from newsletter.sending.connections import Connections
from newsletter.sending.dispatcher import Dispatcher

_EVERY_S = SLICE_S / 2
_UNLIMITED_EVERY_S = 1.0  # where only connections are shared


class SharedLimits:
    """A task beside the claim loop of one of several workers; without a slice nothing leaves."""

    def __init__(
        self,
        assignment: Assignment,
        worker: str,
        thread: ThreadPoolExecutor,
        dispatcher: Dispatcher,
        connections: Connections,
    ) -> None:
        self._assignment = assignment
        self._worker = worker
        self._thread = thread
        self._dispatcher = dispatcher
        self._connections = connections
        limits = assignment.backend.limits
        self._every_s = _EVERY_S if limits.per_second or limits.per_hour else _UNLIMITED_EVERY_S

    async def run(self) -> None:
        """Draw again and again, until it is cancelled."""
        while True:
            await self.draw()
            await asyncio.sleep(self._every_s)

    async def draw(self) -> None:
        """Draw once; a store that can't be reached gives nothing, and what was drawn before may still leave."""
        assignment, throttle = self._assignment, self._dispatcher.throttle
        work = partial(
            draw_slice,
            assignment.store,
            self._worker,
            assignment.server,
            assignment.backend.limits,
            unspent=throttle.share_left,
        )
        with suppress(DeliveryError):
            drawn = await asyncio.get_running_loop().run_in_executor(self._thread, work)
            messages = None if drawn.messages is None else throttle.share_left + drawn.messages
            throttle.set_share(messages, drawn.connections)
            self._connections.keep_to(drawn.connections)
            if drawn.messages:
                self._dispatcher.changed.set()  # the claim loop may have waited for room
                self._dispatcher.wake()

    async def close(self) -> None:
        """Give back what was not spent."""
        assignment, unspent = self._assignment, self._dispatcher.throttle.share_left
        work = partial(give_back, assignment.store, assignment.server, assignment.backend.limits, unspent)
        with suppress(DeliveryError):
            await asyncio.get_running_loop().run_in_executor(self._thread, work)
