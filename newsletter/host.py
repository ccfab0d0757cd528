"""Names and addresses of servers, as settings and URLs spell them."""

import re
from ipaddress import IPv6Address, ip_address


def without_brackets(text: str) -> str:
    """Return a server's name or address as it is looked up: without a URL's brackets and the dot of a whole name."""
    bracketed = re.fullmatch(r"\[(.*:.*)\]", text)
    return bracketed[1] if bracketed else text.removesuffix(".")


def is_loopback(host: str) -> bool:
    """Return whether the host's name, in any spelling, means this very machine (RFC 6761, section 6.3)."""
    name = without_brackets(host).lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
