"""The feed of the backend contract: messages of one situation, and whether a session keeps its promises about them."""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from newsletter.mail.message import Message, Outcome, Result

_ANY = 1_000_000
_FRUITLESS_SESSIONS = 5
_IDLE_QUESTIONS = 1000


@dataclass(kw_only=True)
class Situation:
    """The messages of one situation, how its feeds hand them out, and what became of them.

    At most `burst` are handed out between one wait and the next. A `patient` feed lets a session wait until it has
    nothing in hand. After `ends_after` messages the feed ends, with others left. At the first call of `cancel_at` the
    session is to be cancelled.
    """

    name: str = field(kw_only=False)
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
        self.broken = self.broken or f"broken promise: {words} (with {self.name})"
        raise AssertionError(self.broken) from cause


class ContractFeed:
    """A feed for one session that watches what the session does with its messages."""

    def __init__(self, situation: Situation, window: int) -> None:
        self.in_hand: dict[str, Message] = {}
        self.unknown = False
        self.ended = False
        self._situation = situation
        self._window = window
        self._ready = situation.burst
        self._idle_questions = 0
        self._waits = 0
        self._empty_hand = asyncio.Event()
        self._empty_hand.set()
        self._thread = threading.get_ident()

    def take(self) -> Message | None:
        self._on_the_loop("take")
        situation = self._situation
        if not situation.left or not self._ready or situation.over:
            self._idle_questions += 1
            situation.promise(self._idle_questions < _IDLE_QUESTIONS, "a session waits by wait(), not by asking again")
            return None
        message = situation.left.popleft()
        self._ready -= 1
        self.in_hand[message.key] = message
        self._empty_hand.clear()
        situation.promise(len(self.in_hand) <= self._window, f"no more than limits.window ({self._window}) are in hand")
        situation.over = len(situation.messages) - len(situation.left) >= situation.ends_after
        if situation.cancel_at == "take":
            situation.cancel_now.set()
        return message

    def may_send(self) -> bool:
        return True

    async def wait(self) -> bool:
        situation = self._situation
        await asyncio.sleep(0)
        self._idle_questions = 0
        self._waits += 1
        # A session that waits again was cancelled, and has swallowed that: the feed's end lets it return.
        if situation.cancel_at and self._waits == 1:
            situation.cancel_now.set()
            await asyncio.Event().wait()
        if situation.patient:
            await self._empty_hand.wait()
        self._ready = situation.burst
        self.ended = situation.over or not situation.left or bool(situation.cancel_at)
        return not self.ended

    def answer(self, result: Result) -> None:
        self._on_the_loop("answer")
        situation = self._situation
        situation.promise(isinstance(result, Result), f"answer() is given a Result, not {result!r}")
        situation.promise(result.key in self.in_hand, "only a message in hand is answered, and only once")
        self._let_go(result.key)
        if result.outcome is Outcome.UNKNOWN:
            self.unknown = True
            situation.lost.add(result.key)
            return
        said = " ".join(str(part) for part in (result.outcome, result.code, result.reply) if part)
        situation.promise(result.outcome is Outcome.ACCEPTED, f"these messages are accepted, and it says: {said}")
        situation.accepted.add(result.key)
        situation.fruitless = 0

    def untouched(self, message: Message, why: str = "", code: int | None = None) -> None:
        del why, code
        self._on_the_loop("untouched")
        situation = self._situation
        situation.promise(message.key in self.in_hand, "only a message in hand is given back")
        self._let_go(message.key)
        situation.left.append(message)
        situation.given_back += 1
        situation.promise(
            situation.given_back <= 3 * len(situation.messages), "a session that gives back time after time ends"
        )

    def lose(self, why: str) -> None:
        """Count what a broken session has in hand as unknown; another session goes on."""
        situation = self._situation
        situation.lost |= self.in_hand.keys()
        situation.fruitless += 1
        words = f"one session in {_FRUITLESS_SESSIONS} gets a message through, and they break: {why}"
        situation.promise(situation.fruitless < _FRUITLESS_SESSIONS, words)

    def _let_go(self, key: str) -> None:
        del self.in_hand[key]
        if not self.in_hand:
            self._empty_hand.set()

    def _on_the_loop(self, name: str) -> None:
        self._situation.promise(
            threading.get_ident() == self._thread, f"{name}() is called on the event loop, not in a thread"
        )
