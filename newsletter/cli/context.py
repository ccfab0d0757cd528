"""The publication that a command is about, or all of a workspace, opened and closed when the command ends."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from newsletter.errors import NewsletterError
from newsletter.publication import OpenPublication
from newsletter.workspace import Workspace
from newsletter.workspace_search import PUBLICATION_VARIABLE, find_publications, find_workspace, list_publications


def open_publication() -> OpenPublication:
    """Open the publication that -P names, or that the current folder lies in. Raises ConfigError when there is none."""
    return _open(find_workspace(Path.cwd(), publication=find_chosen()))


def open_publications() -> list[OpenPublication]:
    """Open the publication that -P names, or in whose folder the current one lies; else all of the workspace.

    The one beside publications/ is the first. Raises ConfigError when there is none.
    """
    return [_open(workspace) for workspace in find_publications(Path.cwd(), publication=find_chosen())]


def open_others(publication: OpenPublication) -> list[OpenPublication]:
    """Open the other publications of the same workspace."""
    every = list_publications(publication.workspace)
    return [_open(workspace) for workspace in every if workspace.folder != publication.workspace.folder]


def say_whose(publication: OpenPublication, every: Sequence[OpenPublication]) -> None:
    """Print the publication's name above what is said of it, where it is one of several."""
    if len(every) > 1:
        click.echo(click.style(publication.workspace.shown_name, bold=True))


def name_of(publication: OpenPublication, every: Sequence[OpenPublication]) -> dict[str, str]:
    """Return the publication's name for JSON, where it is one of several."""
    return {"publication": publication.workspace.shown_name} if len(every) > 1 else {}


def complete_publication(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """Return the publications whose names begin so, for the shell."""
    try:
        found = list_publications(find_publications(Path.cwd(), {**os.environ, PUBLICATION_VARIABLE: ""})[0])
    except NewsletterError:
        return []
    return [one.shown_name for one in found if one.shown_name.startswith(begun)]


def find_chosen() -> str | None:
    """Return the publication that -P names."""
    chosen: str | None = click.get_current_context().find_root().params.get("publication")
    return chosen


def _open(workspace: Workspace) -> OpenPublication:
    publication = OpenPublication(workspace, on_notice=_print_notice)
    click.get_current_context().call_on_close(publication.close)
    return publication


def _print_notice(notice: str) -> None:
    click.echo(notice, err=True)
