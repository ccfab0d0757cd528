"""The sampler of a sending: shows its progress each second, and writes down now and then how it goes.

With that goes what was learned of the server. While nothing is handed in, since the server takes nothing, nothing else
would show that.
"""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

from newsletter.clock import Instant, make_instant
from newsletter.errors import DeliveryError
from newsletter.ledger.learned_limits import write_learned_limits
from newsletter.ledger.send_samples import SampledHold, SendSample, add_sample
from newsletter.mail.message import Outcome
from newsletter.sending.assignment import Assignment
from newsletter.sending.claim_loop import ClaimLoop
from newsletter.throttle.holds import Hold
from newsletter.throttle.learned import LearnedLimits

EVERY_S = 10.0
_SHOW_EVERY_S = 1.0
_FURTHEST_S = 366 * 86_400.0  # an end further away than this is none


class SendSampler:
    """A task beside the claim loop. A store that can't be written to does not end the sending for its sake."""

    def __init__(
        self,
        assignment: Assignment,
        worker: str,
        thread: ThreadPoolExecutor,
        loop: ClaimLoop,
    ) -> None:
        self._assignment = assignment
        self._worker = worker
        self._thread = thread
        self._loop = loop
        self._dispatcher = loop.dispatcher
        self._every_s = EVERY_S
        self._at = make_instant(datetime.now(UTC))
        self._counted: Counter[str] = Counter()

    async def run(self) -> None:
        """Show the progress and write samples, these more rarely the longer the sending takes."""
        clock = asyncio.get_running_loop().time
        written_at = clock() - self._every_s  # the first at once: whoever looks at the status wants to see something
        while True:
            await asyncio.sleep(min(_SHOW_EVERY_S, self._every_s))
            self._loop.show()
            if clock() - written_at >= self._every_s:
                written_at = clock()
                await self._write()

    async def close(self) -> None:
        """Write what came since the last sample, and what is known of the server at the end."""
        await self._write(is_last=True)

    async def _write(self, *, is_last: bool = False) -> None:
        now, counts = max(make_instant(datetime.now(UTC)), self._at), self._count()
        new = counts - self._counted
        sample = None
        if (new or not is_last) and now - self._at >= timedelta(milliseconds=1):
            sample = self._make_sample(now, new)
            self._at, self._counted = now, counts
        learned = self._dispatcher.throttle.learned(self._dispatcher.read_clock())
        if sample is None and not learned.is_known:
            return
        work = partial(self._write_down, sample, learned)
        writing = asyncio.get_running_loop().run_in_executor(self._thread, work)
        with suppress(DeliveryError):
            # At the end this is cancelled, and what waits for the thread would be counted and never written.
            if await asyncio.shield(writing):
                self._every_s *= 2

    def _write_down(self, sample: SendSample | None, learned: LearnedLimits) -> bool:
        """Write both in one transaction; return whether there were so many samples that they were joined."""
        server, joined = self._assignment.server, False
        with self._assignment.store.transaction() as connection:
            if sample is not None:
                joined = add_sample(connection, self._assignment.issue, sample)
            if server and learned.is_known:
                write_learned_limits(connection, server, learned)
        return joined

    def _count(self) -> Counter[str]:
        tally = self._dispatcher.tally
        return Counter(
            accepted=tally[Outcome.ACCEPTED], refused=tally[Outcome.REFUSED], put_off=self._dispatcher.put_offs
        )

    def _make_sample(self, at: Instant, new: Counter[str]) -> SendSample:
        progress = self._loop.read_progress()
        eta = progress.eta
        return SendSample(
            worker=self._worker,
            began_at=self._at,
            at=at,
            accepted=new["accepted"],
            refused=new["refused"],
            put_off=new["put_off"],
            rate=progress.rate,
            hold=None if progress.hold is None else _note_hold(progress.hold),
            ends_at=Instant(at + timedelta(seconds=eta)) if eta is not None and eta < _FURTHEST_S else None,
        )


def _note_hold(hold: Hold) -> SampledHold:
    until = None
    if hold.until is not None:
        with suppress(OverflowError, ValueError):  # infinity, where nobody knows
            until = make_instant(datetime.fromtimestamp(hold.until, UTC))
    return SampledHold(kind=hold.kind.value, words=hold.words, limit=hold.limit, evidence=hold.evidence, until=until)
