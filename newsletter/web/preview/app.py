"""The preview's application: the page, a draft's state as it changes, its editions, and sending a test."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from anyio import create_task_group
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from newsletter.errors import NewsletterError
from newsletter.web.guard import HostGuard, SecurityHeaders, is_local
from newsletter.web.http_refusals import make_refusal_handler
from newsletter.web.preview.access import AccessGuard, AccessKeys
from newsletter.web.preview.content_policy import PAGE_POLICY, FetchGuard, mark_local
from newsletter.web.preview.endpoints import PreviewEndpoints
from newsletter.web.preview.preview_engine import PreviewEngine

_LARGEST_BODY = 10_000  # bytes of an order to send a test


def build_preview_app(
    engine: PreviewEngine, token: str, access_keys: AccessKeys, on_failure: Callable[[Exception], None]
) -> Starlette:
    """Build the application, which runs the engine; `token` is what a page has to show to have a test sent.

    `on_failure` is called when the engine can't go on.
    """

    async def work() -> None:
        try:
            await engine.run()
        except* Exception as failures:  # noqa: BLE001  # whatever it is, it ends the preview with its words
            on_failure(failures.exceptions[0])

    @asynccontextmanager
    async def working(_app: Starlette) -> AsyncIterator[None]:
        async with create_task_group() as group:
            group.start_soon(work)
            yield
            group.cancel_scope.cancel()

    endpoints = PreviewEndpoints(engine, token)
    return Starlette(
        routes=_make_routes(endpoints),
        middleware=[
            Middleware(SecurityHeaders, policy=PAGE_POLICY, mark=mark_local),
            Middleware(HostGuard, is_own=is_local),
            Middleware(FetchGuard),
            Middleware(AccessGuard, access_keys=access_keys),
        ],
        exception_handlers={
            HTTPException: make_refusal_handler(),
            NewsletterError: endpoints.answer_error,
            OSError: endpoints.answer_error,
            Exception: endpoints.answer_error,
        },
        lifespan=working,
        max_body_size=_LARGEST_BODY,
    )


def _make_routes(endpoints: PreviewEndpoints) -> list[Route]:
    """Return the routes. None leads to a path on disk: what is served is made, or is a file of the page by its name."""
    return [
        Route("/", endpoints.home),
        Route("/-/{name}", endpoints.asset),
        Route("/{draft}", endpoints.page),
        Route("/{draft}/events", endpoints.events),
        Route("/{draft}/state", endpoints.state),
        Route("/{draft}/readers", endpoints.readers),
        Route("/{draft}/test", endpoints.test, methods=["POST"]),
        Route("/{draft}/email.html", endpoints.email),
        Route("/{draft}/email.txt", endpoints.text),
        Route("/{draft}/web.html", endpoints.web),
        Route("/{draft}/message.eml", endpoints.message),
        Route("/{draft}/edition.pdf", endpoints.pdf),
        Route("/{draft}/{name}", endpoints.picture),
    ]
