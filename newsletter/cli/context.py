"""The publication of the current folder, opened for a command and closed when that ends."""

from pathlib import Path

import click

from newsletter.publication import OpenPublication
from newsletter.workspace import find_workspace


def open_publication() -> OpenPublication:
    """Open the publication that the current folder lies in. Raises ConfigError when there is none."""
    publication = OpenPublication(find_workspace(Path.cwd()), on_notice=_print_notice)
    click.get_current_context().call_on_close(publication.close)
    return publication


def _print_notice(notice: str) -> None:
    click.echo(notice, err=True)
