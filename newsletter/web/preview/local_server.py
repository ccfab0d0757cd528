"""`newsletter preview`: the preview's server, on this machine alone, until Ctrl-C."""

import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe

from newsletter.errors import DecisionNeeded
from newsletter.web.preview.access import AccessKeys
from newsletter.web.preview.accounts import PeerConnection
from newsletter.web.preview.app import build_preview_app
from newsletter.web.preview.draft_state import DraftState
from newsletter.web.preview.preview_engine import PreviewEngine
from newsletter.web.server import WebServer, bind
from newsletter.workspace import Workspace

_HOST = "127.0.0.1"
# Below the ports that systems hand out by themselves, and none of those that browsers refuse.
_FIRST_PORT, _PORTS = 21_000, 10_000


@dataclass(frozen=True)
class PreviewAddresses:
    """The page's address for the terminal, and one to open a browser with; `taken` is the usual port if in use."""

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
    """Serve the preview until the process is told to end.

    `on_address` gets the page's addresses, `on_used` another one for the terminal when its last has let a browser in,
    and `note` each new state. Raises DecisionNeeded for a `port` that can't be had.
    """
    with closing(_listening(workspace.folder, port)) as listening:
        failures: list[Exception] = []

        def fail(error: Exception) -> None:
            failures.append(error)
            server.stop()

        engine = PreviewEngine(workspace, draft, note)
        own, taken = _own_port(workspace.folder), listening.getsockname()[1]
        address = f"http://{_HOST}:{taken}{engine.home}"
        access_keys = AccessKeys(lambda: on_used(access_keys.make_printed_address(address)))
        is_other = port is None and taken != own
        own_if_taken = own if is_other else None
        addresses = PreviewAddresses(
            access_keys.make_printed_address(address), access_keys.make_browser_address(address), own_if_taken
        )
        app = build_preview_app(engine, token_urlsafe(), access_keys, fail)
        server = WebServer(app, listening, PeerConnection, on_started=lambda: on_address(addresses), shutdown_s=2)
        server.run()
        if failures:
            raise failures[0]


def _listening(folder: Path, port: int | None) -> socket.socket:
    """Listen at the port that was asked for; else at the publication's own, or any while that is in use.

    A publication has the same port each day, so that bookmarks stay good, and so does what the browser remembers.
    """
    if port is not None:
        return _bound(port)
    try:
        return _bound(_own_port(folder))
    except DecisionNeeded:
        return _bound(0)


def _own_port(folder: Path) -> int:
    return _FIRST_PORT + int.from_bytes(sha256(str(folder.resolve()).encode()).digest()[:4]) % _PORTS


def _bound(port: int) -> socket.socket:
    return bind(_HOST, port, in_use="", next_step="Leave --port out for one that is free, or name another.")
