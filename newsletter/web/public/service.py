"""`newsletter serve`: the public web service as one process, until it is told to end."""

from collections.abc import Callable
from contextlib import closing

from newsletter.errors import ConfigError
from newsletter.store import open_store
from newsletter.store.publications import has_other_publications
from newsletter.web.public.app import build_public_app
from newsletter.web.public.connection_limits import IDLE_S, LimitedConnection
from newsletter.web.public.token_reader import TokenReader
from newsletter.web.public.unsubscribe_pages import UnsubscribePages
from newsletter.web.server import WebServer, bind
from newsletter.workspace import Workspace

_ENDING_S = 10  # for requests that are under way
_IN_USE = ", perhaps by another `newsletter serve`"
_NAME_ANOTHER = "Name another: --port 8601, or --host, or in [service]."


def serve(workspace: Workspace, host: str, port: int, on_address: Callable[[str, str], None]) -> None:
    """Serve the public pages. Stages: settings, keys, store, page, port; then answer until the process is told to end.

    `on_address` gets the address that it listens at, and what was done to the store. Raises ConfigError, DeliveryError
    for the store, and DecisionNeeded for a port that can't be had.
    """
    if workspace.config.service.url is None:
        raise ConfigError(
            "It is not known under which address readers reach this service.",
            next_step='Write it into newsletter.toml: [service] and below it url = "https://news.example.org". '
            "docs/operators/service.md shows how to get there.",
        )
    token_reader = TokenReader(workspace)
    with closing(open_store(workspace.database, workspace.config.store.password)) as store:

        def is_one_of_several() -> bool:
            with store.reading() as connection:
                return has_other_publications(connection)

        pages = UnsubscribePages(workspace, is_one_of_several)
        app = build_public_app(workspace, store, token_reader, pages)
        host = host.removeprefix("[").removesuffix("]")  # as in a URL
        with closing(bind(host, port, in_use=_IN_USE, next_step=_NAME_ANOTHER)) as listening:
            name, number = listening.getsockname()[:2]
            address = f"http://{f'[{name}]' if ':' in name else name}:{number}"
            WebServer(
                app,
                listening,
                LimitedConnection,
                on_started=lambda: on_address(address, store.notice),
                shutdown_s=_ENDING_S,
                timeout_keep_alive=IDLE_S,
                h11_max_incomplete_event_size=16 * 1024,
            ).run()
