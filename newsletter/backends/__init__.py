"""The seam to whatever carries messages away. Backends are found by entry point, ours like a stranger's.

A backend is a class with a `Settings` model for its table in newsletter.toml, made with those settings:

    class Pigeon:
        class Settings(newsletter.config.Section):
            loft: str
        def __init__(self, settings, root): ...
        limits = Limits(connections=1, window=1)
        def connect(self): ...        # an async context manager that yields a Session
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from newsletter.config import BACKEND_GROUP, Config, Section
from newsletter.errors import DeliveryError
from newsletter.mail.message import Message, Result


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the other side bears: how many sessions at once, and how fast. None: as fast as it goes.

    `window` is how many messages one session may have taken and not answered yet. The rates count messages of
    all sessions together, `per_connection` those of one; the run keeps them, so that no backend has to.
    """

    connections: int = 1
    window: int = 1
    per_second: float | None = None
    per_hour: int | None = None
    per_connection: int | None = None


class Feed(Protocol):
    """Where a session gets its messages, and says what became of them."""

    def take(self) -> Message | None:
        """The next message; None when none is ready now."""

    async def wait(self) -> bool:
        """Wait until one may be ready; False when no more will come."""

    def answer(self, result: Result) -> None:
        """The fate of one message that was taken."""

    def untouched(self, message: Message, why: str = "", code: int | None = None) -> None:
        """Give back a message that was taken, when the server has read nothing of its text: it can be sent again.

        `code` is the reply that ended the connection, where one did.
        """


class Session(Protocol):
    """One open connection of a backend."""

    async def deliver(self, feed: Feed) -> None:
        """Carry messages until the feed ends. Raises SessionLost when the session breaks.

        A message that was taken and neither answered nor given back then counts as unknown.
        """


class Backend(Protocol):
    """What `newsletter.toml` names under [send] backend."""

    @property
    def limits(self) -> Limits:
        """What the other side bears."""

    def connect(self) -> AbstractAsyncContextManager[Session]:
        """Open a session. Raises Unreachable."""


class SessionLost(Exception):
    """The connection broke; a new session may go on. `code` is the reply that ended it, such as 421."""

    def __init__(self, why: str = "", code: int | None = None) -> None:
        super().__init__(why)
        self.code = code


class SenderRefused(DeliveryError):
    """The server will take no mail from this sender, so no other message needs to be tried."""


class Unreachable(DeliveryError):
    """No session can be opened: the message says why in words that an editor can act upon.

    `code` is the server's reply when it was one; a 4xx says that a session may be opened later.
    """

    def __init__(self, message: str, *, next_step: str = "", code: int | None = None) -> None:
        super().__init__(message, next_step=next_step)
        self.code = code


def load_backend(name: str, config: Config, root: Path) -> Backend:
    """The backend of that name with its settings; `root` is the folder that its relative paths start from."""
    (point,) = entry_points(group=BACKEND_GROUP, name=name)
    make: Callable[[Section, Path], Backend] = point.load()
    return make(config.backends[name].completed(config), root)


async def deliver_one_by_one(feed: Feed, carry: Callable[[Message], Awaitable[Result]]) -> None:
    """The whole of a simple session: carry each message, and answer it."""
    async for message in take_messages(feed):
        feed.answer(await carry(message))


async def take_messages(feed: Feed) -> AsyncIterator[Message]:
    """Every message of the feed, until it ends."""
    while True:
        message = feed.take()
        if message is not None:
            yield message
        elif not await feed.wait():
            return
