"""Limits that sends have learned of mail servers: shown to a person, and forgotten when they don't hold any more."""

from collections.abc import Sequence

from newsletter.errors import DeliveryError
from newsletter.ledger.learned_limits import StoredLimits, forget_learned_limits, list_learned_limits
from newsletter.publication import OpenPublication


def list_server_limits(publication: OpenPublication) -> Sequence[StoredLimits]:
    """Return what was learned, in the order of the servers' names."""
    store = publication.known_store
    if store is None:
        return []
    with store.reading() as connection:
        return list_learned_limits(connection)


def forget_server_limits(publication: OpenPublication, server: str | None = None) -> Sequence[StoredLimits]:
    """Forget what was learned of a server, or of each; return what that was.

    `server` may be the beginning of its name, such as its host. Raises DeliveryError for one of which nothing is known.
    """
    known = list_server_limits(publication)
    named = [one for one in known if server is None or one.server == server or one.host.split(":")[0] == server]
    named = named or [one for one in known if server is not None and one.host == server]
    if server is not None and not named:
        raise DeliveryError(
            f"Nothing was learned of a server {server}.", next_step="See which are known: newsletter limits"
        )
    if named:
        with publication.store.transaction() as connection:
            for one in named:
                forget_learned_limits(connection, one.server)
    return named
