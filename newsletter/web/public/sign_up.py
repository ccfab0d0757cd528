"""The endpoints where readers join: the form, and the link that is mailed to them.

A form that was sent is looked at, bounded and written down before it is answered, by what it says alone: whose address
it is, is looked up by nobody before the answer is out.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from newsletter.actions.confirm_request import Confirmation, confirm_request, find_confirmation
from newsletter.actions.request_sign_up import request_sign_ups
from newsletter.config import Config
from newsletter.errors import DeliveryError, NewsletterError
from newsletter.git import NoAnswer, ask_git
from newsletter.publication import OpenPublication
from newsletter.store import Store
from newsletter.subscribers.consent_words import digest_words
from newsletter.subscribers.purpose_tokens import PurposeToken, TokenPurpose
from newsletter.subscribers.reader_requests import ReaderRequest, RequestKind
from newsletter.web.public.client_network import CLIENT
from newsletter.web.public.error_line import error_line
from newsletter.web.public.form_reading import read_form
from newsletter.web.public.form_stamps import FormStamps
from newsletter.web.public.group_writer import GroupWriter
from newsletter.web.public.proof_of_work import SCRIPT, ProofsOfWork
from newsletter.web.public.request_guard import POLICY
from newsletter.web.public.shared_counts import SharedCounts
from newsletter.web.public.shown_words import ShownWords
from newsletter.web.public.sign_up_form import (
    ELSEWHERE,
    OWN_FORM,
    SignUpForm,
    find_language,
    find_source,
    read_sign_up_form,
)
from newsletter.web.public.sign_up_limits import FROM_ANY_FORM, count_networks
from newsletter.web.public.sign_up_pages import FORMS, ConfirmPages, ConfirmState, FormState, SignUpPages, list_consents
from newsletter.web.public.token_reader import TokenReader
from newsletter.workspace import Workspace

_T = TypeVar("_T")
_PATIENCE_S = 20.0  # more than a store waits for its lock
_COMMIT_EVERY_S, _TELL_EVERY_S = 600.0, 3600.0
_HTML = "text/html; charset=utf-8"
_SOON, _IN_AN_HOUR = {"Retry-After": "60"}, {"Retry-After": "3600"}
_STATUS = {
    FormState.AGAIN: 422, FormState.ADDRESS: 422, FormState.MANY: 429, FormState.LATER: 503, FormState.CLOSED: 404,
}  # fmt: skip
_CONFIRM_STATUS = {ConfirmState.UNKNOWN: 404, ConfirmState.LATER: 503}
_RETRY = {FormState.MANY: _IN_AN_HOUR, FormState.LATER: _SOON, ConfirmState.LATER: _SOON}
_WITH_SCRIPT = f"{POLICY}; script-src 'self'"
_NOT_IN_STORE = (
    "Readers can't join by themselves: the list is not in the store, which alone the service can write to. To move it "
    'there: newsletter subscribers import subscribers.csv, and then source = "store" under [list]. To leave it where '
    "it is: open = false under [signup]."
)
_LOG = logging.getLogger(__name__)


class SignUpEndpoints:
    """The endpoints of one publication where readers join, one method a route.

    `on_stored` is called when something was stored that leaves work to do.
    """

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        token_reader: TokenReader,
        on_stored: Callable[[], None],
        shared: SharedCounts | None = None,
    ) -> None:
        list_id = workspace.config.subscriber_list.id.lower()

        def form_keys() -> Sequence[bytes]:
            return token_reader.keys.derive(f"form {list_id}")

        self._workspace = workspace
        self._store = store
        self._token_reader = token_reader
        self._on_stored = on_stored
        self._pages = SignUpPages(workspace)
        self._confirm_pages = ConfirmPages(workspace)
        self._words = ShownWords(store)
        self._stamps, self._proofs = FormStamps(form_keys), ProofsOfWork(form_keys, shared)
        self._limits = count_networks(shared, workspace.publication_id)
        self._writer = GroupWriter(self._store_requests, "sign-up-writer")
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="sign-up")
        self._commit: str | None = None
        self._commit_from = self._warn_from = 0.0
        self._logged = ""
        self._take_settings(workspace)
        self._note_commit(workspace)

    def renew(self, workspace: Workspace) -> None:
        """Take the settings and templates as they are now. Whatever is wrong is logged, and what was stays."""
        if self._take_settings(workspace):  # or pages would show words that are not kept, which nobody can agree to
            self._pages.renew(workspace)
            self._confirm_pages.renew(workspace)
        self._note_commit(workspace)

    def close(self) -> None:
        """End its threads without waiting."""
        self._writer.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def subscribe(self, request: Request) -> Response:
        """Answer the page where readers join: a GET shows the form, a POST stores who wants to.

        Whoever has the address is answered alike: known, unknown, erased or suppressed.
        """
        config, languages = self._config, self._pages.languages
        language = find_language(request.query_params.get("language", ""), languages)
        if not config.takes_sign_ups:
            return self._page(FormState.CLOSED, language)
        if request.method != "POST":
            source = find_source(request.query_params.get("source", OWN_FORM))
            return self._page(FormState.ASK, language, source=source)
        form = read_sign_up_form(await read_form(request), languages)
        state = await self._take(config, form, request.scope[CLIENT])
        if state is FormState.MANY and "x-forwarded-for" in request.headers and not config.service.proxies:
            self._warn_of_proxies()
        return self._page(state, form.language, email=form.typed, name=form.name, source=form.source)

    async def script(self, _request: Request) -> Response:
        """Answer the script that does the sum which [signup] proof_of_work asks for."""
        return Response(
            SCRIPT.read_bytes(), media_type="text/javascript", headers={"Cache-Control": "public, max-age=300"}
        )

    async def confirm(self, request: Request) -> Response:
        """Answer a link that was mailed to confirm something: a GET shows the button, a POST is the button.

        A GET never changes anything: programs that scan mail for harm follow every link in it.
        """
        written = request.path_params["token"]
        token = self._token_reader.read_for(TokenPurpose.CONFIRM, written)
        by_old = token is None
        if by_old:
            token = self._token_reader.read_for(TokenPurpose.OLD_ADDRESS, written)
        if token is None:
            return self._confirm_page(ConfirmState.UNKNOWN)
        form = await read_form(request) if request.method == "POST" else None
        if form is not None and form.get("action") != "confirm":
            raise HTTPException(400)
        try:
            work = partial(self._find, token) if form is None else partial(self._confirm, token, form.get("words", ""))
            found = await self._run(partial(work, by_old=by_old))
        except (NewsletterError, TimeoutError):  # of the keys, too, which a press of the button needs
            return self._confirm_page(ConfirmState.LATER)
        if request.method == "POST" and found and found.is_done:
            self._on_stored()
        return self._confirm_page(_find_state(found), found.request.language if found else "")

    async def _take(self, config: Config, form: SignUpForm, network: str) -> FormState:
        """Store a form that was sent, if it may be; return what is answered."""
        if form.remark:
            return FormState.SENT  # by a program, which is not told that it was known as one
        if form.address is None:
            return FormState.ADDRESS
        count = self._limits.count(network)
        if count >= config.signup.per_network:
            return FormState.MANY
        is_stamped = self._stamps.is_good(form.stamp)
        if not is_stamped and (form.stamp or count >= FROM_ANY_FORM):
            return FormState.AGAIN
        try:
            words = form.words
            if not self._words.has_at_hand(words) and not await self._run(partial(self._words.find, words)):
                return FormState.AGAIN
            if config.signup.proof_of_work and not self._proofs.take(form.proof):
                return FormState.AGAIN
            if not self._limits.take(network, config.signup.per_network):
                return FormState.MANY
            is_kept = await self._writer.write(self._make_request(config, form, network, is_stamped=is_stamped))
        except (DeliveryError, TimeoutError):
            is_kept = False
        if not is_kept:
            self._limits.give_back(network)
            return FormState.LATER
        self._on_stored()
        return FormState.SENT

    def _warn_of_proxies(self) -> None:
        """Log at most hourly that readers come through a web server which [service] proxies does not name."""
        if monotonic() >= self._warn_from:
            self._warn_from = monotonic() + _TELL_EVERY_S
            _LOG.warning(
                "Too many join from one network, which may be that of your own web server: name it in [service] "
                "proxies (docs/operators/sign-up.md)"
            )

    def _make_request(self, config: Config, form: SignUpForm, network: str, *, is_stamped: bool) -> ReaderRequest:
        assert form.address is not None  # noqa: S101  # for mypy: it was looked at
        return ReaderRequest(
            kind=RequestKind.JOIN,
            address=form.address,
            fields={"name": form.name} if config.signup.ask_name and form.name else {},
            language=form.language,
            source=ELSEWHERE if form.source == OWN_FORM and not is_stamped else form.source,
            words_sha256=form.words,
            commit_id=self._commit,
            network=network if config.signup.keep_network else None,
        )

    def _store_requests(self, requests: Sequence[ReaderRequest]) -> Sequence[bool]:
        return request_sign_ups(self._store, self._config.signup, requests)

    def _find(self, token: PurposeToken, *, by_old: bool) -> Confirmation | None:
        is_in_store = self._config.subscriber_list.source == "store"
        return find_confirmation(self._store, token, by_old=by_old, is_in_store=is_in_store)

    def _confirm(self, token: PurposeToken, digest: str, *, by_old: bool) -> Confirmation | None:
        shown = {digest_words(words): words for words in list_consents(self._config)}
        publication = OpenPublication(self._workspace, store=self._store)
        return confirm_request(publication, token, shown.get(digest, ""), by_old=by_old)

    def _page(self, state: FormState, language: str, **filled: str) -> Response:
        headers = dict(_RETRY.get(state, {}))
        has_proof = self._config.signup.proof_of_work and state in FORMS
        if state in FORMS:
            filled["stamp"] = self._stamps.write()
        if has_proof:
            filled["challenge"] = self._proofs.make_challenge()
            headers["Content-Security-Policy"] = _WITH_SCRIPT
        page = self._pages.fill(state, language, **filled)
        return Response(page, _STATUS.get(state, 200), headers, media_type=_HTML)

    def _confirm_page(self, state: ConfirmState, language: str = "") -> Response:
        page = self._confirm_pages.find(state, language)
        return Response(page, _CONFIRM_STATUS.get(state, 200), _RETRY.get(state, {}), media_type=_HTML)

    @property
    def _config(self) -> Config:
        return self._workspace.config

    def _take_settings(self, workspace: Workspace) -> bool:
        """Take settings as they are now, once the words that the form shows are kept; return whether they could be.

        What is wrong is logged.
        """
        is_taken = False
        try:
            config = workspace.config
            if config.takes_sign_ups:
                self._words.keep(list_consents(config))
            self._workspace, is_taken = workspace, True
            closed = config.signup.open and config.subscriber_list.source != "store"
            failure = _NOT_IN_STORE if closed else ""
            level = logging.INFO
        except Exception as error:  # noqa: BLE001  # readers can still leave
            failure, level = f"The form for readers who join stays as it was: {error_line(error)}", logging.ERROR
        if failure and failure != self._logged:
            _LOG.log(level, "%s", failure)
        self._logged = failure
        return is_taken

    def _note_commit(self, workspace: Workspace) -> None:
        """Note every few minutes the commit that the form is from, which each consent names."""
        if monotonic() >= self._commit_from:
            self._commit, self._commit_from = _find_commit(workspace), monotonic() + _COMMIT_EVERY_S

    async def _run(self, work: Callable[[], _T]) -> _T:
        async with asyncio.timeout(_PATIENCE_S):
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _find_state(found: Confirmation | None) -> ConfirmState:
    if found is None:
        return ConfirmState.UNKNOWN
    if found.request.kind is RequestKind.CHANGE_ADDRESS:
        waiting = ConfirmState.WAITING if found.is_waiting else ConfirmState.CHANGE
        return ConfirmState.CHANGED if found.is_done else waiting
    if found.is_held:
        return ConfirmState.HELD
    if found.is_done:
        return ConfirmState.JOINED
    return ConfirmState.STAY if found.request.kind is RequestKind.RECONFIRM else ConfirmState.JOIN


def _find_commit(workspace: Workspace) -> str | None:
    """Return the commit that the workspace is at; None where it is in no git."""
    try:
        return ask_git(workspace.root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode().strip() or None
    except NoAnswer:
        return None
