"""The rows of one address, taken out of the list; it keeps nobody from being added again."""

from collections.abc import Sequence

from newsletter.publication import OpenPublication
from newsletter.subscribers import list_changes
from newsletter.subscribers.source import ListRow
from newsletter.subscribers.subscriber import parse_subscriber_key


def remove_subscriber(publication: OpenPublication, address: str) -> Sequence[ListRow]:
    """Take every row of an address out of the list; return them, none when there were none.

    Raises ListError when the list can't be written, and for what is no address.
    """
    publication.refuse_without_erasure_keys()
    key = parse_subscriber_key(address)
    return list_changes.remove_subscriber(publication.store, publication.keys, publication.subscriber_source(), key)
