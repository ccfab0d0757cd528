"""A feed in memory, for tests of sessions, that minds its contract and keeps book of every message."""

import asyncio
from collections.abc import Callable, Iterable

from newsletter.backends import Backend, SessionLost
from newsletter.mail.message import Message, Outcome, Result


def messages(count: int, size: int = 300) -> list[Message]:
    """Messages to reader0@example.org and so on, whose texts name their readers."""
    return [message(f"reader{number}", size) for number in range(count)]


def message(name: str, size: int = 300) -> Message:
    head = f"From: digest@example.org\r\nTo: {name}@example.org\r\nSubject: =2E\r\n\r\n".encode()
    lines = -(-max(size - len(head), 1) // 72)
    return Message(
        key=name,
        sender="bounces@example.org",
        recipient=f"{name}@example.org",
        pieces=(head, *[b"Good morning. It is =2E" + b"x" * 46 + b"=\r\n"] * lines, b"end\r\n"),
    )


class MemoryFeed:
    """Hands out `messages`. With `late`, the next one is ready only after a wait."""

    def __init__(self, messages: Iterable[Message], *, late: bool = False) -> None:
        self.waiting = list(messages)
        self.in_hand: dict[str, Message] = {}
        self.results: dict[str, Result] = {}
        self.returned: list[tuple[Message, str]] = []
        self.is_open = True  # whether what was taken may be sent
        self.refused = 0
        self.codes: dict[str, int | None] = {}  # by which messages came back
        self.most_in_hand = 0
        self.waits = 0
        self._late = late
        self._open = not late

    def take(self) -> Message | None:
        if not self.waiting or not self._open:
            return None
        self._open = not self._late
        message = self.waiting.pop(0)
        assert message.key not in self.in_hand
        self.in_hand[message.key] = message
        self.most_in_hand = max(self.most_in_hand, len(self.in_hand))
        return message

    def may_send(self) -> bool:
        self.refused += not self.is_open
        return self.is_open

    async def wait(self) -> bool:
        self.waits += 1
        await asyncio.sleep(0)
        self._open = True
        return bool(self.waiting)

    def answer(self, result: Result) -> None:
        del self.in_hand[result.key]
        assert result.key not in self.results
        self.results[result.key] = result

    def untouched(self, message: Message, why: str = "", code: int | None = None) -> None:
        del self.in_hand[message.key]
        self.returned.append((message, why))
        self.codes[message.key] = code

    def outcomes(self) -> dict[str, Outcome]:
        return {key: result.outcome for key, result in self.results.items()}

    async def carried_by(self, backend: Backend, sessions: int = 20) -> list[SessionLost]:
        """Session after session until all are carried or given up, as a run does; returns how they broke.

        Whoever is in hand when a session breaks is unknown; what was given back is handed out again.
        """
        losses: list[SessionLost] = []
        for _ in range(sessions):
            try:
                async with backend.connect() as session:
                    await session.deliver(self)
            except SessionLost as loss:
                losses.append(loss)
            for key in list(self.in_hand):
                self.answer(Result(key=key, outcome=Outcome.UNKNOWN))
            self.waiting += [message for message, _ in self.returned]
            self.returned.clear()
            if not self.waiting:
                break
        return losses


class CallingMemoryFeed(MemoryFeed):
    """Calls a session instead of letting it wait, as a worker's feeds do."""

    def call_when_ready(self, ready: Callable[[bool], None]) -> None:
        self.waits += 1
        self._open = True
        asyncio.get_running_loop().call_soon(ready, bool(self.waiting))

    async def wait(self) -> bool:
        raise AssertionError("who is called does not wait")
