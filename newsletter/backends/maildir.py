"""Writes messages into a Maildir, where a mail program or an archive can read them."""

import asyncio
import mailbox
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from newsletter.backends import Feed, Limits, Unreachable, deliver_one_by_one
from newsletter.config import Section
from newsletter.mail.message import Message, Outcome, Receipt


class MaildirBackend:
    class Settings(Section):
        path: str = "build/maildir"

    limits = Limits()

    def __init__(self, settings: Settings, root: Path) -> None:
        self._path = root / settings.path

    @asynccontextmanager
    async def connect(self) -> "AsyncIterator[MaildirSession]":
        try:
            for folder in ("tmp", "new", "cur"):
                (self._path / folder).mkdir(parents=True, exist_ok=True)
            box = mailbox.Maildir(self._path)
        except OSError as error:
            raise Unreachable(
                f"The Maildir {self._path} can't be opened: {error.strerror}.",
                next_step="Mend [maildir] path in newsletter.toml.",
            ) from error
        yield MaildirSession(box, self._path)


class MaildirSession:
    def __init__(self, box: mailbox.Maildir, path: Path) -> None:
        self._box = box
        self._path = path

    async def deliver(self, feed: Feed) -> None:
        await deliver_one_by_one(feed, self._carry)

    async def _carry(self, message: Message) -> Receipt:
        try:
            # The module writes to tmp/, syncs, and links into new/, as Maildir wants it.
            await asyncio.to_thread(self._box.add, message.data.replace(b"\r\n", b"\n"))
        except OSError as error:
            return Receipt(key=message.key, outcome=Outcome.DEFERRED, stage="maildir", reply=error.strerror or "")
        return Receipt(
            key=message.key, outcome=Outcome.ACCEPTED, stage="maildir", reply=f"stored in {self._path.name}/"
        )
