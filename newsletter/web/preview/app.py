"""What the server answers: the page, a draft's state as it changes, its editions, and the sending of a test."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from anyio import create_task_group
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Route

from newsletter.errors import NewsletterError
from newsletter.web.preview.answers import Answers
from newsletter.web.preview.entrance import Closed, Entrance
from newsletter.web.preview.guard import Guarded
from newsletter.web.preview.studio import Studio

_LARGEST_BODY = 10_000  # bytes of an order to send a test


def build_app(studio: Studio, token: str, entrance: Entrance, on_failure: Callable[[Exception], None]) -> Starlette:
    """The application, in which the studio works; `token` is what a page has to show to have a test sent.

    `on_failure` is told when the studio can't go on.
    """

    async def work() -> None:
        try:
            await studio.run()
        except* Exception as failures:  # noqa: BLE001  # whatever it is, it ends the preview with its words
            on_failure(failures.exceptions[0])

    @asynccontextmanager
    async def working(_app: Starlette) -> AsyncIterator[None]:
        async with create_task_group() as group:
            group.start_soon(work)
            yield
            group.cancel_scope.cancel()

    answers = Answers(studio, token)
    return Starlette(
        # No route leads to a path on disk: what is served is made, or is one of the page's own files by name.
        routes=[
            Route("/", answers.home),
            Route("/-/{name}", answers.asset),
            Route("/{draft}", answers.page),
            Route("/{draft}/events", answers.events),
            Route("/{draft}/state", answers.state),
            Route("/{draft}/readers", answers.readers),
            Route("/{draft}/test", answers.test, methods=["POST"]),
            Route("/{draft}/email.html", answers.email),
            Route("/{draft}/email.txt", answers.text),
            Route("/{draft}/web.html", answers.web),
            Route("/{draft}/message.eml", answers.message),
            Route("/{draft}/edition.pdf", answers.pdf),
            Route("/{draft}/{name}", answers.picture),
        ],
        middleware=[
            # A site whose name was bent to 127.0.0.1 (DNS rebinding) comes with its own name all the same.
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False),
            Middleware(Guarded),
            Middleware(Closed, entrance=entrance),
        ],
        exception_handlers={NewsletterError: answers.trouble, OSError: answers.trouble, Exception: answers.trouble},
        lifespan=working,
        max_body_size=_LARGEST_BODY,
    )
