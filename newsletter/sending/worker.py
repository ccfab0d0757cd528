"""A worker: one process's sending of a campaign, from its entry in the ledger to its end.

Stages: refuse templates that can't be signed for, register with a lease, send on an event loop, end. Connections take
messages from what is claimed, and results are recorded in groups: while one commit is under way the next gathers.
"""

import asyncio
import platform
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from secrets import token_hex

from newsletter.errors import DeliveryError
from newsletter.lease_clock import LeaseClock
from newsletter.ledger import workers
from newsletter.ledger.flight_recorder import FlightRecorder
from newsletter.ledger.templates import list_current_templates
from newsletter.ledger.workers import LeaseLost, end_worker, register_worker
from newsletter.mail.message_template import MessageTemplate
from newsletter.sending.assignment import Assignment
from newsletter.sending.claim_loop import ClaimLoop, count_most_in_hand
from newsletter.sending.connections import Connections
from newsletter.sending.dispatcher import Dispatcher
from newsletter.sending.handover_share import HandoverWatch, StopSwitch
from newsletter.sending.lease_keeper import LeaseKeeper
from newsletter.sending.send_sampler import SendSampler
from newsletter.sending.shared_limits import SharedLimits

_FAILED = "the program failed"
_ASKED_TO_STOP = "it was asked to stop"


def send_campaign(assignment: Assignment) -> None:
    """Send a frozen campaign to everyone who waits; sending it again goes on where this ended.

    Raises DeliveryError when the worker had to stop: everyone without a result then waits, or is unknown. Raises
    ConfigError, with nothing sent, when unsubscribe links can't be signed.
    """
    store, issue = assignment.store, assignment.issue
    templates = [MessageTemplate.from_bytes(template.payload) for template in list_current_templates(store, issue)]
    for template in templates:
        assignment.rules.recipient_tags.require_keys(template)
    largest = max((template.least_size for template in templates), default=0)
    worker = token_hex(8)
    lease = LeaseClock(workers.LEASE_S)
    asked_at = lease.read()
    is_one_of_several = assignment.share is not None
    register_worker(store, issue, worker, host=platform.node(), lease_s=lease.seconds, tries_anew=not is_one_of_several)
    lease.start(asked_at)
    why = _FAILED
    try:
        assignment.write_record()
        with asyncio.Runner() as runner:
            why = runner.run(_send_until_signalled(assignment, worker, lease, largest))
    except LeaseLost:
        raise  # what is in the ledger is the other worker's now, and so is the record
    except BaseException as error:
        _end(assignment, worker, error.message if isinstance(error, DeliveryError) else why)
        raise
    _end(assignment, worker, why)


def _end(assignment: Assignment, worker: str, why: str) -> None:
    end_worker(assignment.store, assignment.issue, worker, why)
    assignment.write_record()


async def _send_until_signalled(assignment: Assignment, worker: str, lease: LeaseClock, largest: int) -> str:
    """Send until everyone is answered or a signal comes; return why it ended early, empty when it did not.

    SIGINT (Ctrl-C) and SIGTERM finish what is in hand, and a second one ends at once. Signals reach the main thread
    alone (signal(7)), so they do not stop a worker on another thread; the switch of its share does.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    sending = asyncio.create_task(_send(assignment, worker, lease, stop, largest))

    def on_signal() -> None:
        # Python's own handler would not do for the second: a signal that another thread takes does not wake the loop.
        if stop.is_set():
            sending.cancel()
        else:
            stop.set()
            assignment.on_stop()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal)
    switch = assignment.share.stop if assignment.share else StopSwitch()
    switch.listen(partial(_call_on, loop, on_signal))
    try:
        await sending
    except asyncio.CancelledError as error:
        raise DeliveryError("Ended at once, with messages in hand.") from error
    finally:
        switch.listen(None)
    return _ASKED_TO_STOP if stop.is_set() else ""


async def _send(assignment: Assignment, worker: str, lease: LeaseClock, stop: asyncio.Event, largest: int) -> None:
    """Send to everyone who waits, until all are answered or `stop` is set; `largest` is as Connections has it.

    The ledger works on a thread of its own, so that a sync to disk never stalls a connection.
    """
    with (
        FlightRecorder.open(assignment.store, worker, count_most_in_hand(assignment)) as recorder,
        assignment.store.keeping() as ledger,
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger") as thread,
    ):
        loop = await ClaimLoop.open(assignment, worker, lease, thread, ledger, recorder)
        dispatcher = loop.dispatcher
        connections = Connections(assignment.backend, dispatcher, largest)
        watcher = asyncio.create_task(_halt_when(stop, dispatcher, connections))
        keeper = asyncio.create_task(LeaseKeeper(assignment, worker, lease, thread, dispatcher).run(connections))
        sampler = SendSampler(assignment, worker, thread, loop)
        sampling = asyncio.create_task(sampler.run())
        share = _watch_handover(assignment, worker, thread, dispatcher)
        watching = asyncio.create_task(share.run()) if share else None
        limits = SharedLimits(assignment, worker, thread, dispatcher, connections) if share else None
        if limits:
            await limits.draw()  # before the first connection
        drawing = asyncio.create_task(limits.run()) if limits else None
        connections.start()
        try:
            await loop.run()
        except (asyncio.CancelledError, LeaseLost):
            dispatcher.halt()
            connections.cancel()
            raise
        except BaseException:
            dispatcher.halt()  # with no ledger nothing more may leave
            raise
        finally:
            dispatcher.close()
            connections.stop_connecting()
            watcher.cancel()
            await connections.wait_until_ended()
            await loop.close()
            sampling.cancel()
            await asyncio.wait([sampling])
            await sampler.close()
            if share and watching and limits and drawing:
                watching.cancel()
                drawing.cancel()
                await asyncio.wait([watching, drawing])
                await limits.close()
                await share.look()
            keeper.cancel()  # the lease is kept until the last message in hand has its result
            await asyncio.wait([watcher, keeper])
    if not keeper.cancelled() and (fault := keeper.exception()) is not None:
        raise fault
    if dispatcher.failure is not None:
        raise dispatcher.failure


def _watch_handover(
    assignment: Assignment, worker: str, thread: ThreadPoolExecutor, dispatcher: Dispatcher
) -> HandoverWatch | None:
    """Return the watch of a worker that is one of several."""
    if assignment.share is None:
        return None
    return HandoverWatch(assignment.store, assignment.issue, assignment.share, worker, thread, dispatcher)


def _call_on(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop has just come to its end
        loop.call_soon_threadsafe(work)


async def _halt_when(stop: asyncio.Event, dispatcher: Dispatcher, connections: Connections) -> None:
    await stop.wait()
    dispatcher.halt()
    connections.stop_connecting()
