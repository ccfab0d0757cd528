"""Recipients who are suppressed because of what another publication of the database was told."""

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from newsletter.issue_name import IssueName
from newsletter.ledger.states import State
from newsletter.store.engine import is_of, publication_of
from newsletter.store.publications import is_of_any_publication
from newsletter.store.schema import deliveries, events, suppressions
from newsletter.store.suppression_rule import SHARED_CAUSES, holds
from newsletter.subscribers.feedback_events import SUPPRESSING


def count_suppressed_elsewhere(connection: Connection, issue: IssueName) -> dict[str, int]:
    """Return by cause how many suppressed recipients only another publication of the database keeps from being mailed.

    It is known from what holds them now: when that was lifted since, they are not among them.
    """
    ours = publication_of(connection)
    told = select(events.c.id).where(
        events.c.publication == ours,
        events.c.subscriber == deliveries.c.subscriber,
        or_(*(_follows_from(kind, cause) for kind, cause in SUPPRESSING.items())),
    )
    rows = (
        select(suppressions.c.cause, func.count(deliveries.c.subscriber.distinct()))
        .join_from(deliveries, suppressions, suppressions.c.subscriber == deliveries.c.subscriber)
        .where(
            is_of(connection, deliveries, issue),
            deliveries.c.state == State.SUPPRESSED,
            is_of_any_publication(suppressions),
            suppressions.c.publication != ours,
            suppressions.c.cause.in_(SHARED_CAUSES),
            holds(ours),
            ~told.exists(),
        )
        .group_by(suppressions.c.cause)
        .order_by(suppressions.c.cause)
    )
    return {cause: count for cause, count in connection.execute(rows)}  # noqa: C416  # rows are no pairs to mypy


def _follows_from(kind: str, cause: str) -> ColumnElement[bool]:
    """Return the condition that a suppression is what an event of this kind makes."""
    return and_(events.c.kind == kind, suppressions.c.cause == cause)
