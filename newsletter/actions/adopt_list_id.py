"""The state of a publication taken over under another list id."""

from collections.abc import Callable
from contextlib import closing

from newsletter.errors import DecisionNeeded
from newsletter.publication import OpenPublication
from newsletter.store import find_store
from newsletter.store.publication_identity import note_list_id


def adopt_list_id(publication: OpenPublication, confirm: Callable[[str], bool]) -> bool:
    """Note the list id of newsletter.toml as that of the publication's state; return whether `confirm` agreed.

    Links and return paths of mails sent before are bound to the former one. Raises DecisionNeeded without a state.
    """
    workspace, list_id = publication.workspace, publication.config.subscriber_list.id
    password = publication.config.store.password
    store = find_store(workspace.database, password, publication=workspace.publication_id)
    if store is None:
        raise DecisionNeeded("There is no state yet: nothing has been sent from here, and nobody has left.")
    with closing(store):
        if not confirm(list_id):
            return False
        note_list_id(store, list_id)
    return True
