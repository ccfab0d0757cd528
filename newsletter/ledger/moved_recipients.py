"""Recipients who have changed their address while a campaign was under way: they get it once, at whichever address."""

import json
from collections.abc import Sequence
from itertools import islice

from sqlalchemy import Connection, bindparam, select, update

from newsletter.address import EmailAddress, SubscriberKey, subscriber_key
from newsletter.issue_name import IssueName
from newsletter.ledger.states import OPEN, REACHED, State
from newsletter.store.engine import is_of, is_ours
from newsletter.store.schema import campaigns, deliveries, reader_requests
from newsletter.subscribers.joining import gets_newsletter
from newsletter.subscribers.moved_addresses import find_present_address, follow_moves, list_moved
from newsletter.subscribers.stored_subscribers import find_subscribers

_GROUP = 500  # looked up at once: few enough for either database's parameters


def move_waiting_deliveries(connection: Connection, old: SubscriberKey, address: EmailAddress) -> None:
    """Readdress what still waits for an address to the one after it, unless that one gets the issue already."""
    new = subscriber_key(address)
    issues = select(campaigns.c.issue).where(is_ours(connection, campaigns), campaigns.c.finished_at.is_(None))
    waiting = select(deliveries.c.id, deliveries.c.issue, deliveries.c.fields).where(
        is_ours(connection, deliveries),
        deliveries.c.issue.in_(issues),
        deliveries.c.subscriber == old,
        deliveries.c.state.in_(OPEN),
    )
    for row in connection.execute(waiting.with_for_update()).all():
        if not _is_recipient(connection, row.issue, new):
            fields = json.dumps({**json.loads(row.fields), "email": address})
            moved = update(deliveries).where(deliveries.c.id == row.id)
            connection.execute(moved.values(subscriber=new, address=address, fields=fields))


def readdress_moved(connection: Connection, issue: IssueName, of: Sequence[SubscriberKey] | None = None) -> None:
    """Readdress deliveries that get nothing any more since their address was given up for another one.

    A change can be confirmed while a copy is in hand, and put off then, or between planning and freezing. They wait
    again, unless the address after theirs gets the issue already, or gets nothing. `of` are those to look at, all if
    None.
    """
    moved = iter(list_moved(connection, of))
    while group := list(islice(moved, _GROUP)):
        rows = select(deliveries.c.id, deliveries.c.subscriber, deliveries.c.fields).where(
            is_of(connection, deliveries, issue),
            deliveries.c.subscriber.in_(group),
            deliveries.c.state.in_((*OPEN, State.SUPPRESSED)),
            deliveries.c.lease_until.is_(None),
        )
        for row in connection.execute(rows.order_by(deliveries.c.id)).all():
            new = find_present_address(connection, row.subscriber)
            listed = find_subscribers(connection, [new]).get(new)
            if listed is None or not gets_newsletter(connection, new) or _is_recipient(connection, issue, new):
                continue
            fields = json.dumps({**json.loads(row.fields), "email": listed.address})
            connection.execute(
                update(deliveries)
                .where(deliveries.c.id == row.id)
                .values(subscriber=new, address=listed.address, fields=fields, state=State.PENDING, tries=0, due=0.0)
            )


def _is_recipient(connection: Connection, issue: IssueName, subscriber: SubscriberKey) -> bool:
    theirs = select(deliveries.c.id).where(is_of(connection, deliveries, issue), deliveries.c.subscriber == subscriber)
    return connection.scalar(theirs) is not None


def find_reached_before_moving(connection: Connection, issue: IssueName) -> set[SubscriberKey]:
    """Return the addresses of those who have an issue, or may have it, at an address that they had before."""
    found: set[SubscriberKey] = set()
    given_up = iter(_list_given_up_addresses(connection))
    while group := list(islice(given_up, _GROUP)):
        values = {"issue": issue, "subscribers": group}
        reached = list(connection.scalars(_REACHED.where(is_ours(connection, deliveries)), values))
        found |= {address for after in follow_moves(connection, reached).values() for address in after}
    return found


_REACHED = select(deliveries.c.subscriber).where(
    deliveries.c.issue == bindparam("issue"),
    deliveries.c.subscriber.in_(bindparam("subscribers", expanding=True)),
    deliveries.c.state.in_(REACHED),
)


def _list_given_up_addresses(connection: Connection) -> Sequence[SubscriberKey]:
    before = select(reader_requests.c.previous).where(
        is_ours(connection, reader_requests),
        reader_requests.c.previous.is_not(None),
        reader_requests.c.confirmed_at.is_not(None),
        reader_requests.c.previous_confirmed_at.is_not(None),
    )
    return connection.scalars(before.distinct()).all()
