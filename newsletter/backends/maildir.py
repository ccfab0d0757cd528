"""The backend that writes messages into a Maildir, where a mail program or an archive can read them."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Annotated

from pydantic import Field

from newsletter.backends import Feed, Limits, SessionLost, Unreachable, take_messages, wait_until_it_may_leave
from newsletter.config import Section
from newsletter.errors import DeliveryError
from newsletter.files import create_private, sync_to_disk
from newsletter.mail.message import Outcome, Result


class MaildirSettings(Section):
    """The table [maildir]."""

    path: Annotated[str, Field(min_length=1)] = "build/maildir"


class MaildirBackend:
    """A Maildir as the destination: each message becomes a file in its new/."""

    Settings = MaildirSettings
    limits = Limits()

    def __init__(self, settings: MaildirSettings, root: Path) -> None:
        self._path = root / settings.path

    @asynccontextmanager
    async def connect(self) -> "AsyncIterator[MaildirSession]":
        """Make the Maildir where there is none. Raises Unreachable."""
        try:
            for folder in ("tmp", "new", "cur"):
                (self._path / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unreachable(
                f"The Maildir {self._path} can't be opened: {error.strerror}.",
                next_step="Mend [maildir] path in newsletter.toml.",
            ) from error
        yield MaildirSession(self._path)


class MaildirSession:
    """One writer into a Maildir."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def deliver(self, feed: Feed) -> None:
        """Store each message, on the disk before it counts as accepted. Raises DeliveryError and SessionLost."""
        async for message in take_messages(feed):
            try:
                await self._store(message.data.replace(b"\r\n", b"\n"), feed)
            except OSError as error:
                # A full disk or a folder gone is no fault of this message; the next would fare no better.
                feed.untouched(message)
                raise DeliveryError(
                    f"The Maildir {self._path} takes no more: {error.strerror}.",
                    next_step="Make room on its disk, or mend [maildir] path in newsletter.toml.",
                ) from error
            try:
                await asyncio.to_thread(sync_to_disk, self._path / "new")
            except OSError as error:
                why = f"stored, and the disk does not confirm it: {error.strerror}"
                feed.answer(Result(key=message.key, outcome=Outcome.UNKNOWN, stage="maildir", reply=why))
                raise SessionLost(why) from error
            reply = f"stored in {self._path.name}/"
            feed.answer(Result(key=message.key, outcome=Outcome.ACCEPTED, stage="maildir", reply=reply))

    async def _store(self, text: bytes, feed: Feed) -> None:
        """Write the file into tmp/ and rename it into new/, whole or not at all (https://cr.yp.to/proto/maildir.html).

        Raises OSError.
        """
        host = socket.gethostname().replace("/", r"\057").replace(":", r"\072")
        now = time.time_ns() // 1000
        name = f"{now // 1_000_000}.M{now % 1_000_000}R{token_hex(8)}.{host}"
        unfinished = self._path / "tmp" / name
        try:
            await asyncio.to_thread(_write_durably, unfinished, text)
            await wait_until_it_may_leave(feed)  # the disk may have taken its time
            unfinished.rename(self._path / "new" / name)
        except (OSError, asyncio.CancelledError):
            with suppress(OSError):
                unfinished.unlink()
            raise


def _write_durably(path: Path, text: bytes) -> None:
    # Readers' addresses and names are in it: for the owner's eyes alone.
    with create_private(path) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
