"""The publication that a command is about, or all of a workspace, opened and closed when the command ends."""

import os
from pathlib import Path

import click

from newsletter.errors import NewsletterError
from newsletter.publication import OpenPublication
from newsletter.workspace import Workspace
from newsletter.workspace_search import PUBLICATION_VARIABLE, find_publications, find_workspace, list_publications


def open_publication() -> OpenPublication:
    """Open the publication that -P names, or that the current folder lies in. Raises ConfigError when there is none."""
    return _open(find_workspace(Path.cwd(), publication=_find_chosen()))


def open_publications() -> list[OpenPublication]:
    """Open the publication that -P names, or in whose folder the current one lies; else all of the workspace.

    The one beside publications/ is the first. Raises ConfigError when there is none.
    """
    return [_open(workspace) for workspace in find_publications(Path.cwd(), publication=_find_chosen())]


def complete_publication(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """Return the publications whose names begin so, for the shell."""
    try:
        found = list_publications(find_publications(Path.cwd(), {**os.environ, PUBLICATION_VARIABLE: ""})[0])
    except NewsletterError:
        return []
    return [one.shown_name for one in found if one.shown_name.startswith(begun)]


def _find_chosen() -> str | None:
    """Return the publication that -P names."""
    chosen: str | None = click.get_current_context().find_root().params.get("publication")
    return chosen


def _open(workspace: Workspace) -> OpenPublication:
    publication = OpenPublication(workspace, on_notice=_print_notice)
    click.get_current_context().call_on_close(publication.close)
    return publication


def _print_notice(notice: str) -> None:
    click.echo(notice, err=True)
