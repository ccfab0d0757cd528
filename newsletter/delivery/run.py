"""A campaign's run: sessions take messages from what is claimed, and answers are recorded in groups.

While one commit is under way the next group gathers. The ledger works on a thread of its own, so that
a sync to disk never stalls a connection.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from secrets import token_hex
from typing import TypeVar, cast

from newsletter.backends import Backend, SenderRefused, SessionLost, Unreachable
from newsletter.delivery import ledger
from newsletter.errors import DeliveryError
from newsletter.mail.message import Message, Outcome, Receipt
from newsletter.mail.template import MessageTemplate
from newsletter.store import Store

_FRUITLESS_SESSIONS = 5
_REST_S = 0.2
_T = TypeVar("_T")

OnProgress = Callable[[Counter[Outcome]], None]


async def run_campaign(
    store: Store, issue: str, backend: Backend, stop: asyncio.Event, on_progress: OnProgress
) -> None:
    """Send to everyone who waits, until all are answered or `stop` is set.

    Raises DeliveryError when the backend can't go on; everyone not answered then waits, or is unknown.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger") as thread:
        run = _Run(store, issue, backend, thread, on_progress)
        watcher = asyncio.create_task(run.stop_when(stop))
        sessions = [asyncio.create_task(run.keep_session(number)) for number in range(backend.limits.connections)]
        try:
            await run.keep_books()
        except asyncio.CancelledError:
            for session in sessions:
                session.cancel()
            raise
        finally:
            await run.dismiss_sessions()
            watcher.cancel()
            await asyncio.gather(watcher, *sessions, return_exceptions=True)
            await run.close_books()
    if run.failure is not None:
        raise run.failure


class _Run:
    """What the sessions of one run share: claimed messages one way, answers the other."""

    def __init__(
        self, store: Store, issue: str, backend: Backend, thread: ThreadPoolExecutor, on_progress: OnProgress
    ) -> None:
        self._store = store
        self._issue = issue
        self._backend = backend
        self._thread = thread
        self._on_progress = on_progress
        self._id = token_hex(8)
        # A crash leaves at most this many unknown: two windows for each session.
        self._ahead = 2 * backend.limits.connections * backend.limits.window
        self._templates: dict[int, MessageTemplate] = {}
        self._tally: Counter[Outcome] = Counter()
        self._claimed = 0  # claimed, and not recorded yet
        self._alive = backend.limits.connections
        self._fruitless = 0
        self._first_session = asyncio.Event()
        self._to_record = asyncio.Event()
        self._to_carry = asyncio.Condition()
        self._ready: deque[Message] = deque()
        self._receipts: list[Receipt] = []
        self._returned: dict[str, str] = {}
        self._released: list[str] = []
        self._connecting: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._done = False
        self.failure: DeliveryError | None = None

    async def stop_when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._halt()

    async def keep_books(self) -> None:
        """Record, take back and claim, one commit after another, until nothing waits and nothing is under way."""
        self._to_record.set()
        while True:
            await self._to_record.wait()
            self._to_record.clear()
            receipts, self._receipts = self._receipts, []
            returned, self._returned = self._returned, {}
            released, self._released = self._released, []
            if self._stopping:
                released += [message.key for message in self._ready]
                self._ready.clear()
            answered = len(receipts) + len(returned) + len(released)
            want = 0 if self._stopping else self._ahead - self._claimed + answered
            step = partial(ledger.step, receipts=receipts, returned=returned, released=released, want=want)
            try:
                claims = await self._in_ledger(partial(step, self._store, self._issue, self._id))
            except DeliveryError:
                self._receipts[:0] = receipts
                raise
            self._claimed += len(claims) - answered
            for claim in claims:
                template = await self._template(claim.template)
                self._ready.append(template.render(claim.reader, claim.address, claim.fields))
            self._tally.update(receipt.outcome for receipt in receipts)
            self._on_progress(self._tally)
            if self._claimed == 0 and not claims:
                return
            await self._wake_sessions()

    async def close_books(self) -> None:
        """Record what was still answered after the last commit; when the store fails, it stays unknown."""
        if self._receipts:
            last = partial(ledger.step, self._store, self._issue, self._id, receipts=self._receipts)
            with suppress(DeliveryError):
                await self._in_ledger(last)

    async def keep_session(self, number: int) -> None:
        """One connection, opened again when it breaks, for as long as there is something to carry."""
        if number > 0:
            # One login shows whether the server lets us in at all; a wrong password is tried only once.
            await self._first_session.wait()
        try:
            while await self.wait():
                await self._one_session()
        except (SenderRefused, Unreachable) as error:
            # A server may allow fewer connections than we would like; the others go on.
            alone = self._alive == 1 or not self._first_session.is_set()
            if not self._done and (alone or isinstance(error, SenderRefused)):
                self._halt(error)
        except Exception as error:  # noqa: BLE001  # a plug-in backend may raise anything; the others finish first
            failure = DeliveryError(f"The backend failed: {error!r}.", next_step="Report it to whoever wrote it.")
            failure.__cause__ = error
            self._halt(failure)
        finally:
            self._alive -= 1
            self._first_session.set()

    async def _one_session(self) -> None:
        feed = _SessionFeed(self)
        connecting = cast("asyncio.Task[None]", asyncio.current_task())
        self._connecting.add(connecting)
        try:
            async with self._backend.connect() as session:
                self._connecting.discard(connecting)
                self._first_session.set()
                await session.deliver(feed)
        except SessionLost as loss:
            feed.close(str(loss) or "the connection was lost")
            await self._rest_after_loss(str(loss))
        finally:
            self._connecting.discard(connecting)
            feed.close("the session ended before its reply")

    async def dismiss_sessions(self) -> None:
        self._done = True
        self._first_session.set()
        self._cancel_connecting()
        await self._wake_sessions()

    def take(self) -> Message | None:
        return self._ready.popleft() if self._ready and not (self._stopping or self._done) else None

    async def wait(self) -> bool:
        async with self._to_carry:
            await self._to_carry.wait_for(lambda: self._ready or self._done or self._stopping)
        return not (self._done or self._stopping)

    def answer(self, receipt: Receipt) -> None:
        # A text that is lost time after time is no progress: the whole list would become unknown.
        if receipt.outcome is not Outcome.UNKNOWN:
            self._fruitless = 0
        self._receipts.append(receipt)
        self._to_record.set()

    def give_back(self, key: str, why: str, *, session_was_useful: bool) -> None:
        """Untouched. A session that has carried others and then ends is no fault of the one it gives back."""
        if session_was_useful:
            self._released.append(key)
        else:
            self._returned[key] = why
        self._to_record.set()

    def _halt(self, failure: DeliveryError | None = None) -> None:
        """Hand out no more; what is in hand is finished and recorded."""
        self._stopping = True
        self.failure = self.failure or failure
        self._first_session.set()
        self._cancel_connecting()
        self._to_record.set()

    def _cancel_connecting(self) -> None:
        for task in self._connecting:
            if task is not asyncio.current_task():
                task.cancel()

    async def _rest_after_loss(self, why: str) -> None:
        self._fruitless += 1
        if self._fruitless >= max(_FRUITLESS_SESSIONS, 2 * self._backend.limits.connections):
            said = f" It says: {why}" if why else ""
            self._halt(
                DeliveryError(
                    f"The server breaks every connection before it has taken a message.{said}",
                    next_step="Wait, and send again; ask whoever runs the server if it stays so.",
                )
            )
        await asyncio.sleep(_REST_S)

    async def _template(self, number: int) -> MessageTemplate:
        if number not in self._templates:
            payload = await self._in_ledger(partial(ledger.template_payload, self._store, number))
            self._templates[number] = MessageTemplate.from_bytes(payload)
        return self._templates[number]

    async def _in_ledger(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _wake_sessions(self) -> None:
        async with self._to_carry:
            self._to_carry.notify_all()


class _SessionFeed:
    """One session's end of the run: knows what it has in hand, so that nothing taken is ever lost sight of."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._in_hand: dict[str, Message] = {}
        self._useful = False

    def take(self) -> Message | None:
        message = self._run.take()
        if message is not None:
            self._in_hand[message.key] = message
        return message

    async def wait(self) -> bool:
        return await self._run.wait()

    def answer(self, receipt: Receipt) -> None:
        if self._in_hand.pop(receipt.key, None) is None:
            raise ValueError("an answer for a message that was not taken, or was answered already")
        self._useful = self._useful or receipt.outcome is not Outcome.UNKNOWN
        self._run.answer(receipt)

    def untouched(self, message: Message, why: str = "") -> None:
        del self._in_hand[message.key]
        why = why or "the connection broke before its text was sent"
        self._run.give_back(message.key, why, session_was_useful=self._useful)

    def close(self, why: str) -> None:
        """Whatever is still in hand may have gone out or not."""
        for key in self._in_hand:
            self._run.answer(Receipt(key=key, outcome=Outcome.UNKNOWN, stage="connection", reply=why))
        self._in_hand.clear()
