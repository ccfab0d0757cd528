"""The guard of private networks: what an address in a draft must not make this machine ask.

An editor pastes addresses that others wrote, and a web page may redirect anywhere. So the addresses behind a server's
name are looked at before one is connected to (OWASP, Server-Side Request Forgery Prevention).
"""

import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from newsletter.host import without_brackets

IPAddress = IPv4Address | IPv6Address
# Returns the addresses of a server's name, in the order in which to try them. Raises socket.gaierror.
Resolver = Callable[[str], Awaitable[Sequence[IPAddress]]]

_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the IPv4 address is the last 32 bits
_COMPATIBLE = IPv6Network("::/96")  # RFC 4291, section 2.5.5.1
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214, section 6.1: bits 64 to 95 of an address that holds an IPv4 one


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The hosts that may be asked though their addresses are private: by name, address or network."""

    names: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Self:
        """Read entries such as `intranet.example.org`, `127.0.0.1` and `10.0.0.0/8`. Raises ValueError."""
        names, networks = set[str](), list[IPv4Network | IPv6Network]()
        for entry in entries:
            host = without_brackets(entry.strip()).lower()
            try:
                networks.append(ip_network(host))
            except ValueError as error:
                if not _NAME.fullmatch(host):
                    raise ValueError(f"{entry!r} names neither a host nor a network") from error
                names.add(host)
        return cls(frozenset(names), tuple(networks))

    def allow_name(self, host: str) -> bool:
        """Return whether all addresses behind a server's name may be asked."""
        return without_brackets(host).lower() in self.names

    def allow_address(self, address: IPAddress) -> bool:
        """Return whether one address may be asked, a private one that is named here or any public one."""
        return is_public(address) or any(address in network for network in self.networks)


def is_public(address: IPAddress) -> bool:
    """Return whether an address is one of the public internet, also by the IPv4 address that it holds within."""
    if isinstance(address, IPv6Address):
        if address.is_site_local or not all(map(is_public, _list_embedded(address))):
            return False
        if address.ipv4_mapped or address in _NAT64:
            return True  # by their own prefix they would count as private or reserved
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def read_literal(host: str) -> IPAddress | None:
    """Return the address that a host is written as, in any form that a system's resolver takes; None for a name.

    inet_aton(3) reads 2130706433, 0x7f.1 and 0177.0.0.1 as 127.0.0.1.
    """
    text = without_brackets(host)
    try:
        return ip_address(text)
    except ValueError:
        pass
    if not text.isascii() or any(letter.isspace() for letter in text):
        return None
    try:
        return IPv4Address(socket.inet_aton(text))
    except (OSError, ValueError):  # the latter for a NUL
        return None


def _list_embedded(address: IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address leads to by translation or tunnel."""
    bits = int(address)
    embedded = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64 or address in _COMPATIBLE or (bits >> 32) & 0xFFFF_FFFF in _ISATAP:
        embedded.append(IPv4Address(bits & 0xFFFF_FFFF))
    return [inner for inner in embedded if inner is not None]
