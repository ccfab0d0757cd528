"""The answer to each request of the page."""

import json
import re
from collections.abc import AsyncIterator
from importlib.resources import files
from secrets import compare_digest, token_hex
from typing import Any

from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from newsletter.audience.subscribers import Subscriber
from newsletter.errors import DraftError, NewsletterError, explained
from newsletter.mail.template import NOBODY
from newsletter.preview import readers
from newsletter.preview.frames import Mode, in_mode
from newsletter.preview.guard import frame_policy
from newsletter.preview.look import Showing
from newsletter.preview.proof import Proof
from newsletter.preview.state import described, notice, state
from newsletter.preview.studio import Studio
from newsletter.preview.trial import send_trial

TOKEN_HEADER = "X-Preview-Token"  # noqa: S105  # the name of a header
_PAGE = files(__package__).joinpath("page")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_DRAFT = re.compile(r"\w[\w.-]{0,99}")


class Answers:
    """One method a route."""

    def __init__(self, studio: Studio, token: str) -> None:
        self._studio = studio
        self._token = token
        self._server = token_hex(4)  # a page notices by it that it talks to another server than before

    async def home(self, _request: Request) -> Response:
        return RedirectResponse(f"/{self._studio.first.stem}")

    async def asset(self, request: Request) -> Response:
        assets = {file.name: file for file in _PAGE.iterdir()}
        file = assets.get(request.path_params["name"])
        suffix = f".{request.path_params['name'].rpartition('.')[2]}"
        if file is None or suffix not in _TYPES:
            raise HTTPException(404)
        return Response(file.read_bytes(), media_type=_TYPES[suffix])

    async def page(self, request: Request) -> Response:
        """The page itself, with the token that only it can read."""
        _draft(request)
        html = _PAGE.joinpath("preview.html").read_text(encoding="utf-8")
        return HTMLResponse(html.replace("{token}", self._token))

    async def events(self, request: Request) -> Response:
        """The draft's state, now and each time it changes."""
        name, id_ = _draft(request), request.query_params.get("reader", "")

        async def states() -> AsyncIterator[dict[str, str]]:
            async for showing in self._studio.follow(name):
                yield {"event": "state", "data": json.dumps(await run_in_threadpool(self._state, showing, id_))}

        return EventSourceResponse(states())

    async def readers(self, request: Request) -> Response:
        """Readers of the list who match some words."""
        words = request.query_params.get("words", "")
        found = await run_in_threadpool(readers.search, self._studio.workspace.subscribers, words)
        return JSONResponse([described(reader) for reader in found])

    async def test(self, request: Request) -> Response:
        """Send a test. Another site can make a browser ask for it, but it can't read the token."""
        if not compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), self._token.encode()):
            raise HTTPException(403, "This is for the preview's own page. Reload it, and try again.")
        order = await _order(request)
        path = self._studio.drafts().get(_draft(request))
        if path is None:
            raise DraftError(f"There is no draft {_draft(request)}.")
        reader, _lost = await run_in_threadpool(self._reader, order.get("reader", ""))
        sent = await run_in_threadpool(send_trial, self._studio.workspace, path, order.get("address", ""), reader)
        return JSONResponse(sent)

    async def email(self, request: Request) -> Response:
        proof = await self._proof(request)
        email = await run_in_threadpool(proof.email, await self._chosen(request))
        return _frame(request, email.html)

    async def text(self, request: Request) -> Response:
        proof = await self._proof(request)
        email = await run_in_threadpool(proof.email, await self._chosen(request))
        return PlainTextResponse(email.text)

    async def message(self, request: Request) -> Response:
        proof = await self._proof(request)
        data = await run_in_threadpool(proof.message, await self._chosen(request))
        if "save" in request.query_params:
            named = f'attachment; filename="{proof.issue.name}.eml"'
            return Response(data, media_type="message/rfc822", headers={"Content-Disposition": named})
        return PlainTextResponse(data)

    async def web(self, request: Request) -> Response:
        proof = await self._proof(request)
        return _frame(request, await run_in_threadpool(proof.web))

    async def pdf(self, request: Request) -> Response:
        proof = await self._proof(request)
        named = {"Content-Disposition": f'inline; filename="{proof.issue.name}.pdf"'}
        return Response(await run_in_threadpool(proof.pdf), media_type="application/pdf", headers=named)

    async def pdf_page(self, request: Request) -> Response:
        proof = await self._proof(request)
        pages = await run_in_threadpool(proof.pages)
        number = request.path_params["number"]
        if not 1 <= number <= len(pages):
            raise HTTPException(404)
        return Response(pages[number - 1], media_type="image/png")

    async def picture(self, request: Request) -> Response:
        """The lead image or the logo, as the editions carry it; the web page's link to its PDF leads here too."""
        proof = await self._proof(request)
        name = request.path_params["name"]
        if name == f"{proof.issue.name}.pdf":
            return await self.pdf(request)
        picture = await run_in_threadpool(proof.picture, name)
        if picture is None:
            raise HTTPException(404)
        return Response(picture.data, media_type=f"image/{picture.kind}")

    async def trouble(self, _request: Request, error: Exception) -> Response:
        """What can't be made says why, as the command line would."""
        return JSONResponse(notice(explained(error), self._studio.workspace.root), status_code=422)

    def _state(self, showing: Showing, id_: str) -> dict[str, Any]:
        reader, lost = self._reader(id_)
        told = state(showing, self._studio.workspace, self._studio.drafts(), reader, lost=lost)
        return {**told, "server": self._server}

    def _reader(self, id_: str) -> tuple[Subscriber | None, bool]:
        """Who was chosen, and whether the list has that one no more."""
        try:
            found = readers.find(self._studio.workspace.subscribers, id_) if id_ else None
        except NewsletterError:
            found = None
        return found, bool(id_) and found is None

    async def _chosen(self, request: Request) -> Subscriber:
        reader, _lost = await run_in_threadpool(self._reader, request.query_params.get("reader", ""))
        return reader or NOBODY

    async def _proof(self, request: Request) -> Proof:
        """The last good state. Raises what stands in the way when there has been none."""
        showing = await self._studio.showing(_draft(request))
        if showing.proof is None:
            raise showing.trouble or DraftError("There is nothing to show yet.")
        return showing.proof


def _draft(request: Request) -> str:
    name: str = request.path_params["draft"]
    if not _DRAFT.fullmatch(name):
        raise HTTPException(404)
    return name


async def _order(request: Request) -> dict[str, str]:
    try:
        order = json.loads(await request.body())
    except ValueError as error:
        raise HTTPException(400, "This is no JSON.") from error
    if not isinstance(order, dict) or not all(isinstance(value, str) for value in order.values()):
        raise HTTPException(400, "The order names an address, and a reader if need be.")
    return order


def _frame(request: Request, html: str) -> Response:
    mode: Mode = "dark" if request.query_params.get("mode") == "dark" else "light"
    allowed = frame_policy(images=request.query_params.get("images") != "off")
    return HTMLResponse(in_mode(html, mode), headers={"Content-Security-Policy": allowed})
