"""Fair shares between clients, of connections and of requests worked on at once; a client is known by its address.

Nobody has a fixed part, since behind a web server all requests come from one address. When there is no room left, it is
made by those who hold most, and first by connections on which nothing is asked. A connection's address is its own; that
of a request is the one that web servers of one's own have told, if any did (client_network).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Protocol, TypeVar


class ConnectionPhase(IntEnum):
    """The phase of a connection: what it waits for. The connection with the lowest is the first to be closed."""

    GONE = 0  # it is closed, and nobody has noticed yet
    IDLE = 1  # a request's head
    RECEIVING = 2  # the rest of a request
    ANSWERING = 3  # this server, or that the client takes the answer


class OpenConnection(Protocol):
    """An open connection: whose it is, its phase, and since when it is in it."""

    @property
    def client_name(self) -> str: ...

    @property
    def stage(self) -> ConnectionPhase: ...

    @property
    def since(self) -> float: ...


_H = TypeVar("_H", bound=OpenConnection)


def client_of(address: tuple[str, int] | None) -> str:
    """Return the name of a client: its address, or for IPv6 the /64 network, which is what one subscriber line gets.

    A socket of the file system has no address, and all that comes by it is one client's.
    """
    return "" if address is None else _name_client(address[0])


@lru_cache(maxsize=4096)
def _name_client(host: str) -> str:
    try:
        number = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(number, IPv6Address):
        return str(number.ipv4_mapped or IPv6Address(int(number) >> 64 << 64))
    return str(number)


def connection_to_close(newcomer: _H, others: Sequence[_H], counts: Mapping[str, int]) -> _H:
    """Return the connection that is worth least: an idle one first, of the client that holds most, the oldest of those.

    One that is being answered is left only for a client that holds fewer; else it is the newcomer that has to go.
    """
    least = min(others, key=lambda one: (one.stage, -counts[one.client_name], one.since))
    if least.stage is ConnectionPhase.ANSWERING and counts[least.client_name] <= counts[newcomer.client_name]:
        return newcomer
    return least


class RequestShares:
    """The requests worked on at once: at most `most`; beyond that, an equal part for each client that has one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._working: Counter[str] = Counter()

    @contextmanager
    def place(self, client: str) -> Iterator[bool]:
        """Count a request for the time of the context. Yield whether there is room for it."""
        is_full = self._working.total() >= self._most
        has_room = not is_full or self._working[client] < self._most // len({*self._working, client})
        if has_room:
            self._working[client] += 1
        try:
            yield has_room
        finally:
            if has_room:
                self._working[client] -= 1
                if not self._working[client]:
                    del self._working[client]
