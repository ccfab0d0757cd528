"""A run's connections: each is opened, carries messages, and is opened again when it breaks."""

import asyncio
import re
from math import inf
from typing import cast

from newsletter.backends import Backend, SessionLost, Unreachable
from newsletter.errors import DeliveryError
from newsletter.ledger.claims import Claim
from newsletter.mail.message import Message, Outcome, Result
from newsletter.sending.concern import Concern, concern_of
from newsletter.sending.dispatcher import Dispatcher

_FRUITLESS_SESSIONS = 5
_REST_S = 0.2
_LONGEST_REST_S = 16.0
_TRIES_TO_OPEN = 3
_TRIES_TO_OPEN_AGAIN = 7  # with the rests between them half a minute, which is what a server takes to start anew
_NOTHING_ELSE = 3  # messages that a connection had put off, and none accepted
_GIVE_UP_EVERY_S = 0.5
_CLOSING = 421  # RFC 5321, section 3.8
_STATUS = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463
_IDLE_S = 5.0  # a connection with nothing to do is closed before the server does it


class Connections:
    """As many connections as the backend bears. The first has to stand before the others are tried."""

    def __init__(self, backend: Backend, dispatcher: Dispatcher) -> None:
        self._backend = backend
        self._dispatcher = dispatcher
        self._first = asyncio.Event()
        self._opened = False  # has there ever been a session?
        self._feeds = OpenFeeds()
        self._kept = backend.limits.connections
        self._given_up_at = -inf
        self._connecting: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._keep(number)) for number in range(self._backend.limits.connections)]

    def cancel(self) -> None:
        """Break off, whatever is under way."""
        for task in self._tasks:
            task.cancel()

    def stop_connecting(self) -> None:
        """Nobody needs a connection that is not open yet."""
        self._first.set()
        for task in self._connecting:
            if task is not asyncio.current_task():
                task.cancel()

    async def wait_until_ended(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, number: int) -> None:
        """One connection after another, for as long as there is something to carry."""
        if number > 0:
            # One login shows whether the server lets us in at all; a wrong password is tried only once.
            await self._first.wait()
        failures = 0
        try:
            while await self._dispatcher.wait():
                feed = ConnectionFeed(self._dispatcher, self._backend.limits.per_connection, self._feeds)
                try:
                    await self._one_session(feed)
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
                    if error.code is not None and error.code // 100 == 4:  # else it has words and advice of its own
                        self._dispatcher.heard(_said(error, error.code), slower=not self._feeds.open)
                    if self._for_good(error, failures):
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

    def _for_good(self, error: Unreachable, failures: int) -> bool:
        """Is there no use in trying again? With a wrong password there is none; a server may be starting anew."""
        if error.code is not None and error.code // 100 == 5:
            return True
        if not self._opened:
            return error.code is None or failures >= _TRIES_TO_OPEN
        return failures >= _TRIES_TO_OPEN_AGAIN

    def _may_give_up(self) -> bool:
        """Return whether this connection may be given up: of several that hear at once of one too many, one is."""
        now = self._dispatcher.now()
        if not self._feeds.open or now - self._given_up_at < _GIVE_UP_EVERY_S:
            return False
        self._given_up_at = now
        return True

    async def _one_session(self, feed: "ConnectionFeed") -> None:
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
        dispatcher.fruitless += 1
        dispatcher.heard(_said(loss, loss.code), slower=not self._feeds.open)
        if dispatcher.fruitless >= max(_FRUITLESS_SESSIONS, 2 * self._backend.limits.connections):
            said = f" ({loss})" if str(loss) else ""
            self._halt(
                DeliveryError(
                    f"The server breaks every connection before it has answered for a message{said}.",
                    next_step="Wait, and send again; ask whoever runs the server if it stays so.",
                )
            )
        # A server that ends connections for reasons of its own is given time; one that breaks them may have restarted.
        await dispatcher.rest(
            min(_REST_S * 2 ** (dispatcher.fruitless - 1), _LONGEST_REST_S) if loss.code == _CLOSING else _REST_S
        )

    def _halt(self, failure: DeliveryError) -> None:
        self._dispatcher.halt(failure)
        self.stop_connecting()


class OpenFeeds:
    """The feeds of the connections that are open now."""

    def __init__(self) -> None:
        self.open: set[ConnectionFeed] = set()

    def are_open(self, but: "ConnectionFeed") -> bool:
        """Return whether there is another connection."""
        return any(feed is not but and not feed.crowded for feed in self.open)

    def are_served(self, but: "ConnectionFeed") -> bool:
        """Return whether there is another connection that carries messages."""
        return any(feed is not but and not feed.crowded and feed.useful for feed in self.open)


class ConnectionFeed:
    """One session's end of the dispatcher: knows what it has in hand, so that nothing taken is ever lost sight of."""

    def __init__(self, dispatcher: Dispatcher, at_most: int | None = None, others: "OpenFeeds | None" = None) -> None:
        self._dispatcher = dispatcher
        self._left = at_most
        self._others = others or OpenFeeds()
        self._put_off = 0
        self.crowded = False  # it was told that there is a connection too many, and takes no more
        self._in_hand: dict[str, tuple[Claim, float]] = {}
        self.useful = False
        self._clock = asyncio.get_running_loop().time

    def take(self) -> Message | None:
        if self._left == 0 or self.crowded or (taken := self._dispatcher.take()) is None:
            return None
        claim, message = taken
        self._in_hand[message.key] = (claim, self._clock())
        if self._left is not None:
            self._left -= 1
        return message

    async def wait(self) -> bool:
        return self._left != 0 and not self.crowded and await self._dispatcher.wait(_IDLE_S)

    def answer(self, result: Result) -> None:
        taken = self._in_hand.pop(result.key, None)
        if taken is None:
            raise ValueError("an answer for a message that was not taken, or was answered already")
        claim, since = taken
        concern = concern_of(result)
        if concern in (Concern.RATE, Concern.CONNECTIONS):
            self._put_off += 1
            # One that gets nothing but this, while others are served, is a connection too many, whatever is said of it.
            nothing_else = not self.useful and self._others.are_served(self)
            alone = not self._others.are_open(self)
            if (concern is Concern.CONNECTIONS and not alone) or (nothing_else and self._put_off >= _NOTHING_ELSE):
                self.crowded = True
            self._dispatcher.put_off(claim, result, slower=not (self.crowded or nothing_else))
            return
        self.useful = self.useful or result.outcome is not Outcome.UNKNOWN
        self._dispatcher.answer(claim, result, self._clock() - since)

    def untouched(self, message: Message, why: str = "") -> None:
        claim, _ = self._in_hand.pop(message.key)
        why = why or "the connection broke before its text was sent"
        self._dispatcher.give_back(claim, why, session_was_useful=self.useful)

    def close(self, why: str) -> None:
        """Whatever is still in hand may have gone out or not."""
        for key in list(self._in_hand):
            self.answer(Result(key=key, outcome=Outcome.UNKNOWN, stage="connection", reply=why))


def _said(error: Exception, code: int | None) -> Result:
    """Return what a server said at a connection's beginning or end as a result for no message."""
    status = _STATUS.search(str(error))
    return Result(
        key="", outcome=Outcome.DEFERRED, stage="connect", code=code, enhanced=status and status[0], reply=str(error)
    )
