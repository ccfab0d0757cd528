"""Around the public application: fair shares of its time, one line in the log, and faults that quote nobody."""

import logging
from time import monotonic, perf_counter
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsletter.translation import Translator
from newsletter.web.guard import LOCAL_HOSTS
from newsletter.web.public.client_network import CLIENT, ProxyNetworks
from newsletter.web.public.fair_shares import RequestShares

HEALTH = "/healthz"
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_LOG = logging.getLogger(__name__)
_HERE = (*LOCAL_HOSTS, "[::1]")
_TELL_EVERY_S = 3600.0
_MOST_WORKED_ON = 400
_SOON = {"Retry-After": "5"}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")


class RequestGuard:
    """Middleware that shares the work between clients and logs each request.

    `proxies` say who a client is that asks through them. The log has no token, query, address or name of a file: they
    could say who reads what.
    """

    def __init__(self, app: ASGIApp, translator: Translator, proxies: ProxyNetworks) -> None:
        self._app = app
        self._proxies = proxies
        self._too_much = translator.translate("Too much at once.")
        self._broken = translator.translate("Something is wrong here. Please try again later.")
        self._shares = RequestShares(_MOST_WORKED_ON)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 0
        client = scope[CLIENT] = self._proxies.find_client(scope)

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            with self._shares.place(client) as has_room:
                if has_room:
                    await self._app(scope, receive, watched)
                else:
                    await PlainTextResponse(f"{self._too_much}\n", 503, _SOON)(scope, receive, watched)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except Exception as error:
            # Its words, and a traceback's, could quote what somebody has sent.
            _LOG.error("A fault of the program: %s in %s", type(error).__name__, _place(error))
            if status:
                raise
            await PlainTextResponse(f"{self._broken}\n", 500)(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "name", "-")
            method = scope["method"] if scope["method"] in _METHODS else "-"
            _LOG.info("%s %s %s %.0f ms", method, route, status or "-", 1000 * (perf_counter() - began))


class PublicHost:
    """The host that readers ask for: the one of the service's public `url`. `name` is as the header has it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._told_at: float | None = None
        parts = urlsplit(url)
        name = (parts.hostname or "").removesuffix(".")
        self.name = f"[{name}]" if ":" in name else name
        self._ports = (None, "", str(parts.port or {"https": 443, "http": 80}[parts.scheme]))

    def is_own(self, name: str, port: str | None, path: str) -> bool:
        """Return whether a request is for the service, or from this machine for its health."""
        return (name == self.name and port in self._ports) or (path == HEALTH and name in _HERE)

    def warn(self) -> None:
        """Log at most hourly that requests for another host come in: the operator may have set it up so.

        Not for which host: that is whatever somebody has sent.
        """
        if self._told_at is None or monotonic() - self._told_at >= _TELL_EVERY_S:
            self._told_at = monotonic()
            warning = (
                "Requests for another host are refused: [service] url is %s; pass Host on (docs/operators/service.md)"
            )
            _LOG.warning(warning, self._url)


def mark_private(headers: MutableHeaders) -> None:
    """Keep an answer out of caches and search engines: all but the archive is between the service and one reader."""
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
        headers["X-Robots-Tag"] = "noindex"


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "-"
