"""`newsletter serve`: the public web service, as one process or several, until it is told to end."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from secrets import token_bytes
from socket import socket
from tempfile import TemporaryDirectory

from newsletter.config.shared_settings import find_service_address
from newsletter.config.validators import check_service_url
from newsletter.errors import ConfigError, NewsletterError
from newsletter.publication import OpenPublication
from newsletter.web.public.app import build_public_app
from newsletter.web.public.connection_limits import IDLE_S, LimitedConnection
from newsletter.web.public.error_line import error_line
from newsletter.web.public.publication_routes import ServedPublication, find_clash, is_one_of_several
from newsletter.web.public.shared_counts import SharedCounts
from newsletter.web.public.token_reader import TokenReader
from newsletter.web.public.unsubscribe_pages import UnsubscribePages
from newsletter.web.public.worker_processes import run_workers
from newsletter.web.server import WebServer, bind
from newsletter.workspace import Workspace

_ENDING_S = 10  # for requests that are under way
_IN_USE = ", perhaps by another `newsletter serve`"
_NAME_ANOTHER = "Name another: --port 8601, or --host, or in [service]."
_LOG = logging.getLogger(__name__)


def serve(
    workspaces: Sequence[Workspace],
    host: str,
    port: int,
    on_address: Callable[[str, Sequence[str], str], None],
    *,
    workers: int = 1,
) -> None:
    """Serve the public pages of these publications. Stages: settings, keys, stores, pages, port; then answer.

    It goes on until the process is told to end. `on_address` gets the address that it listens at, those at which
    readers reach the publications, and what was done to their stores. What is wrong with one of several is logged, and
    its readers are asked to come later: nothing but a restart takes it in. Several `workers` are processes that answer
    at one port. Raises what is wrong with the only publication: ConfigError, DeliveryError for the store; and
    DecisionNeeded for a port that can't be had.
    """
    if workers > 1:
        _require_postgresql(workspaces)
    with ExitStack() as held:
        publications, failed = _open_publications(workspaces, held)
        if clash := find_clash(publications):
            raise ConfigError(
                f"{clash[0]} and {clash[1]} have the same address, or one has that of the other's pages.",
                next_step="Give each an address of its own, under [service]: url = ... On one host they differ in the "
                "path, which is none that the service has for itself: /confirm, /healthz, /p, /publications, "
                "/subscribe, /u.",
            )
        host = host.removeprefix("[").removesuffix("]")  # as in a URL
        listening = held.enter_context(closing(bind(host, port, in_use=_IN_USE, next_step=_NAME_ANOTHER)))
        name, number = listening.getsockname()[:2]
        address = f"http://{f'[{name}]' if ':' in name else name}:{number}"
        urls = [publication.url for publication in publications]
        notices = dict.fromkeys(each.store.notice for each in publications if each.store.notice)
        on_started = partial(on_address, address, urls, "\n".join(notices))
        if workers == 1:
            _answer(publications, failed, listening, on_started)
            return
        for publication in publications:  # no connection to a database outlives a fork
            publication.store.close()
        folder = held.enter_context(TemporaryDirectory(prefix="newsletter-serve-"))
        work = partial(_answer_in_process, workspaces, listening, Path(folder) / "counts", token_bytes())
        run_workers(workers, work, on_started)


def _require_postgresql(workspaces: Sequence[Workspace]) -> None:
    for workspace in workspaces:
        try:
            is_sqlite = isinstance(workspace.database, Path)
        except ConfigError:  # said when it is opened
            continue
        if is_sqlite:
            raise ConfigError(
                f"{workspace.shown_name} is kept in SQLite, where one process writes at a time: more would be no "
                "faster.",
                next_step="Leave out --workers, or move the state to PostgreSQL: docs/operators/state.md.",
            )


def _answer_in_process(
    workspaces: Sequence[Workspace],
    listening: socket,
    counts: Path,
    key: bytes,
    number: int,
    on_started: Callable[[], None],
) -> None:
    """Answer in one of several processes. The first makes the archive and sends what readers have asked for."""
    with ExitStack() as held:
        shared = held.enter_context(closing(SharedCounts(counts, key)))
        opened, failed = _open_publications(workspaces, held)
        publications = [replace(each, shared=shared, does_work=number == 0) for each in opened]
        _answer(publications, failed, listening, on_started)


def _answer(
    publications: Sequence[ServedPublication],
    failed: Sequence[Workspace],
    listening: socket,
    on_started: Callable[[], None],
) -> None:
    WebServer(
        build_public_app(publications, _find_closed(failed)),
        listening,
        LimitedConnection,
        on_started=on_started,
        shutdown_s=_ENDING_S,
        timeout_keep_alive=IDLE_S,
        h11_max_incomplete_event_size=16 * 1024,
    ).run()


def _open_publications(
    workspaces: Sequence[Workspace], held: ExitStack
) -> tuple[list[ServedPublication], list[Workspace]]:
    """Return the publications that can be served, and the workspaces of those that can't."""
    opened: list[ServedPublication] = []
    failed: list[Workspace] = []
    last: NewsletterError | None = None
    for workspace in workspaces:
        try:
            opened.append(_open_publication(workspace, held))
        except NewsletterError as error:
            if len(workspaces) == 1:
                raise
            _LOG.error("%s is not served until this is mended and the service restarted: %s",
                       workspace.shown_name, error_line(error))  # fmt: skip
            failed.append(workspace)
            last = error
    if not opened and last:
        raise last
    return opened, failed


def _find_closed(failed: Sequence[Workspace]) -> list[str]:
    """Return the addresses of publications that can't be served, as far as their settings say them."""
    addresses = []
    for workspace in failed:
        with suppress(ValueError):
            address = find_service_address(workspace.config_path, workspace.environ)
            addresses.append(check_service_url(address))
    return addresses


def _open_publication(workspace: Workspace, held: ExitStack) -> ServedPublication:
    if workspace.config.service.url is None:
        raise ConfigError(
            "It is not known under which address readers reach this service.",
            next_step='Write it into newsletter.toml: [service] and below it url = "https://news.example.org". '
            "docs/operators/service.md shows how to get there.",
        )
    token_reader = TokenReader(workspace)
    store = held.enter_context(OpenPublication(workspace)).store
    pages = UnsubscribePages(workspace, partial(is_one_of_several, store))
    return ServedPublication(workspace, store, token_reader, pages)
