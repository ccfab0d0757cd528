"""A machine without the internet: no test asks a name server, so that no link of a sample is ever followed."""

import socket
from typing import Any

_real = socket.getaddrinfo
_HERE = ("", "localhost", "ip6-localhost", socket.gethostname())


def stay_offline() -> None:
    """Let this process and those forked from it look up no name but this machine's; addresses are no names."""
    socket.getaddrinfo = _look_up


def _look_up(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:  # noqa: A002  # as socket.getaddrinfo names it
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    try:
        return _real(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)
    except socket.gaierror:
        if name is None or name in _HERE:
            return _real(host, port, family, type, proto, flags)
    if name.endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
