"""The promises every backend keeps, as one test that its author runs.

    from newsletter.backends.contract import check_backend

    def test_pigeon(tmp_path):
        check_backend(Pigeon(Pigeon.Settings(loft="..."), tmp_path))

`check_backend` carries some two hundred messages as a run would, and raises AssertionError with the promise that was
broken. It starts event loops of its own: an async test calls it by `asyncio.to_thread`.
"""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle
from secrets import token_hex
from typing import NoReturn

from newsletter.backends import Backend, Limits, SessionLost
from newsletter.errors import DeliveryError
from newsletter.mail.message import Message, Outcome, Result

_ANY = 1_000_000
_FRUITLESS_SESSIONS = 5
_IDLE_QUESTIONS = 1000
_LET_GO = "a session that is cancelled ends at once, and lets CancelledError pass"
_HELLO = "Hello =\r\n=2Ethere\r\n"
# What a message may hold: an encoded dot alone on its line, the longest lines there are (RFC 5322, section 2.1.1), the
# line that begins the next message of an mbox, what shells and templates take for their own, more than a pipe holds.
_TEXTS = (
    _HELLO,
    "=2E\r\n=2E=2E\r\nQUIT\r\n=2E\r\n",
    f"{'x' * 998}\r\n{'y' * 998}\r\n",
    "From here on\r\n>From there\r\n",
    "{sender} {recipient} %s %(key)s $HOME `id` \\0 \\n '\" ;&|\r\n",
    f"{'z' * 76}\r\n" * 15_000,
)


def check_backend(
    backend: Backend,
    recipients: Sequence[str] = ("ada@example.org", "grace@example.org"),
    *,
    received: Callable[[], Iterable[bytes]] | None = None,
    deadline: float = 60.0,
) -> None:
    """Check every promise of a backend. Raises AssertionError, with the promise in words, for one that is broken.

    `received` returns every text that has arrived, less what was put on top of it on the way; then each has to be there
    once and unaltered, its line ends aside. `deadline` is the seconds that each situation may take.
    """
    _check_limits(backend.limits)
    numbers, check, addresses = count(1), token_hex(4), cycle(recipients)
    connections = backend.limits.connections

    def letters(bodies: Iterable[str]) -> list[Message]:
        return [_letter(next(numbers), check, next(addresses), body) for body in bodies]

    ordinary = (
        _Bag("nothing to carry", []),
        _Bag("texts of every kind", letters(_TEXTS)),
        _Bag("fifty messages at once", letters([_HELLO] * 50)),
        _Bag("each message after the answer to the one before", letters([_HELLO] * 5), burst=1, patient=True),
        _Bag("fifty messages, a few at a time", letters([_HELLO] * 50), burst=3),
        _Bag("a feed that ends in the middle", letters([_HELLO] * 50), burst=7, ends_after=20),
        _Bag("all connections at once", letters([_HELLO] * max(20, 2 * connections)), burst=3, sessions=connections),
    )
    cancelled = (
        _Bag("cancelled while it waits", letters([_HELLO] * 2), cancel_at="wait"),
        _Bag("cancelled while it carries", letters([_HELLO] * 2), cancel_at="take"),
    )
    afterwards = _Bag("after it was cancelled", letters([_HELLO]))
    for bag in ordinary:
        asyncio.run(_in_time(_carry(backend, bag), bag, deadline))
    for bag in cancelled:
        asyncio.run(_in_time(_cancel(backend, bag), bag, deadline))
    asyncio.run(_in_time(_carry(backend, afterwards), afterwards, deadline))
    if received is not None:
        _compare([*ordinary, *cancelled, afterwards], received())


def _check_limits(limits: Limits) -> None:
    _promise(isinstance(limits, Limits), "`limits` is a Limits")
    _promise(limits.connections >= 1 and limits.window >= 1, "connections and window are one at least")
    rates = (limits.per_second, limits.per_hour, limits.per_connection)
    _promise(all(rate is None or rate > 0 for rate in rates), "a rate is None, or more than nothing")


async def _in_time(work: Coroutine[None, None, None], bag: "_Bag", deadline: float) -> None:
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=deadline)
    if not task.done():
        bag.over = True
        bag.blame(f"a session comes to its end, and has not within {deadline:g} seconds")
    task.result()


async def _carry(backend: Backend, bag: "_Bag") -> None:
    """Open sessions as a campaign does: all together, and each again when it broke, until nothing is left to carry."""
    together = asyncio.Barrier(bag.sessions)

    async def keep() -> None:
        await _one_session(backend, bag, together)
        while bag.left and not bag.over:
            await _one_session(backend, bag, asyncio.Barrier(1))

    await asyncio.gather(*(keep() for _ in range(bag.sessions)))


async def _cancel(backend: Backend, bag: "_Bag") -> None:
    """Cancel a session as a second Ctrl-C does: it has to end at once, whatever it has in hand."""
    while True:
        session = asyncio.create_task(_one_session(backend, bag, asyncio.Barrier(1)))
        now = asyncio.create_task(bag.cancel_now.wait())
        await asyncio.wait({session, now}, return_when=asyncio.FIRST_COMPLETED)
        now.cancel()
        if not session.done():
            break
        session.result()  # it broke by itself
    session.cancel()
    await asyncio.wait({session})
    if not session.cancelled():
        session.result()
        bag.blame(_LET_GO)


async def _one_session(backend: Backend, bag: "_Bag", together: asyncio.Barrier) -> None:
    feed = _ContractFeed(bag, backend.limits.window)
    try:
        async with backend.connect() as session:
            await together.wait()
            await session.deliver(feed)
    except SessionLost as loss:
        feed.lose(str(loss))
        return
    except asyncio.CancelledError:
        feed.lose("")
        raise
    except AssertionError:
        raise
    except DeliveryError as error:
        bag.blame(f"nothing stands in the way here, and it says: {error.message}", error)
    except Exception as error:  # noqa: BLE001  # a stranger's backend may raise anything, and is told what it should
        bag.blame(f"a session that breaks raises SessionLost, and this one raised {error!r}", error)
    if bag.broken:  # and the backend has swallowed the exception that said so
        raise AssertionError(bag.broken)
    bag.promise(not bag.cancel_at, _LET_GO)
    bag.promise(feed.ended, "a session returns only after wait() has said that no more will come")
    bag.promise(not feed.in_hand, "what was taken is answered or given back by a session that returns")
    bag.promise(not feed.unknown, "a session raises SessionLost after an answer of unknown")


def _compare(bags: Iterable["_Bag"], received: Iterable[bytes]) -> None:
    arrived = Counter(_same_line_ends(data) for data in received)
    for bag in bags:
        for message in bag.messages:
            copies = arrived[_same_line_ends(message.data)]
            if message.key in bag.accepted:
                bag.promise(copies == 1, f"what is accepted arrives once and unaltered, and {copies} copies have")
            elif message.key in bag.lost:
                bag.promise(copies <= 1, f"nothing arrives twice, and {copies} copies of one that was lost have")
            else:
                bag.promise(copies == 0, "what was never taken, or was given back, has not left")


def _same_line_ends(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def _promise(kept: bool, words: str) -> None:
    if not kept:
        raise AssertionError(f"broken promise: {words}")


def _letter(number: int, check: str, recipient: str, body: str) -> Message:
    """Return a message unlike every other, of this check and of an earlier one."""
    name = f"{number}.{check}"
    header = f"From: digest@example.org\r\nTo: {recipient}\r\nSubject: contract\r\nMessage-ID: <{name}@example.org>"
    return Message(
        # In a campaign it is the recipient's address, and may hold all that an address may: it is no file's name.
        key=f"/{name}/{{sender}}'%s`$x@example.org",
        sender="bounces@example.org",
        recipient=recipient,
        data=f"{header}\r\n\r\n{body}".encode("ascii"),
    )


@dataclass(kw_only=True)
class _Bag:
    """The messages of one situation, how its feeds hand them out, and what became of them.

    At most `burst` are handed out between one wait and the next. A `patient` feed lets a session wait until it has
    nothing in hand. After `ends_after` messages the feed ends, with others left. At the first call of `cancel_at` the
    session is to be cancelled.
    """

    situation: str = field(kw_only=False)
    messages: Sequence[Message] = field(kw_only=False)
    burst: int = _ANY
    patient: bool = False
    ends_after: int = _ANY
    sessions: int = 1
    cancel_at: str = ""

    def __post_init__(self) -> None:
        self.left = deque(self.messages)
        self.accepted: set[str] = set()
        self.lost: set[str] = set()
        self.over = False
        self.broken = ""
        self.fruitless = 0
        self.given_back = 0
        self.cancel_now = asyncio.Event()

    def promise(self, kept: bool, words: str) -> None:
        if not kept:
            self.blame(words)

    def blame(self, words: str, cause: Exception | None = None) -> NoReturn:
        self.broken = self.broken or f"broken promise: {words} (with {self.situation})"
        raise AssertionError(self.broken) from cause


class _ContractFeed:
    """A feed for one session that watches what the session does with its messages."""

    def __init__(self, bag: _Bag, window: int) -> None:
        self.in_hand: dict[str, Message] = {}
        self.unknown = False
        self.ended = False
        self._bag = bag
        self._window = window
        self._ready = bag.burst
        self._idle_questions = 0
        self._waits = 0
        self._empty_hand = asyncio.Event()
        self._empty_hand.set()
        self._thread = threading.get_ident()

    def take(self) -> Message | None:
        self._on_the_loop("take")
        bag = self._bag
        if not bag.left or not self._ready or bag.over:
            self._idle_questions += 1
            bag.promise(self._idle_questions < _IDLE_QUESTIONS, "a session waits by wait(), not by asking again")
            return None
        message = bag.left.popleft()
        self._ready -= 1
        self.in_hand[message.key] = message
        self._empty_hand.clear()
        bag.promise(len(self.in_hand) <= self._window, f"no more than limits.window ({self._window}) are in hand")
        bag.over = len(bag.messages) - len(bag.left) >= bag.ends_after
        if bag.cancel_at == "take":
            bag.cancel_now.set()
        return message

    def may_send(self) -> bool:
        return True

    async def wait(self) -> bool:
        bag = self._bag
        await asyncio.sleep(0)
        self._idle_questions = 0
        self._waits += 1
        # A session that waits again was cancelled, and has swallowed that: the feed's end lets it return.
        if bag.cancel_at and self._waits == 1:
            bag.cancel_now.set()
            await asyncio.Event().wait()
        if bag.patient:
            await self._empty_hand.wait()
        self._ready = bag.burst
        self.ended = bag.over or not bag.left or bool(bag.cancel_at)
        return not self.ended

    def answer(self, result: Result) -> None:
        self._on_the_loop("answer")
        bag = self._bag
        bag.promise(isinstance(result, Result), f"answer() is given a Result, not {result!r}")
        bag.promise(result.key in self.in_hand, "only a message in hand is answered, and only once")
        self._let_go(result.key)
        if result.outcome is Outcome.UNKNOWN:
            self.unknown = True
            bag.lost.add(result.key)
            return
        said = " ".join(str(part) for part in (result.outcome, result.code, result.reply) if part)
        bag.promise(result.outcome is Outcome.ACCEPTED, f"these messages are accepted, and it says: {said}")
        bag.accepted.add(result.key)
        bag.fruitless = 0

    def untouched(self, message: Message, why: str = "", code: int | None = None) -> None:
        del why, code
        self._on_the_loop("untouched")
        bag = self._bag
        bag.promise(message.key in self.in_hand, "only a message in hand is given back")
        self._let_go(message.key)
        bag.left.append(message)
        bag.given_back += 1
        bag.promise(bag.given_back <= 3 * len(bag.messages), "a session that gives back time after time ends")

    def lose(self, why: str) -> None:
        """Count what a broken session has in hand as unknown; another session goes on."""
        bag = self._bag
        bag.lost |= self.in_hand.keys()
        bag.fruitless += 1
        words = f"one session in {_FRUITLESS_SESSIONS} gets a message through, and they break: {why}"
        bag.promise(bag.fruitless < _FRUITLESS_SESSIONS, words)

    def _let_go(self, key: str) -> None:
        del self.in_hand[key]
        if not self.in_hand:
            self._empty_hand.set()

    def _on_the_loop(self, name: str) -> None:
        self._bag.promise(
            threading.get_ident() == self._thread, f"{name}() is called on the event loop, not in a thread"
        )
