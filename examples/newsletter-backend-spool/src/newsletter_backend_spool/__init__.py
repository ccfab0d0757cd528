"""Lays each message as an .eml file into a folder of the day, with an index beside them.

For a program that picks mail up from a folder, or for an archive of who was sent what. To write a backend of your
own, start from a copy of this file; docs/backends.md says what every method promises.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Annotated

from pydantic import Field

from newsletter.backends import Feed, Limits, Unreachable, take_messages
from newsletter.config import Section
from newsletter.errors import DeliveryError
from newsletter.mail.message import Message, Outcome, Result

INDEX = "index.jsonl"


class SpoolBackend:
    """Made once for a run, with its settings and the folder that relative paths start from."""

    class Settings(Section):
        """The table [spool]. A key that is not here, or a value that does not fit, is answered with its line."""

        folder: Annotated[str, Field(min_length=1)]
        messages_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    def __init__(self, settings: Settings, root: Path) -> None:
        self._folder = root / settings.folder
        # One session, since the index takes one line at a time. The run keeps the pace.
        self.limits = Limits(connections=1, window=1, per_second=settings.messages_per_second)

    @asynccontextmanager
    async def connect(self) -> "AsyncIterator[SpoolSession]":
        """Yield a session for today. It is the place to log in to a service, and to find out that one can't."""
        today = self._folder / datetime.now(UTC).date().isoformat()
        try:
            today.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unreachable(
                f"The spool {today} can't be opened: {error.strerror}.",
                next_step="Mend [spool] folder in newsletter.toml.",
            ) from error
        yield SpoolSession(today)


class SpoolSession:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def deliver(self, feed: Feed) -> None:
        async for message in take_messages(feed):
            try:
                # In a thread, since the run has other things to do while a disk writes.
                name = await asyncio.to_thread(_store, self._folder, message)
            except OSError as error:
                # A full disk is no fault of this message, and the next would fare no better: the run has to stop.
                feed.untouched(message)
                raise DeliveryError(
                    f"The spool {self._folder} takes no more: {error.strerror}.",
                    next_step="Make room on its disk, or mend [spool] folder in newsletter.toml.",
                ) from error
            feed.answer(Result(key=message.key, outcome=Outcome.ACCEPTED, stage="spool", reply=f"stored as {name}"))


def _store(folder: Path, message: Message) -> str:
    """Write the message and its line in the index; returns the file's name.

    The file gets its name last, and whole: after an OSError there is none. So the index may name one that is missing.
    """
    now = datetime.now(UTC)
    # Neither key nor address names the file: both may hold a "/", and whoever signs up chooses them.
    name = f"{now:%H%M%S.%f}-{token_hex(4)}.eml"
    unfinished = folder / f"{name}.part"
    entry = {"file": name, "at": now.isoformat(), "sender": message.sender, "recipient": message.recipient}
    try:
        _write(unfinished, "xb", message.data)
        _write(folder / INDEX, "ab", json.dumps(entry).encode() + b"\n")
        unfinished.rename(folder / name)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise
    return name


def _write(path: Path, mode: str, data: bytes) -> None:
    """Have it on the disk: what is answered as accepted is never sent again, so a power cut must not lose it."""
    with path.open(mode) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
