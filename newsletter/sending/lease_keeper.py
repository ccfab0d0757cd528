"""The keeper of a worker's lease: renews it while the worker lives, and halts the worker when it is lost."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from newsletter.carried_state.carried_state import HoldLost
from newsletter.errors import DeliveryError
from newsletter.lease_clock import LeaseClock
from newsletter.ledger.workers import LeaseLost, extend_lease
from newsletter.sending.assignment import Assignment
from newsletter.sending.connections import Connections
from newsletter.sending.dispatcher import Dispatcher

_TRY_AGAIN_S = 0.5


class LeaseKeeper:
    """A task beside the claim loop: it renews the lease regularly, and at once when the lease may be over."""

    def __init__(
        self, assignment: Assignment, worker: str, lease: LeaseClock, thread: ThreadPoolExecutor, dispatcher: Dispatcher
    ) -> None:
        self._extend = partial(extend_lease, assignment.store, assignment.issue, worker, lease_s=lease.seconds)
        self._lease = lease
        self._carried = assignment.carried
        self._thread = thread
        self._dispatcher = dispatcher

    async def run(self, connections: Connections) -> None:
        """Renew the lease until it is lost, or the store has been out of reach for as long as a lease lasts.

        Then hand out no more, and break off the connections: what they hold back would wait without end.
        """
        loop = asyncio.get_running_loop()
        failing_since: float | None = None
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._lease.seconds / 3):
                        await self._dispatcher.lease_doubted.wait()
                try:
                    await self._renew()
                    failing_since = None
                except DeliveryError as error:
                    failing_since = loop.time() if failing_since is None else failing_since
                    if isinstance(error, LeaseLost | HoldLost) or loop.time() - failing_since >= self._lease.seconds:
                        connections.cancel()
                        self._dispatcher.halt(error)
                        return
                    # Nothing leaves meanwhile; the store may come back.
                    await asyncio.sleep(_TRY_AGAIN_S)
        finally:
            self._dispatcher.halt()  # without a keeper, whatever ended it, nothing may leave

    async def _renew(self) -> None:
        if self._carried is not None and not self._carried.is_held:
            raise HoldLost(
                "The state could not be published for too long, so that another machine may have it by now.",
                next_step="See that the remote can be reached from here.",
            )
        asked_at = self._lease.read()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._extend)
        self._lease.start(asked_at)
        self._dispatcher.lease_doubted.clear()
        self._dispatcher.wake()
