"""Access to the preview: only for a browser that was opened by one of its own addresses.

Each address holds a key that works once. It is exchanged for a cookie, which is good for this preview until it ends.
"""

from collections.abc import Callable, Mapping
from html import escape
from http.cookies import CookieError, SimpleCookie
from secrets import token_urlsafe
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from newsletter.web.preview.accounts import Peer

_KEY = "key"  # in an address
_POLICY = {"Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"}
_CLOSED = 'This is open only to the browser that was opened by "newsletter preview".'
_WAY_IN = (
    "Go to the window that it opened last; or open here the last address in its terminal. Each address works once."
)
_CLOSED_PAGE = """\
<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Preview</title><h1>This preview is not open here</h1><p>{closed}</p><p>{way_in}</p>
<p>If the preview has ended, start it again in your publication's folder: <code>newsletter preview</code>.</p></html>
"""
# A redirect would count as coming from where the address was clicked, and a strict cookie not go along with it.
_NEXT_PAGE = """\
<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={address}"><title>Preview</title>
<p><a href="{address}">Go on</a></p></html>
"""


class AccessKeys:
    """The access keys not used yet, and the valid cookies. `on_used` is called when a printed key was used."""

    def __init__(self, on_used: Callable[[], None]) -> None:
        self._on_used = on_used
        self._printed_keys: set[str] = set()
        self._browser_keys: set[str] = set()
        self._cookies: dict[str, int | None] = {}

    def make_printed_address(self, address: str) -> str:
        """Return the address with a new key, for the terminal, which nobody else sees."""
        return _with_key(address, self._printed_keys)

    def make_browser_address(self, address: str) -> str:
        """Return the address with a new key, for a browser's command line: only its own account can use it."""
        return _with_key(address, self._browser_keys)

    def redeem_key(self, key: str, peer: Peer) -> str | None:
        """Return a new cookie's value for a key that is good, and use it up; else None."""
        if key in self._browser_keys and peer.is_ours:
            self._browser_keys.remove(key)
        elif key in self._printed_keys:
            self._printed_keys.remove(key)
            self._on_used()
        else:
            return None
        value = token_urlsafe(24)
        self._cookies[value] = peer.user
        return value

    def accepts(self, value: str, peer: Peer) -> bool:
        """Return whether the cookie is good, and comes from the account that it was given to."""
        return value in self._cookies and (None in (owner := self._cookies[value], peer.user) or owner == peer.user)


class AccessGuard:
    """Middleware that answers nothing without a valid cookie or key."""

    def __init__(self, app: ASGIApp, access_keys: AccessKeys) -> None:
        self._app = app
        self._access_keys = access_keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        peer, name = scope["state"]["peer"], f"newsletter-preview-{scope['server'][1]}"
        is_known = self._access_keys.accepts(_cookies(request.headers).get(name, ""), peer)
        key = request.query_params.get(_KEY) if request.method == "GET" else None
        value = self._access_keys.redeem_key(key, peer) if key else None
        answer: Response | None = None
        if value:
            answer = HTMLResponse(_NEXT_PAGE.format(address=escape(_without_key(request))), headers=_POLICY)
            # For no other site and no script; by its name for no other preview on this machine.
            answer.set_cookie(name, value, path="/", httponly=True, samesite="strict")
        elif not is_known:
            answer = _closed(request)
        await (answer or self._app)(scope, receive, send)


def _with_key(address: str, keys: set[str]) -> str:
    key = token_urlsafe(16)
    keys.add(key)
    return f"{address}?{_KEY}={key}"


def _without_key(request: Request) -> str:
    """Return the path and the query without the key; never another host's address."""
    rest = [pair for pair in parse_qsl(request.url.query, keep_blank_values=True) if pair[0] != _KEY]
    return f"/{quote(request.url.path.lstrip('/'))}{f'?{urlencode(rest)}' if rest else ''}"


def _cookies(headers: Mapping[str, str]) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _closed(request: Request) -> Response:
    """Refuse: a page for a person in a window of their own, an answer for the preview's page to show."""
    if "text/html" in request.headers.get("accept", ""):
        page = _CLOSED_PAGE.format(closed=escape(_CLOSED), way_in=escape(_WAY_IN))
        return HTMLResponse(page, 403, headers=_POLICY)
    return JSONResponse({"title": _CLOSED, "stops": True, "next_step": _WAY_IN, "problems": []}, 403)
