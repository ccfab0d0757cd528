"""The publication's store, closed when the command ends."""

import click

from newsletter.store import Store, open_store
from newsletter.workspace import Workspace


def opened_store(workspace: Workspace) -> Store:
    """The store, made when it is not there yet."""
    store = open_store(workspace.database)
    click.get_current_context().call_on_close(store.close)
    return store


def known_store(workspace: Workspace) -> Store | None:
    """The store if there is one: looking at a publication leaves no trace in it."""
    return opened_store(workspace) if workspace.database.exists() else None
