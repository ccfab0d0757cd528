"""The publication's store, closed when the command ends."""

import click

from newsletter.delivery.elsewhere import FLAG, vouch
from newsletter.store import Store, find_store, open_store
from newsletter.workspace import Workspace


def opened_store(workspace: Workspace) -> Store:
    """The store, made when it is not there yet."""
    return _until_the_end(open_store(workspace.database, workspace.config.store.password))


def known_store(workspace: Workspace) -> Store | None:
    """The store if there is one: looking at a publication leaves no trace in it."""
    store = find_store(workspace.database, workspace.config.store.password)
    return _until_the_end(store) if store else None


nobody_left = click.option(
    FLAG,
    "nobody_left",
    is_flag=True,
    help="This state is new, and you know that nobody left or bounced since the issues sent from another.",
)


def vouch_if(told: bool, store: Store, workspace: Workspace) -> None:
    """Note an editor's word that nobody left by the campaigns that this store does not know."""
    if told:
        vouch(store, workspace.drafts, complete=True)


def _until_the_end(store: Store) -> Store:
    click.get_current_context().call_on_close(store.close)
    if store.notice:
        click.echo(store.notice, err=True)
    return store
