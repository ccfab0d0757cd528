"""One connection that is open and logged in: bytes between a socket and the dialogue, and the deadlines for replies."""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from newsletter.backends import Announced, Feed, SessionLost
from newsletter.backends.smtp.dialogue import Dialogue
from newsletter.backends.smtp.transaction import DialogueStage

# An option of Linux. Without it our acknowledgement of a reply waits up to 40 ms for data to travel with (RFC 1122,
# section 4.2.3.2), and a server that uses Nagle's algorithm keeps its next reply back for as long.
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_GOODBYE_S = 5.0
_ASK_AGAIN_S = 0.02
_SLOWEST_READING = 4096  # bytes a second, beside the deadlines; a telephone line's rate


@dataclass(frozen=True, kw_only=True)
class Deadlines:
    """Seconds to wait: for the reply to a command and for progress of a text; and for the reply to a whole text."""

    command: float
    text: float


class SmtpSession(asyncio.Protocol):
    """A session driven by the server's replies as they arrive, without a task, a future or a timer for each message.

    `deliver` only waits: for a feed that has run dry and can't call, else to be woken, when such a feed runs dry, when
    the last reply has come, or when the session is over. A `CallingFeed` that has run dry calls `_go_on`.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        dialogue: Dialogue,
        deadlines: Deadlines,
        announced: Announced = Announced(),  # noqa: B008  # frozen
        description: Sequence[str] = (),
    ) -> None:
        self.announced = announced
        self._description = description
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._dialogue = dialogue
        self._deadlines = deadlines
        self._feed: Feed | None = None
        self._call_when_ready: Callable[[Callable[[bool], None]], None] | None = None
        self._listening = False  # to the feed, until it calls
        self._feed_ended = False
        self._dry = False
        self._paused = False
        self._turn: asyncio.Future[None] | None = None
        self._waiting: asyncio.Timeout | None = None
        self._fault: Exception | None = None
        self._quitting = False
        self._gone = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.TimerHandle | None = None  # whether what is held back may be sent
        self._since = self._loop.time()
        self._unsent = 0
        self._progress_at = self._since  # when the server last read something of what is unsent
        self._measured_since, self._most_unsent = self._since, 0  # the most that was unsent since then
        self._wrote = False
        # asyncio has set TCP_NODELAY already.
        self._socket: socket.socket = transport.get_extra_info("socket")
        transport.set_protocol(self)
        self._acknowledge()

    def describe(self) -> Sequence[str]:
        """Return sentences about the connection and what its server announced."""
        return self._description

    async def deliver(self, feed: Feed) -> None:
        """Send the feed's messages until it ends. Raises SessionLost and SenderRefused."""
        self._feed = feed
        self._call_when_ready = getattr(feed, "call_when_ready", None)
        report_texts = getattr(feed, "report_texts", None)
        self._dialogue.on_text = report_texts() if report_texts is not None else None
        self._keep_time()
        try:
            self._advance()
            while not self._over:
                if self._dry:
                    await self._wait_for(feed)
                elif self._feed_ended and self._dialogue.awaits is None:
                    return
                else:
                    self._turn = self._loop.create_future()
                    await self._turn
        except BaseException:  # cancelled: what has not left is given back all the same
            self._dialogue.lose("the session was ended from this side")
            self._hand_over(feed)
            raise
        finally:
            self._feed = None
            self._listening = False
            for timer in (self._timer, self._asking):
                if timer:
                    timer.cancel()
        if self._fault:
            raise self._fault
        if self._dialogue.end:
            raise self._dialogue.end

    async def close(self) -> None:
        """Send QUIT, and give the server five seconds to close the connection (RFC 5321, section 4.1.1.10)."""
        if not self._over and not self._transport.is_closing():
            self._quitting = True
            self._transport.write(b"QUIT\r\n")
            await asyncio.wait((self._gone,), timeout=_GOODBYE_S)
        self.abort()

    def abort(self) -> None:
        """Drop the connection, with what is unsent in it."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Handle what the server sent, as asyncio asks of a protocol."""
        if self._quitting:
            self._transport.close()
            return
        if self._dialogue.receive(data):
            self._since = self._loop.time()
        self._wrote = False
        self._advance()
        if not self._wrote:
            self._acknowledge()

    def pause_writing(self) -> None:
        """Take no more messages while the socket's buffer is full."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on when the socket's buffer has room."""
        self._paused = False
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the dialogue when the connection has broken or was closed."""
        if not self._gone.done():
            self._gone.set_result(None)
        number = exc.errno if isinstance(exc, OSError) else None
        self._lose(f"the connection broke: {os.strerror(number)}" if number else "the server closed the connection")

    @property
    def _over(self) -> bool:
        return self._fault is not None or self._dialogue.end is not None

    def _lose(self, why: str) -> None:
        self._dialogue.lose(why)
        self._advance()

    def _advance(self) -> None:
        """Do all that can be done now; then wake `deliver`, if there is something to wait for or to raise."""
        if self._feed and not self._fault:
            try:
                self._exchange(self._feed)
                if self._dry and self._call_when_ready is not None and not self._over:
                    self._dry = False
                    if not self._listening:
                        self._listening = True
                        self._call_when_ready(self._go_on)
            except Exception as error:  # noqa: BLE001  # a feed's fault belongs to who gave it to `deliver`
                self._fault = error
        if self._over and self._waiting:
            self._waiting.reschedule(self._loop.time())
            self._waiting = None
        done = self._feed_ended and self._dialogue.awaits is None
        if self._turn and not self._turn.done() and (self._over or self._dry or done):
            self._turn.set_result(None)

    def _go_on(self, is_ready: bool) -> None:
        """Take what the feed has, as it asked for, or end with it."""
        self._listening = False
        self._feed_ended = not is_ready
        self._advance()

    def _exchange(self, feed: Feed) -> None:
        """Report results first, so that the window is right; then take a message, to travel with the text before it."""
        self._dry = False
        while True:
            self._hand_over(feed)
            closed = self._feed_ended or self._paused or self._transport.is_closing()
            message = feed.take() if self._dialogue.room and not closed else None
            if message:
                self._dialogue.give(message)
            self._write(feed, may_send=message is not None)
            if not message:
                self._dry = self._dialogue.room and not closed
                return

    def _hand_over(self, feed: Feed) -> None:
        for result in self._dialogue.results:
            feed.answer(result)
        self._dialogue.results.clear()
        end = self._dialogue.end
        code = end.code if isinstance(end, SessionLost) else None
        for message, why in self._dialogue.returned:
            feed.untouched(message, why, code)
        self._dialogue.returned.clear()

    def _write(self, feed: Feed, *, may_send: bool) -> None:
        """Write what there is to write; `may_send`: the feed has just given a message, and so has said that it may."""
        if not may_send and self._dialogue.has_outgoing and not feed.may_send():
            # Between a command and its reply this process may have stood still for hours, and another taken over.
            if self._asking is None:
                self._asking = self._loop.call_later(_ASK_AGAIN_S, self._ask_again)
            return
        if pieces := self._dialogue.outgoing():
            self._since = self._loop.time()
            self._wrote = True
            self._transport.writelines(pieces)

    def _ask_again(self) -> None:
        self._asking = None
        self._advance()

    async def _wait_for(self, feed: Feed) -> None:
        # A timeout without a time: the way to interrupt a wait from a callback.
        waiting = self._waiting = asyncio.timeout(None)
        try:
            async with waiting:
                self._feed_ended = not await feed.wait()
        except TimeoutError:
            if not waiting.expired():
                raise
        finally:
            self._waiting = None
        self._advance()

    def _acknowledge(self) -> None:
        if _QUICKACK is not None:
            # The kernel resets it, so it is set again after each read. A closed connection is noticed elsewhere.
            with suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _keep_time(self) -> None:
        """End the session when a reply is overdue, and set the timer for the next look.

        There is one timer for all messages. It runs at least as often as the shorter deadline lasts.
        """
        now, unsent, awaits = self._loop.time(), self._transport.get_write_buffer_size(), self._dialogue.awaits
        if awaits is None:
            self._since = now
        if self._since != self._measured_since:
            self._measured_since, self._most_unsent = self._since, 0
        if unsent != self._unsent:
            self._progress_at = now
        self._unsent = unsent
        self._most_unsent = max(self._most_unsent, unsent)
        of_text = awaits in (DialogueStage.TEXT, DialogueStage.DOT) and not unsent
        allowed = self._deadlines.text if of_text else self._deadlines.command
        left = max(self._since, self._progress_at) + allowed - now
        # A server that reads a byte a second makes progress for ever.
        whole = self._deadlines.command + self._deadlines.text + self._most_unsent / _SLOWEST_READING
        whole_left = self._since + whole - now
        if left <= 0 or whole_left <= 0:
            what = awaits.value.upper() if awaits else "anything"
            if awaits is DialogueStage.TEXT:
                what = "the text"
            if not unsent:
                why = f"no reply to {what} within {allowed:g} seconds"
            elif left <= 0:
                why = f"the server has read nothing for {allowed:g} seconds"
            else:
                read = self._most_unsent - unsent
                why = f"the server reads too slowly: {read:,} bytes in {now - self._since:,.0f} seconds"
            self._lose(why)
            return
        shorter = min(self._deadlines.command, self._deadlines.text)
        self._timer = self._loop.call_later(min(left, whole_left, shorter), self._keep_time)
