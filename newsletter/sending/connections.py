"""A worker's connections: each is opened, carries messages, and is opened again when it breaks."""

import asyncio
import re
from collections.abc import Callable
from math import inf
from typing import cast

from newsletter.backends import Backend, SessionLost, Unreachable
from newsletter.errors import DeliveryError
from newsletter.ledger.deliveries import Delivery
from newsletter.mail.message import Message, Outcome, Result
from newsletter.mail.reply_concern import Concern, classify_result
from newsletter.sending.dispatcher import Dispatcher

_MOST_FRUITLESS = 5
_REST_S = 0.2
_LONGEST_REST_S = 16.0
_TRIES_TO_OPEN = 3
_TRIES_TO_OPEN_AGAIN = 7  # with the rests between them half a minute, in which a server restarts
_NOTHING_ELSE = 3  # messages that a connection had put off, and none accepted
_GIVE_UP_EVERY_S = 0.5
_CLOSING = 421  # RFC 5321, section 3.8
_STATUS = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463
_IDLE_S = 5.0  # a connection with nothing to do is closed before the server does it


class Connections:
    """As many connections as the backend allows; the first has to be open before the others are tried."""

    def __init__(self, backend: Backend, dispatcher: Dispatcher) -> None:
        self._backend = backend
        self._dispatcher = dispatcher
        self._first = asyncio.Event()
        self._opened = False  # whether one has ever been open
        self._feeds = OpenFeeds()
        self._kept = backend.limits.connections
        self._given_up_at = -inf
        self._connecting: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to open connections."""
        self._tasks = [
            asyncio.create_task(self._keep_open(number)) for number in range(self._backend.limits.connections)
        ]

    def cancel(self) -> None:
        """Break off, whatever is under way."""
        for task in self._tasks:
            task.cancel()

    def stop_connecting(self) -> None:
        """Give up connections that are not open yet: nobody needs them any more."""
        self._first.set()
        for task in self._connecting:
            if task is not asyncio.current_task():
                task.cancel()

    async def wait_until_ended(self) -> None:
        """Wait until every connection is closed."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_open(self, number: int) -> None:
        """Open one connection after another, for as long as there is something to carry."""
        if number > 0:
            # One login shows whether the server accepts it at all, so that a wrong password is tried only once.
            await self._first.wait()
        failures = 0
        try:
            while await self._dispatcher.wait():
                feed = ConnectionFeed(self._dispatcher, self._backend.limits.per_connection, self._feeds)
                try:
                    await self._open_and_deliver(feed)
                    failures = 0
                    if feed.crowded:
                        if self._may_give_up():
                            return
                        await self._dispatcher.rest(_GIVE_UP_EVERY_S)
                except SessionLost as loss:
                    if loss.code == _CLOSING and not feed.useful and self._may_give_up():
                        return  # the server bears fewer connections than there are
                    await self._rest_after_loss(loss)
                except Unreachable as error:
                    failures += 1
                    if error.code is not None and error.code // 100 == 4:  # else the error has advice of its own
                        self._dispatcher.record_reply(_read_reply(error, error.code), slower=not self._feeds.open)
                    if self._is_permanent(error, failures):
                        if self._feeds.open:
                            return  # the server may allow fewer connections than we would like; the others go on
                        raise
                    await self._dispatcher.rest(min(_REST_S * 2**failures, _LONGEST_REST_S))
        except DeliveryError as error:  # no message can leave: Unreachable, SenderRefused, a full disk
            if not self._dispatcher.closed:
                self._halt(error)
        except Exception as error:  # noqa: BLE001  # a plug-in backend may raise anything; the others finish first
            failure = DeliveryError(f"The backend failed: {error!r}.", next_step="Report it to whoever wrote it.")
            failure.__cause__ = error
            self._halt(failure)
        finally:
            self._first.set()
            self._kept -= 1
            dispatcher = self._dispatcher
            if not self._kept and not dispatcher.halting and not dispatcher.closed:
                dispatcher.halt(
                    DeliveryError("The backend ended every session.", next_step="Send again, and it goes on.")
                )

    def _is_permanent(self, error: Unreachable, failures: int) -> bool:
        """Return whether trying again is of no use: with a wrong password it is none; a server may be restarting."""
        if error.code is not None and error.code // 100 == 5:
            return True
        if not self._opened:
            return error.code is None or failures >= _TRIES_TO_OPEN
        return failures >= _TRIES_TO_OPEN_AGAIN

    def _may_give_up(self) -> bool:
        """Return whether this connection may be given up: of several told at once of one too many, one is."""
        now = self._dispatcher.read_clock()
        if not self._feeds.open or now - self._given_up_at < _GIVE_UP_EVERY_S:
            return False
        self._given_up_at = now
        return True

    async def _open_and_deliver(self, feed: "ConnectionFeed") -> None:
        connecting = cast("asyncio.Task[None]", asyncio.current_task())
        self._connecting.add(connecting)
        try:
            async with self._backend.connect() as session:
                self._connecting.discard(connecting)
                self._opened = True
                self._first.set()
                self._feeds.open.add(feed)
                try:
                    await session.deliver(feed)
                finally:
                    self._feeds.open.discard(feed)
        except SessionLost as loss:
            feed.close(str(loss) or "the connection was lost")
            raise
        finally:
            self._connecting.discard(connecting)
            feed.close("the session ended before its reply")

    async def _rest_after_loss(self, loss: SessionLost) -> None:
        dispatcher = self._dispatcher
        dispatcher.fruitless_connections += 1
        dispatcher.record_reply(_read_reply(loss, loss.code), slower=not self._feeds.open)
        if dispatcher.fruitless_connections >= max(_MOST_FRUITLESS, 2 * self._backend.limits.connections):
            reason = f" ({loss})" if str(loss) else ""
            self._halt(
                DeliveryError(
                    f"The server breaks every connection before it has answered for a message{reason}.",
                    next_step="Wait, and send again; ask whoever runs the server if it stays so.",
                )
            )
        # A server that ends connections for reasons of its own is given time; one that breaks them may have restarted.
        await dispatcher.rest(
            min(_REST_S * 2 ** (dispatcher.fruitless_connections - 1), _LONGEST_REST_S)
            if loss.code == _CLOSING
            else _REST_S
        )

    def _halt(self, failure: DeliveryError) -> None:
        self._dispatcher.halt(failure)
        self.stop_connecting()


class OpenFeeds:
    """Feeds of the connections that are open now."""

    def __init__(self) -> None:
        self.open: set[ConnectionFeed] = set()

    def has_other(self, but: "ConnectionFeed") -> bool:
        """Return whether there is another connection."""
        return any(feed is not but and not feed.crowded for feed in self.open)

    def has_other_served(self, but: "ConnectionFeed") -> bool:
        """Return whether there is another connection that carries messages."""
        return any(feed is not but and not feed.crowded and feed.useful for feed in self.open)


class ConnectionFeed:
    """The feed of one connection: it knows which messages the connection has, so that none of them is lost."""

    def __init__(self, dispatcher: Dispatcher, at_most: int | None = None, others: "OpenFeeds | None" = None) -> None:
        self._dispatcher = dispatcher
        self._left = at_most
        self._others = others or OpenFeeds()
        self._put_off = 0
        self.crowded = False  # told that there is a connection too many: it takes no more
        self._in_hand: dict[str, tuple[Delivery, float]] = {}
        self.useful = False
        self._recorder = dispatcher.recorder
        self._note_taken = self._recorder.note_handed_over
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._ready: Callable[[bool], None] | None = None  # of the session that is to be called
        self._idle_since = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None

    def take(self) -> Message | None:
        """Return the next message; None when there is none, or this connection takes no more."""
        if self._left == 0 or self.crowded or (next_message := self._dispatcher.take()) is None:
            return None
        delivery, message = next_message
        self._note_taken(delivery.id)
        self._in_hand[message.key] = (delivery, self._clock())
        if self._left is not None:
            self._left -= 1
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
        return self._left != 0 and not self.crowded and await self._dispatcher.wait(_IDLE_S)

    def call_when_ready(self, ready: Callable[[bool], None]) -> None:
        """Call `ready` as the protocol CallingFeed says."""
        self._ready = ready
        if self._left == 0 or self.crowded:
            self._loop.call_soon(self._call, False)
            return
        self._dispatcher.call_when_woken(self._call_again)
        self._idle_since = self._clock()
        if self._idle_timer is None:  # one for many short waits
            self._idle_timer = self._loop.call_later(_IDLE_S, self._look_idle)

    def _call_again(self) -> None:
        self._call(not self._dispatcher.is_over)

    def _call(self, is_ready: bool) -> None:
        ready, self._ready = self._ready, None
        if ready is not None:
            ready(is_ready)

    def _look_idle(self) -> None:
        self._idle_timer = None
        left = self._idle_since + _IDLE_S - self._clock()
        if self._ready is not None and left > 0:
            self._idle_timer = self._loop.call_later(left, self._look_idle)
        else:
            self._call(False)

    def answer(self, result: Result) -> None:
        """Pass on what became of a message. Raises ValueError for one that was not taken, or answered before."""
        in_hand = self._in_hand.pop(result.key, None)
        if in_hand is None:
            raise ValueError("an answer for a message that was not taken, or was answered already")
        delivery, since = in_hand
        concern = classify_result(result)
        if concern in (Concern.RATE, Concern.CONNECTIONS, Concern.CONNECTION):
            self._put_off += 1
            # A connection that gets nothing else, while others are served, is one too many, whatever the reply says.
            nothing_else = not self.useful and self._others.has_other_served(self)
            alone = not self._others.has_other(self)
            if (concern is not Concern.RATE and not alone) or (nothing_else and self._put_off >= _NOTHING_ELSE):
                self.crowded = True
            self._dispatcher.put_off(delivery, result, slower=not (self.crowded or nothing_else))
            return
        self.useful = self.useful or result.outcome is not Outcome.UNKNOWN
        self._dispatcher.answer(delivery, result, self._clock() - since)

    def untouched(self, message: Message, why: str = "", code: int | None = None) -> None:
        """Give a message back of whose text nothing has left."""
        delivery, _ = self._in_hand.pop(message.key)
        why = why or "the connection broke before its text was sent"
        self._dispatcher.give_back(delivery, why, is_blameless=self.useful or code == _CLOSING)

    def close(self, why: str) -> None:
        """Record every message that is still in hand as unknown: it may have gone out or not."""
        self._ready = None
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        for key in list(self._in_hand):
            self.answer(Result(key=key, outcome=Outcome.UNKNOWN, stage="connection", reply=why))


def _read_reply(error: Exception, code: int | None) -> Result:
    """Return a reply at a connection's beginning or end as a result that belongs to no message."""
    status = _STATUS.search(str(error))
    return Result(
        key="", outcome=Outcome.DEFERRED, stage="connect", code=code, enhanced=status and status[0], reply=str(error)
    )
