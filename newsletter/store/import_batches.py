"""Suppressions that an import of a list has made: its batch is undone as one, but for what somebody has said since."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, select, update

from newsletter.address import SubscriberKey
from newsletter.store.engine import publication_of
from newsletter.store.publications import is_known_here, is_of_any_publication
from newsletter.store.schema import events, suppressions

IMPORT = "import-"  # begins the name of an import's batch, and of no other


def is_import(batch: str) -> bool:
    """Return whether a batch is an import's."""
    return batch.startswith(IMPORT)


def is_of_import() -> ColumnElement[bool]:
    """Return the condition that a suppression was made by an import."""
    return suppressions.c.batch.startswith(IMPORT)


def take_over_suppressions(
    connection: Connection,
    subscribers: Collection[SubscriberKey],
    cause: str,
    source: str,
    batch: str,
    *,
    everywhere: bool,
) -> frozenset[str]:
    """Let an import's suppressions stay when it is undone, since it was said otherwise, too; return whose there were.

    They are this publication's, or, `everywhere`, those of all. From then on they are of another batch, or of none.
    """
    values = {"subscribers": subscribers, "why": cause, "said_in": batch, "said_by": source}
    if not everywhere:
        values["ours"] = publication_of(connection)
    return frozenset(connection.scalars(_TAKEN_OVER[everywhere], values))


# Made once: to make one takes as long as to execute it, and readers leave in groups of some tens.
_TAKEN_OVER = {
    everywhere: update(suppressions)
    .where(
        is_of_any_publication(suppressions) if everywhere else suppressions.c.publication == bindparam("ours"),
        suppressions.c.subscriber.in_(bindparam("subscribers", expanding=True)),
        suppressions.c.cause == bindparam("why"),
        is_of_import(),
    )
    .values(batch=bindparam("said_in"), source=bindparam("said_by"))
    .returning(suppressions.c.subscriber)
    for everywhere in (False, True)
}


def hand_over_suppressions(
    connection: Connection, batch: str, later: str, cause: str, subscribers: Sequence[SubscriberKey]
) -> None:
    """Make a batch's suppressions those of a later import, whose file says the same of these subscribers."""
    connection.execute(
        update(suppressions)
        .where(*_are_of(connection, batch, subscribers), suppressions.c.cause == cause)
        .values(batch=later)
    )
    connection.execute(
        update(events)
        .where(is_known_here(connection, events), events.c.subscriber.in_(subscribers))
        .where(events.c.batch == batch)
        .values(batch=later)
    )


def count_suppressions_of(connection: Connection, batch: str, subscribers: Sequence[SubscriberKey]) -> int:
    """Return how many suppressions a batch made of these subscribers."""
    mine = select(func.count()).select_from(suppressions).where(*_are_of(connection, batch, subscribers))
    return connection.scalar(mine) or 0


def remove_suppressions_of(connection: Connection, batch: str, subscribers: Sequence[SubscriberKey]) -> int:
    """Take away the suppressions that a batch made of these subscribers, and its events; return how many those were.

    The events would have them come back, or count as having left: the import has not said so.
    """
    connection.execute(
        delete(events).where(
            is_known_here(connection, events),
            events.c.subscriber.in_(subscribers),
            events.c.batch == batch,
        )
    )
    return connection.execute(delete(suppressions).where(*_are_of(connection, batch, subscribers))).rowcount


def _are_of(
    connection: Connection, batch: str, subscribers: Sequence[SubscriberKey]
) -> tuple[ColumnElement[bool], ...]:
    return (
        is_known_here(connection, suppressions),
        suppressions.c.subscriber.in_(subscribers),
        suppressions.c.batch == batch,
    )
