"""The loop in which a worker claims deliveries, dispatches them and records the results, commit by commit."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from math import inf
from time import monotonic, time
from typing import Self, TypeVar

from newsletter.carried_state.carried_state import SLICE, SLICE_S
from newsletter.errors import DeliveryError
from newsletter.lease_clock import LeaseClock
from newsletter.ledger.claims import Claimed, record_and_claim
from newsletter.ledger.deliveries import NEVER, Delivery, count_deliveries
from newsletter.ledger.delivery_ranges import RangeCursor
from newsletter.ledger.flight_recorder import FlightRecorder
from newsletter.ledger.lease_watch import LeaseWatch
from newsletter.ledger.shared_rates import draw_warm_up, give_back_warm_up
from newsletter.ledger.states import State
from newsletter.ledger.warm_up import WarmUpStep
from newsletter.ledger.workers import find_lease, find_started_at, settle_expired
from newsletter.mail.message import Outcome
from newsletter.sending.assignment import Assignment
from newsletter.sending.collection import Collected
from newsletter.sending.dispatcher import Dispatcher
from newsletter.sending.domain_queue import MOST_AHEAD
from newsletter.sending.message_maker import MessageMaker
from newsletter.sending.opened_dispatcher import open_dispatcher
from newsletter.sending.rules import WorkerProgress
from newsletter.sending.warm_up import WarmUpReached, begin_warm_up
from newsletter.store.engine import KeptConnection

_AHEAD_S = 2.0  # with a low rate, no more is claimed than leaves within this time
_SHOW_EVERY_S = 0.1
_LOCKED_S = 1.0
_LEASE_OVER_S = 0.02  # after the end of a lease, which is settled when it is over
_LOOK_EVERY_S = 30.0  # the wall clock may jump
_SHARE_PATIENCE_S = 5.0  # with a deferred recipient, of one worker among several
_COMPARE_EVERY_S = 60.0  # with the list, which an editor may have changed
_COMPARE_SHARE = 20  # times as long as the comparison took
_T = TypeVar("_T")


class ClaimLoop:
    """A worker's connection to the ledger. Each turn is one commit: results recorded, further deliveries claimed."""

    def __init__(
        self,
        assignment: Assignment,
        worker: str,
        lease_s: float,
        thread: ThreadPoolExecutor,
        ledger: KeptConnection,
        dispatcher: Dispatcher,
        began: datetime,
        waiting: int,
        warm_up: WarmUpStep | None,
    ) -> None:
        self.dispatcher = dispatcher
        self._ledger = ledger
        self._assignment = assignment
        self._worker = worker
        self._thread = thread
        self._lease_s = lease_s
        self._watch = LeaseWatch(lease_s)
        self._cursor = RangeCursor(assignment.share.handover) if assignment.share else None
        self._waiting = waiting  # deliveries, when it began
        self._warm_up = warm_up
        self._most_ahead = count_most_ahead(assignment)
        self._maker = MessageMaker(assignment, began, thread, dispatcher)
        self._claimed = 0  # claimed, and not recorded yet
        self._shown_at = 0.0
        self._resting: float | None = None
        self._leased = 0
        self._compares_at = monotonic() + _COMPARE_EVERY_S
        self._next_due: float | None = 0.0  # when a deferred recipient may be tried again

    @classmethod
    async def open(
        cls,
        assignment: Assignment,
        worker: str,
        lease: LeaseClock,
        thread: ThreadPoolExecutor,
        ledger: KeptConnection,
        recorder: FlightRecorder,
    ) -> Self:
        """Return the loop of a registered worker, with a dispatcher that knows what left within the hour."""
        loop = asyncio.get_running_loop()
        store, rules = assignment.store, assignment.rules
        began = await loop.run_in_executor(thread, find_started_at, store, worker)
        # A commit costs as much as many messages; by half of what is ahead the connections have the other half.
        group = max(1, count_most_ahead(assignment) // 2)
        dispatcher = await open_dispatcher(assignment, lease, thread, recorder, group)
        counts = await loop.run_in_executor(thread, count_deliveries, store, assignment.issue)
        warm_up = None
        if rules.warm_up is not None and counts.waiting:
            warm_up = await loop.run_in_executor(thread, begin_warm_up, store, assignment.server, rules.warm_up)
            if assignment.share is not None:
                warm_up = replace(warm_up, left=0)  # it is drawn in slices, with the other workers
        return cls(assignment, worker, lease.seconds, thread, ledger, dispatcher, began, counts.waiting, warm_up)

    async def run(self) -> None:
        """Record, take back and claim, one commit after another, until nobody waits and nothing is under way."""
        dispatcher = self.dispatcher
        while True:
            if not dispatcher.halting:
                await self._suppress_departed()
            collected = dispatcher.collect()
            want = 0 if dispatcher.halting else self._count_wanted(self._claimed - len(collected))
            moment = time() if want and self._next_due is not None and self._next_due <= time() else None
            try:
                claimed = await self._record_and_claim(collected, want, moment)
            except BaseException:
                # Recorded or not, nobody knows: a second time does no harm.
                dispatcher.restore(collected)
                raise
            self._claimed += len(claimed.deliveries) - len(collected)
            self._note_due(claimed, collected.results, looked=moment is not None)
            if moment is not None and not claimed.deliveries and self._next_due is not None:
                # Somebody else holds the rows; in PostgreSQL a person may.
                self._next_due = max(self._next_due, moment + _LOCKED_S)
            if collected.released:
                self._next_due = time()  # some of them may have been deferred, and are so again
            if collected.sooner:
                soonest = min(collected.sooner.values())
                self._next_due = soonest if self._next_due is None else min(self._next_due, soonest)
            await self._publish(claimed)
            await self._maker.make(claimed.deliveries)
            idle = not self._claimed and not claimed.deliveries
            if idle and not dispatcher.halting and await self._has_warmed_up():
                continue
            if idle and (dispatcher.halting or (want and self._has_nobody_left())):
                if not dispatcher.halting and await self._wait_for_other_workers():
                    continue
                self._resting, self._leased = None, 0
                self.show()
                return
            await self._wait(idle=idle, want=want)

    def _count_wanted(self, in_hand: int) -> int:
        """Return how many deliveries to claim, while so many are in hand."""
        domains = self.dispatcher.domains
        held = 0 if domains is None else min(domains.held, MOST_AHEAD)  # they keep no others waiting
        if self._assignment.carried is None:
            want = self._count_ahead() - in_hand + held
        else:  # the next slice, once all of the last one is answered
            want = self._count_slice() if in_hand <= held else 0
        if self.dispatcher.is_cut_off:
            want = min(want, 1 - in_hand)
        if self._warm_up is not None:
            want = min(want, self._warm_up.left - self.dispatcher.tally[Outcome.ACCEPTED] - in_hand)
        return max(0, want)

    async def _has_warmed_up(self) -> bool:
        """Halt when a warm-up lets nobody else get the message now; return whether that is so."""
        step = self._warm_up
        accepted = self.dispatcher.tally[Outcome.ACCEPTED]
        if step is None or accepted < step.left:
            return False
        if self._cursor is not None:
            draw = partial(draw_warm_up, self._assignment.store, self._assignment.server, step)
            if drawn := await self._run_in_ledger(draw):
                self._warm_up = replace(step, left=accepted + drawn)
                return True
        counts = await self._run_in_ledger(partial(count_deliveries, self._assignment.store, self._assignment.issue))
        self.dispatcher.halt(WarmUpReached(step, counts.waiting) if counts.waiting else None)
        return True

    def _has_nobody_left(self) -> bool:
        """Return whether nobody is left for this worker; one of several leaves to a later one who is due later."""
        return self._next_due is None or (self._cursor is not None and self._next_due > time() + _SHARE_PATIENCE_S)

    async def _suppress_departed(self) -> None:
        """Have those suppressed who have left the list, every minute; a long list rarer, so that little time goes."""
        began = monotonic()
        if began >= self._compares_at:
            # Not on the ledger's thread: the lease is renewed there, and a list of a million takes longer than one.
            await asyncio.to_thread(self._assignment.suppress_departed)
            self._compares_at = monotonic() + max(_COMPARE_EVERY_S, _COMPARE_SHARE * (monotonic() - began))

    async def close(self) -> None:
        """Record what was still answered after the last commit; when the store fails, it stays unknown."""
        self._maker.close()
        last = self.dispatcher.collect()
        if last or last.forgiven or last.sooner:
            with suppress(DeliveryError):
                await self._record_and_claim(last)
        step, accepted = self._warm_up, self.dispatcher.tally[Outcome.ACCEPTED]
        if self._cursor is not None and step is not None and step.left > accepted:
            work = partial(give_back_warm_up, self._assignment.store, self._assignment.server, step)
            with suppress(DeliveryError):
                await self._run_in_ledger(partial(work, step.left - accepted))

    async def _record_and_claim(self, collected: Collected, want: int = 0, moment: float | None = None) -> Claimed:
        """Record what was collected, and claim as many as are wanted, in one transaction."""
        recorder, domains = self.dispatcher.recorder, self.dispatcher.domains
        number = recorder.begin_claim() if want else None
        skipped = None if domains is None else domains.choose_skipped()
        claimed = await self._run_in_ledger(
            partial(
                record_and_claim,
                self._ledger,
                self._assignment.issue,
                self._worker,
                results=collected.results,
                returned=collected.returned,
                released=collected.released,
                forgiven=collected.forgiven,
                sooner=collected.sooner,
                want=want,
                moment=moment,
                lease_s=self._lease_s,
                claim=number,
                cursor=self._cursor,
                skipped=skipped,
            )
        )
        if domains is not None and moment is None:  # else some were deferred, and stand anywhere in the list
            domains.note_claimed(claimed.deliveries)
        recorder.free([result.id for result in collected.results])
        recorder.free([*collected.returned, *collected.released])
        if number is not None:
            recorder.note_claim(claimed.deliveries)
        return claimed

    async def _publish(self, claimed: Claimed) -> None:
        """Publish a carried state before anything leaves that was claimed: a runner that dies leaves its slice known.

        Not on the ledger's thread: the lease is renewed there, and a push takes seconds.
        """
        if claimed.deliveries and self._assignment.carried is not None:
            await asyncio.to_thread(self._assignment.carried.publish)

    def _count_slice(self) -> int:
        room = self.dispatcher.throttle.count_room(asyncio.get_running_loop().time(), SLICE_S)
        return SLICE if room is None else max(0, min(SLICE, room))

    def _count_ahead(self) -> int:
        room = self.dispatcher.throttle.count_room(asyncio.get_running_loop().time(), _AHEAD_S)
        return self._most_ahead if room is None else min(self._most_ahead, room)

    async def _wait_for_other_workers(self) -> bool:
        """Settle leases that ran out, and wait for others; return False when no other worker has anything in hand.

        One of several workers leaves that to the others, and to whoever looks after the handover.
        """
        if self._cursor is not None:
            return False
        store, issue = self._assignment.store, self._assignment.issue
        before = await self._run_in_ledger(partial(count_deliveries, store, issue))
        await self._run_in_ledger(partial(settle_expired, store, issue, self._watch))
        counts = await self._run_in_ledger(partial(count_deliveries, store, issue))
        if counts.waiting > before.waiting:
            self._next_due = time()  # what another had not begun waits again, and may have been deferred before
            return True
        leased = counts[State.SENDING]
        lease = await self._run_in_ledger(partial(find_lease, store, issue, but=self._worker)) if leased else None
        if lease is None:
            return False
        # No lease is longer, unless the clock has gone back; the watch then ends it.
        seconds = max(0.0, min(lease.seconds_left, self._lease_s)) + _LEASE_OVER_S
        self._show(time() + seconds, leased)
        await self._wait_for_news(min(seconds, _LOOK_EVERY_S))
        return True

    async def _wait(self, *, idle: bool, want: int) -> None:
        """Wait for what is handed in; with nothing under way, for the next who is due, or for the throttle's leave."""
        resting, patience = None, None
        if idle and want:
            resting = self._next_due
        elif idle:
            now = asyncio.get_running_loop().time()
            resting = time() + max(0.0, self.dispatcher.throttle.find_next_departure(now) - now)
        if resting is not None:
            patience = min(_LOOK_EVERY_S, max(0.0, resting - time()))
        self._show(None if resting == inf else resting)
        await self._wait_for_news(patience)

    async def _wait_for_news(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.dispatcher.changed.wait()

    def show(self) -> None:
        """Show progress; to be called now and then, since what holds a send may change while nothing is handed in."""
        self._shown_at = asyncio.get_running_loop().time()
        self._assignment.on_progress(self.read_progress())

    def _show(self, resting: float | None, leased: int = 0) -> None:
        """Show progress, a few times a second: nobody sees more changes, and each costs as much as a message."""
        self._resting, self._leased = resting, leased
        if resting is not None or asyncio.get_running_loop().time() - self._shown_at >= _SHOW_EVERY_S:
            self.show()

    def read_progress(self) -> WorkerProgress:
        """Return the progress; moments are in seconds since 1970."""
        dispatcher, now = self.dispatcher, asyncio.get_running_loop().time()
        domains, hold = dispatcher.domains, dispatcher.throttle.describe_hold(now)
        if hold is None and domains is not None:
            hold = domains.describe_hold()
        if hold is not None and hold.until is not None:
            hold = replace(hold, until=time() + hold.until - now)
        tally = dispatcher.tally
        left = max(0, self._waiting - tally.total() + tally[Outcome.DEFERRED])
        eta = dispatcher.throttle.estimate(now, left) if left else 0.0
        if domains is not None:
            eta = None if eta is None else max(eta, domains.estimate())
        return WorkerProgress(
            tally=tally,
            resting_until=self._resting,
            leased=self._leased,
            hold=hold,
            rate=dispatcher.throttle.rate,
            left=left,
            eta=eta,
        )

    def _note_due(self, claimed: Claimed, results: Sequence[Delivery], *, looked: bool) -> None:
        if looked:
            self._next_due = claimed.next_due
        for result in results:
            if result.state is State.DEFERRED and result.due < NEVER:
                self._next_due = result.due if self._next_due is None else min(self._next_due, result.due)

    async def _run_in_ledger(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def count_most_in_hand(assignment: Assignment) -> int:
    """Return how many deliveries a worker may have claimed: with those of domains at their limit, which are held."""
    most = count_most_ahead(assignment) if assignment.carried is None else SLICE
    return 2 * most + MOST_AHEAD if assignment.rules.domains else most


def count_most_ahead(assignment: Assignment) -> int:
    """Return how many deliveries may be claimed at once: two windows a connection."""
    limits = assignment.backend.limits
    return 2 * limits.connections * limits.window
