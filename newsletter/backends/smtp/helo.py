"""The name by which this machine announces itself to a mail server (RFC 5321, section 4.1.1.1)."""

import re
import socket
from functools import cache
from ipaddress import IPv6Address, ip_address

from newsletter.host import is_loopback
from newsletter.validation import fault_error

_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# Names that hold on one's own network alone; reversed addresses end in arpa.
_LOCAL = (".arpa", ".home", ".internal", ".intranet", ".lan", ".local", ".localdomain", ".private")


def check_helo(text: str) -> str:
    """Return a name or an address literal that EHLO can carry. Raises the fault of what is neither."""
    literal = re.fullmatch(r"\[(?:IPv6:)?([0-9A-Fa-f:.]+)\]", text)
    try:
        address = ip_address(literal[1] if literal else text)
    except ValueError:
        if _NAME.fullmatch(text) and len(text) <= 255:
            return text
        raise fault_error(
            code="helo",
            message=f"{text!r} is no name by which a machine can announce itself",
            next_step='Write its full name, such as "news.example.org", or your domain.',
        ) from None
    # RFC 5321, section 4.1.3
    return f"[IPv6:{address}]" if isinstance(address, IPv6Address) else f"[{address}]"


def choose_default_helo(domain: str) -> str:
    """Return the name to announce where none is configured; `domain` is the sender's.

    It may ask the network's name server, and take as long as that takes.
    """
    return choose_helo(_look_up_full_name(), domain)


def choose_helo(machine: str, domain: str) -> str:
    """Return the machine's name when it is a full one that others may know, else the domain, if there is one."""
    full = "." in machine and _NAME.fullmatch(machine) and not is_loopback(machine)
    return machine if (full and not machine.lower().endswith(_LOCAL)) or not domain else domain


@cache
def _look_up_full_name() -> str:
    return socket.getfqdn()
