"""What holds for every answer: whom it is for, what a browser may do with it, and one line in the log."""

import logging
import re
from time import monotonic, perf_counter
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsletter.web.public.fair_shares import RequestShares, client_of

HEALTH = "/healthz"
_LOG = logging.getLogger(__name__)
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+?)\.?(?::([0-9]*))?", re.IGNORECASE)
_HERE = ("127.0.0.1", "localhost", "[::1]")
_TELL_EVERY_S = 3600.0
_MOST_WORKED_ON = 400
_SOON = {"Retry-After": "5"}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")


class RequestGuard:
    """Around the application. `url` is the service's public one: requests for other hosts are not answered.

    The log has no token, query, address or name of a file: they could say who reads what.
    """

    def __init__(self, app: ASGIApp, url: str) -> None:
        self._app = app
        self._url = url
        self._told_at: float | None = None
        self._shares = RequestShares(_MOST_WORKED_ON)
        parts = urlsplit(url)
        name = (parts.hostname or "").removesuffix(".")
        self._name = f"[{name}]" if ":" in name else name
        self._ports = (None, "", str(parts.port or {"https": 443, "http": 80}[parts.scheme]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 0

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _mark(MutableHeaders(scope=message))
            await send(message)

        try:
            with self._shares.place(client_of(scope["client"])) as has_room:
                if not self._is_meant(scope):
                    self._tell()
                    await PlainTextResponse("This server has no such site.\n", 421)(scope, receive, guarded)
                elif not has_room:
                    await PlainTextResponse("Too much at once.\n", 503, _SOON)(scope, receive, guarded)
                else:
                    await self._app(scope, receive, guarded)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except Exception as error:
            # Its words, and a traceback's, could quote what somebody has sent.
            place = _place(error)
            _LOG.error("A fault of the program: %s in %s", type(error).__name__, place)
            if status:
                raise
            await PlainTextResponse("Something is wrong here. Please try again later.\n", 500)(scope, receive, guarded)
        finally:
            route = getattr(scope.get("route"), "name", "-")
            method = scope["method"] if scope["method"] in _METHODS else "-"
            _LOG.info("%s %s %s %.0f ms", method, route, status or "-", 1000 * (perf_counter() - began))

    def _tell(self) -> None:
        """Why: its operator may have set it up so. Not for which host: that is whatever somebody has sent."""
        if self._told_at is None or monotonic() - self._told_at >= _TELL_EVERY_S:
            self._told_at = monotonic()
            told = (
                "Requests for another host are refused: [service] url is %s; pass Host on (docs/operators/service.md)"
            )
            _LOG.warning(told, self._url)

    def _is_meant(self, scope: Scope) -> bool:
        host = _HOST.fullmatch(Headers(scope=scope).get("host", ""))
        if host is None:
            return False
        name = host[1].lower()
        return (name == self._name and host[2] in self._ports) or (scope["path"] == HEALTH and name in _HERE)


def _mark(headers: MutableHeaders) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if not headers.get("Content-Type", "").startswith("application/pdf"):  # a browser's own viewer shows it
        headers["Content-Security-Policy"] = _POLICY
    if "Cache-Control" not in headers:  # all but the archive is between us and one reader
        headers["Cache-Control"] = "no-store"
        headers["X-Robots-Tag"] = "noindex"


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "-"
