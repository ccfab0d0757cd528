"""The dispatcher: hands claimed messages to a worker's connections, and collects the results."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from time import time

from newsletter.errors import DeliveryError
from newsletter.ledger.deliveries import NEVER, Delivery
from newsletter.ledger.flight_recorder import FlightRecorder
from newsletter.mail.message import Message, Outcome, Result
from newsletter.mail.reply_concern import Concern, classify_reply, classify_result
from newsletter.sending.lease_clock import LeaseClock
from newsletter.sending.refusals import Refusals
from newsletter.throttle.advice import Evidence
from newsletter.throttle.controller import Throttle

_GATHER_S = 0.003  # a commit costs as much as ten messages, so a few more results share it


@dataclass(frozen=True, kw_only=True)
class Collected:
    """Results and messages that connections have handed in since the last time, by delivery."""

    results: Sequence[Delivery]
    returned: dict[int, str]  # untouched, with the reason
    released: Sequence[int]  # not sent, and no fault of theirs
    forgiven: Sequence[int] = ()  # recorded before, with a refusal that was the sender's

    def __len__(self) -> int:
        return len(self.results) + len(self.returned) + len(self.released)


class Dispatcher:
    """A worker's exchange of messages and results. Nothing here waits for the ledger.

    `waits` are the seconds after which a deferred message is tried again, each time the next of them; `refusals`
    says when there are too many. A server that takes nothing for `patience` seconds, and asks for less, halts it.
    Results are recorded when there is a `group` of them, or 3 ms after the first.
    """

    def __init__(
        self,
        throttle: Throttle,
        lease: LeaseClock,
        waits: Sequence[float] = (),
        refusals: Refusals | None = None,
        group: int = 1,
        patience: float = inf,
        recorder: FlightRecorder | None = None,
    ) -> None:
        self.recorder = recorder or FlightRecorder()
        self.throttle = throttle
        self.lease_doubted = asyncio.Event()  # it may be over: nothing leaves until it is renewed
        self._lease = lease
        self.tally: Counter[Outcome] = Counter()
        self.failure: DeliveryError | None = None
        self.put_offs = 0  # how often a message was not taken yet, for whatever reason
        self.fruitless_connections = 0  # that broke in a row
        self.halting = False  # hands out no more
        self.closed = False  # nothing is under way any more
        self.changed = asyncio.Event()  # something was handed in, or the dispatcher halts
        self._group = group
        self._gathering: asyncio.TimerHandle | None = None
        self._waits = waits
        self._refusals = refusals or Refusals(None, 1)
        self._patience = patience
        self._starved_since: float | None = None
        self._loop = asyncio.get_running_loop()
        self._ready: deque[tuple[Delivery, Message]] = deque()
        self._waiting: list[asyncio.Future[None]] = []
        self._listening: list[Callable[[], None]] = []
        self._calling = False
        self._alarm_at = inf
        self._results: list[Delivery] = []
        self._returned: dict[int, str] = {}
        self._released: list[int] = []

    def read_clock(self) -> float:
        """Return seconds of the clock that the throttle goes by."""
        return self._loop.time()

    def take(self) -> tuple[Delivery, Message] | None:
        """Return the next message; None when there is none, or it may not leave yet."""
        if not self._ready or self.halting or self.closed or not self.may_send():
            return None
        now = self._loop.time()
        if self.throttle.find_next_departure(now) > now:
            return None
        self.throttle.record_departure(now)
        return self._ready.popleft()

    def may_send(self) -> bool:
        """Return whether messages may leave: not while the worker's lease may be over, and another may have it."""
        if self._lease.is_valid:
            return True
        self.lease_doubted.set()
        return False

    async def wait(self, patience: float | None = None) -> bool:
        """Wait until a message may be there; return False when none will come, or none within `patience` seconds."""
        while not self.is_over:
            if self._ready and self.may_send():
                now = self._loop.time()
                at = self.throttle.find_next_departure(now)
                if at <= now:
                    return True
                self._set_alarm(at)
            if not await self._wait_until_woken(patience):
                return False
        return False

    @property
    def is_over(self) -> bool:
        """Return whether no further message will come."""
        return self.halting or self.closed

    def call_when_woken(self, listener: Callable[[], None]) -> None:
        """Call `listener` once, when a message may be there or none will come; never from within this call."""
        self._listening.append(listener)
        if self.is_over:
            self._call_soon()
        elif self._ready and self.may_send():
            self._set_alarm(self.throttle.find_next_departure(self._loop.time()))

    async def rest(self, seconds: float) -> None:
        """Wait, unless the dispatcher halts."""
        until = self._loop.time() + seconds
        while not self.halting and not self.closed and (left := until - self._loop.time()) > 0:
            await self._wait_until_woken(left)

    def answer(self, delivery: Delivery, result: Result, took: float) -> None:
        """Take in the result of a message, `took` seconds after it was handed out."""
        wait = None
        now = self._loop.time()
        if result.outcome is Outcome.ACCEPTED:
            self.throttle.record_acceptance(now, took)
            self._starved_since = None
        elif result.outcome is not Outcome.UNKNOWN:
            self.throttle.record_refusal(now, classify_result(result), _read_evidence(result), took=took)
        if result.outcome is Outcome.DEFERRED:
            self.put_offs += 1
            if delivery.tries < len(self._waits):
                wait = self._waits[delivery.tries]
        # Unknown is no progress: with texts lost time after time the whole list would become so.
        if result.outcome is not Outcome.UNKNOWN:
            self.fruitless_connections = 0
        self.tally[result.outcome] += 1
        due = NEVER if wait is None else time() + wait
        answered = delivery.with_result(result, took=round(took * 1000), due=due)
        self.recorder.note_answer(answered)
        self._results.append(answered)
        if len(self._results) >= self._group:
            self.changed.set()
        elif self._gathering is None:
            self._gathering = self._loop.call_later(_GATHER_S, self._announce)
        self._watch(delivery.id, classify_result(result), result)

    def put_off(self, delivery: Delivery, result: Result, *, slower: bool) -> None:
        """Take a message back that the server asks to get later; that does not count as one of its tries.

        `slower` says that all connections are meant, and not one among others.
        """
        self.put_offs += 1
        if delivery.tries:
            self.tally[Outcome.DEFERRED] += 1
        self.recorder.note_given_back(delivery.id)
        self._released.append(delivery.id)
        self.changed.set()
        self._slow_down(result, slower=slower)

    def record_reply(self, result: Result, *, slower: bool) -> None:
        """Take in a reply at a connection's beginning or end, which is about no single message."""
        concern = classify_reply(result.code or 0, result.enhanced or "", result.reply, result.stage)
        if concern in (Concern.RATE, Concern.CONNECTIONS, Concern.CONNECTION, Concern.HEALTH):
            self._slow_down(result, slower=slower)
        else:
            self._watch(None, concern, result)

    def _slow_down(self, result: Result, *, slower: bool) -> None:
        now = self._loop.time()
        if slower:
            self.throttle.record_refusal(now, Concern.RATE, _read_evidence(result))
        if self._starved_since is None:
            self._starved_since = now
        elif now - self._starved_since > self._patience and not self.halting:
            reply = result.line
            self.halt(
                DeliveryError(
                    f"The server has taken nothing for {self._patience:,.0f} seconds, and asks for less: {reply}",
                    next_step="Everyone who has not got the issue still waits. Send again later.",
                )
            )

    def give_back(self, delivery: Delivery, why: str, *, is_blameless: bool) -> None:
        """Take a message back of whose text nothing has left.

        `is_blameless` says that its connection did not end because of it: the connection had carried others before, or
        the server ended it for reasons of its own (RFC 5321, section 3.8). Otherwise the message may have ended it, and
        would do so again and again.
        """
        if delivery.tries:
            self.tally[Outcome.DEFERRED] += 1  # as before it was taken
        self.recorder.note_given_back(delivery.id)
        if is_blameless:
            self._released.append(delivery.id)
        else:
            self._returned[delivery.id] = why
        self.changed.set()

    def supply(self, messages: Sequence[tuple[Delivery, Message]]) -> None:
        """Lay out claimed messages for the connections."""
        for delivery, _ in messages:
            if delivery.tries:  # it was counted when it was deferred, and will be counted again
                self.tally[Outcome.DEFERRED] -= 1
        self._ready.extend(messages)
        if self.halting:
            self.changed.set()  # they are to be collected
        elif self._ready:
            self.wake()

    def collect(self) -> Collected:
        """Return what was handed in; when halting, with it the messages that no connection has taken."""
        self.changed.clear()
        if self.halting:
            self._released += [delivery.id for delivery, _ in self._ready]
            self.tally[Outcome.DEFERRED] += sum(delivery.tries > 0 for delivery, _ in self._ready)
            self._ready.clear()
        forgiven = self._refusals.forgiven
        collected = Collected(
            results=self._results, returned=self._returned, released=self._released, forgiven=tuple(forgiven)
        )
        self._results, self._returned, self._released = [], {}, []
        forgiven.clear()
        return collected

    def restore(self, collected: Collected) -> None:
        """Put back what was collected, when it may not have been recorded."""
        self._results[:0] = collected.results
        self._returned = collected.returned | self._returned
        self._released[:0] = collected.released
        self._refusals.forgiven[:0] = collected.forgiven

    def halt(self, failure: DeliveryError | None = None) -> None:
        """Hand out no more messages; those in hand are finished and recorded."""
        self.halting = True
        self.failure = self.failure or failure
        self.changed.set()
        self.wake()

    def close(self) -> None:
        """End all waiting: there is nothing more to carry."""
        self.closed = True
        self.wake()

    def wake(self) -> None:
        """Let everyone who waits look again."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
        if self._listening:
            self._call_soon()

    def _call_soon(self) -> None:
        # Not at once: the dispatcher may have been woken by a connection that is in the midst of reporting results.
        if not self._calling:
            self._calling = True
            self._loop.call_soon(self._call_listeners)

    def _call_listeners(self) -> None:
        self._calling = False
        listening, self._listening = self._listening, []
        for listener in listening:
            listener()

    def _set_alarm(self, at: float) -> None:
        if at < self._alarm_at:
            self._alarm_at = at
            self._loop.call_at(at, self._ring)

    def _announce(self) -> None:
        self._gathering = None
        self.changed.set()

    def _ring(self) -> None:
        self._alarm_at = inf
        self.wake()

    async def _wait_until_woken(self, patience: float | None) -> bool:
        future = self._loop.create_future()
        self._waiting.append(future)
        done, _ = await asyncio.wait([future], timeout=patience)
        return bool(done)

    def judge(self, tally: Counter[Outcome]) -> None:
        """Halt when too many are refused in a tally, which may be that of several workers."""
        failure = self._refusals.find_excess(tally)
        if failure is not None and not self.halting:
            self.halt(failure)

    def _watch(self, delivery: int | None, concern: Concern, result: Result) -> None:
        failure = self._refusals.record(delivery, concern, result, self.tally)
        if failure is not None and not self.halting:
            self.halt(failure)


def _read_evidence(result: Result) -> Evidence:
    return Evidence(result.stage, result.code, result.enhanced, result.reply)
