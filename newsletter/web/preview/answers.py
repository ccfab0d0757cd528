"""The answer to each request of the page."""

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

from newsletter.errors import DraftError, ListError, NewsletterError, explained
from newsletter.subscribers.csv_source import Subscriber
from newsletter.web.preview import readers
from newsletter.web.preview.frames import Mode, in_mode
from newsletter.web.preview.guard import frame_policy
from newsletter.web.preview.look import Showing
from newsletter.web.preview.notices import Notice
from newsletter.web.preview.proof import Proof
from newsletter.web.preview.state import as_plain, described, state
from newsletter.web.preview.studio import Studio
from newsletter.web.preview.testing import prepare_test

TOKEN_HEADER = "X-Preview-Token"  # noqa: S105  # the name of a header
_PAGE = files(__package__).joinpath("page")
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_DRAFT = re.compile(r"\w[\w.-]{0,99}")
_PDF_PAGE = re.compile(r"page-([1-9][0-9]{0,3})\.png")


class Answers:
    """One method a route."""

    def __init__(self, studio: Studio, token: str) -> None:
        self._studio = studio
        self._token = token
        self._server = token_hex(4)  # a page notices by it that it talks to another server than before

    async def home(self, _request: Request) -> Response:
        return RedirectResponse(self._studio.home)

    async def asset(self, request: Request) -> Response:
        name: str = request.path_params["name"]
        kind = _TYPES.get(name.rpartition(".")[2])
        file = next((file for file in _PAGE.iterdir() if file.name == name), None)
        if file is None or kind is None:
            raise HTTPException(404)
        return Response(file.read_bytes(), media_type=kind)

    async def page(self, request: Request) -> Response:
        """The page itself, with the token that only it can read."""
        self._draft(request)
        html = _PAGE.joinpath("preview.html").read_text(encoding="utf-8")
        return HTMLResponse(html.replace("{token}", self._token))

    async def events(self, request: Request) -> Response:
        """The draft's state, now and each time it changes; at the end, a word that this page should ask by itself."""
        name, id_ = self._draft(request), _id(request)

        async def states() -> AsyncIterator[dict[str, str]]:
            async for showing in self._studio.follow(name):
                yield {"event": "state", "data": await self._state(showing, id_)}
            yield {"event": "crowded", "data": ""}

        return EventSourceResponse(states())

    async def state(self, request: Request) -> Response:
        """The same once, for a page that asks by itself."""
        showing = await self._studio.showing(self._draft(request), fresh=True)
        return Response(await self._state(showing, _id(request)), media_type="application/json")

    async def readers(self, request: Request) -> Response:
        """Readers of the list who match some words."""
        workspace, words = self._studio.workspace, request.query_params.get("words", "")
        if not workspace.subscribers.is_file():
            raise ListError(
                "There is no list yet.",
                next_step=f"Put your readers into {workspace.config.subscriber_list.file}; "
                "subscribers.example.csv shows the form.",
            )
        return JSONResponse(
            await self._studio.work(lambda: [described(one) for one in readers.search(workspace.subscribers, words)])
        )

    async def test(self, request: Request) -> Response:
        """Send a test. Another site can make a browser ask for it, but it can't read the token."""
        if not compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), self._token.encode()):
            raise HTTPException(403, "This is for the preview's own page. Reload it, and try again.")
        order, name = await _order(request), self._draft(request)
        path = self._studio.drafts().get(name)
        if path is None:
            raise DraftError(f"There is no draft {name} any more.")
        reader = await self._studio.work(lambda: self._reader(order.get("reader", "")))
        workspace, address = self._studio.workspace, order.get("address", "")
        send = await self._studio.work(lambda: prepare_test(workspace, path, address, reader))
        return JSONResponse(await send())

    async def email(self, request: Request) -> Response:
        proof, reader = await self._asked(request)
        return _frame(request, (await self._studio.work(lambda: proof.email(reader))).html)

    async def text(self, request: Request) -> Response:
        proof, reader = await self._asked(request)
        return PlainTextResponse((await self._studio.work(lambda: proof.email(reader))).text)

    async def message(self, request: Request) -> Response:
        proof, reader = await self._asked(request)
        data = await self._studio.work(lambda: proof.message(reader))
        if "save" in request.query_params:
            named = f'attachment; filename="{proof.issue.name}.eml"'
            return Response(data, media_type="message/rfc822", headers={"Content-Disposition": named})
        return PlainTextResponse(data)

    async def web(self, request: Request) -> Response:
        proof = await self._proof(request)
        return _frame(request, await self._studio.work(proof.web))

    async def pdf(self, request: Request) -> Response:
        proof = await self._proof(request)
        named = {"Content-Disposition": f'inline; filename="{proof.issue.name}.pdf"'}
        return Response(await self._studio.work(proof.pdf), media_type="application/pdf", headers=named)

    async def picture(self, request: Request) -> Response:
        """A page of the PDF, the lead image, the logo; and what the web page's link to its PDF leads to."""
        proof, name = await self._proof(request), request.path_params["name"]
        if name == f"{proof.issue.name}.pdf":
            return await self.pdf(request)
        if page := _PDF_PAGE.fullmatch(name):
            pages = await self._studio.work(proof.pages)
            if int(page[1]) > len(pages):
                raise HTTPException(404)
            return Response(pages[int(page[1]) - 1], media_type="image/png")
        picture = await self._studio.work(lambda: proof.picture(name))
        if picture is None:
            raise HTTPException(404)
        return Response(picture.data, media_type=f"image/{picture.kind}")

    async def trouble(self, _request: Request, error: Exception) -> Response:
        """What can't be made says why, as the command line would."""
        told = as_plain(Notice.of(explained(error)), self._studio.workspace.root)
        return JSONResponse(told, status_code=422 if isinstance(error, NewsletterError | OSError) else 500)

    async def _state(self, showing: Showing, id_: str) -> str:
        studio = self._studio
        told = await studio.work(lambda: state(showing, studio.workspace, studio.drafts(), id_))
        return json.dumps({**told, "server": self._server})

    def _reader(self, id_: str) -> Subscriber | None:
        list_path = readers.list_of(self._studio.workspace)
        with suppress(ListError):  # the state says so
            return readers.find(list_path, id_) if list_path else None
        return None

    async def _asked(self, request: Request) -> tuple[Proof, Subscriber | None]:
        id_ = _id(request)
        return await self._proof(request), await self._studio.work(lambda: self._reader(id_)) if id_ else None

    async def _proof(self, request: Request) -> Proof:
        """The last good state. Raises what stands in the way when there has been none."""
        showing = await self._studio.showing(self._draft(request))
        if showing.proof is None:
            raise showing.trouble or DraftError("There is nothing to show yet.")
        return showing.proof

    def _draft(self, request: Request) -> str:
        name: str = request.path_params["draft"]
        if not _DRAFT.fullmatch(name) and name not in self._studio.drafts():
            raise HTTPException(404)
        return name


def _id(request: Request) -> str:
    return request.query_params.get("reader", "")


async def _order(request: Request) -> dict[str, str]:
    try:
        order = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "This is no JSON.") from error
    if not isinstance(order, dict) or not all(isinstance(value, str) for value in order.values()):
        raise HTTPException(400, "The order names an address, and a reader if need be.")
    return order


def _frame(request: Request, html: str) -> Response:
    mode: Mode = "dark" if request.query_params.get("mode") == "dark" else "light"
    allowed = frame_policy(images=request.query_params.get("images") != "off")
    return HTMLResponse(in_mode(html, mode), headers={"Content-Security-Policy": allowed})
