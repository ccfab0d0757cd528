"""Ports for servers that have to be told theirs before they start."""

import socket
from contextlib import closing
from secrets import randbelow

# Below what systems hand out by themselves, so that no connection of anybody's takes it before the server does (Linux:
# from 32768, macOS: from 49152), and below the previews' own. By chance, since other suites look for one as well.
_FIRST, _PORTS = 10_240, 10_240


def free_port() -> int:
    """Return a port of 127.0.0.1 at which nobody listens."""
    while True:
        port = _FIRST + randbelow(_PORTS)
        with closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
