"""Mails of the feedback mailbox that were dealt with, by their keys."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from newsletter.store.engine import insert_new, now, publication_of
from newsletter.store.prepared_statements import PreparedStatement
from newsletter.store.schema import handled


def add_handled(connection: Connection, keys: Sequence[str]) -> None:
    """Note that the mails with these keys are dealt with."""
    if keys:
        ours, moment = publication_of(connection), now()
        rows = [{"publication": ours, "key": key, "at": moment} for key in keys]
        connection.execute(insert_new(connection, handled), rows)


def was_handled(connection: Connection, *keys: str) -> bool:
    """Return whether a mail with one of these keys was dealt with."""
    ours = publication_of(connection)
    return any(_FIND.fetch(connection, {"ours": ours, "the_key": key}) for key in keys)


_FIND = PreparedStatement(
    select(handled.c.key).where(handled.c.publication == bindparam("ours"), handled.c.key == bindparam("the_key"))
)
