"""A few messages that no ledger keeps: a test to an editor, a question to a reader."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from newsletter.backends import Backend, SessionLost
from newsletter.mail.message import Message, Outcome, Result


async def send_unrecorded(backend: Backend, messages: Sequence[Message]) -> Mapping[str, Result]:
    """Send the messages over one connection; return a result for each, by its key.

    Raises Unreachable when there is no session.
    """
    feed = _ListFeed(messages)
    with suppress(SessionLost):
        async with backend.connect() as session:
            await session.deliver(feed)
    return feed.results


class _ListFeed:
    """A feed over messages in memory."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._left = list(reversed(messages))
        self.results = {message.key: _defer(message, "the connection was lost before its turn") for message in messages}

    def take(self) -> Message | None:
        message = self._left.pop() if self._left else None
        if message is not None:
            lost = Result(key=message.key, outcome=Outcome.UNKNOWN, stage="connection", reply="the connection was lost")
            self.results[message.key] = lost
        return message

    def may_send(self) -> bool:
        return True

    async def wait(self) -> bool:
        return False

    def answer(self, result: Result) -> None:
        self.results[result.key] = result

    def untouched(self, message: Message, why: str = "", code: int | None = None) -> None:
        del code  # `why` has it too
        self.results[message.key] = _defer(message, why or "the connection was lost before its text was sent")


def _defer(message: Message, why: str) -> Result:
    return Result(key=message.key, outcome=Outcome.DEFERRED, stage="connection", reply=why)
