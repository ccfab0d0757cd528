"""The client that asks web servers: a few requests at a time, fewer for one host, and none that the guard forbids."""

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from types import TracebackType
from typing import Literal, Self

import httpcore
import httpx

from newsletter.fetching.address_guard import AllowedHosts, Resolver
from newsletter.fetching.decoding import ACCEPTED, BodyDecoder, UndecodableBody
from newsletter.fetching.fetch_failure import FailureReason, FetchFailure
from newsletter.fetching.guarded_network import GuardedTransport, resolve_name
from newsletter.fetching.network_errors import NETWORK_ERRORS, explain_network_error
from newsletter.fetching.response import CutReason, FetchLimits, Redirect, Response
from newsletter.text import quote_text

_REDIRECTS = (301, 302, 303, 307, 308)
_TYPES = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_LAST_PORT = 65_535
_ADDRESS_ADVICE = "Write it whole, beginning with https:// or http://."

Method = Literal["GET", "HEAD"]


class WebClient:
    """A client for web pages. Use it in an `async with` statement, which closes its connections.

    `purpose` says in the User-Agent header why pages are asked for. No proxy of the environment is used, since the
    guard could not see where it leads. Cookies are kept along the redirects of one page and no longer. robots.txt is
    not read: a person asked for each of these pages, as a browser's user does.
    """

    def __init__(
        self,
        purpose: str,
        *,
        allowed: AllowedHosts | None = None,
        limits: FetchLimits | None = None,
        resolve: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits or FetchLimits()
        self._headers = {
            "User-Agent": f"Mozilla/5.0 (compatible; newsletter-press/{version('newsletter-press')}; {purpose})",
            "Accept": _TYPES,
            "Accept-Encoding": ACCEPTED,
        }
        self._transport = GuardedTransport(
            allowed or AllowedHosts(),
            resolve or resolve_name,
            tls or ssl.create_default_context(),
            self._limits.at_once,
        )
        self._places = asyncio.Semaphore(self._limits.at_once)
        self._host_places: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(self._limits.at_once_per_host)
        )

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._transport.__aexit__(exc_type, exc_value, traceback)

    async def fetch(self, address: str, method: Method = "GET") -> Response:
        """Ask for a page and follow its redirects, each guarded alike. Any status is an answer.

        A fragment is not sent, nor a password in the address. The time that a request waits for its turn is not
        counted. Raises FetchFailure when there is no answer.
        """
        url = parse_page_address(address)
        cookies = httpx.Cookies()
        redirects: list[Redirect] = []
        spent = 0.0
        while True:
            async with self._take_place(url.host):
                begun = time.monotonic()
                try:
                    answer, target = await self._ask(url, method, cookies, begun + self._limits.total - spent)
                except NETWORK_ERRORS as error:
                    raise explain_network_error(error, str(url), redirects) from error
                spent += time.monotonic() - begun
            if target is None:
                return Response(
                    address=str(url),
                    status=answer.status,
                    headers=answer.headers,
                    body=answer.body,
                    cut=answer.cut,
                    redirects=tuple(redirects),
                )
            following = join_page_address(url, target, redirects)
            redirects.append(Redirect(answer.status, str(url), str(following)))
            if len(redirects) > self._limits.redirects:
                raise FetchFailure(
                    FailureReason.REDIRECTS,
                    f"{following.host} redirects again and again.",
                    address=str(following),
                    redirects=redirects,
                    next_step="Look for the page by hand, and write the address that a browser ends at.",
                )
            url = following

    @asynccontextmanager
    async def _take_place(self, host: str) -> AsyncIterator[None]:
        # The host's place first: those who wait for it must not hold places that others could use.
        async with self._host_places[host], self._places:
            yield

    async def _ask(
        self, url: httpx.URL, method: Method, cookies: httpx.Cookies, deadline: float
    ) -> tuple[Response, str | None]:
        """Make one request; return the answer, and where it redirects to."""
        request = httpx.Request(
            method,
            url,
            headers=self._headers,
            extensions={"timeout": {"connect": self._limits.connect}},
        )
        request.headers.encoding = "utf-8"  # some sites' cookies are not ASCII, as RFC 6265 wants them
        cookies.set_cookie_header(request)
        async with asyncio.timeout(deadline - time.monotonic()):
            answer = await self._transport.handle_async_request(request)
        try:
            cookies.extract_cookies(answer)
            headers = dict(answer.headers.items())
            location = headers.get("location") if answer.status_code in _REDIRECTS else None
            body, cut = (b"", None) if location else await self._read_body(answer, deadline)
        finally:
            await answer.aclose()
        return Response(address=str(url), status=answer.status_code, headers=headers, body=body, cut=cut), location

    async def _read_body(self, answer: httpx.Response, deadline: float) -> tuple[bytes, CutReason | None]:
        try:
            decoder = BodyDecoder(answer.headers.get("content-encoding", ""), self._limits.body)
        except UndecodableBody:
            return b"", "encoding"
        cut: CutReason | None = None
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                async for data in answer.aiter_raw():
                    decoder.take(data)
                    if decoder.full:
                        cut = "size"
                        break
        except UndecodableBody:
            cut = "encoding"
        except TimeoutError:
            cut = "time"
        except (httpcore.NetworkError, httpcore.ProtocolError):
            cut = "dropped"
        return decoder.read(), cut


def parse_page_address(address: str) -> httpx.URL:
    """Return an address as it is asked: without fragment and password. Raises FetchFailure."""
    try:
        url = httpx.URL(address).copy_with(fragment=None, username=None, password=None)
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchFailure(
            FailureReason.ADDRESS, "That address can't be read.", address=address, next_step=_ADDRESS_ADVICE
        ) from error
    if url.scheme not in ("http", "https") or not url.raw_host or b"%" in url.raw_host or not _has_port(url):
        raise FetchFailure(
            FailureReason.ADDRESS, "That is no web page's address.", address=address, next_step=_ADDRESS_ADVICE
        )
    return url


def _has_port(url: httpx.URL) -> bool:
    return url.port is None or 0 < url.port <= _LAST_PORT


def join_page_address(url: httpx.URL, location: str, redirects: Sequence[Redirect]) -> httpx.URL:
    """Return where a redirect leads to. Raises FetchFailure."""
    try:
        return parse_page_address(str(url.join(location)))
    except (httpx.InvalidURL, ValueError, FetchFailure) as error:
        raise FetchFailure(
            FailureReason.ADDRESS,
            f"{url.host} redirects to {quote_text(location[:200])}, which is no web page's address.",
            address=str(url),
            redirects=redirects,
            next_step="Look for the page by hand.",
        ) from error
