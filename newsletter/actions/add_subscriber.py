"""A new row at the end of the list, for somebody who asked for the newsletter."""

from collections.abc import Mapping, Sequence

from newsletter.address import normalise_address
from newsletter.publication import OpenPublication
from newsletter.subscribers import list_changes


def add_subscriber(
    publication: OpenPublication,
    address: str,
    fields: Mapping[str, str] | None = None,
    tags: Sequence[str] = (),
    *,
    evidence: str = "",
    again: bool = False,
) -> bool:
    """Put an address on the list; return False when its row was there and it was only let back.

    `fields` are by column of the list, `evidence` says how they asked and is kept with the date. With `again`, what
    kept them from being mailed is lifted, since they asked to come back. Raises DecisionNeeded when they are on the
    list or must not be mailed, and ListError for what can't be a row.
    """
    publication.refuse_without_erasure_keys()
    cells = {"email": normalise_address(address), **(fields or {})}
    folded = [tag.strip().casefold() for tag in tags]
    store, keys, source = publication.store, publication.keys, publication.subscriber_source()
    return list_changes.add_subscriber(store, keys, source, cells, folded, evidence.strip(), again=again)
