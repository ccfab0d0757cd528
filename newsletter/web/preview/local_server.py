"""The preview's server: on this machine alone, until Ctrl-C."""

import errno
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe

import uvicorn

from newsletter.errors import DecisionNeeded
from newsletter.web.preview.access import AccessKeys
from newsletter.web.preview.accounts import PeerConnection
from newsletter.web.preview.app import build_preview_app
from newsletter.web.preview.draft_state import DraftState
from newsletter.web.preview.engine import PreviewEngine
from newsletter.workspace import Workspace

_HOST = "127.0.0.1"
# Below the ports that systems hand out by themselves, and none of those that browsers refuse.
_FIRST_PORT, _PORTS = 21_000, 10_000


@dataclass(frozen=True)
class PreviewAddresses:
    """The page's address for the terminal, and for a browser to be opened with; the publication's own port if taken."""

    printed: str
    opened: str
    taken: int | None


def preview(
    workspace: Workspace,
    draft: Path,
    port: int | None,
    on_address: Callable[[PreviewAddresses], None],
    on_used: Callable[[str], None],
    note: Callable[[DraftState, Workspace], None],
) -> None:
    """Serve until the process is told to end.

    `on_address` gets the page's addresses, `on_used` another one for the terminal when its last has let a browser in,
    and `note` each new state. Raises DecisionNeeded for a `port` that can't be had.
    """
    with closing(_listening(workspace.root, port)) as listening:
        failures: list[Exception] = []

        def fail(error: Exception) -> None:
            failures.append(error)
            server.should_exit = True

        engine = PreviewEngine(workspace, draft, note)
        own, taken = _own_port(workspace.root), listening.getsockname()[1]
        address = f"http://{_HOST}:{taken}{engine.home}"
        access_keys = AccessKeys(lambda: on_used(access_keys.printed(address)))
        is_other = port is None and taken != own
        on_address(
            PreviewAddresses(access_keys.printed(address), access_keys.opened(address), own if is_other else None)
        )
        config = uvicorn.Config(
            build_preview_app(engine, token_urlsafe(), access_keys, fail),
            http=PeerConnection,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
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
