"""The limits of a server, kept by several workers together: each draws a slice of them, some times a second."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from newsletter.errors import DeliveryError
from newsletter.ledger.shared_rates import (
    SLICE_S,
    Heard,
    draw_slice,
    exchange_limits,
    give_back,
    give_up_connections,
)
from newsletter.sending.assignment import Assignment
from newsletter.sending.connections import Connections
from newsletter.sending.dispatcher import Dispatcher

_EVERY_S = SLICE_S / 2
_UNLIMITED_EVERY_S = 1.0  # while only connections are shared, each has its own, and no limit is learned


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
        self._is_limited = bool(limits.per_second or limits.per_hour)
        self._heard: Heard | None = None
        self._granted = 0  # connections
        self._is_settled = False  # nobody waits for a connection of this worker's, nor it for another's
        dispatcher.throttle.set_share(0, 0)
        self._drawn_at = -_UNLIMITED_EVERY_S

    async def run(self) -> None:
        """Draw again and again, until it is cancelled."""
        while True:
            if self._is_limited or self._has_news():
                await self.draw()
            await asyncio.sleep(_EVERY_S)

    def _has_news(self) -> bool:
        throttle, now = self._dispatcher.throttle, self._dispatcher.read_clock()
        is_learned = throttle.is_stopped or throttle.is_adapted or not self._is_settled
        return is_learned or throttle.tell().is_new or now - self._drawn_at >= _UNLIMITED_EVERY_S

    async def draw(self) -> None:
        """Draw once; a store that can't be reached gives nothing, and what was drawn before may still leave."""
        assignment, throttle, loop = self._assignment, self._dispatcher.throttle, asyncio.get_running_loop()
        self._drawn_at = self._dispatcher.read_clock()
        exchange = partial(
            exchange_limits,
            assignment.store,
            self._worker,
            assignment.server,
            is_stopped=throttle.is_stopped,
        )
        with suppress(DeliveryError):
            told = throttle.tell()
            heard = await loop.run_in_executor(self._thread, exchange, told)
            throttle.hear(
                self._dispatcher.read_clock(),
                heard.common,
                heard.workers,
                raises=heard.raises,
                stopped=heard.is_stopped,
                told=told,
            )
            if (domains := self._dispatcher.domains) is not None:
                domains.share(heard.workers)
            work = partial(
                draw_slice,
                assignment.store,
                self._worker,
                assignment.server,
                assignment.backend.limits,
                unspent=throttle.share_left,
                held=max(self._granted, self._connections.count),
            )
            drawn = await loop.run_in_executor(self._thread, work)
            messages = None if drawn.messages is None else throttle.share_left + drawn.messages
            throttle.set_share(messages, drawn.connections)
            self._connections.keep_to(drawn.connections)
            if drawn.messages or heard != self._heard or drawn.connections != self._granted:
                self._dispatcher.changed.set()  # the claim loop may have waited for room
                self._dispatcher.wake()
            self._heard, self._granted, self._is_settled = heard, drawn.connections, drawn.is_settled

    async def close(self) -> None:
        """Give back what was not spent, when all connections are closed."""
        assignment, unspent = self._assignment, self._dispatcher.throttle.share_left
        work = partial(give_back, assignment.store, assignment.server, assignment.backend.limits, unspent)
        give_up = partial(give_up_connections, assignment.store, self._worker, assignment.server)
        with suppress(DeliveryError):
            await asyncio.get_running_loop().run_in_executor(self._thread, give_up)
            await asyncio.get_running_loop().run_in_executor(self._thread, work)
