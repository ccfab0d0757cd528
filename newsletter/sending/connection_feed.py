"""The feed of one connection: the messages that it has in hand, and when it takes no more."""

import asyncio
from collections.abc import Callable

from newsletter.ledger.deliveries import Delivery
from newsletter.mail.message import Message, Outcome, Result
from newsletter.sending.dispatcher import Dispatcher

_IDLE_S = 5.0  # a connection with nothing to do is closed before the server does it
_CLOSING = 421  # RFC 5321, section 3.8


class ConnectionFeed:
    """A feed that knows which messages its connection has, so that none of them is lost.

    It ends after `at_most` messages, when the server refuses what it refuses to this connection alone, after several
    refusals in a row, and when there was nothing to carry for five seconds. `carried` counts the messages that were
    accepted.
    """

    def __init__(self, dispatcher: Dispatcher, at_most: int | None = None) -> None:
        self._dispatcher = dispatcher
        self._left = at_most
        self._in_hand: dict[str, tuple[Delivery, float]] = {}
        self._recorder = dispatcher.recorder
        self._note_taken = self._recorder.note_handed_over
        self.carried = 0
        self._refused = 0  # messages in a row
        self.useful = False  # a message was answered
        self.was_told = False  # by a 421 that answered a message, that the server ends the connection
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._ready: Callable[[bool], None] | None = None  # of the session that is to be called
        self._busy_at = self._clock()  # when it last took a message
        self._idle_timer: asyncio.TimerHandle | None = None
        self._slow_timer: asyncio.TimerHandle | None = None  # for the answer that comes after a refusal

    def take(self) -> Message | None:
        """Return the next message; None when there is none, or this connection takes no more."""
        if self._left == 0:
            return None
        now = self._clock()
        if (next_message := self._dispatcher.take(now)) is None:
            return None
        delivery, message = next_message
        self._note_taken(delivery.id)
        self._in_hand[message.key] = (delivery, now)
        self._busy_at = now
        if self._left is not None:
            self._left -= 1
        if self._refused and self._slow_timer is None:
            self._watch_for_slowness()
        return message

    def report_texts(self) -> Callable[[Message], None]:
        """Return what the session calls with each message before its text leaves, as the protocol TextFeed says."""
        self._note_taken = self._recorder.note_envelope
        return self._note_text

    def _note_text(self, message: Message) -> None:
        self._recorder.note_text(self._in_hand[message.key][0].id)

    def may_send(self) -> bool:
        """Return whether a message that was taken may still leave."""
        return self._dispatcher.may_send()

    async def wait(self) -> bool:
        """Wait until a message may be there; return False when the connection is to be closed."""
        return self._left != 0 and await self._dispatcher.wait(self._busy_at + _IDLE_S)

    def call_when_ready(self, ready: Callable[[bool], None]) -> None:
        """Call `ready` as the protocol CallingFeed says."""
        self._ready = ready
        if self._left == 0:
            self._loop.call_soon(self._call, False)
            return
        self._dispatcher.call_when_woken(self._call_again)
        if self._idle_timer is None:  # one for many short waits
            self._idle_timer = self._loop.call_at(self._busy_at + _IDLE_S, self._look_idle)

    def _call_again(self) -> None:
        self._call(not self._dispatcher.is_over)

    def _call(self, is_ready: bool) -> None:
        ready, self._ready = self._ready, None
        if ready is not None:
            ready(is_ready)

    def _look_idle(self) -> None:
        self._idle_timer = None
        now = self._clock()
        idle_at = (now if self._in_hand else self._busy_at) + _IDLE_S
        if idle_at <= now:
            self._left = 0
            self._call(False)
        elif self._ready is not None:
            self._idle_timer = self._loop.call_at(idle_at, self._look_idle)

    def end(self) -> None:
        """Take no more messages; what is in hand is finished."""
        if self._left != 0:
            self._left = 0
            if self._ready is not None:
                self._loop.call_soon(self._call, False)

    @property
    def is_over(self) -> bool:
        """Return whether it takes no more."""
        return self._left == 0 or self._dispatcher.is_over

    def end_after(self, messages: int | None) -> None:
        """Take no more than so many messages over the connection's whole life; None leaves it as it is."""
        if messages is None:
            return
        left = max(0, messages - self.carried - len(self._in_hand))
        if left == 0:
            self.end()
        elif self._left is None or left < self._left:
            self._left = left

    def answer(self, result: Result) -> None:
        """Pass on what became of a message. Raises ValueError for one that was not taken, or answered before."""
        in_hand = self._in_hand.pop(result.key, None)
        if in_hand is None:
            raise ValueError("an answer for a message that was not taken, or was answered already")
        delivery, since = in_hand
        now = self._clock()
        if self._slow_timer is not None:
            self._slow_timer.cancel()
            self._slow_timer = None
        if result.outcome is Outcome.ACCEPTED:
            self.carried += 1
            self.useful = True
            self._refused = 0
            self._dispatcher.accept(delivery, result, now, now - since)
        elif result.outcome is Outcome.UNKNOWN:
            self._dispatcher.record_unknown(delivery, result, now, now - since)
        else:
            self.useful = True
            self.was_told = self.was_told or result.code == _CLOSING
            goes_on = self._dispatcher.refuse(delivery, result, now, now - since, self.carried)
            self._refused += 1
            if not goes_on or self._refused >= self._dispatcher.throttle.session_refusals:
                self.end()
            if self._in_hand:
                self._watch_for_slowness()

    def _watch_for_slowness(self) -> None:
        self._slow_timer = self._loop.call_later(self._dispatcher.throttle.find_slow(), self._note_slow)

    def _note_slow(self) -> None:
        """Learn that the session has turned slow after what it refused, and leave it with what is in hand."""
        self._slow_timer = None
        self._dispatcher.throttle.record_slow(self._refused)
        self.end()

    def untouched(self, message: Message, why: str = "", code: int | None = None) -> None:
        """Give a message back of whose text nothing has left."""
        delivery, since = self._in_hand.pop(message.key)
        why = why or "the connection broke before its text was sent"
        now = self._clock()
        is_blameless = self.useful or code == _CLOSING
        self._dispatcher.give_back(delivery, why, now, now - since, is_blameless=is_blameless)

    def close(self, why: str) -> None:
        """Record every message that is still in hand as unknown: it may have gone out or not."""
        self._left = 0
        self._ready = None
        for timer in (self._idle_timer, self._slow_timer):
            if timer is not None:
                timer.cancel()
        for key in list(self._in_hand):
            self.answer(Result(key=key, outcome=Outcome.UNKNOWN, stage="connection", reply=why))
