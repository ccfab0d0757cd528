"""The server under both web applications: a port to listen at, and uvicorn answering there until it is told to end."""

import asyncio
import errno
import socket
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from newsletter.errors import ConfigError, DecisionNeeded

# What our connections use of uvicorn's class beyond its documentation.
_PARTS = (
    "app_state", "client", "connection_lost", "connection_made", "connections", "cycle", "data_received", "headers",
    "loop", "on_response_complete", "server", "transport",
)  # fmt: skip


def bind(host: str, port: int, *, in_use: str, next_step: str) -> socket.socket:
    """Return a socket that listens at `host` (an address, or a name of this machine) and `port` (0: any that is free).

    `in_use` is put behind the message that another program has the port, and `next_step` says how to name another.
    Raises DecisionNeeded for a port that can't be had, and ConfigError for a host that is none of this machine.
    """
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
            errno.EADDRINUSE: f"Port {port} is in use by another program{in_use}.",
            errno.EACCES: f"Port {port} is kept for the system's own.",
            errno.EADDRNOTAVAIL: f"{host} is no address of this machine.",
        }.get(error.errno or 0)
        if why is None:
            raise ConfigError(
                f"{host}, port {port}, can't be listened at: {error.strerror}.",
                next_step="Write an address of this machine: 127.0.0.1. One that begins with fe80 wants its network "
                "card, too: fe80::1%eth0.",
            ) from error
        raise DecisionNeeded(why, next_step=next_step) from error
    return listening


class WebServer:
    """One application, answered at one socket by uvicorn. `connection` is the class of its connections.

    Raises ConfigError when the installed uvicorn lacks a part on which that class rests.
    """

    def __init__(
        self,
        app: Starlette,
        listening: socket.socket,
        connection: type[H11Protocol],
        *,
        on_started: Callable[[], None],
        shutdown_s: int,
        **settings: Any,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=connection,
            ws="none",
            lifespan="off",  # uvicorn would end without a word when it fails; `run` does it
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # who asks is known by the connection alone
            timeout_graceful_shutdown=shutdown_s,
            **settings,
        )
        _require_parts(connection, config)
        self._app = app
        self._listening = listening
        self._config = config
        self._server = _Server(config, on_started)

    def run(self) -> None:
        """Answer until the process is told to end, or `stop` is called. Raises what the application's lifespan does."""
        with asyncio.Runner(loop_factory=self._config.get_loop_factory()) as runner:
            runner.run(self._answer())

    def stop(self) -> None:
        """End the server from within its own event loop: requests under way are answered first."""
        self._server.should_exit = True

    async def _answer(self) -> None:
        async with self._app.router.lifespan_context(self._app):
            await self._server.serve([self._listening])


class _Server(uvicorn.Server):
    """A server that says when it listens, and not before."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


def _require_parts(connection: type[H11Protocol], config: uvicorn.Config) -> None:
    with asyncio.Runner() as runner:
        built = connection(config=config, server_state=ServerState(), app_state={}, _loop=runner.get_loop())
    if lacking := ", ".join(part for part in _PARTS if not hasattr(built, part)):
        raise ConfigError(
            f"uvicorn {version('uvicorn')} is built otherwise than this program expects: it has no {lacking}.",
            next_step="Install the version that this program was tested with; constraints.txt names it.",
        )
