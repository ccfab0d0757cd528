"""Connections to web servers whose addresses were looked at first.

The name is resolved once, each of its addresses is checked, and the connection goes to one of those very addresses: a
name server that says something else the second time is not asked a second time. httpcore takes Host, SNI and the name
in the certificate from the address asked, as ever.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from ipaddress import ip_address
from types import TracebackType
from typing import Self

import httpcore
import httpx

from newsletter.fetching.address_guard import AllowedHosts, IPAddress, Resolver, read_literal

_EARLIER_ATTEMPT = 3.0  # seconds to connect to an address that is not a name's last one
_KEPT_OPEN = 5.0  # seconds that an idle connection is kept for the host's next page


class PrivateAddress(Exception):
    """A server's name that leads to an address which is not to be asked."""


async def resolve_name(host: str) -> Sequence[IPAddress]:
    """Return the addresses of a server's name, in the order in which to try them. Raises socket.gaierror."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [ip_address(address[0]) for *_, address in found if isinstance(address[0], str)]


class GuardedTransport(httpx.AsyncBaseTransport):
    """httpx's way to the network, through the guard. What fails is raised as httpcore raises it."""

    def __init__(self, allowed: AllowedHosts, resolve: Resolver, tls: ssl.SSLContext, connections: int) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=_KEPT_OPEN,
            network_backend=_GuardedBackend(allowed, resolve),
        )

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._pool.__aexit__(exc_type, exc_value, traceback)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the answer, its body still to be read."""
        url = request.url
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_BodyStream(answer), request=request)


class _BodyStream(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._answer.aiter_stream():
            yield data

    async def aclose(self) -> None:
        await self._answer.aclose()


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, allowed: AllowedHosts, resolve: Resolver) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of a name's addresses that answers. Raises PrivateAddress, socket.gaierror."""
        addresses = await self._list_addresses(host, timeout)
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(
                    str(address),
                    port,
                    min(timeout or _EARLIER_ATTEMPT, _EARLIER_ATTEMPT),
                    local_address,
                    socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(str(addresses[-1]), port, timeout, local_address, socket_options)

    async def _list_addresses(self, host: str, timeout: float | None) -> Sequence[IPAddress]:
        literal = read_literal(host)
        if literal is not None:
            addresses: Sequence[IPAddress] = [literal]
        else:
            try:
                async with asyncio.timeout(timeout):
                    addresses = list(dict.fromkeys(await self._resolve(host)))
            except TimeoutError as error:
                raise socket.gaierror(socket.EAI_AGAIN, "no name server answers in time") from error
            except UnicodeError as error:  # a label that is empty or too long (RFC 1035, section 2.3.4)
                raise socket.gaierror(socket.EAI_NONAME, "no name of a server looks like that") from error
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        if not self._allowed.allow_name(host) and not all(map(self._allowed.allow_address, addresses)):
            raise PrivateAddress(host)
        return addresses

    async def sleep(self, seconds: float) -> None:
        """Wait between tries to connect, as httpcore asks for."""
        await self._network.sleep(seconds)
