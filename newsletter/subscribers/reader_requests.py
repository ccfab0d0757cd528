"""Rows of readers' requests: to join, to change an address, to stay. Each counts once it has been confirmed.

Each function works within the caller's transaction, and on the publication that its connection is of.

from    to          when
(none)  new         a form was sent, or a command asks
new     asked       the mail with the link is queued
new     dropped     nobody may be asked: too often, or they must not be mailed
asked   confirmed   by whom the link is for
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from newsletter.address import EmailAddress, SubscriberKey, subscriber_key
from newsletter.clock import parse_instant
from newsletter.store.engine import is_ours, now, publication_of
from newsletter.store.schema import reader_requests

_DROPPED_DAYS = 1.0


class RequestKind(StrEnum):
    """Kinds of requests."""

    JOIN = "join"
    CHANGE_ADDRESS = "change-address"
    RECONFIRM = "reconfirm"


class RequestState(StrEnum):
    """States of a request."""

    NEW = "new"
    ASKED = "asked"
    CONFIRMED = "confirmed"
    DROPPED = "dropped"


# Days for which a request can be confirmed.
VALID_DAYS: Mapping[RequestKind, float] = {
    RequestKind.JOIN: 7.0,
    RequestKind.CHANGE_ADDRESS: 7.0,
    RequestKind.RECONFIRM: 180.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderRequest:
    """A request of one reader, who is to confirm it at `address`.

    `previous` is who is to have the address from then on, where it is to change. `source` names the form, `commit_id`
    the workspace's commit by which it was made, `network` where it came from, if the publication keeps that.
    """

    kind: RequestKind
    address: EmailAddress
    id: int = 0
    previous: SubscriberKey | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    language: str = ""
    source: str = ""
    words_sha256: str | None = None
    commit_id: str | None = None
    network: str | None = None
    state: RequestState = RequestState.NEW
    requested_at: str = ""
    confirmed_at: str | None = None
    previous_confirmed_at: str | None = None

    @property
    def subscriber(self) -> SubscriberKey:
        """Return the key of the address that is to confirm."""
        return subscriber_key(self.address)

    @property
    def expires_at(self) -> float:
        """Return until when it can be confirmed, in seconds since 1970."""
        return (parse_instant(self.requested_at) + timedelta(days=VALID_DAYS[self.kind])).timestamp()


def add_requests(connection: Connection, requests: Sequence[ReaderRequest]) -> list[int]:
    """Add requests, with this moment where they have none; return their ids."""
    if not requests:
        return []
    moment, publication = now(), publication_of(connection)
    rows = [_row(publication, request, moment) for request in requests]
    into = insert(reader_requests).returning(reader_requests.c.id, sort_by_parameter_order=True)
    return list(connection.scalars(into, rows))


def find_request(connection: Connection, number: int, *, to_change: bool = False) -> ReaderRequest | None:
    """Return a request by its id; `to_change` keeps others from changing it until the transaction ends."""
    mine = select(reader_requests).where(is_ours(connection, reader_requests), reader_requests.c.id == number)
    row = connection.execute(mine.with_for_update() if to_change else mine).one_or_none()
    return _request(row) if row else None


def list_new_requests(connection: Connection, kind: RequestKind, limit: int) -> list[ReaderRequest]:
    """Return requests of a kind that nobody has decided about, the oldest first, locked until the transaction ends.

    On PostgreSQL those that another service has locked are left out.
    """
    mine = (
        select(reader_requests)
        .where(
            is_ours(connection, reader_requests),
            reader_requests.c.state == RequestState.NEW,
            reader_requests.c.kind == kind,
        )
        .order_by(reader_requests.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_request(row) for row in connection.execute(mine)]


def list_requests_of(connection: Connection, subscriber: SubscriberKey) -> list[ReaderRequest]:
    """Return all requests that a subscriber has made or is to confirm, the oldest first."""
    theirs = or_(reader_requests.c.subscriber == subscriber, reader_requests.c.previous == subscriber)
    mine = select(reader_requests).where(is_ours(connection, reader_requests), theirs).order_by(reader_requests.c.id)
    return [_request(row) for row in connection.execute(mine)]


def set_state(connection: Connection, numbers: Collection[int], state: RequestState) -> None:
    """Set the state of requests, by their ids."""
    if numbers:
        mine = and_(is_ours(connection, reader_requests), reader_requests.c.id.in_(numbers))
        connection.execute(update(reader_requests).where(mine).values(state=state.value))


def note_confirmed(connection: Connection, number: int, *, previous: bool = False) -> bool:
    """Note that the owner of the address has confirmed a request now; False when that was noted before.

    With `previous` it is the owner of the address before. The state stays as it is: see `set_state`.
    """
    column = reader_requests.c.previous_confirmed_at if previous else reader_requests.c.confirmed_at
    mine = and_(is_ours(connection, reader_requests), reader_requests.c.id == number, column.is_(None))
    return connection.execute(update(reader_requests).where(mine).values({column: now()})).rowcount > 0


def count_open(connection: Connection, kind: RequestKind) -> int:
    """Return how many requests of a kind are neither confirmed nor dropped."""
    is_open = reader_requests.c.state.in_((RequestState.NEW, RequestState.ASKED))
    mine = (
        select(func.count())
        .select_from(reader_requests)
        .where(is_ours(connection, reader_requests), is_open, reader_requests.c.kind == kind)
    )
    return connection.scalar(mine) or 0


def count_addresses(connection: Connection, kind: RequestKind, *, hours: float) -> int:
    """Return for how many different addresses there were requests within the last hours, whatever became of them."""
    mine = select(func.count(reader_requests.c.subscriber.distinct())).where(
        is_ours(connection, reader_requests),
        reader_requests.c.requested_at > _before(days=hours / 24),
        reader_requests.c.kind == kind,
    )
    return connection.scalar(mine) or 0


def list_asked_lately(connection: Connection, kind: RequestKind, *, hours: float) -> list[tuple[SubscriberKey, str]]:
    """Return who was asked to confirm within the last hours, each time with the moment of their request."""
    asked = reader_requests.c.state.in_((RequestState.ASKED, RequestState.CONFIRMED))
    mine = select(reader_requests.c.subscriber, reader_requests.c.requested_at).where(
        is_ours(connection, reader_requests),
        reader_requests.c.requested_at > _before(days=hours / 24),
        reader_requests.c.kind == kind,
        asked,
    )
    return [(row.subscriber, row.requested_at) for row in connection.execute(mine)]


def delete_oldest_asked(connection: Connection, kind: RequestKind, count: int, *, hours: float) -> int:
    """Delete the oldest requests of a kind that nobody has confirmed in so many hours; return how many."""
    mine = (
        is_ours(connection, reader_requests),
        reader_requests.c.state == RequestState.ASKED,
        reader_requests.c.kind == kind,
        reader_requests.c.requested_at < _before(days=hours / 24),
    )
    oldest = select(reader_requests.c.id).where(*mine).order_by(reader_requests.c.requested_at, reader_requests.c.id)
    return connection.execute(
        delete(reader_requests).where(*mine, reader_requests.c.id.in_(oldest.limit(count)))
    ).rowcount


def delete_stale_requests(connection: Connection, most_dropped: int) -> int:
    """Delete requests that can't be confirmed any more, and dropped ones after a day; return how many.

    Of the dropped ones the newest `most_dropped` are kept at most. A confirmed one stays: it is what a consent rests
    on, and by which an address leads to the one that came after it.
    """
    mine = is_ours(connection, reader_requests)
    waiting = reader_requests.c.state.in_((RequestState.NEW, RequestState.ASKED))
    stale = [
        and_(waiting, reader_requests.c.kind == kind, reader_requests.c.requested_at < _before(days=days))
        for kind, days in VALID_DAYS.items()
    ]
    dropped = reader_requests.c.state == RequestState.DROPPED
    stale.append(and_(dropped, reader_requests.c.requested_at < _before(days=_DROPPED_DAYS)))
    newest = select(reader_requests.c.id).where(mine, dropped).order_by(reader_requests.c.id.desc())
    if first_too_many := connection.scalar(newest.offset(most_dropped).limit(1)):
        stale.append(and_(dropped, reader_requests.c.id <= first_too_many))
    return connection.execute(delete(reader_requests).where(mine, or_(*stale))).rowcount


def _before(*, days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")


def _row(publication: str, request: ReaderRequest, moment: str) -> dict[str, Any]:
    return {
        "publication": publication,
        "kind": request.kind.value,
        "subscriber": request.subscriber,
        "address": request.address,
        "previous": request.previous,
        "fields": json.dumps(dict(request.fields)),
        "tags": json.dumps(sorted(request.tags)),
        "language": request.language,
        "source": request.source,
        "words_sha256": request.words_sha256,
        "commit_id": request.commit_id,
        "network": request.network,
        "state": request.state.value,
        "requested_at": request.requested_at or moment,
        "confirmed_at": request.confirmed_at,
        "previous_confirmed_at": request.previous_confirmed_at,
    }


def _request(row: Row[Any]) -> ReaderRequest:
    return ReaderRequest(
        id=row.id,
        kind=RequestKind(row.kind),
        address=row.address,
        previous=row.previous,
        fields=json.loads(row.fields),
        tags=frozenset(json.loads(row.tags)),
        language=row.language,
        source=row.source,
        words_sha256=row.words_sha256,
        commit_id=row.commit_id,
        network=row.network,
        state=RequestState(row.state),
        requested_at=row.requested_at,
        confirmed_at=row.confirmed_at,
        previous_confirmed_at=row.previous_confirmed_at,
    )
