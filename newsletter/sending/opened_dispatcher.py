"""The dispatcher with which a worker begins, which knows what left within the hour and what the server bears."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import time

from newsletter.lease_clock import LeaseClock
from newsletter.ledger.deliveries import list_recent_answers
from newsletter.ledger.flight_recorder import FlightRecorder
from newsletter.ledger.learned_limits import read_learned_limits
from newsletter.sending.assignment import Assignment
from newsletter.sending.dispatcher import Dispatcher
from newsletter.sending.domain_queue import open_domain_queue
from newsletter.sending.refusals import Refusals
from newsletter.throttle.controller import HOUR_S, Throttle
from newsletter.throttle.learned import LearnedLimits


async def open_dispatcher(
    assignment: Assignment, lease: LeaseClock, thread: ThreadPoolExecutor, recorder: FlightRecorder, group: int
) -> Dispatcher:
    """Return a worker's dispatcher; it hands results over in groups of `group`. The ledger is read on `thread`."""
    loop = asyncio.get_running_loop()
    store, limits, rules = assignment.store, assignment.backend.limits, assignment.rules
    recent: Sequence[float] = ()
    if limits.per_hour:
        # The limit holds for all that left within the hour, by whatever worker.
        moments = await loop.run_in_executor(thread, list_recent_answers, store, HOUR_S, limits.per_hour)
        shift = loop.time() - time()
        recent = [moment + shift for moment in moments]
    domains = None
    if rules.domains:
        domains = await loop.run_in_executor(thread, open_domain_queue, store, assignment.issue, rules.domains, loop)
    throttle = Throttle(
        limits,
        now=loop.time(),
        recent=recent,
        learned=await loop.run_in_executor(thread, _read_learned_limits, assignment),
        wall_clock_shift=time() - loop.time(),
    )
    return Dispatcher(
        throttle,
        lease,
        rules.waits,
        Refusals(rules.refusals, rules.blocks),
        group=group,
        patience=rules.patience,
        recorder=recorder,
        domains=domains,
    )


def _read_learned_limits(assignment: Assignment) -> LearnedLimits | None:
    with assignment.store.reading() as connection:
        stored = read_learned_limits(connection, assignment.server)
    return stored.limits if stored else None
