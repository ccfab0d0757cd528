"""Limits of mail servers: what sends have learned of them, shown or forgotten, and how far one is warmed up."""

from collections.abc import Sequence
from datetime import UTC, datetime

from newsletter.backends import name_server
from newsletter.errors import DeliveryError
from newsletter.ledger.learned_limits import StoredLimits, forget_learned_limits, list_learned_limits
from newsletter.ledger.warm_up import WarmUpStep, find_warm_up_step
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


def find_warm_up(publication: OpenPublication) -> WarmUpStep | None:
    """Return the sending of the server's warm-up that is under way, or would begin now; None without a warm-up."""
    config, store = publication.config, publication.known_store
    if config.send.warm_up is None or store is None:
        return None
    with store.reading() as connection:
        return find_warm_up_step(connection, name_server(config), config.send.warm_up, datetime.now(UTC))
