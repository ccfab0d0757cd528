"""The publication's store, opened for a command and closed when that ends."""

import click

from newsletter.store import Store, find_store, open_store
from newsletter.workspace import Workspace


def opened_store(workspace: Workspace) -> Store:
    """Open the store, made when it is not there yet."""
    return _until_the_end(open_store(workspace.database, workspace.config.store.password))


def known_store(workspace: Workspace) -> Store | None:
    """Open the store if there is one: looking at a publication leaves no trace in it."""
    store = find_store(workspace.database, workspace.config.store.password)
    return _until_the_end(store) if store else None


def _until_the_end(store: Store) -> Store:
    click.get_current_context().call_on_close(store.close)
    if store.notice:
        click.echo(store.notice, err=True)
    return store
