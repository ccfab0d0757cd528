"""A worker's connections: opened while messages wait that no other carries, as many as the server bears."""

import asyncio
import re
from math import inf

from newsletter.backends import Announced, Backend, SessionLost, Unreachable, read_announced
from newsletter.errors import DeliveryError
from newsletter.mail.message import Outcome, Result
from newsletter.mail.reply_concern import Concern, classify_result
from newsletter.sending.connection_feed import ConnectionFeed
from newsletter.sending.dispatcher import Dispatcher
from newsletter.throttle.advice import read_evidence

_MOST_FRUITLESS = 5
_TRIES_TO_OPEN = 3  # before there has been any connection
_QUICK_S = 5.0  # a failure that came sooner may have been one of a moment
_AFTER_FAILURE_S = 0.2
_LOOK_AGAIN_S = 60.0
_GIVE_BACK_S = 3.0  # without any connection; after less the server may only have been restarted
# A server keeps few connections that it has not looked at: OpenSMTPD five (SMTPD_BACKLOG). Linux drops a further one
# without a word, and this side asks again after a second (RFC 6298, section 2). When a server ends all sessions after
# the same number of messages, all are opened anew at once.
_MOST_UNSEEN, _UNSEEN_S = 4, 0.02
_STATUS = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463


class Connections:
    """A worker's connections. The first is tried before the others, unless it takes long.

    It shows whether the server can be reached and accepts the login at all.
    """

    def __init__(self, backend: Backend, dispatcher: Dispatcher, largest: int = 0) -> None:
        """Make the connections of a worker whose largest message has at least `largest` bytes, as far as is known."""
        self._backend = backend
        self._dispatcher = dispatcher
        self._largest = largest
        self._throttle = dispatcher.throttle
        self._feeds: set[ConnectionFeed] = set()  # of those that are open
        self._opening: dict[asyncio.Task[None], float] = {}  # since when
        self._tasks: set[asyncio.Task[None]] = set()
        self._opened = False  # whether one has ever been open
        self._begun_at = -inf
        self._not_before = -inf
        self._failures = 0  # to open one, in a row
        self._cut_off_since: float | None = None  # when the first of these was begun
        self._length: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False
        self._all_ended = asyncio.Event()
        self._all_ended.set()

    def start(self) -> None:
        """Begin to open connections, now and whenever there are messages for more of them."""
        self._dispatcher.on_change = self._adapt
        self._adapt()

    @property
    def count(self) -> int:
        """Return how many connections there are, with those that are being opened or closed."""
        return len(self._tasks)

    def keep_to(self, most: int) -> None:
        """End connections beyond so many, each with what it has in hand."""
        for feed in [feed for feed in self._feeds if not feed.is_over][most:]:
            feed.end()

    def cancel(self) -> None:
        """Break off, whatever is under way."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()

    def stop_connecting(self) -> None:
        """Give up connections that are not open yet: nobody needs them any more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._opening:
            if task is not asyncio.current_task():
                task.cancel()

    async def wait_until_ended(self) -> None:
        """Wait until every connection is closed."""
        await self._all_ended.wait()

    def _adapt(self) -> None:
        """Open connections for messages that no other is free for; let none carry more than it may."""
        if self._throttle.session_length != self._length:
            self._length = self._throttle.session_length
            for feed in self._feeds:
                feed.end_after(self._length)
        if self._stopped or self._dispatcher.is_over:
            return
        now = self._dispatcher.read_clock()
        for _ in range(self._dispatcher.count_unserved(now) - len(self._opening)):
            at = self._find_next_opening(now)
            if at > now:
                self._look_again_at(min(at, now + _LOOK_AGAIN_S))
                return
            self._begin(now)

    def _find_next_opening(self, now: float) -> float:
        """Return when one more connection may be opened; one that ends has its place until it is closed."""
        at = max(self._not_before, self._throttle.find_next_connection(now, len(self._tasks)))
        unseen = [begun for begun in self._opening.values() if now - begun < _UNSEEN_S]
        return at if len(unseen) < _MOST_UNSEEN else max(at, min(unseen) + _UNSEEN_S)

    def _look_again_at(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at, self._adapt)

    def _begin(self, now: float) -> None:
        self._begun_at = now
        task = asyncio.create_task(self._carry())
        self._opening[task] = now
        self._tasks.add(task)
        self._all_ended.clear()
        task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._opening.pop(task, None)
        self._tasks.discard(task)
        if not self._tasks:
            self._all_ended.set()
        if task.cancelled() and not self._stopped:
            self._halt(DeliveryError("The backend ended every session.", next_step="Send again, and it goes on."))
        self._adapt()

    async def _carry(self) -> None:
        """Open a connection, and carry messages over it for as long as there are any."""
        try:
            await self._open_and_deliver()
        except Unreachable as error:
            self._note_unreachable(error)
        except DeliveryError as error:  # no message can leave: SenderRefused, a full disk
            if not self._dispatcher.closed:
                self._halt(error)
        except Exception as error:  # noqa: BLE001  # a plug-in backend may raise anything; the others finish first
            failure = DeliveryError(f"The backend failed: {error!r}.", next_step="Report it to whoever wrote it.")
            failure.__cause__ = error
            self._halt(failure)

    async def _open_and_deliver(self) -> None:
        dispatcher = self._dispatcher
        feed: ConnectionFeed | None = None
        loss: SessionLost | None = None
        try:
            async with self._backend.connect() as session:
                self._note_announced(read_announced(session))
                feed = ConnectionFeed(dispatcher, self._throttle.begin_session())
                self._note_open(feed)
                await session.deliver(feed)
        except SessionLost as error:
            loss = error
        finally:
            if feed is not None:
                self._feeds.discard(feed)
                feed.close(str(loss or "") or "the session ended before its reply")
                if loss is None:
                    self._throttle.record_connection_closed(dispatcher.read_clock(), feed.carried)
        if feed is not None and loss is not None:
            self._note_lost(feed, loss)
        elif feed is not None and not feed.useful and not feed.is_over:
            self._not_before = dispatcher.read_clock() + _AFTER_FAILURE_S

    def _note_announced(self, announced: Announced) -> None:
        """Believe what the server announces, before it is tried with anybody's message."""
        if announced.messages is not None:
            self._throttle.record_announced_length(announced.messages)
        if announced.largest_message is not None:
            self._dispatcher.check_size(self._largest, announced.largest_message)

    def _note_open(self, feed: ConnectionFeed) -> None:
        if (task := asyncio.current_task()) is not None:
            self._opening.pop(task, None)
        self._opened = True
        self._failures = 0
        self._cut_off_since = None
        self._dispatcher.end_outage()
        self._feeds.add(feed)
        self._throttle.record_connected(self._dispatcher.read_clock())
        asyncio.get_running_loop().call_soon(self._adapt)

    def _note_unreachable(self, error: Unreachable) -> None:
        """Take in that no connection could be opened: halt when none ever can, or nothing has worked for long."""
        dispatcher, now = self._dispatcher, self._dispatcher.read_clock()
        if dispatcher.closed:
            return
        self._failures += 1
        result = _read_reply(error)
        if self._is_permanent(error, now) and not self._feeds:
            self._halt(error)
            return
        self._not_before = now + _AFTER_FAILURE_S
        concern = Concern.HEALTH if error.code is None else classify_result(result)
        if self._feeds and concern is Concern.STANDING:
            concern = Concern.CONNECTIONS  # others are open
        self._throttle.record_connection_refused(now, concern, read_evidence(result))
        if not self._feeds:
            self._cut_off_since = self._begun_at if self._cut_off_since is None else self._cut_off_since
            if now - self._cut_off_since >= _GIVE_BACK_S:
                dispatcher.begin_outage()
            dispatcher.record_reply(result)
            dispatcher.starve(now, error.message, error.next_step)

    def _is_permanent(self, error: Unreachable, now: float) -> bool:
        """Return whether trying again is of no use: with a wrong password it is none; a server may be restarting."""
        if error.code is not None:
            return error.code // 100 == 5
        # Before there was any connection, what is wrong may be the configuration, and somebody waits to be told.
        return not self._opened and (self._failures >= _TRIES_TO_OPEN or now - self._begun_at > _QUICK_S)

    def _note_lost(self, feed: ConnectionFeed, loss: SessionLost) -> None:
        """Take in that the other side ended a connection; halt when all it does is break them."""
        dispatcher, now = self._dispatcher, self._dispatcher.read_clock()
        result = _read_reply(loss)
        # The reply to a message has said already after how many it ended.
        carried = 0 if feed.was_told else feed.carried
        self._throttle.record_connection_lost(now, carried, read_evidence(result))
        dispatcher.record_reply(result)
        if not feed.carried:
            self._not_before = now + _AFTER_FAILURE_S
        if loss.code is not None:  # a server that says that it ends the session
            if not feed.carried:
                dispatcher.starve(now, str(loss))
            return
        dispatcher.fruitless_connections += 1
        if dispatcher.fruitless_connections >= max(_MOST_FRUITLESS, 2 * self._backend.limits.connections):
            reason = f" ({loss})" if str(loss) else ""
            self._halt(
                DeliveryError(
                    f"The server breaks every connection before it has answered for a message{reason}.",
                    next_step="Wait, and send again; ask whoever runs the server if it stays so.",
                )
            )

    def _halt(self, failure: DeliveryError) -> None:
        self._dispatcher.halt(failure)
        self.stop_connecting()


def _read_reply(error: SessionLost | Unreachable) -> Result:
    """Return a reply at a connection's beginning or end as a result that belongs to no message."""
    enhanced, words = error.enhanced, error.reply
    if not words:  # a plug-in's, which says all in one
        words = str(error)
        enhanced = (status := _STATUS.search(words)) and status[0]
    stage = error.stage or "connection"
    return Result(key="", outcome=Outcome.DEFERRED, stage=stage, code=error.code, enhanced=enhanced, reply=words)
