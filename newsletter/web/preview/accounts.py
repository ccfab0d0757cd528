"""Finds which account of this machine is at the other end of a connection, as Linux tells.

Every account can read the command line of every process, and so the address that a browser is opened with. And a
browser sends a cookie of 127.0.0.1 to whatever server listens there, on any port.
"""

import os
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from sys import byteorder
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from newsletter.ownership import list_trusted_users

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


class Peer:
    """The other end of one connection."""

    def __init__(self, client: tuple[str, int] | None, server: tuple[str, int | None] | None) -> None:
        self._ends = (client, server)

    @cached_property
    def user(self) -> int | None:
        """Return the number of the account whose socket it is; None where the system does not tell, or no longer."""
        client, server = self._ends
        if client is None or server is None or server[1] is None:
            return None
        wanted = [_written(client[0], client[1]), _written(server[0], server[1])]
        for table in _TABLES:
            try:
                lines = table.read_text(encoding="ascii").splitlines()
            except OSError:
                continue
            for line in lines[1:]:
                words = line.split()
                # Of an IPv4 address in the table of IPv6 the last 32 bits are the same.
                if [word[-13:] for word in words[1:3]] == wanted:
                    return int(words[7])
        return None

    @property
    def is_ours(self) -> bool:
        """Return whether it belongs to the account that runs this, or to root, as far as is known."""
        return self.user is None or self.user in list_trusted_users(os.environ)


class PeerConnection(H11Protocol):
    """A connection whose requests know its other end: `scope["state"]["peer"]`."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "peer": Peer(self.client, self.server)}


def _written(host: str, port: int) -> str:
    """Write an address as /proc/net/tcp has it (proc_pid_net(5)): in the byte order of this machine's processor."""
    number = int.from_bytes(ip_address(host).packed, byteorder)
    return f"{number:08X}:{port:04X}"
