"""Recipients who have changed their address while a campaign was under way: they get it once, at whichever address."""

import json
from collections.abc import Sequence
from itertools import islice

from sqlalchemy import Connection, bindparam, select, update

from newsletter.address import EmailAddress, SubscriberKey, subscriber_key
from newsletter.issue_name import IssueName
from newsletter.ledger.states import OPEN, REACHED
from newsletter.store.engine import is_of, is_ours
from newsletter.store.schema import campaigns, deliveries, reader_requests
from newsletter.subscribers.moved_addresses import follow_moves

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
        there = select(deliveries.c.id).where(is_of(connection, deliveries, row.issue), deliveries.c.subscriber == new)
        if connection.scalar(there) is None:
            fields = json.dumps({**json.loads(row.fields), "email": address})
            moved = update(deliveries).where(deliveries.c.id == row.id)
            connection.execute(moved.values(subscriber=new, address=address, fields=fields))


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
