"""Keeps messages in memory until the program ends: for trying a campaign out, and for tests of whatever sends.

To the ledger it is a backend like any other, so an issue that went this way has been sent, and reached nobody.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from newsletter.backends import Feed, Limits, deliver_one_by_one
from newsletter.config import Section
from newsletter.mail.message import Message, Outcome, Result


class MemoryBackend:
    """`delivered` is what it was given, in order."""

    class Settings(Section):
        """The memory backend has nothing to set."""

        place: ClassVar[str] = "(kept nowhere: for trying out)"

    limits = Limits()

    def __init__(self, settings: Section, root: Path) -> None:
        del settings, root
        self.delivered: list[Message] = []

    @asynccontextmanager
    async def connect(self) -> "AsyncIterator[MemoryBackend]":
        yield self

    async def deliver(self, feed: Feed) -> None:
        await deliver_one_by_one(feed, self._carry)

    async def _carry(self, message: Message) -> Result:
        self.delivered.append(message)
        return Result(key=message.key, outcome=Outcome.ACCEPTED, stage="memory", reply="kept nowhere")
