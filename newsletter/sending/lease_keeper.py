"""The keeper of a worker's lease: renews it while the worker lives, and halts the worker when it is lost."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from newsletter.errors import DeliveryError
from newsletter.ledger.workers import LeaseLost, extend_lease
from newsletter.sending.assignment import Assignment
from newsletter.sending.connections import Connections
from newsletter.sending.dispatcher import Dispatcher
from newsletter.sending.lease_clock import LeaseClock

_TRY_AGAIN_S = 0.5


class LeaseKeeper:
    """A task beside the claim loop: it renews the lease regularly, and at once when the lease may be over."""

    def __init__(
        self, assignment: Assignment, worker: str, lease: LeaseClock, thread: ThreadPoolExecutor, dispatcher: Dispatcher
    ) -> None:
        self._extend = partial(extend_lease, assignment.store, assignment.issue, worker, lease_s=lease.seconds)
        self._lease = lease
        self._thread = thread
        self._dispatcher = dispatcher

    async def run(self, connections: Connections) -> None:
        """Renew the lease until it is lost; then hand out no more, and break off the connections."""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._lease.seconds / 3):
                        await self._dispatcher.lease_doubted.wait()
                try:
                    await self._renew()
                except LeaseLost as lost:
                    connections.cancel()
                    self._dispatcher.halt(lost)
                    return
                except DeliveryError:
                    # The store is out of reach. Nothing leaves meanwhile, and the claim loop raises when it stays so.
                    await asyncio.sleep(_TRY_AGAIN_S)
        finally:
            self._dispatcher.halt()  # without a keeper, whatever ended it, nothing may leave

    async def _renew(self) -> None:
        asked_at = self._lease.read()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._extend)
        self._lease.start(asked_at)
        self._dispatcher.lease_doubted.clear()
        self._dispatcher.wake()
