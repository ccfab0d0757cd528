"""The service's server: one process, until it is told to end."""

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import closing

import uvicorn
from starlette.applications import Starlette

from newsletter.errors import ConfigError, DecisionNeeded
from newsletter.store import open_store
from newsletter.web.public.app import build_public_app
from newsletter.web.public.connection_limits import IDLE_S, LimitedConnection
from newsletter.web.public.token_reader import TokenReader
from newsletter.web.public.unsubscribe_pages import UnsubscribePages
from newsletter.workspace import Workspace

_ENDING_S = 10  # for requests that are under way


def serve(workspace: Workspace, host: str, port: int, on_address: Callable[[str, str], None]) -> None:
    """Stages: settings, keys, store, page, port; then answer until the process is told to end.

    `on_address` gets the address that it listens at, and what was done to the store. Raises ConfigError, DeliveryError
    for the store, and DecisionNeeded for a port that can't be had.
    """
    if workspace.config.service.url is None:
        raise ConfigError(
            "It is not known under which address readers reach this service.",
            next_step='Write it into newsletter.toml: [service] and below it url = "https://news.example.org". '
            "docs/operators/service.md shows how to get there.",
        )
    token_reader = TokenReader(workspace)
    with closing(open_store(workspace.database, workspace.config.store.password)) as store:
        app = build_public_app(workspace, store, token_reader, UnsubscribePages(workspace))
        with closing(_listening(host, port)) as listening:
            name, number = listening.getsockname()[:2]
            address = f"http://{f'[{name}]' if ':' in name else name}:{number}"
            config = uvicorn.Config(
                app,
                http=LimitedConnection,
                ws="none",
                lifespan="off",  # uvicorn would end without a word when it fails
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # who it was is not asked
                h11_max_incomplete_event_size=16 * 1024,
                timeout_keep_alive=IDLE_S,
                timeout_graceful_shutdown=_ENDING_S,
            )
            server = _Server(config, lambda: on_address(address, store.notice))
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                runner.run(_answer(app, server, listening))


class _Server(uvicorn.Server):
    """Says when it listens, and not before."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


async def _answer(app: Starlette, server: uvicorn.Server, listening: socket.socket) -> None:
    async with app.router.lifespan_context(app):
        await server.serve([listening])


def _listening(host: str, port: int) -> socket.socket:
    host = host.removeprefix("[").removesuffix("]")  # as in a URL
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"There is no host {host!r} to listen at.", next_step="Write an address of this machine: 127.0.0.1"
        ) from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or a restart would have to wait a minute
        listening.bind(address)
        listening.listen(1024)
    except OSError as error:
        listening.close()
        why = {
            errno.EADDRINUSE: f"Port {port} is in use by another program, perhaps by another `newsletter serve`.",
            errno.EACCES: f"Port {port} is kept for the system's own.",
            errno.EADDRNOTAVAIL: f"{host} is no address of this machine.",
        }.get(error.errno or 0)
        if why is None:
            raise ConfigError(
                f"{host}, port {port}, can't be listened at: {error.strerror}.",
                next_step="Write an address of this machine: 127.0.0.1. One that begins with fe80 wants its network "
                "card, too: fe80::1%eth0.",
            ) from error
        raise DecisionNeeded(why, next_step="Name another: --port 8601, or --host, or in [service].") from error
    return listening
