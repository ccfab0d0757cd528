"""Issues that readers got as their welcome, outside of the issue's campaign: nobody gets one twice.

A welcome is queued under the lock of the campaign's row, which freezing holds too, so that neither overlooks the other.
"""

from sqlalchemy import ColumnElement, Connection, and_, func, literal, or_, select, update

from newsletter.address import EmailAddress, SubscriberKey, subscriber_key
from newsletter.issue_name import IssueName
from newsletter.ledger.states import REACHED
from newsletter.store.engine import is_of, is_ours
from newsletter.store.schema import batches, campaigns, deliveries, transactional_mails
from newsletter.subscribers.moved_addresses import list_addresses_of_person

# A mail in one of these has reached nobody, and never will.
_IN_VAIN = ("refused", "dropped")


def has_welcome(connection: Connection, issue: IssueName, subscriber: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that the subscriber in a column has an issue by their welcome, or may have it, or will."""
    theirs = select(transactional_mails.c.id).where(
        is_of(connection, transactional_mails, issue),
        transactional_mails.c.subscriber == subscriber,
        transactional_mails.c.state.not_in(_IN_VAIN),
    )
    return theirs.exists()


def count_welcomes(connection: Connection, issue: IssueName) -> int:
    """Return how many readers have an issue by their welcome, or may have it, or will."""
    theirs = select(func.count(transactional_mails.c.subscriber.distinct())).where(
        is_of(connection, transactional_mails, issue), transactional_mails.c.state.not_in(_IN_VAIN)
    )
    return connection.scalar(theirs) or 0


def move_welcomes(connection: Connection, old: SubscriberKey, address: EmailAddress) -> None:
    """Note the issues that somebody got as their welcome, or will, as those of their new address."""
    theirs = (
        is_ours(connection, transactional_mails),
        transactional_mails.c.subscriber == old,
        transactional_mails.c.issue.is_not(None),
    )
    waits = transactional_mails.c.state == "waiting"
    moved = update(transactional_mails).where(*theirs)
    connection.execute(moved.where(waits).values(address=address))
    connection.execute(moved.values(subscriber=subscriber_key(address)))


def claim_welcome_issue(connection: Connection, subscriber: SubscriberKey) -> IssueName | None:
    """Return the newest issue that went to the whole list, unless this subscriber is in its campaign or was welcomed.

    A delivery to them counts in whatever state, one to an address that they had before if they may have the issue.
    Announcements and corrections are about one moment, and welcome nobody. The campaign's row is locked until the
    transaction ends, so that nobody is frozen into it meanwhile.
    """
    reached = select(deliveries.c.id).where(
        is_ours(connection, deliveries),
        deliveries.c.issue == campaigns.c.issue,
        deliveries.c.state.in_(REACHED),
    )
    whole = select(batches.c.tag).where(
        is_ours(connection, batches), batches.c.issue == campaigns.c.issue, batches.c.tag == ""
    )
    newest = (
        select(campaigns.c.issue)
        .where(
            is_ours(connection, campaigns),
            campaigns.c.kind == "issue",
            campaigns.c.cancelled_at.is_(None),
            whole.exists(),
            reached.exists(),
        )
        .order_by(campaigns.c.created_at.desc(), campaigns.c.issue.desc())
        .limit(1)
    )
    name = connection.scalar(newest)
    if name is None:
        return None
    issue = IssueName(name)
    connection.execute(select(campaigns.c.id).where(is_of(connection, campaigns, issue)).with_for_update())
    earlier = list_addresses_of_person(connection, subscriber)[1:]
    delivery = select(deliveries.c.id).where(
        is_of(connection, deliveries, issue),
        or_(
            deliveries.c.subscriber == subscriber,
            and_(deliveries.c.subscriber.in_(earlier), deliveries.c.state.in_(REACHED)),
        ),
    )
    has_it = connection.scalar(delivery.limit(1)) or connection.scalar(
        select(has_welcome(connection, issue, literal(subscriber)))
    )
    return None if has_it else issue
