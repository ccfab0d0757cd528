"""The endpoints where readers choose: by the link of an issue, and by the one that was mailed to them alone.

An issue is forwarded, link and all. So its page names nobody, and changes only what does little harm; a name, an
address, what is known of a reader and their erasure need the other link.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from newsletter.actions.change_address import request_address_change
from newsletter.actions.change_preferences import (
    ReaderPreferences,
    WantedPreferences,
    change_preferences,
    clean_name,
    read_reader_preferences,
)
from newsletter.actions.reader_erasures import ask_erasure, finish_erasures
from newsletter.actions.record_document import make_record_document
from newsletter.actions.request_access import request_access_link
from newsletter.actions.subscriber_record import read_subscriber_record
from newsletter.address import EmailAddress, SubscriberKey
from newsletter.config import Config
from newsletter.errors import NewsletterError
from newsletter.issue_name import NO_ISSUE, IssueName
from newsletter.publication import OpenPublication
from newsletter.store import Store
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.pauses import make_pause
from newsletter.subscribers.purpose_tokens import TokenPurpose
from newsletter.web.public.daily_limit import DailyLimit
from newsletter.web.public.error_line import error_line
from newsletter.web.public.event_writer import EventWriter
from newsletter.web.public.form_reading import read_form
from newsletter.web.public.group_writer import GroupWriter
from newsletter.web.public.preference_form import MOST_FIELDS, ChoiceAction, ChoiceForm, read_choice_form
from newsletter.web.public.preference_pages import ChoiceState, PreferencePages, ReaderView
from newsletter.web.public.shared_counts import SharedCounts
from newsletter.web.public.token_reader import TokenReader
from newsletter.workspace import Workspace

_T = TypeVar("_T")
_Change = tuple[SubscriberKey, WantedPreferences]
_THREADS = 4
_PATIENCE_S = 20.0  # more than a store waits for its lock
_ELSEWHERE = ("sql", "address", "ldap")  # lists of other systems, which are read and never written
_MOST_A_DAY = 50  # changes of one reader by each kind of link
_STATUS = {
    ChoiceState.UNKNOWN: 404, ChoiceState.LATER: 503, ChoiceState.MANY: 429, ChoiceState.ADDRESS: 422,
    ChoiceState.ERASING: 202,
}  # fmt: skip
_RETRY = {ChoiceState.LATER: {"Retry-After": "60"}, ChoiceState.MANY: {"Retry-After": "86400"}}
_FILE = 'attachment; filename="what-we-know-of-you.json"'
_LOG = logging.getLogger(__name__)


class PreferenceEndpoints:
    """The endpoints of one publication where readers choose, one method a route.

    `on_stored` is called when something was stored that leaves work to do; `is_one_of_several` says whether the
    database holds other publications.
    """

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        token_reader: TokenReader,
        event_writer: EventWriter,
        on_stored: Callable[[], None],
        is_one_of_several: Callable[[], bool],
        shared: SharedCounts | None = None,
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._token_reader = token_reader
        self._event_writer = event_writer
        self._on_stored = on_stored
        self._is_one_of_several = is_one_of_several
        self._pages = PreferencePages(workspace)
        # Whoever has a forwarded issue is not to use up what its reader may do by their own link.
        self._limits = {
            full: DailyLimit(_MOST_A_DAY, shared=shared, kind=f"{workspace.publication_id} preferences {full}")
            for full in (False, True)
        }
        self._writer = GroupWriter(self._store_changes, "preference-writer")
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="preferences")
        self._erasing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="erasing")

    def renew(self, workspace: Workspace) -> None:
        """Take the settings and templates as they are now. Whatever is wrong is logged, and what was stays."""
        try:
            _ = workspace.config
            several = self._is_one_of_several()
        except Exception:  # noqa: BLE001  # whoever renews the other pages logs it, and goes on renewing
            return
        self._workspace = workspace
        self._pages.renew(workspace, several=several)

    def close(self) -> None:
        """End its threads without waiting."""
        self._writer.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._erasing.shutdown(wait=False, cancel_futures=True)

    async def link(self, request: Request) -> Response:
        """Answer the link of an issue: a GET shows the page, a POST changes what may be changed by it.

        A GET never changes anything: programs that scan mail for harm follow every link in it.
        """
        token = request.path_params["token"]
        holder = self._token_reader.read(token)
        if holder is None:
            return await self._unknown()
        leave = self._config.service.leave(token) or ""
        return await self._answer(request, holder.subscriber, holder.issue, leave, full=False)

    async def access(self, request: Request) -> Response:
        """Answer the link that was mailed to a reader alone, as `link` does; all that is theirs is on its page.

        It is for the address that it went to: who has given that up gets another one at the address after it.
        """
        token = self._token_reader.read_for(TokenPurpose.ACCESS, request.path_params["token"])
        if token is None:
            return await self._unknown()
        leave = self._config.service.leave(self._token_reader.write(NO_ISSUE, token.subscriber)) or ""
        return await self._answer(request, token.subscriber, NO_ISSUE, leave, full=True)

    async def _answer(
        self, request: Request, key: SubscriberKey, issue: IssueName, leave: str, *, full: bool
    ) -> Response:
        form, language = None, ""
        if request.method == "POST":
            form = read_choice_form(await read_form(request, MOST_FIELDS), full=full)
        try:
            found = await self._run(partial(self._read, key))
            if full and found.key != key:
                return await self._unknown()
            language = found.language
            view = ReaderView(preferences=found, leave=leave, full=full)
            if form is None or form.action is ChoiceAction.BACK:
                return await self._page(ChoiceState.CHOOSE, language, view)
            if form.action is ChoiceAction.ERASE:
                return await self._page(ChoiceState.ERASE, language, view)
            if not self._limits[full].take(key):
                return await self._page(ChoiceState.MANY, language)
            if form.action is ChoiceAction.RECORD:
                return await self._run(partial(self._make_record, found.key))
            if form.action in (ChoiceAction.ERASE_YES, ChoiceAction.ERASE_ALL):
                everywhere = form.action is ChoiceAction.ERASE_ALL
                return await self._page(await self._erase(found.key, everywhere=everywhere), language)
            state = await self._change(form, found, issue)
            now = await self._run(partial(self._read, key))
            typed = form.typed if state is ChoiceState.ADDRESS else ""
            return await self._page(state, now.language, replace(view, preferences=now, typed=typed))
        except (NewsletterError, TimeoutError) as error:
            if not isinstance(error, TimeoutError):
                _LOG.error("Nothing could be changed for a reader: %s", type(error).__name__)
            return await self._page(ChoiceState.LATER, language)

    async def _change(self, form: ChoiceForm, found: ReaderPreferences, issue: IssueName) -> ChoiceState:
        """Do what a form asks for; return the state of the page that says so."""
        key, own_language = found.key, found.language if found.language != self._config.publication.language else ""
        match form.action:
            case ChoiceAction.SAVE:
                await self._writer.write((key, _leave_as_shown(form.wanted, found)))
                return ChoiceState.SAVED
            case ChoiceAction.PAUSE if form.length and self._config.preferences.pause:
                await self._event_writer.write(make_pause(key, form.length, EventSource.PAGE, issue=issue or None))
                return ChoiceState.PAUSED
            case ChoiceAction.RESUME:
                event = Event(subscriber=key, kind=EventKind.RESUMED, source=EventSource.PAGE, issue=issue or None)
                await self._event_writer.write(event)
                return ChoiceState.RESUMED
            case ChoiceAction.LINK:
                address = EmailAddress(found.address) if found.address else None
                ask = partial(request_access_link, self._store, self._token_reader.keys, key, address, own_language)
                await self._run(ask)
                self._on_stored()
                return ChoiceState.MAILED
            case ChoiceAction.ADDRESS if self._config.subscriber_list.source == "store":
                if form.address is None:
                    return ChoiceState.ADDRESS
                await self._run(partial(request_address_change, self._open(), key, form.address, own_language))
                self._on_stored()
                return ChoiceState.ASKED
        return ChoiceState.CHOOSE

    async def _erase(self, key: SubscriberKey, *, everywhere: bool) -> ChoiceState:
        """Erase a reader; a database that takes long to be swept, or a send that has them in hand, is not waited for.

        That it was asked for is written down first, so that the next start of the service goes on with it.
        """
        publication = self._open()
        await self._run(partial(ask_erasure, publication, key, everywhere=everywhere))
        erasing = asyncio.get_running_loop().run_in_executor(self._erasing, finish_erasures, publication, _PATIENCE_S)
        erasing.add_done_callback(_log_failure)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                left = await asyncio.shield(erasing)
        except TimeoutError:
            return ChoiceState.ERASING
        if key in left:
            _LOG.error("A reader's erasure is put off: %s", error_line(left[key]))
            return ChoiceState.ERASING
        if self._config.subscriber_list.source in _ELSEWHERE:
            _LOG.warning(
                "A reader has erased themselves, and gets nothing any more. The list in the other system still has "
                "them: `newsletter subscribers check` counts such rows."
            )
        return ChoiceState.ERASED

    def _read(self, key: SubscriberKey) -> ReaderPreferences:
        return read_reader_preferences(self._open(), key)

    def _make_record(self, key: SubscriberKey) -> Response:
        publication = self._open()
        document = make_record_document(publication, read_subscriber_record(publication, key))
        text = json.dumps(document, ensure_ascii=False, indent=2)
        # Letters that are no UTF-8, in words that somebody once sent, are written as they are in JSON.
        data = text.encode("utf-8", "backslashreplace")
        return Response(data, headers={"Content-Disposition": _FILE}, media_type="application/json")

    def _store_changes(self, changes: Sequence[_Change]) -> Sequence[bool]:
        # In one order, or two services could wait for each other's rows; a reader's own changes stay in theirs.
        order = sorted(range(len(changes)), key=lambda number: changes[number][0])
        kept = change_preferences(
            self._store, self._token_reader.keys, self._config, [changes[number] for number in order]
        )
        by_number = dict(zip(order, kept, strict=True))
        return [by_number[number] for number in range(len(changes))]

    async def _unknown(self) -> Response:
        return await self._page(ChoiceState.UNKNOWN, "")

    async def _page(self, state: ChoiceState, language: str, view: ReaderView | None = None) -> Response:
        # Not by the threads that read the store: while it hangs, all of them wait for it, and readers are to be told.
        page = await asyncio.to_thread(self._pages.render, state, language, view)
        return Response(page, _STATUS.get(state, 200), _RETRY.get(state, {}), media_type="text/html; charset=utf-8")

    def _open(self) -> OpenPublication:
        return OpenPublication(self._workspace, store=self._store)

    @property
    def _config(self) -> Config:
        return self._workspace.config

    async def _run(self, work: Callable[[], _T]) -> _T:
        async with asyncio.timeout(_PATIENCE_S):
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _leave_as_shown(wanted: WantedPreferences, shown: ReaderPreferences) -> WantedPreferences:
    """Return what a form wants without what it was filled in with: of that the list goes on to say what is so.

    Topics stay: who saves them has chosen each, with a tick or without one.
    """
    return replace(
        wanted,
        name=None if wanted.name is None or clean_name(wanted.name) == shown.name else wanted.name,
        language=None if wanted.language == shown.language else wanted.language,
        frequency=None if wanted.frequency is shown.frequency else wanted.frequency,
    )


def _log_failure(erasing: "asyncio.Future[Mapping[SubscriberKey, Exception]]") -> None:
    if not erasing.cancelled() and (error := erasing.exception()):
        words = error_line(error) if isinstance(error, Exception) else type(error).__name__
        _LOG.error("A reader could not be erased, which is tried again: %s", words)
