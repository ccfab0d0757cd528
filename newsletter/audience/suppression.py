"""Who asked not to be mailed, recorded and forgotten by the editors."""

from newsletter.address import normalise
from newsletter.audience.subscribers import reader_key
from newsletter.errors import ListError, printable
from newsletter.store import Store, suppressions


def suppress(store: Store, address: str, reason: str) -> bool:
    """Never mail `address` again; False when that was so already. Raises ListError for no address."""
    with store.transaction() as connection:
        return suppressions.suppress(connection, _reader(address), printable(reason))


def unsuppress(store: Store, address: str) -> bool:
    """Mail `address` again; False when nothing stood against it. Raises ListError for no address."""
    with store.transaction() as connection:
        return suppressions.unsuppress(connection, _reader(address))


def _reader(address: str) -> str:
    try:
        return reader_key(normalise(address))
    except ValueError as error:
        raise ListError(f"{address!r} is no address: {error}", next_step="Write it as name@example.org.") from error
