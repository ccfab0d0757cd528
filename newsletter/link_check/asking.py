"""Asking the addresses of links: HEAD, and GET where a server does not answer that as it should."""

import asyncio
import ssl
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from newsletter.fetching import AllowedHosts, FailureReason, FetchFailure, FetchLimits, Resolver, Response
from newsletter.fetching.login_pages import has_password_form, is_login_address
from newsletter.fetching.tracking import remove_tracking
from newsletter.fetching.web_client import WebClient
from newsletter.link_check.link_answer import LinkAnswer, Verdict
from newsletter.link_check.page_key import is_front_page, make_page_key

LIMITS = FetchLimits(total=10, connect=6, body=500_000)
_PURPOSE = "checks the links of a newsletter before it is sent"
_GONE = (404, 410)
_BUSY = 429
_FAILURES = {
    FailureReason.UNKNOWN_NAME: Verdict.DEAD,
    FailureReason.CERTIFICATE: Verdict.CERTIFICATE,
    FailureReason.PRIVATE: Verdict.PRIVATE,
    FailureReason.TIMEOUT: Verdict.SLOW,
    FailureReason.LOOKUP: Verdict.UNREACHED,
    FailureReason.UNREACHABLE: Verdict.UNREACHED,
    FailureReason.REFUSED: Verdict.TROUBLE,
    FailureReason.DROPPED: Verdict.TROUBLE,
    FailureReason.PROTOCOL: Verdict.TROUBLE,
    FailureReason.TLS: Verdict.TROUBLE,
}
# After these a GET may get what the HEAD did not.
_AGAIN = (FailureReason.DROPPED, FailureReason.PROTOCOL, FailureReason.TIMEOUT)

OnAnswer = Callable[[str, LinkAnswer], None]


async def ask_links(
    addresses: Iterable[str],
    on_answer: OnAnswer,
    *,
    allowed: AllowedHosts,
    resolve: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Ask each address once, and hand each answer to `on_answer` as it comes.

    A few are asked at a time, fewer of one host. A host that answers that it is asked too much (429) is asked no more.
    """
    waiting: defaultdict[str, deque[str]] = defaultdict(deque)
    for address in addresses:
        waiting[urlsplit(address).netloc].append(address)
    async with WebClient(_PURPOSE, allowed=allowed, limits=LIMITS, resolve=resolve, tls=tls) as client:

        async def ask_host(left: deque[str]) -> None:
            while left:
                address = left.popleft()
                answer, is_busy = await _ask(client, address)
                on_answer(address, answer)
                while is_busy and left:
                    on_answer(left.popleft(), answer)

        async with asyncio.TaskGroup() as group:
            for left in waiting.values():
                for _ in range(min(len(left), LIMITS.at_once_per_host)):
                    group.create_task(ask_host(left))


async def _ask(client: WebClient, address: str) -> tuple[LinkAnswer, bool]:
    """Return the answer about an address, and whether its host wants to be left alone."""
    try:
        response = await client.fetch(address, "HEAD")
        needs_page = response.status >= 400 or _may_be_login(address, response)
    except FetchFailure as failure:
        if failure.reason not in _AGAIN:
            return _judge_failure(failure), False
        needs_page = True
    else:
        if response.status == _BUSY or not needs_page:
            return _judge(address, response), response.status == _BUSY
    try:
        response = await client.fetch(address)
    except FetchFailure as failure:
        return _judge_failure(failure), False
    return _judge(address, response), response.status == _BUSY


def _may_be_login(address: str, response: Response) -> bool:
    """Return whether only the page itself tells if it is one to log in: it is another page than the one asked for."""
    return (
        make_page_key(response.address) != make_page_key(address)
        and response.media_type in ("text/html", "application/xhtml+xml", "")
        and not is_login_address(response.address)
    )


def _judge(address: str, response: Response) -> LinkAnswer:
    host = urlsplit(response.address).hostname or ""
    status = response.status
    through = f", to which it redirects: {response.address}" if response.redirects else ""
    if status == 401 or (status < 400 and _is_login(address, response)):
        return LinkAnswer(Verdict.LOGIN, f"it leads to {response.address}", response.address)
    if status in _GONE:
        return LinkAnswer(Verdict.DEAD, f"{host} does not have the page (status {status}){through}", response.address)
    if status >= 500 and "cf-mitigated" not in response.headers:
        return LinkAnswer(Verdict.TROUBLE, f"{host} has trouble of its own (status {status}){through}")
    if status == _BUSY:
        return LinkAnswer(Verdict.UNSEEN, f"{host} has been asked too often (status {status})")
    if status >= 400:
        return LinkAnswer(Verdict.UNSEEN, f"{host} turns programs away (status {status}){through}")
    if status >= 300:
        return LinkAnswer(Verdict.TROUBLE, f"{host} sends readers on without saying where (status {status})")
    if is_front_page(response.address) and not is_front_page(address):
        return LinkAnswer(Verdict.FRONT_PAGE, target=response.address)
    if response.moved_to and _is_elsewhere(address, target := remove_tracking(response.moved_to)):
        return LinkAnswer(Verdict.MOVED, target=target)
    return LinkAnswer(Verdict.FINE)


def _is_login(address: str, response: Response) -> bool:
    if not response.redirects or is_login_address(address):
        return False
    if is_login_address(response.address):
        return True
    return make_page_key(response.address) != make_page_key(address) and has_password_form(response.body)


def _is_elsewhere(address: str, target: str) -> bool:
    """Return whether a new address is worth writing: not only for www. or a slash, but for https."""
    return make_page_key(address) != make_page_key(target) or urlsplit(address).scheme != urlsplit(target).scheme


def _judge_failure(failure: FetchFailure) -> LinkAnswer:
    why = failure.message[:1].lower() + failure.message[1:].rstrip(".")
    target = urlsplit(failure.address).hostname or ""
    return LinkAnswer(_FAILURES.get(failure.reason, Verdict.UNSEEN), why, target)
