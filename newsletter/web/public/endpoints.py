"""The public endpoints: unsubscribe links, health, and the archive's files."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from newsletter.address import SubscriberKey
from newsletter.errors import DeliveryError
from newsletter.ledger.reader_language import find_reader_language
from newsletter.store import Store, suppressions
from newsletter.store.publications import EVERY
from newsletter.subscribers.event_recording import kinds_lifted_by_return
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource, SuppressionKind
from newsletter.subscribers.moved_addresses import find_present_address
from newsletter.subscribers.tokens import TokenHolder
from newsletter.web.public.archive import INDEX, Archive, ArchiveFile, ArchiveNotReady
from newsletter.web.public.event_writer import EventWriter
from newsletter.web.public.return_limit import ReturnLimit
from newsletter.web.public.submission import read_submission
from newsletter.web.public.token_reader import TokenReader
from newsletter.web.public.unsubscribe_pages import PageState, UnsubscribePages

_T = TypeVar("_T")
_READERS = 4  # threads that read the store
_PATIENCE_S = 5.0
_LATER = {"Retry-After": "60"}
_SOON = {"Retry-After": "5"}
_TOMORROW = {"Retry-After": "86400"}
_KEPT = "public, max-age=300"


class PublicEndpoints:
    """The public endpoints, one method a route."""

    def __init__(
        self,
        store: Store,
        token_reader: TokenReader,
        event_writer: EventWriter,
        pages: UnsubscribePages,
        archive: Archive,
        farewell: str,
        return_limit: ReturnLimit,
    ) -> None:
        self._store = store
        self._token_reader = token_reader
        self._event_writer = event_writer
        self._pages = pages
        self._archive = archive
        self._return_limit = return_limit
        self._farewell = f"{farewell}\n"  # to a mail client's click, which nobody may see
        self._threads = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="reader")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def link(self, request: Request) -> Response:
        """Answer an unsubscribe link: a GET shows the page, a POST stores what it asks for.

        A GET never changes anything: programs that scan mail for harm follow every link in it.

        What can't be read is answered alike, whatever is wrong with it and whoever is known here.
        """
        holder = self._token_reader.read(request.path_params["token"])
        if holder is None:
            return self._page(PageState.UNKNOWN, 404)
        if request.method != "POST":
            return await self._answer_status(holder)
        submission = await read_submission(request)
        if not self._return_limit.take(holder.subscriber, submission.kind):
            return self._page(PageState.LATER, 429, _TOMORROW, await self._find_language(holder))
        words = {"words": submission.words} if submission.words else {}
        event = Event(
            subscriber=holder.subscriber,
            kind=submission.kind,
            source=submission.source,
            issue=holder.issue or None,
            evidence=words,
            everywhere=submission.everywhere,
        )
        try:
            await self._event_writer.write(event)
        except DeliveryError:
            self._return_limit.give_back(holder.subscriber, submission.kind)
            return self._page(PageState.LATER, 503, _LATER)
        if submission.source is EventSource.ONE_CLICK:
            return PlainTextResponse(self._farewell)
        match submission.kind:
            case EventKind.UNSUBSCRIBED:
                state = PageState.LEFT_ALL if submission.everywhere else PageState.LEFT
                return self._page(state, language=await self._find_language(holder))
            case EventKind.REASON:
                return self._page(PageState.THANKS, language=await self._find_language(holder))
        mailable = PageState.RETURNED_ALL if submission.everywhere else PageState.RETURNED
        return await self._answer_status(holder, mailable)

    async def _answer_status(self, holder: TokenHolder, mailable: PageState = PageState.ASK) -> Response:
        """Return the page that says whether a reader gets mail; `mailable` is its state for one who does.

        Who was erased is answered as a stranger is.
        """
        try:
            state = await self._read(partial(_not_mailed, self._store, holder.subscriber))
        except (DeliveryError, TimeoutError):
            return self._page(PageState.LATER, 503, _LATER)
        return self._page(state or mailable, language=await self._find_language(holder))

    async def _find_language(self, holder: TokenHolder) -> str:
        """Return the reader's language, "" for the publication's own; a store that can't say keeps no page back."""
        languages = self._pages.languages
        if len(languages) == 1:
            return ""
        try:
            return await self._read(
                partial(find_reader_language, self._store, holder.issue, holder.subscriber, languages)
            )
        except (DeliveryError, TimeoutError):
            return ""

    async def health(self, _request: Request) -> Response:
        try:
            await self._read(partial(_not_mailed, self._store, SubscriberKey("")))
        except (DeliveryError, TimeoutError):
            return PlainTextResponse("out of order\n", 503, _LATER)
        return PlainTextResponse("ok\n")

    async def slash(self, request: Request) -> Response:
        """Redirect to the archive's address with a slash, which its relative links need."""
        return RedirectResponse(f"{request.url.path}/", 308)

    async def file(self, request: Request) -> Response:
        """Answer a file of the archive, or 304 when the client has it already (RFC 9110, section 13.2.2)."""
        try:
            found = await asyncio.to_thread(self._archive.find, request.path_params.get("name", INDEX))
        except ArchiveNotReady as error:
            return PlainTextResponse(f"{error}\n", 503, _SOON)
        if found is None:
            raise HTTPException(404)
        modified = datetime.fromtimestamp(found.modified, UTC)
        headers = {
            "ETag": f'"{found.digest}"',
            "Last-Modified": format_datetime(modified, usegmt=True),
            "Cache-Control": _KEPT,
        }
        if _has(request, found):
            return Response(status_code=304, headers=headers)
        return Response(found.data, media_type=found.media_type, headers=headers)

    def _page(
        self, state: PageState, status: int = 200, headers: dict[str, str] | None = None, language: str = ""
    ) -> Response:
        page = self._pages.find(state, language)
        return Response(page, status, headers, media_type="text/html; charset=utf-8")

    async def _read(self, work: Callable[[], _T]) -> _T:
        async with asyncio.timeout(_PATIENCE_S):
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _not_mailed(store: Store, reader: SubscriberKey) -> PageState | None:
    """Return why a reader gets nothing, as far as a button on the page can change it; None for one who gets mail."""
    with store.reading() as connection:
        reader = find_present_address(connection, reader)
        rows = suppressions.find_suppressions(connection, [reader])
        known = [row for row in rows if row.cause != SuppressionKind.PAUSED]  # they get it again, and can leave
        lifted = kinds_lifted_by_return(connection, reader) if known else set()
    if SuppressionKind.UNSUBSCRIBED in lifted:
        everything = (SuppressionKind.UNSUBSCRIBED, EVERY) in {(row.cause, row.publication) for row in known}
        return PageState.LEFT_ALL if everything else PageState.LEFT
    if not known:
        return None
    return PageState.BOUNCED if {row.cause for row in known} == lifted else PageState.HELD


def _has(request: Request, found: ArchiveFile) -> bool:
    if (known := request.headers.get("if-none-match")) is not None:
        return any(tag.strip().removeprefix("W/") in (f'"{found.digest}"', "*") for tag in known.split(","))
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
        return int(found.modified) <= since.timestamp()
    except (ValueError, OverflowError):
        return False
