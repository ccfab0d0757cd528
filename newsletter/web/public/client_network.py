"""The network that a request comes from, as far as that can be believed.

It is the connection's own. Behind web servers of one's own, which [service] proxies names, it is what these say
(X-Forwarded-For): from anybody else, that header may hold whatever they like.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

from newsletter.web.public.fair_shares import client_of

CLIENT = "newsletter.client"  # in the scope of a request


class ProxyNetworks:
    """One's own web servers before the service, by address or network."""

    def __init__(self, entries: Sequence[str]) -> None:
        self._networks = [ip_network(entry) for entry in entries]

    def find_client(self, scope: Scope) -> str:
        """Return the client's address, or for IPv6 its network of 64 bits; "" for a socket of the file system.

        What proxies have added to X-Forwarded-For is read from its end, up to the first that is none of them.
        """
        client = scope["client"]
        if client is None or not self._networks or not self._has(client[0]):
            return client_of(client)
        written = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
        found: str = client[0]
        for entry in reversed(written.split(",")):
            address = _read_address(entry.strip())
            if address is None:
                break
            found = str(address)
            if not self._has(found):
                break
        return client_of((found, 0))

    def _has(self, text: str) -> bool:
        address = _read_address(text)
        return address is not None and any(address in network for network in self._networks)


def _read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address, with or without a port; None for what is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
