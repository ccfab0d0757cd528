"""The command `newsletter serve`."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

import click

from newsletter.cli.context import open_publications
from newsletter.cli.output import say
from newsletter.config.service_settings import ServiceSettings
from newsletter.errors import ConfigError
from newsletter.workspace import Workspace

_PATIENCE = 1  # seconds, for work in hand when the service ends


@click.command()
@click.option("--host", metavar="ADDRESS", help="Listen there, instead of where [service] host says.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Instead of [service] port; 0 for any that is free.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    metavar="NUMBER",
    help="Answer in so many processes, of which each is started again that dies. It wants PostgreSQL.",
)
@click.pass_obj
def serve(debug: bool, host: str | None, port: int | None, workers: int) -> None:
    """Answer readers on the web: unsubscribing with one click, and the archive of what was sent.

    Of several publications in one workspace all are served, each at its own host or below its own path.

    It belongs behind a web server that has the certificate: docs/operators/service.md shows how.
    """
    workspaces = [publication.workspace for publication in open_publications()]
    service = _find_settings(workspaces)

    from newsletter.web.public.service import serve as run

    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("newsletter").setLevel(logging.DEBUG if debug else logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # the service's own log says it without details
    logging.raiseExceptions = False  # a log that nobody reads any more stops nothing
    # So that no stack is searched for the place that a line comes from, which takes longer than all else of a line
    # (https://docs.python.org/3/howto/logging.html#optimization).
    logging._srcfile = None

    def on_address(address: str, urls: Sequence[str], notice: str) -> None:
        if notice:
            say(notice)
        reached = ", ".join(f"{url}/" for url in urls)
        say(f"The service listens at {address}; readers reach it at {reached}", style="bold")
        if not service.takes_one_click:
            say("Mails carry no one-click: that wants a [service] url with https://.", style="yellow")
        say("Ctrl-C ends it.")
        sys.stdout.flush()

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Whether the signal comes out of the server as an exception or not is a matter of moments.
    with suppress(KeyboardInterrupt):
        run(workspaces, host or service.host, service.port if port is None else port, on_address, workers=workers)
    say("The service has ended.")
    _leave()


def _find_settings(workspaces: Sequence[Workspace]) -> ServiceSettings:
    """Return [service] of the first publication whose settings can be read. Raises ConfigError when there is none."""
    for workspace in workspaces[:-1]:
        with suppress(ConfigError):  # the service logs it
            return workspace.config.service
    return workspaces[-1].config.service


def _leave() -> None:
    """Exit at once: threads can't be stopped, and one may make the archive, or wait for a database that is gone."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(_PATIENCE)
            if thread.is_alive():
                sys.stdout.flush()
                os._exit(0)
    sys.exit(0)
