"""Policies by which other sites, and the editions' own content, can do no harm in the preview."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
# The page around a frame reads it, to keep its place and to replace what has changed. Nothing in it runs, posts,
# or asks the network for anything; a link opens in a window of its own.
SANDBOX = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"


def frame_policy(*, images: bool) -> str:
    """Return the policy of a frame; without images, it looks as the mail does where a client blocks them."""
    shown = "'self' data:" if images else "'none'"
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src {shown}; form-action 'none'; base-uri 'none'; "
        f"frame-ancestors 'self'; sandbox {SANDBOX}"
    )


def _is_visit(headers: Headers) -> bool:
    """Return whether somebody has followed a link from elsewhere to here, in a window of its own."""
    return (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")) == ("navigate", "document")


class FetchGuard:
    """Middleware that does no work for another site: browsers say which site a request comes from (Fetch Metadata)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none") and not _is_visit(headers):
            answer = PlainTextResponse("This is for the preview's own page.", status_code=403)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def mark_local(headers: MutableHeaders) -> None:
    """Keep an answer for the preview's own page, and out of every cache."""
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Cache-Control"] = "no-store"
