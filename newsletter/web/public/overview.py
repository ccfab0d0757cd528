"""The service's page that names all of its publications."""

import logging
from collections.abc import Sequence
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.config.shared_settings import PUBLICATIONS
from newsletter.editions import EditionContext
from newsletter.editions.publication_list import ListedPublication, render_publication_list
from newsletter.web.public.error_line import error_line
from newsletter.web.public.publication_routes import ServedPublication

_LOG = logging.getLogger(__name__)
_KEPT = "public, max-age=300"


class Overview:
    """The list of publications, renewed like their pages: whatever is wrong is logged, and the last good one stays."""

    def __init__(self, publications: Sequence[ServedPublication]) -> None:
        self._publications = publications
        self._page = b""
        self._logged = ""
        self.renew()

    def renew(self) -> None:
        """Make the page from the settings as they are now."""
        try:
            current = [(each.workspace.with_current_settings(), each.url) for each in self._publications]
            listed = [
                ListedPublication(EditionContext.from_workspace(workspace), f"{url}/") for workspace, url in current
            ]
            self._page, failure = render_publication_list(listed).encode(), ""
        except Exception as error:  # noqa: BLE001  # readers can still leave
            failure = error_line(error)
        if failure and failure != self._logged:
            _LOG.error("The list of publications stays as it was: %s", failure)
        self._logged = failure

    def build_routes(self, here: Sequence[ServedPublication]) -> list[Route]:
        """Return the route of the list at a host: the top of its publications, or below one that is there itself."""
        top = min((each.below for each in here), key=len)
        if any(each.below == top and not each.workspace.publication for each in here):
            return [Route(f"{top}/{PUBLICATIONS}/", self.answer, name="/publications/")]
        above = top.rpartition("/")[0] if top else ""
        return [] if not top else [Route(f"{above}/", self.answer, name="/")]

    async def answer(self, _request: Request) -> Response:
        """Answer the list."""
        headers = {"ETag": f'"{sha256(self._page).hexdigest()}"', "Cache-Control": _KEPT}
        return Response(self._page, media_type="text/html; charset=utf-8", headers=headers)
