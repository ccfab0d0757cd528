"""The public application: its routes and middleware, and the thread that renews pages and archives."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Lifespan, Receive, Scope, Send

from newsletter.web.guard import HostGuard, SecurityHeaders, split_host
from newsletter.web.http_refusals import make_refusal_handler
from newsletter.web.public.client_network import ProxyNetworks
from newsletter.web.public.overview import Overview
from newsletter.web.public.publication_routes import ClosedPublication, ServedPublication
from newsletter.web.public.reader_work import end_reader_work
from newsletter.web.public.request_guard import HEALTH, POLICY, RequestGuard, mark_private

_LOOK_EVERY_S = 5.0  # a look costs little, and readers follow the link to the page as soon as the mail is there


def build_public_app(publications: Sequence[ServedPublication], closed: Sequence[str] = ()) -> Starlette:
    """Build the public application of publications that have addresses of their own, by host or by path.

    `closed` are the addresses of those that can't be served.
    """
    translator = publications[0].translator
    # One port for all of them, so a web server that one publication names is before the others, too.
    proxies = ProxyNetworks([entry for each in publications for entry in each.workspace.config.service.proxies])
    shut = [ClosedPublication(url, translator) for url in closed]
    hosts = [*(each.host for each in publications), *(each.host for each in shut)]
    overview = Overview(publications) if len(publications) > 1 else None

    @asynccontextmanager
    async def working(_app: Starlette) -> AsyncIterator[None]:
        stop = threading.Event()
        # A daemon: an archive that is being made holds up nobody who ends the service, and is made on next time.
        threading.Thread(target=_follow, args=(publications, overview, stop), daemon=True).start()
        for publication in publications:
            if publication.does_work:
                publication.reader_work.start()
        try:
            yield
        finally:  # a signal may come out of the server as an exception
            stop.set()
            end_reader_work([each.reader_work for each in publications])
            for publication in publications:
                publication.close()

    def is_own(name: str, port: str | None, path: str) -> bool:
        return any(host.is_own(name, port, path) for host in hosts)

    app = Starlette(
        middleware=[
            Middleware(SecurityHeaders, policy=POLICY, mark=mark_private, without_policy=["application/pdf"]),
            Middleware(RequestGuard, translator=translator, proxies=proxies),
            Middleware(HostGuard, is_own=is_own, on_refused=publications[0].host.warn, translator=translator),
        ],
        exception_handlers={HTTPException: make_refusal_handler(translator)},
    )
    app.router = _HostRouter(publications, overview, shut, working)
    app.middleware_stack = app.build_middleware_stack()  # now, and not at the first request: what fails is told
    return app


class _HostRouter(Router):
    """Router to the publications at the host that is asked for, each below its own path."""

    def __init__(
        self,
        publications: Sequence[ServedPublication],
        overview: Overview | None,
        shut: Sequence[ClosedPublication],
        working: Lifespan[Starlette],
    ) -> None:
        names = [*(each.host.name for each in publications), *(each.host.name for each in shut)]
        self._routers = {
            host: _build_router(
                [each for each in publications if each.host.name == host],
                overview,
                [each for each in shut if each.host.name == host],
                publications,
            )
            for host in dict.fromkeys(names)
        }
        super().__init__(lifespan=working)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = split_host(Headers(scope=scope).get("host", ""))
        # For its health this machine asks by a name of its own, and every host knows that.
        router = self._routers.get(host[0] if host else "", next(iter(self._routers.values())))
        await router.app(scope, receive, send)


def _build_router(
    here: Sequence[ServedPublication],
    overview: Overview | None,
    shut: Sequence[ClosedPublication],
    every: Sequence[ServedPublication],
) -> Router:
    async def health(request: Request) -> Response:
        answers = await asyncio.gather(*(each.endpoints.health(request) for each in every))
        return max(answers, key=lambda answer: answer.status_code)

    routes = [Route(HEALTH, health, name=HEALTH)]
    if overview and here:
        routes += overview.build_routes(here)
    # The longest path first, since one above it takes a name for a file of its own.
    every_place: list[ServedPublication | ClosedPublication] = [*here, *shut]
    for each in sorted(every_place, key=lambda each: len(each.below), reverse=True):
        routes += each.build_routes()
    # A POST is never sent elsewhere.
    return Router(routes=routes, redirect_slashes=False)


def _follow(publications: Sequence[ServedPublication], overview: Overview | None, stop: threading.Event) -> None:
    """Renew pages and archives every few seconds from the files as they are by then, until `stop` is set."""
    while True:
        for publication in publications:
            publication.renew()
        if overview:
            overview.renew()
        if stop.wait(_LOOK_EVERY_S):
            return
