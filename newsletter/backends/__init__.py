"""The protocol between a campaign and what carries its messages: a backend, its sessions and their feed.

Backends are found by entry point, those of this package like everyone else's. A backend is a class with a `Settings`
model for its table in newsletter.toml, made with those settings:

    class Pigeon:
        class Settings(newsletter.config.Section):
            loft: str
        def __init__(self, settings, root): ...
        limits = Limits(connections=1, window=1)
        def connect(self): ...        # an async context manager that yields a Session
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from newsletter.config import Config, Section, find_installed_backends
from newsletter.errors import DeliveryError
from newsletter.mail.message import Message, Result

_ASK_AGAIN_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The sessions that a backend allows at once, and how many messages each carries. None: no limit.

    `window` is how many messages one session may have taken and not answered yet. The rates count messages of
    all sessions together, `per_connection` those of one. The sender keeps to them, so that no backend has to.
    """

    connections: int = 1
    window: int = 1
    per_second: float | None = None
    per_hour: int | None = None
    per_connection: int | None = None


class Feed(Protocol):
    """A session's source of messages, and the place to report their results."""

    def take(self) -> Message | None:
        """Return the next message; None when none is ready now."""

    def may_send(self) -> bool:
        """Return whether a message that was taken may still leave; False when another process may have taken over.

        A backend asks again where time passes between taking a message and the departure of its text.
        """

    async def wait(self) -> bool:
        """Wait until a message may be ready. Return False when no more will come."""

    def answer(self, result: Result) -> None:
        """Report the result of one message that was taken."""

    def untouched(self, message: Message, why: str = "", code: int | None = None) -> None:
        """Give back a message that was taken, when the server has read nothing of its text: it can be sent again.

        `code` is the reply that ended the connection, where one did.
        """


class CallingFeed(Feed, Protocol):
    """A feed that can also call a session which is driven by callbacks: waking a coroutine costs as much as a reply."""

    def call_when_ready(self, ready: Callable[[bool], None]) -> None:
        """Call `ready` once, later, instead of what `wait` returns: True when a message may be ready."""


class TextFeed(Feed, Protocol):
    """A feed to which a session can tell of each text that begins to leave.

    After a crash nobody else has to be asked about a message that was taken and whose text had not begun.
    """

    def report_texts(self) -> Callable[[Message], None]:
        """Return what is to be called with each message right before the first byte of its text may leave.

        A session that asks for it does so before it takes a message, and reports every text.
        """


@dataclass(frozen=True, kw_only=True)
class Announced:
    """Limits that the other side announced when a session began; None where it announced none.

    `largest_message` is in bytes (SIZE, RFC 1870), `messages` how many a session may carry (LIMITS, RFC 9422).
    """

    largest_message: int | None = None
    messages: int | None = None


class Session(Protocol):
    """One open connection of a backend.

    It may also have `announced`, an Announced, and `describe`, which returns sentences about the connection.
    """

    async def deliver(self, feed: Feed) -> None:
        """Carry messages until the feed ends. Raises SessionLost when the session breaks.

        A message that was taken and neither answered nor given back then counts as unknown.
        """


class Backend(Protocol):
    """The destination of messages that `newsletter.toml` names under [send] backend."""

    @property
    def limits(self) -> Limits:
        """Return how many sessions and messages the other side allows."""

    def connect(self) -> AbstractAsyncContextManager[Session]:
        """Open a session. Raises Unreachable."""


class SessionLost(Exception):
    """A broken connection, after which a new session may go on.

    `code` is the reply that ended it, such as 421, with its `enhanced` code, its words, and the `stage` of the dialogue
    that it answered, as results name it.
    """

    def __init__(
        self, why: str = "", code: int | None = None, *, enhanced: str | None = None, reply: str = "", stage: str = ""
    ) -> None:
        super().__init__(why)
        self.code = code
        self.enhanced = enhanced
        self.reply = reply
        self.stage = stage


class SenderRefused(DeliveryError):
    """A refusal of the sender as such: the server will take no mail from it, so no other message needs to be tried."""


class Unreachable(DeliveryError):
    """A session that can't be opened, with the reason in words that an editor can act upon.

    `code` is the server's reply, where it gave one, with its `enhanced` code and its words; a 4xx says that a session
    may be opened later. `stage` is the step at which it failed: connect, ehlo, starttls or auth.
    """

    def __init__(
        self,
        message: str,
        *,
        next_step: str = "",
        code: int | None = None,
        enhanced: str | None = None,
        reply: str = "",
        stage: str = "connect",
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.code = code
        self.enhanced = enhanced
        self.reply = reply
        self.stage = stage


def read_announced(session: Session) -> Announced:
    """Return what a session's other side announced; nothing, of a backend whose sessions don't say."""
    announced = getattr(session, "announced", None)
    return announced if isinstance(announced, Announced) else Announced()


def load_backend(name: str, config: Config, root: Path) -> Backend:
    """Return the backend of that name, with its settings; relative paths in those start from the folder `root`."""
    make: Callable[[Section, Path], Backend] = find_installed_backends()[name].load()
    return make(config.backends[name].completed(config), root)


def name_server(config: Config) -> str:
    """Return by which name the limits of the other side are kept: its host, port and account, or the backend's name."""
    name = config.send.backend
    return getattr(config.backends[name], "server", "") or name


async def deliver_one_by_one(feed: Feed, carry: Callable[[Message], Awaitable[Result]]) -> None:
    """Carry the feed's messages one after another, and answer each: all that a simple session has to do."""
    async for message in take_messages(feed):
        feed.answer(await carry(message))


async def take_messages(feed: Feed) -> AsyncIterator[Message]:
    """Yield every message of the feed, until it ends."""
    while True:
        message = feed.take()
        if message is not None:
            yield message
        elif not await feed.wait():
            return


async def wait_until_it_may_leave(feed: Feed) -> None:
    """Wait until the message that was taken may leave; to be called right before it does."""
    while not feed.may_send():
        await asyncio.sleep(_ASK_AGAIN_S)
