"""The promises every backend keeps, as one test that its author runs.

    from newsletter.backends.contract import check_backend

    def test_pigeon(tmp_path):
        check_backend(Pigeon(Pigeon.Settings(loft="..."), tmp_path))

`check_backend` carries a few messages and raises AssertionError with the promise that was broken.
"""

import asyncio
from collections.abc import Sequence

from newsletter.backends import Backend, Limits
from newsletter.mail.message import Message, Outcome, Receipt


def check_backend(backend: Backend, recipients: Sequence[str] = ("ada@example.org", "grace@example.org")) -> None:
    """Raises AssertionError unless every message of two sessions is taken, answered once, and the feed obeyed."""
    _promise(isinstance(backend.limits, Limits), "`limits` is a Limits")
    _promise(backend.limits.connections >= 1 and backend.limits.window >= 1, "limits are one at least")
    for late in (False, True):
        feed = _ContractFeed([_message(recipient) for recipient in recipients], late=late)
        asyncio.run(_deliver(backend, feed))
        _promise(not feed.left, "a session goes on until the feed ends, also when a message comes late")
        _promise(feed.ended, "a session returns only after wait() has said that no more will come")
        _promise(not feed.in_hand, "every message that was taken is answered or given back")
        _promise(feed.answered == len(recipients), "each is answered exactly once")
        _promise(all(receipt.outcome is Outcome.ACCEPTED for receipt in feed.receipts), "these messages are accepted")
        _promise(feed.most_in_hand <= backend.limits.window, "no more are in hand than limits.window says")


async def _deliver(backend: Backend, feed: "_ContractFeed") -> None:
    async with backend.connect() as session:
        await session.deliver(feed)


def _message(recipient: str) -> Message:
    text = f"From: digest@example.org\r\nTo: {recipient}\r\nSubject: contract\r\n\r\nHello =\r\n=2Ethere\r\n"
    return Message(key=recipient, sender="bounces@example.org", recipient=recipient, data=text.encode("ascii"))


def _promise(kept: bool, words: str) -> None:
    if not kept:
        raise AssertionError(f"broken promise: {words}")


class _ContractFeed:
    """Hands out messages, at once or each only after a wait, and watches what is done with them."""

    def __init__(self, messages: Sequence[Message], *, late: bool) -> None:
        self.left = list(messages)
        self.in_hand: set[str] = set()
        self.receipts: list[Receipt] = []
        self.most_in_hand = 0
        self.ended = False
        self._open = not late

    @property
    def answered(self) -> int:
        return len(self.receipts)

    def take(self) -> Message | None:
        if not self.left or not self._open:
            return None
        self._open = self._open and not self.receipts
        message = self.left.pop(0)
        self.in_hand.add(message.key)
        self.most_in_hand = max(self.most_in_hand, len(self.in_hand))
        return message

    async def wait(self) -> bool:
        await asyncio.sleep(0)
        self._open = True
        self.ended = not self.left
        return not self.ended

    def answer(self, receipt: Receipt) -> None:
        _promise(receipt.key in self.in_hand, "only a message in hand is answered, and only once")
        self.in_hand.remove(receipt.key)
        self.receipts.append(receipt)

    def untouched(self, message: Message, why: str = "") -> None:
        del why
        _promise(message.key in self.in_hand, "only a message in hand is given back")
        self.in_hand.remove(message.key)
        self.left.append(message)
