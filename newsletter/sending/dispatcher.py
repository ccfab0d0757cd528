"""The dispatcher: hands claimed messages to a worker's connections, and collects the results."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from time import time

from newsletter.errors import DeliveryError
from newsletter.lease_clock import LeaseClock
from newsletter.ledger.deliveries import NEVER, Delivery
from newsletter.ledger.flight_recorder import FlightRecorder
from newsletter.mail.message import Message, Outcome, Result
from newsletter.mail.reply_concern import Concern, classify_reply, classify_result
from newsletter.sending.collection import Collected, Collection
from newsletter.sending.domain_queue import DomainQueue
from newsletter.sending.put_off_readers import PutOffReaders
from newsletter.sending.refusals import Refusals
from newsletter.throttle.advice import Advice, read_evidence
from newsletter.throttle.controller import Throttle
from newsletter.throttle.holds import HoldKind

_FAR_S = 0.1  # a longer wait for the throttle may become shorter by an answer
_NOT_THEIRS = (Concern.RATE, Concern.CONNECTION, Concern.CONNECTIONS, Concern.HEALTH)  # unless the throttle says so


class Dispatcher:
    """A worker's exchange of messages and results. Nothing here waits for the ledger.

    `waits` are the seconds after which a deferred message is tried again, each time the next of them; `refusals`
    says when there are too many. A server that takes nothing for `patience` seconds, though it is tried, halts it.
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
        domains: DomainQueue | None = None,
    ) -> None:
        self.recorder = recorder or FlightRecorder()
        self.throttle = throttle
        self.lease_doubted = asyncio.Event()  # it may be over: nothing leaves until it is renewed
        self.on_change: Callable[[], None] = lambda: None  # messages may be ready, or the throttle has learned
        self._lease = lease
        self._collection = Collection(self.recorder, domains, group)
        self.tally = self._collection.tally
        self.changed = self._collection.changed  # something was handed in, or the dispatcher halts
        self.failure: DeliveryError | None = None
        self.put_offs = 0  # how often a message was not taken yet, for whatever reason
        self.fruitless_connections = 0  # that broke in a row
        self.is_cut_off = False  # no connection can be opened: one message is enough to ask with
        self.halting = False  # hands out no more
        self.closed = False  # nothing is under way any more
        self._refusals = refusals or Refusals(None, 1)
        self._put_off = PutOffReaders(throttle, waits)
        self._patience = patience
        self._starved_since: float | None = None
        self._loop = asyncio.get_running_loop()
        self.domains = domains
        self._ready: deque[tuple[Delivery, Message]] | DomainQueue = deque() if domains is None else domains
        if domains is not None:
            domains.wake = self.wake
        self._waiting: list[asyncio.Future[None]] = []  # connections
        self._listening: list[Callable[[], None]] = []  # connections that are called
        self._looking = False
        self._alarm_at = inf
        self._is_far = False  # the departure of what is ready

    def read_clock(self) -> float:
        """Return seconds of the clock that the throttle goes by."""
        return self._loop.time()

    @property
    def is_over(self) -> bool:
        """Return whether no further message will come."""
        return self.halting or self.closed

    def take(self, now: float) -> tuple[Delivery, Message] | None:
        """Return the next message; None when there is none, or it may not leave yet."""
        if not self._ready or self.halting or self.closed or not self.may_send():
            return None
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

    async def wait(self, until: float) -> bool:
        """Wait until a message may be there; return False when none will come, or none has come by then."""
        while not self.is_over:
            now = self._loop.time()
            if self._find_departure(now) <= now:
                return True
            if until <= now:
                return False
            future = self._loop.create_future()
            self._waiting.append(future)
            await asyncio.wait([future], timeout=until - now)
            if not future.done():
                self._waiting.remove(future)
        return False

    def call_when_woken(self, listener: Callable[[], None]) -> None:
        """Call `listener` once, when a message may be there or none will come; never from within this call."""
        self._listening.append(listener)
        now = self._loop.time()
        if self.is_over or self._find_departure(now) <= now:
            self._look_soon()

    def count_unserved(self, now: float) -> int:
        """Return how many messages may leave now that no connection is waiting for."""
        if self._find_departure(now) > now:
            return 0
        return max(0, len(self._ready) - len(self._listening) - len(self._waiting))

    def accept(self, delivery: Delivery, result: Result, now: float, took: float) -> None:
        """Take in that a message was accepted, `took` seconds after it was handed out."""
        if not self._put_off:
            self.throttle.record_acceptance(now, took)
        else:
            self.throttle.record_acceptance(now, took, self._put_off.measure_wait(delivery.id, now - took))
            self._put_off.forget(delivery.id)
            self._note_sooner(now)
        self._starved_since = None
        self.fruitless_connections = 0
        self._collection.record(delivery.with_result(result, took=round(took * 1000)), result.outcome)
        self._refusals.record(delivery.id, Concern.READER, result, self.tally)
        if self._is_far:
            self._look_soon()

    def refuse(self, delivery: Delivery, result: Result, now: float, took: float, carried: int) -> bool:
        """Take in that a message was refused or put off; return whether its connection may go on.

        `carried` is how many messages the connection had had accepted before.
        """
        concern, evidence = classify_result(result), read_evidence(result)
        waited = self._put_off.measure_wait(delivery.id, now - took)
        advice = self.throttle.record_refusal(
            now,
            concern,
            evidence,
            took=took,
            session_carried=carried,
            waited=waited,
            put_off=self._put_off.count(delivery.id, concern),
        )
        self.fruitless_connections = 0
        if concern not in _NOT_THEIRS and advice.retry_reader_at is None:
            advice = replace(advice, counts_against_reader=True)
        if result.outcome is Outcome.REFUSED and advice.counts_against_reader:
            self._put_off.forget(delivery.id)
            self._collection.record(delivery.with_result(result, took=round(took * 1000)), result.outcome)
            self._watch(delivery.id, concern, result)
        else:
            self._defer(delivery, concern, result, advice, now, took)
        self._note_sooner(now)
        self._look_soon()
        return advice.keep_session

    def _defer(
        self, delivery: Delivery, concern: Concern, result: Result, advice: Advice, now: float, took: float
    ) -> None:
        """Let a message wait that was put off: behind the others, or until it is tried again."""
        self.put_offs += 1
        retry = self._put_off.find_retry(delivery, concern, read_evidence(result), advice, now)
        if retry.at is None:
            self._collection.release(delivery)
        else:
            due = NEVER if retry.at == inf else time() + retry.at - now
            put_off = result._replace(outcome=Outcome.DEFERRED)
            deferred = delivery.with_result(put_off, took=round(took * 1000), due=due)
            if not retry.counts:
                deferred = deferred._replace(tries=delivery.tries)
            self._collection.record(deferred, Outcome.DEFERRED)
        if retry.counts:
            self._watch(delivery.id, concern, result)
        else:
            self.starve(now, result.line)

    def record_unknown(self, delivery: Delivery, result: Result, now: float, took: float) -> None:
        """Take in that nobody knows what became of a message."""
        self.throttle.record_no_answer(now, took)
        # It is no progress: with texts lost time after time the whole list would become unknown.
        self._put_off.forget(delivery.id)
        self._collection.record(delivery.with_result(result, took=round(took * 1000)), result.outcome)
        self._watch(delivery.id, Concern.READER, result)

    def record_reply(self, result: Result) -> None:
        """Take in a reply at a connection's beginning or end, which is about no single message."""
        concern = classify_reply(result.code or 0, result.enhanced or "", result.reply, result.stage)
        if concern not in _NOT_THEIRS:
            self._watch(None, concern, result)

    def check_size(self, largest: int, limit: int) -> None:
        """Halt when the server takes no message as large as the largest, which has so many bytes or more."""
        if (failure := self._refusals.compare_size(largest, limit)) and not self.halting:
            self.halt(failure)

    def starve(self, now: float, why: str, next_step: str = "") -> None:
        """Take in that nothing was accepted, for a reason that is the server's; halt when that goes on for long."""
        since = now if self._starved_since is None else self._starved_since
        hold = self.throttle.describe_hold(now)
        if hold is not None and hold.kind is HoldKind.QUOTA and hold.until is not None:
            since = max(since, hold.until)  # nobody expects more before
        self._starved_since = since
        if now - since > self._patience and not self.halting:
            self.halt(
                DeliveryError(
                    f"The server has taken nothing for {self._patience:,.0f} seconds, and last it was: {why}",
                    next_step=f"Everyone who has not got the issue still waits. {next_step or 'Send again later.'}",
                )
            )

    def give_back(self, delivery: Delivery, why: str, now: float, took: float, *, is_blameless: bool) -> None:
        """Take a message back of whose text nothing has left, `took` seconds after it was handed out.

        `is_blameless` says that its connection did not end because of it: the connection had carried others before, or
        the server ended it for reasons of its own (RFC 5321, section 3.8). Otherwise the message may have ended it, and
        would do so again and again.
        """
        self.throttle.record_no_answer(now, took)
        if self._is_far:
            self._look_soon()
        if is_blameless:
            self._collection.release(delivery)
        else:
            self._collection.give_back(delivery, why)

    def _note_sooner(self, now: float) -> None:
        if sooner := self._put_off.find_sooner():
            shift = time() - now
            self._collection.hasten({delivery: at + shift for delivery, at in sooner.items()})

    def supply(self, messages: Sequence[tuple[Delivery, Message]]) -> None:
        """Lay out claimed messages for the connections."""
        for delivery, _ in messages:
            # It was counted when it was deferred, and will be counted again.
            if delivery.tries or (self._put_off and self._put_off.is_deferred(delivery.id)):
                self.tally[Outcome.DEFERRED] -= 1
            if self._put_off:
                self._put_off.take(delivery.id)
        self._ready.extend(messages)
        if self.halting:
            self.changed.set()  # they are to be collected
        elif self._ready:
            self.wake()

    def begin_outage(self) -> None:
        """Give back what no connection has taken, but for one message: others may get through, or stop the send."""
        self.is_cut_off = True
        untaken = list(self._ready)
        if len(untaken) > 1 and not self.halting:
            self._ready.clear()
            self._ready.extend(untaken[:1])
            self._collection.release_untaken([delivery for delivery, _ in untaken[1:]])
            self.changed.set()

    def end_outage(self) -> None:
        """Have messages claimed again, since a connection is open."""
        if self.is_cut_off:
            self.is_cut_off = False
            self.changed.set()

    def collect(self) -> Collected:
        """Return what was handed in; when halting, with it the messages that no connection has taken."""
        if self.halting:
            self._collection.release_untaken([delivery for delivery, _ in self._ready])
            self._ready.clear()
        self._collection.forgive(self._refusals.forgiven)
        self._refusals.forgiven.clear()
        return self._collection.take()

    def restore(self, collected: Collected) -> None:
        """Put back what was collected, when it may not have been recorded."""
        self._collection.restore(collected)

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
        self._wake_waiting()
        self._look_soon()

    def _wake_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _look_soon(self) -> None:
        # Not at once: the dispatcher may have been woken by a connection that is in the midst of reporting results.
        if not self._looking:
            self._looking = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        """Call connections that listen, for as long as something may leave, and then whoever may open others."""
        self._looking = False
        listening, self._listening = self._listening, []
        while listening and (self.is_over or self._may_depart()):
            # The latest first, so that connections that are not needed have nothing to do, and are closed.
            listening.pop()()
        self._listening[:0] = listening
        if self._waiting and self._may_depart():
            self._wake_waiting()
        self.on_change()

    def _may_depart(self) -> bool:
        now = self._loop.time()
        return self._find_departure(now) <= now

    def _find_departure(self, now: float) -> float:
        """Return when the next message may leave; infinity when there is none, or the lease may be over."""
        if not self._ready or not self.may_send():
            return inf
        at = self.throttle.find_next_departure(now)
        self._is_far = at > now + _FAR_S
        if now < at < self._alarm_at:
            self._alarm_at = at
            self._loop.call_at(at, self._ring)
        return at

    def _ring(self) -> None:
        self._alarm_at = inf
        self.wake()

    def judge(self, tally: Counter[Outcome]) -> None:
        """Halt when too many are refused in a tally, which may be that of several workers."""
        failure = self._refusals.find_excess(tally)
        if failure is not None and not self.halting:
            self.halt(failure)

    def _watch(self, delivery: int | None, concern: Concern, result: Result) -> None:
        failure = self._refusals.record(delivery, concern, result, self.tally)
        if failure is not None and not self.halting:
            self.halt(failure)
