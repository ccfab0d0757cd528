"""The command `newsletter worker`."""

import logging
import sys
from collections.abc import Sequence

import click

from newsletter.cli.context import open_publications
from newsletter.cli.output import say
from newsletter.errors import ConfigError, DeliveryError
from newsletter.publication import OpenPublication


@click.command()
@click.pass_obj
def worker(debug: bool) -> None:
    """Do what is to be done, beside other workers on this machine and on others, until Ctrl-C. It needs PostgreSQL.

    `newsletter send` then leaves the sending to the workers, and shows how far they are. What is in the outbox leaves
    at its moment. Of several publications in one workspace all are served.

    Ctrl-C, or SIGTERM, finishes the messages in hand; a second one ends at once.
    """
    publications = open_publications()
    _require_postgresql(publications)
    try:
        from newsletter.worker.running import run_worker
    except ImportError as error:
        raise DeliveryError(
            "The library that hands out the work is not installed.",
            next_step='Install it: pip install "newsletter-press[postgresql]"',
        ) from error
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("newsletter").setLevel(logging.DEBUG if debug else logging.INFO)
    for library in ("procrastinate", "psycopg"):  # a queue that is out of reach is told in words of our own
        logging.getLogger(library).setLevel(logging.DEBUG if debug else logging.CRITICAL)

    def on_ready() -> None:
        say("The worker waits for what is to be done. Ctrl-C ends it.", style="bold")
        sys.stdout.flush()

    run_worker(publications, on_ready)
    say("The worker has ended.")


def _require_postgresql(publications: Sequence[OpenPublication]) -> None:
    """Raise ConfigError unless all publications have their state in one PostgreSQL database."""
    places = {str(one.workspace.database) for one in publications}
    if any(one.store.file is not None for one in publications):
        raise ConfigError(
            "A worker shares its work with others through PostgreSQL, and the state is in a file on this machine.",
            next_step="Here `newsletter send` sends by itself. To move the state: newsletter state move URL "
            "(docs/operators/workers.md).",
        )
    if len(places) > 1:
        raise ConfigError(
            "The publications have their states in several databases.",
            next_step="Run a worker for each: newsletter -P NAME worker",
        )
