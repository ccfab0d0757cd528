"""The guard around both web applications: whom a request is for, and what a browser may do with its answer."""

import re
from collections.abc import Callable, Collection
from functools import lru_cache

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsletter.translation import ENGLISH, Translator

LOCAL_HOSTS = ("127.0.0.1", "localhost")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+?)\.?(?::([0-9]*))?", re.IGNORECASE)


class HostGuard:
    """Middleware that answers 421 (RFC 9110, section 15.5.20) to a request for a host that is not this server's own.

    A site whose name was bent to this machine's address (DNS rebinding) comes with its own name all the same.
    `is_own` gets the host's name in lower case, its port ("" or None when the header has none) and the path;
    `on_refused` is called for each request that is refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        is_own: Callable[[str, str | None, str], bool],
        on_refused: Callable[[], None] = lambda: None,
        translator: Translator = ENGLISH,
    ) -> None:
        self._app = app
        self._is_own = is_own
        self._on_refused = on_refused
        self._refusal = translator.translate("This server has no such site.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = split_host(Headers(scope=scope).get("host", ""))
            if host is None or not self._is_own(*host, scope["path"]):
                self._on_refused()
                await PlainTextResponse(f"{self._refusal}\n", 421)(scope, receive, send)
                return
        await self._app(scope, receive, send)


@lru_cache(maxsize=64)  # it is asked twice for each request, and nearly all are for one host
def split_host(header: str) -> tuple[str, str | None] | None:
    """Return the name in lower case and the port ("" or None for none) of a Host header; None for what is no host."""
    host = _HOST.fullmatch(header)
    return (host[1].lower(), host[2]) if host else None


def is_local(name: str, _port: str | None, _path: str) -> bool:
    """Return whether a host's name is this machine's own: for an application that is for nobody else."""
    return name in LOCAL_HOSTS


# No answer has them of its own.
_FOR_ALL = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class SecurityHeaders:
    """Middleware that marks every answer: it is what it says it is, and tells no other site where a visitor was.

    `policy` is the Content-Security-Policy of answers that have none of their own, save those of a type in
    `without_policy`: a browser's own viewer shows them. `mark` adds an application's own headers.
    """

    def __init__(
        self,
        app: ASGIApp,
        policy: str,
        mark: Callable[[MutableHeaders], None],
        without_policy: Collection[str] = (),
    ) -> None:
        self._app = app
        self._policy = policy
        self._mark = mark
        self._without_policy = tuple(without_policy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_FOR_ALL]
                headers = MutableHeaders(scope=message)
                if not headers.get("Content-Type", "").startswith(self._without_policy or "\0"):
                    headers.setdefault("Content-Security-Policy", self._policy)
                self._mark(headers)
            await send(message)

        await self._app(scope, receive, marked)
