"""A worker's share of a campaign that several workers send: what it tells the others, and hears of them."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from newsletter.errors import DeliveryError
from newsletter.issue_name import IssueName
from newsletter.ledger.handovers import note_tally
from newsletter.sending.dispatcher import Dispatcher
from newsletter.store import Store

_EVERY_S = 1.0


class StopSwitch:
    """A switch by which another thread asks a worker to end with what is in hand; it can't be taken back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._listener: Callable[[], None] | None = None

    @property
    def is_asked(self) -> bool:
        """Whether the worker was asked to end."""
        return self._asked

    def ask(self) -> None:
        """Ask the worker to end; asked a second time, it does so at once. One that has not begun ends when it has."""
        with self._lock:
            listener = self._listener
            self._asked = True
        if listener is not None:
            listener()

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Call `listener`, on the asking thread, when the worker is asked to end; None calls nobody any more."""
        with self._lock:
            self._listener = listener
            is_asked = self._asked
        if is_asked and listener is not None:
            listener()


@dataclass(frozen=True, kw_only=True)
class HandoverShare:
    """A share of the handover with this id; the worker ends when `stop` asks it to."""

    handover: str
    stop: StopSwitch = field(default_factory=StopSwitch)


class HandoverWatch:
    """A task beside the claim loop: tells every second what was answered, and halts when the workers are stopped.

    Each worker counts refusals by itself, as on one machine. Of all workers together they are counted here, by their
    tallies in the store. A store that can't be reached is the lease keeper's to deal with.
    """

    def __init__(
        self,
        store: Store,
        issue: IssueName,
        share: HandoverShare,
        worker: str,
        thread: ThreadPoolExecutor,
        dispatcher: Dispatcher,
    ) -> None:
        self._note = partial(note_tally, store, issue, share.handover, worker)
        self._thread = thread
        self._dispatcher = dispatcher

    async def run(self) -> None:
        """Look every second, until it is cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Tell and hear once."""
        dispatcher = self._dispatcher
        with suppress(DeliveryError):
            work = partial(self._note, dict(dispatcher.tally))
            ending, tally = await asyncio.get_running_loop().run_in_executor(self._thread, work)
            if ending is not None:
                dispatcher.halt()
            else:
                dispatcher.judge(tally)
