"""Addresses that readers gave up for others: links and mails of the old ones are about the one that came after.

A change is a confirmed request; it counts as long as the old address is suppressed as moved. Who joins with the old
address again has it for itself, since joining lifts that.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, and_, bindparam, select

from newsletter.address import SubscriberKey
from newsletter.store.engine import is_ours, publication_of
from newsletter.store.schema import reader_requests, suppressions
from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.subscribers.reader_requests import RequestKind, RequestState

_CHANGES = (
    reader_requests.c.kind == RequestKind.CHANGE_ADDRESS.value,
    reader_requests.c.state == RequestState.CONFIRMED.value,
)


# Made once: to make one takes as long as to execute it, and readers leave in groups of some tens.
_MOVED = select(suppressions.c.subscriber).where(
    suppressions.c.publication == bindparam("ours"),
    suppressions.c.subscriber.in_(bindparam("subscribers", expanding=True)),
    suppressions.c.cause == SuppressionKind.MOVED.value,
)
_MOVED_ANYWHERE = (
    select(reader_requests.c.publication, reader_requests.c.previous, reader_requests.c.subscriber)
    .join(
        suppressions,
        and_(
            suppressions.c.publication == reader_requests.c.publication,
            suppressions.c.subscriber == reader_requests.c.previous,
            suppressions.c.cause == SuppressionKind.MOVED.value,
        ),
    )
    .where(*_CHANGES, reader_requests.c.previous.in_(bindparam("subscribers", expanding=True)))
    .order_by(reader_requests.c.id)
)


def list_moved(connection: Connection, of: Sequence[SubscriberKey] | None = None) -> Sequence[SubscriberKey]:
    """Return subscribers of the publication who have given their address up for another; of these, or of all."""
    values = {"ours": publication_of(connection), "subscribers": of or ()}
    if of is not None:
        return connection.scalars(_MOVED, values).all()
    everyone = select(suppressions.c.subscriber).where(
        is_ours(connection, suppressions), suppressions.c.cause == SuppressionKind.MOVED.value
    )
    return connection.scalars(everyone).all()


def find_next_addresses(connection: Connection, keys: Collection[SubscriberKey]) -> dict[SubscriberKey, SubscriberKey]:
    """Return the next address of each of these subscribers who has moved: the one that they gave last.

    They are few enough for either database's parameters.
    """
    values = {"ours": publication_of(connection), "subscribers": keys}
    gone = list(connection.scalars(_MOVED, values)) if keys else []
    if not gone:
        return {}
    changes = select(reader_requests.c.previous, reader_requests.c.subscriber).where(
        *_CHANGES, is_ours(connection, reader_requests), reader_requests.c.previous.in_(gone)
    )
    return {row.previous: row.subscriber for row in connection.execute(changes.order_by(reader_requests.c.id))}


def follow_moves(
    connection: Connection, keys: Collection[SubscriberKey]
) -> Mapping[SubscriberKey, list[SubscriberKey]]:
    """Return for those who have moved the addresses that came after theirs, in order: the last is the one they have."""
    following: dict[SubscriberKey, list[SubscriberKey]] = {}
    ends = {key: key for key in keys}
    while found := find_next_addresses(connection, list(dict.fromkeys(ends.values()))):
        # One who went back to an address that they had is there, and nowhere after it.
        steps = {key: found[end] for key, end in ends.items() if end in found}
        ends = {key: end for key, end in steps.items() if end != key and end not in following.get(key, ())}
        for key, end in ends.items():
            following.setdefault(key, []).append(end)
        if not ends:
            break
    return following


def follow_moves_everywhere(
    connection: Connection, keys: Collection[SubscriberKey]
) -> Mapping[SubscriberKey, list[SubscriberKey]]:
    """Return for those who have moved, in whichever publication, all addresses that came after theirs in any.

    An address can be given up for one address in one publication, and for another one in the next.
    """
    after: dict[SubscriberKey, list[SubscriberKey]] = {}
    fresh = {*keys}
    while fresh:
        rows = connection.execute(_MOVED_ANYWHERE, {"subscribers": list(fresh)})
        newest = {(row.publication, row.previous): row.subscriber for row in rows}
        for (_, previous), subscriber in newest.items():
            after.setdefault(previous, []).append(subscriber)
        fresh = {*newest.values()} - after.keys() - fresh
    found = {key: _list_reachable(after, key) for key in keys}
    return {key: addresses for key, addresses in found.items() if addresses}


def _list_reachable(after: Mapping[SubscriberKey, list[SubscriberKey]], key: SubscriberKey) -> list[SubscriberKey]:
    found: dict[SubscriberKey, None] = {key: None}
    queue = [key]
    for each in queue:
        fresh = [one for one in after.get(each, ()) if one not in found]
        found |= dict.fromkeys(fresh)
        queue += fresh
    return [one for one in found if one != key]


def find_present_address(connection: Connection, key: SubscriberKey) -> SubscriberKey:
    """Return the address that a subscriber has now: the one that came last after theirs, or else their own."""
    return follow_moves(connection, [key]).get(key, [key])[-1]


def list_addresses_of_person(connection: Connection, key: SubscriberKey) -> list[SubscriberKey]:
    """Return all addresses that somebody had and has, the given one first.

    Who joined again with an address that they had given up, and gave it up for yet another one, is somebody else there.
    """
    found, fresh = [key], [key]
    while fresh:
        before = select(reader_requests.c.previous, reader_requests.c.subscriber).where(
            *_CHANGES, is_ours(connection, reader_requests), reader_requests.c.subscriber.in_(fresh)
        )
        earlier = [(row.previous, row.subscriber) for row in connection.execute(before)]
        after = find_next_addresses(connection, [previous for previous, _ in earlier])
        near = [
            *find_next_addresses(connection, fresh).values(),
            *(previous for previous, given in earlier if after.get(previous) == given),
        ]
        fresh = [each for each in dict.fromkeys(near) if each not in found]
        found += fresh
    return found
