"""The rows of one address, taken out of the list; it keeps nobody from being added again."""

from collections.abc import Sequence

from newsletter.publication import OpenPublication
from newsletter.subscribers.list_changes import remove_from_list
from newsletter.subscribers.subscriber import parse_subscriber_key


def remove_subscriber(publication: OpenPublication, address: str) -> Sequence[int]:
    """Take every row of an address out of the list; return the lines that they were in, none when there were none.

    Raises ListError when the list can't be written, and for what is no address.
    """
    publication.refuse_without_erasure_keys()
    key = parse_subscriber_key(address)
    return remove_from_list(publication.store, publication.keys, publication.workspace.subscribers, key)
