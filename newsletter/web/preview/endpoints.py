"""The preview's endpoints: what its page asks for."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from importlib.resources import files
from secrets import compare_digest, token_hex

from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from newsletter.errors import DraftError, ListError, NewsletterError, explain
from newsletter.subscribers.subscriber import Subscriber
from newsletter.web.http_refusals import RefusedError
from newsletter.web.preview import subscriber_search
from newsletter.web.preview.color_scheme import ColorScheme, with_color_scheme
from newsletter.web.preview.content_policy import frame_policy
from newsletter.web.preview.diagnostics import Diagnostic
from newsletter.web.preview.draft_state import DraftState
from newsletter.web.preview.editor_test import prepare_test
from newsletter.web.preview.page_state import diagnostic_as_json, state, subscriber_as_json
from newsletter.web.preview.preview_engine import PreviewEngine
from newsletter.web.preview.rendered_draft import RenderedDraft

TOKEN_HEADER = "X-Preview-Token"  # noqa: S105  # the name of a header
_PAGE = files(__package__).joinpath("page")
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_DRAFT = re.compile(r"\w[\w.-]{0,99}")
_PDF_PAGE = re.compile(r"page-([1-9][0-9]{0,3})\.png")


class PreviewEndpoints:
    """The preview's endpoints, one method a route."""

    def __init__(self, engine: PreviewEngine, token: str) -> None:
        self._engine = engine
        self._token = token
        self._server = token_hex(4)  # a page notices by it that it talks to another server than before

    async def home(self, _request: Request) -> Response:
        return RedirectResponse(self._engine.home)

    async def asset(self, request: Request) -> Response:
        name: str = request.path_params["name"]
        kind = _TYPES.get(name.rpartition(".")[2])
        file = next((file for file in _PAGE.iterdir() if file.name == name), None)
        if file is None or kind is None:
            raise HTTPException(404)
        return Response(file.read_bytes(), media_type=kind)

    async def page(self, request: Request) -> Response:
        """Answer the page itself, with the token that only it can read."""
        self._draft(request)
        html = _PAGE.joinpath("preview.html").read_text(encoding="utf-8")
        return HTMLResponse(html.replace("{token}", self._token))

    async def events(self, request: Request) -> Response:
        """Stream the draft's state, now and at each change; at the end, "crowded": the page then asks by itself."""
        name, id_ = self._draft(request), _id(request)

        async def states() -> AsyncIterator[dict[str, str]]:
            async for draft_state in self._engine.follow(name):
                yield {"event": "state", "data": await self._state(draft_state, id_)}
            yield {"event": "crowded", "data": ""}

        return EventSourceResponse(states())

    async def state(self, request: Request) -> Response:
        """Answer the draft's state once, for a page that has no stream."""
        draft_state = await self._engine.draft_state(self._draft(request), fresh=True)
        return Response(await self._state(draft_state, _id(request)), media_type="application/json")

    async def readers(self, request: Request) -> Response:
        """Answer the subscribers of the list who match some words."""
        workspace, words = self._engine.workspace, request.query_params.get("words", "")
        source = subscriber_search.open_source(workspace)
        if workspace.config.subscriber_list.source != "csv":
            await self._engine.work(source.require)
        elif not source.exists():
            raise ListError(
                "There is no list yet.",
                next_step=f"Put your readers into {workspace.config.subscriber_list.file}; "
                "subscribers.example.csv shows the form.",
            )
        return JSONResponse(
            await self._engine.work(
                lambda: [subscriber_as_json(one) for one in subscriber_search.search(source, words)]
            )
        )

    async def test(self, request: Request) -> Response:
        """Send a test. Another site can make a browser ask for it, but it can't read the token."""
        if not compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), self._token.encode()):
            raise RefusedError(403, "This is for the preview's own page. Reload it, and try again.")
        order, name = await _order(request), self._draft(request)
        path = self._engine.drafts().get(name)
        if path is None:
            raise DraftError(f"There is no draft {name} any more.")
        reader = await self._engine.work(lambda: self._reader(order.get("reader", "")))
        workspace, address = self._engine.workspace, order.get("address", "")
        send = await self._engine.work(lambda: prepare_test(workspace, path, address, reader))
        return JSONResponse(await send())

    async def email(self, request: Request) -> Response:
        rendered, reader = await self._find_requested(request)
        return _frame(request, (await self._engine.work(lambda: rendered.email(reader))).html)

    async def text(self, request: Request) -> Response:
        rendered, reader = await self._find_requested(request)
        return PlainTextResponse((await self._engine.work(lambda: rendered.email(reader))).text)

    async def message(self, request: Request) -> Response:
        rendered, reader = await self._find_requested(request)
        data = await self._engine.work(lambda: rendered.message(reader))
        if "save" in request.query_params:
            named = f'attachment; filename="{rendered.issue.edition_name}.eml"'
            return Response(data, media_type="message/rfc822", headers={"Content-Disposition": named})
        return PlainTextResponse(data)

    async def web(self, request: Request) -> Response:
        rendered = await self._find_rendered(request)
        return _frame(request, await self._engine.work(rendered.web))

    async def pdf(self, request: Request) -> Response:
        rendered = await self._find_rendered(request)
        named = {"Content-Disposition": f'inline; filename="{rendered.issue.edition_name}.pdf"'}
        return Response(await self._engine.work(rendered.pdf), media_type="application/pdf", headers=named)

    async def picture(self, request: Request) -> Response:
        """Answer a page of the PDF, the lead image, the logo, or the PDF that the web page links to."""
        rendered, name = await self._find_rendered(request), request.path_params["name"]
        if name == f"{rendered.issue.edition_name}.pdf":
            return await self.pdf(request)
        if page := _PDF_PAGE.fullmatch(name):
            pages = await self._engine.work(rendered.pages)
            if int(page[1]) > len(pages):
                raise HTTPException(404)
            return Response(pages[int(page[1]) - 1], media_type="image/png")
        picture = await self._engine.work(lambda: rendered.picture(name))
        if picture is None:
            raise HTTPException(404)
        return Response(picture.data, media_type=f"image/{picture.kind}")

    async def answer_error(self, _request: Request, error: Exception) -> Response:
        """Answer an error in the words of the command line."""
        error_json = diagnostic_as_json(Diagnostic.of(explain(error)), self._engine.workspace.root)
        return JSONResponse(error_json, status_code=422 if isinstance(error, NewsletterError | OSError) else 500)

    async def _state(self, draft_state: DraftState, id_: str) -> str:
        engine = self._engine
        error_json = await engine.work(lambda: state(draft_state, engine.workspace, engine.drafts(), id_))
        return json.dumps({**error_json, "server": self._server})

    def _reader(self, id_: str) -> Subscriber | None:
        source = subscriber_search.find_source(self._engine.workspace)
        with suppress(ListError):  # the state says so
            return subscriber_search.find(source, id_) if source else None
        return None

    async def _find_requested(self, request: Request) -> tuple[RenderedDraft, Subscriber | None]:
        id_ = _id(request)
        return await self._find_rendered(request), await self._engine.work(lambda: self._reader(id_)) if id_ else None

    async def _find_rendered(self, request: Request) -> RenderedDraft:
        """Return the last good rendering. Raises the draft's error when there has been none."""
        draft_state = await self._engine.draft_state(self._draft(request))
        if draft_state.rendered is None:
            raise draft_state.error or DraftError("There is nothing to show yet.")
        return draft_state.rendered

    def _draft(self, request: Request) -> str:
        name: str = request.path_params["draft"]
        if not _DRAFT.fullmatch(name) and name not in self._engine.drafts():
            raise HTTPException(404)
        return name


def _id(request: Request) -> str:
    return request.query_params.get("reader", "")


async def _order(request: Request) -> dict[str, str]:
    try:
        order = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "This is no JSON.") from error
    if not isinstance(order, dict) or not all(isinstance(value, str) for value in order.values()):
        raise RefusedError(400, "The order names an address, and a reader if need be.")
    return order


def _frame(request: Request, html: str) -> Response:
    mode: ColorScheme = "dark" if request.query_params.get("mode") == "dark" else "light"
    allowed = frame_policy(images=request.query_params.get("images") != "off")
    return HTMLResponse(with_color_scheme(html, mode), headers={"Content-Security-Policy": allowed})
