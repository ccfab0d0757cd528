"""One publication on the public service: its endpoints, its routes, and the renewal of its pages and archive.

Of several, none may have the address of another's pages.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from newsletter.config.shared_settings import PUBLICATIONS
from newsletter.store import Store
from newsletter.store.publications import has_other_publications
from newsletter.translation import Translator
from newsletter.web.public.archive import Archive
from newsletter.web.public.endpoints import PublicEndpoints
from newsletter.web.public.event_writer import EventWriter
from newsletter.web.public.form_reading import LARGEST
from newsletter.web.public.preferences import PreferenceEndpoints
from newsletter.web.public.reader_work import ReaderWork
from newsletter.web.public.request_guard import HEALTH, PublicHost
from newsletter.web.public.return_limit import ReturnLimit
from newsletter.web.public.shared_counts import SharedCounts
from newsletter.web.public.sign_up import SignUpEndpoints
from newsletter.web.public.sign_up_pages import SCRIPT
from newsletter.web.public.token_reader import TokenReader
from newsletter.web.public.unsubscribe_pages import UnsubscribePages
from newsletter.workspace import Workspace

_LATER = {"Retry-After": "60"}
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class ServedPublication:
    """A publication with what answers its readers. [service] url must be set; its routes lie below that one's path.

    Of several processes, which count together in `shared`, one makes the archive and does what readers' requests leave
    to do: `does_work`.
    """

    workspace: Workspace
    store: Store
    token_reader: TokenReader
    pages: UnsubscribePages
    shared: SharedCounts | None = None
    does_work: bool = True

    @property
    def url(self) -> str:
        """Return the address at which readers reach it, without a slash at its end."""
        return self.workspace.config.service.url or ""

    @property
    def below(self) -> str:
        """Return the path of that address."""
        return urlsplit(self.url).path

    @cached_property
    def host(self) -> PublicHost:
        return PublicHost(self.url)

    @property
    def translator(self) -> Translator:
        return self.workspace.config.translator

    @cached_property
    def archive(self) -> Archive:
        return Archive(self.workspace, self.store, is_maker=self.does_work)

    @cached_property
    def event_writer(self) -> EventWriter:
        return EventWriter(self.store, lambda: self.token_reader.keys)

    @cached_property
    def reader_work(self) -> ReaderWork:
        return ReaderWork(self.workspace, self.store, lambda: self.token_reader.keys)

    @cached_property
    def endpoints(self) -> PublicEndpoints:
        title = self.workspace.config.publication.title
        farewell = self.translator.translate("You won't get {title} any more.", title=title)
        limit = ReturnLimit(shared=self.shared, whose=self.workspace.publication_id)
        return PublicEndpoints(
            self.store, self.token_reader, self.event_writer, self.pages, self.archive, farewell, limit
        )

    @cached_property
    def sign_up(self) -> SignUpEndpoints:
        return SignUpEndpoints(self.workspace, self.store, self.token_reader, self.reader_work.wake, self.shared)

    @cached_property
    def preferences(self) -> PreferenceEndpoints:
        return PreferenceEndpoints(
            self.workspace,
            self.store,
            self.token_reader,
            self.event_writer,
            self.reader_work.wake,
            partial(is_one_of_several, self.store),
            self.shared,
        )

    def build_routes(self) -> list[Route]:
        """Return its routes. Their names are what the log shows."""
        below, endpoints, sign_up = self.below, self.endpoints, self.sign_up
        return [
            *self._take_forms("u/{token}", endpoints.link, name="/u/…"),
            *self._take_forms("p/{token}", self.preferences.link, name="/p/…"),
            *self._take_forms("p/access/{token}", self.preferences.access, name="/p/access/…"),
            *self._take_forms("subscribe", sign_up.subscribe, name="/subscribe"),
            Route(f"{below}/subscribe/{SCRIPT}", sign_up.script, name="/subscribe/…"),
            *self._take_forms("confirm/{token}", sign_up.confirm, name="/confirm/…"),
            *([Route(below, endpoints.slash, name="/")] if below else []),
            Route(f"{below}/", endpoints.file, name="/"),
            Route(f"{below}/{{name}}", endpoints.file, name="/…"),
        ]

    def _take_forms(self, path: str, endpoint: Endpoint, name: str) -> list[Route]:
        """Return the routes of a page with a form, with and without the slash that some programs put behind it."""
        both = ["GET", "POST"]
        return [
            Route(f"{self.below}/{path}{end}", endpoint, methods=both, name=name, max_body_size=LARGEST)
            for end in ("", "/")
        ]

    def renew(self) -> None:
        """Renew pages and archive from the files as they are now. Whatever is wrong is logged, and what was stays."""
        current = self.workspace.with_current_settings()
        self.pages.renew(current)
        self.sign_up.renew(current)
        self.preferences.renew(current)
        self.archive.renew(current)

    def close(self) -> None:
        """End its threads without waiting."""
        self.event_writer.close()
        self.sign_up.close()
        self.preferences.close()
        self.endpoints.close()


def is_one_of_several(store: Store) -> bool:
    """Return whether the database of a publication's store holds others. Raises DeliveryError."""
    with store.reading() as connection:
        return has_other_publications(connection)


class ClosedPublication:
    """An address of a publication that can't be served until it is mended: whatever is asked there, is answered later.

    Its `host` and the path `below` are as a served publication has them.
    """

    def __init__(self, url: str, translator: Translator) -> None:
        self.host = PublicHost(url)
        self.below = urlsplit(url).path
        self._words = translator.translate("Something is wrong here. Please try again later.")

    def build_routes(self) -> list[Route]:
        """Return its routes, which take every path below its own."""
        paths = (*([self.below] if self.below else []), f"{self.below}/", f"{self.below}/{{rest:path}}")
        return [Route(path, self._answer, methods=["GET", "POST"], name="/…") for path in paths]

    async def _answer(self, _request: Request) -> Response:
        return PlainTextResponse(f"{self._words}\n", 503, _LATER)


def find_clash(publications: Sequence[ServedPublication]) -> tuple[str, str] | None:
    """Return two publications, by their names, of which one's address takes pages of the other; None without such.

    A request's port is not looked at any more once it is known to be somebody's here.
    """
    for number, one in enumerate(publications):
        for other in publications[:number]:
            if one.host.name == other.host.name and (_takes(one.below, other.below) or _takes(other.below, one.below)):
                return other.workspace.shown_name, one.workspace.shown_name
    return None


def _takes(path: str, below: str) -> bool:
    """Return whether a publication at `path` has the place of what another one has below its own."""
    own = ("confirm", "p", "subscribe", "u", PUBLICATIONS)
    taken = (*(f"{below}/{name}" for name in own), HEALTH)
    return path == below or any(f"{path}/".startswith(f"{place}/") for place in taken)
