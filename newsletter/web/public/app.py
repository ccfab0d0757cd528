"""The public application: its routes and middleware, and the thread that renews pages and archive."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from newsletter.store import Store
from newsletter.web.guard import HostGuard, SecurityHeaders
from newsletter.web.http_refusals import make_refusal_handler
from newsletter.web.public.archive import Archive
from newsletter.web.public.endpoints import PublicEndpoints
from newsletter.web.public.event_writer import EventWriter
from newsletter.web.public.request_guard import HEALTH, POLICY, PublicHost, RequestGuard, mark_private
from newsletter.web.public.submission import LARGEST
from newsletter.web.public.token_reader import TokenReader
from newsletter.web.public.unsubscribe_pages import UnsubscribePages
from newsletter.workspace import Workspace

_LOOK_EVERY_S = 5.0  # a look costs little, and readers follow the link to the page as soon as the mail is there


def build_public_app(
    workspace: Workspace, store: Store, token_reader: TokenReader, pages: UnsubscribePages
) -> Starlette:
    """Build the public application. [service] url must be set; all routes lie below its path."""
    url = workspace.config.service.url or ""
    event_writer, archive = EventWriter(store, lambda: token_reader.keys), Archive(workspace, store)
    translator, title = workspace.config.translator, workspace.config.publication.title
    farewell = translator.translate("You won't get {title} any more.", title=title)
    endpoints = PublicEndpoints(store, token_reader, event_writer, pages, archive, farewell)

    @asynccontextmanager
    async def working(_app: Starlette) -> AsyncIterator[None]:
        stop = threading.Event()
        # A daemon: an archive that is being made holds up nobody who ends the service, and is made on next time.
        threading.Thread(target=_follow, args=(workspace, pages, archive, stop), daemon=True).start()
        yield
        stop.set()
        event_writer.close()
        endpoints.close()

    below, public_host = urlsplit(url).path, PublicHost(url)
    app = Starlette(
        # The names are what the log shows.
        routes=[
            Route(HEALTH, endpoints.health, name=HEALTH),
            Route(f"{below}/u/{{token}}", endpoints.link, methods=["GET", "POST"], name="/u/…", max_body_size=LARGEST),
            # Some programs put a slash behind an address.
            Route(f"{below}/u/{{token}}/", endpoints.link, methods=["GET", "POST"], name="/u/…", max_body_size=LARGEST),
            *([Route(below, endpoints.slash, name="/")] if below else []),
            Route(f"{below}/", endpoints.file, name="/"),
            Route(f"{below}/{{name}}", endpoints.file, name="/…"),
        ],
        middleware=[
            Middleware(SecurityHeaders, policy=POLICY, mark=mark_private, without_policy=["application/pdf"]),
            Middleware(RequestGuard, translator=translator),
            Middleware(HostGuard, is_own=public_host.is_own, on_refused=public_host.warn, translator=translator),
        ],
        exception_handlers={HTTPException: make_refusal_handler(translator)},
        lifespan=working,
    )
    app.router.redirect_slashes = False  # a POST is never sent elsewhere
    app.middleware_stack = app.build_middleware_stack()  # now, and not at the first request: what fails is told
    return app


def _follow(workspace: Workspace, pages: UnsubscribePages, archive: Archive, stop: threading.Event) -> None:
    """Renew pages and archive every few seconds from the files as they are by then, until `stop` is set."""
    while True:
        current = workspace.with_current_settings()
        pages.renew(current)
        archive.renew(current)
        if stop.wait(_LOOK_EVERY_S):
            return
