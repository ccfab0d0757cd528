"""Mails of the feedback mailbox that were dealt with, by their keys."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from newsletter.store.engine import insert_new, now, publication_of
from newsletter.store.schema import handled


def add_handled(connection: Connection, keys: Sequence[str]) -> None:
    """Note that the mails with these keys are dealt with."""
    if keys:
        ours, moment = publication_of(connection), now()
        rows = [{"publication": ours, "key": key, "at": moment} for key in keys]
        connection.execute(insert_new(connection, handled), rows)


def was_handled(connection: Connection, *keys: str) -> bool:
    """Return whether a mail with one of these keys was dealt with."""
    return connection.scalar(_FIND, {"publication": publication_of(connection), "keys": keys}) is not None


# Made once: it is asked for each mail of a mailbox.
_FIND = select(handled.c.key).where(
    handled.c.publication == bindparam("publication"), handled.c.key.in_(bindparam("keys", expanding=True))
)
