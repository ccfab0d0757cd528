"""The preview's server: on this machine alone, until Ctrl-C."""

import errno
import socket
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe

import uvicorn

from newsletter.errors import DecisionNeeded
from newsletter.preview.app import build_app
from newsletter.preview.look import Showing
from newsletter.preview.studio import Studio
from newsletter.workspace import Workspace

_HOST = "127.0.0.1"
# Below the ports that systems hand out by themselves, and none of those that browsers refuse.
_FIRST_PORT, _PORTS = 21_000, 10_000


def preview(
    workspace: Workspace,
    draft: Path,
    port: int | None,
    on_address: Callable[[str, int | None], None],
    note: Callable[[Showing, Workspace], None],
) -> None:
    """Serve until the process is told to end.

    `on_address` gets the page's address, and the publication's own port when that is taken; `note` each new
    state. Raises DecisionNeeded for a `port` that can't be had.
    """
    with closing(_listening(workspace.root, port)) as listening:
        failures: list[Exception] = []

        def fail(error: Exception) -> None:
            failures.append(error)
            server.should_exit = True

        studio = Studio(workspace, draft, note)
        app = build_app(studio, token_urlsafe(), fail)
        own, taken = _own_port(workspace.root), listening.getsockname()[1]
        on_address(f"http://{_HOST}:{taken}{studio.home}", own if port is None and taken != own else None)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=2
        )
        server = uvicorn.Server(config)
        server.run(sockets=[listening])
        if failures:
            raise failures[0]


def _listening(root: Path, port: int | None) -> socket.socket:
    """The port that was asked for; else the publication's own, or any while that is taken.

    A publication has the same port each day, so that bookmarks stay good, and so does what the browser remembers.
    """
    if port is not None:
        return _bound(port)
    try:
        return _bound(_own_port(root))
    except DecisionNeeded:
        return _bound(0)


def _own_port(root: Path) -> int:
    return _FIRST_PORT + int.from_bytes(sha256(str(root.resolve()).encode()).digest()[:4]) % _PORTS


def _bound(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or a restart would have to wait a minute
        listening.bind((_HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = "is in use by another program" if error.errno == errno.EADDRINUSE else "is kept for the system's own"
        raise DecisionNeeded(
            f"Port {port} {why}.", next_step="Leave --port out for one that is free, or name another."
        ) from error
    return listening
