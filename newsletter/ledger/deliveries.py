"""Deliveries: each is one recipient's row of a campaign. Read only; a list may hold a million."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from newsletter.address import EmailAddress, SubscriberKey, domain_of
from newsletter.clock import Instant, parse_instant
from newsletter.issue_name import IssueName
from newsletter.ledger.states import ANSWERED, OPEN, Counts, State
from newsletter.mail.message import Outcome, Result
from newsletter.store import Store
from newsletter.store.engine import is_of, is_ours, publication_of
from newsletter.store.prepared_statements import PreparedStatement
from newsletter.store.schema import campaigns, deliveries, workers

_PAGE = 2000  # rows
NEVER = 1e15  # a moment, in seconds since 1970, that no worker lives to see


class Delivery(NamedTuple):
    """Delivery of a campaign to one recipient: its row of the ledger, with the names that the table has.

    `worker` is who has it or had it last, `lease_until` until when it is theirs (None: it is nobody's), and `due` not
    before when it is tried again: both in seconds since 1970. `attempts` counts all, `tries` how often its present
    worker had it deferred. `stage`, `code`, `enhanced` and `reply` are of the last result, which came `at` a moment
    (ISO 8601 in UTC), `took` milliseconds after it was handed to the backend. It is a tuple, since a million of them
    may be made, and its JSON is read when it is asked for.
    """

    id: int
    issue: IssueName
    subscriber: SubscriberKey
    address: EmailAddress
    fields_json: str
    tags_json: str
    language: str
    template: int
    state: State
    worker: str | None
    lease_until: float | None
    returns: int
    attempts: int
    tries: int
    due: float
    stage: str | None
    code: int | None
    enhanced: str | None
    reply: str | None
    provider_id: str | None
    at: str | None
    took: int | None

    @property
    def fields(self) -> dict[str, str]:
        """Return what the list says of the recipient."""
        fields: dict[str, str] = json.loads(self.fields_json)
        return fields

    @property
    def tags(self) -> frozenset[str]:
        """Return the recipient's tags."""
        return parse_tags(self.tags_json)

    def with_result(self, result: Result, *, took: int = 0, due: float = NEVER) -> "Delivery":
        """Return the delivery as a result leaves it: after so many milliseconds, and tried again when it is `due`."""
        values: list[Any] = list(self)  # `_replace` takes three times as long, for each message
        values[_STATE] = _STATES[result.outcome.value]
        values[_LEASE_UNTIL] = None
        values[_ATTEMPTS] += 1
        values[_TRIES] += result.outcome is Outcome.DEFERRED
        values[_DUE : _REPLY + 1] = due, result.stage, result.code, result.enhanced, result.reply
        values[_TOOK] = took
        return Delivery._make(values)


COLUMNS = [deliveries.c[name.removesuffix("_json")] for name in Delivery._fields]
_STATE, _LEASE_UNTIL, _ATTEMPTS, _TRIES, _DUE, _REPLY, _TOOK = (
    Delivery._fields.index(name) for name in ("state", "lease_until", "attempts", "tries", "due", "reply", "took")
)
_STATES: Mapping[str, State] = {state.value: state for state in State}


def make_delivery(row: Sequence[Any]) -> Delivery:
    """Return the delivery of a row with COLUMNS."""
    values = list(row)
    values[_STATE] = _STATES[values[_STATE]]
    return Delivery._make(values)


def find_delivery_by_number(store: Store, number: int) -> Delivery | None:
    """Return the delivery with this number, of any issue."""
    with store.reading() as connection:
        mine = is_ours(connection, deliveries), deliveries.c.id == number
        row = connection.execute(select(*COLUMNS).where(*mine)).one_or_none()
        return make_delivery(row) if row else None


def find_delivery(store: Store, issue: IssueName, subscriber: SubscriberKey) -> Delivery | None:
    """Return the delivery of an issue to a subscriber; None when they have none."""
    with store.reading() as connection:
        theirs = is_of(connection, deliveries, issue), deliveries.c.subscriber == subscriber
        row = connection.execute(select(*COLUMNS).where(*theirs)).one_or_none()
        return make_delivery(row) if row else None


def list_deliveries(store: Store, subscriber: SubscriberKey, *, with_seed: bool = False) -> Iterator[Delivery]:
    """Yield a subscriber's delivery of each issue, the newest first.

    With `with_seed` only of those issues whose Message-IDs nobody can make up.
    """
    with store.reading() as connection:
        values = {"publication": publication_of(connection), "subscriber": subscriber}
        yield from map(make_delivery, _OF_SUBSCRIBER[with_seed].fetch(connection, values))


# By issue and subscriber, which there is an index of: without the issues, each delivery ever made would be read.
_ISSUES = select(campaigns.c.issue).where(campaigns.c.publication == bindparam("publication"))
_OF_SUBSCRIBER = {
    with_seed: PreparedStatement(
        select(*COLUMNS)
        .where(
            deliveries.c.publication == bindparam("publication"),
            deliveries.c.issue.in_(named),
            deliveries.c.subscriber == bindparam("subscriber"),
        )
        .order_by(deliveries.c.id.desc())
    )
    for with_seed, named in {False: _ISSUES, True: _ISSUES.where(campaigns.c.seed.is_not(None))}.items()
}


def stream_deliveries(
    store: Store, issue: IssueName, *, only: State | None = None, but: State | None = None
) -> Iterator[Delivery]:
    """Yield every delivery as of one moment, in the list's order; of one state, or of all states but one."""
    with store.reading() as connection:
        wanted = [is_of(connection, deliveries, issue)]
        wanted += [deliveries.c.state == only] if only else []
        wanted += [deliveries.c.state != but] if but else []
        rows = select(*COLUMNS).where(*wanted).order_by(deliveries.c.id)
        yield from map(make_delivery, connection.execute(rows, execution_options={"yield_per": _PAGE}))


def stream_recipients(
    store: Store, issue: IssueName, states: Sequence[State] = OPEN
) -> Iterator[tuple[EmailAddress, dict[str, str], frozenset[str]]]:
    """Yield address, fields and tags of every delivery in these states."""
    columns = (deliveries.c.address, deliveries.c.fields, deliveries.c.tags)
    with store.reading() as connection:
        rows = connection.execution_options(yield_per=1000).execute(
            select(*columns)
            .where(is_of(connection, deliveries, issue), deliveries.c.state.in_(states))
            .order_by(deliveries.c.id)
        )
        for row in rows:
            yield row.address, json.loads(row.fields), parse_tags(row.tags)


@lru_cache(maxsize=10_000)
def parse_tags(stored: str) -> frozenset[str]:
    """Return the tags in a column of a delivery, which is JSON."""
    return frozenset(json.loads(stored))


def find_sending_time(store: Store, delivery: int) -> Instant | None:
    """Return when the batch was sent in which this delivery had its turn last, which its Date says; None before any.

    It is when the worker started, and so the same for everyone whom it sent to.
    """
    with store.reading() as connection:
        began = connection.scalar(
            select(workers.c.started_at)
            .join_from(deliveries, workers, workers.c.id == deliveries.c.worker)
            .where(deliveries.c.id == delivery, deliveries.c.state.not_in([State.PENDING, State.SUPPRESSED]))
        )
        return parse_instant(began) if began else None


def count_deliveries(store: Store, issue: IssueName) -> Counts:
    """Return how many deliveries of an issue are in each state."""
    with store.reading() as connection:
        return count_by_state(connection, issue)


def count_by_state(connection: Connection, issue: IssueName) -> Counts:
    """Return how many deliveries of an issue are in each state, within the caller's transaction."""
    rows = connection.execute(
        select(deliveries.c.state, func.count())
        .where(is_of(connection, deliveries, issue))
        .group_by(deliveries.c.state)
    )
    return Counts({State(state): count for state, count in rows})


def count_languages(store: Store, issue: IssueName, states: Sequence[State] = tuple(State)) -> dict[str, int]:
    """Return how many deliveries of an issue in these states are in which language, most first; "" is the own one."""
    with store.reading() as connection:
        rows = connection.execute(
            select(deliveries.c.language, func.count().label("readers"))
            .where(is_of(connection, deliveries, issue), deliveries.c.state.in_(states))
            .group_by(deliveries.c.language)
            .order_by(func.count().desc(), deliveries.c.language)
        )
        return {row.language: row.readers for row in rows}


def count_domains(store: Store, issue: IssueName) -> Counter[str]:
    """Return how many recipients of each domain the issue was sent to."""
    with store.reading() as connection:
        subscribers = select(deliveries.c.subscriber).where(is_of(connection, deliveries, issue))
        found = connection.execute(subscribers, execution_options={"yield_per": 1000})
        return Counter(domain_of(row.subscriber) for row in found)


def has_deliveries(store: Store, issue: IssueName, states: Sequence[State]) -> bool:
    """Return whether a delivery of the issue is in one of these states."""
    with store.reading() as connection:
        found = select(deliveries.c.id).where(is_of(connection, deliveries, issue), deliveries.c.state.in_(states))
        return connection.scalar(found.limit(1)) is not None


def list_recent_answers(store: Store, seconds: float, at_most: int) -> list[float]:
    """Return when messages of any issue were answered within the last seconds: seconds since 1970, the oldest first."""
    by_us = ("reconcile", "connection")
    since = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
    with store.reading() as connection:
        latest = connection.scalars(
            select(deliveries.c.at)
            .where(
                is_ours(connection, deliveries),
                deliveries.c.at >= since,
                deliveries.c.state.in_(ANSWERED),
                deliveries.c.stage.not_in(by_us),
            )
            .order_by(deliveries.c.at.desc())
            .limit(at_most)
        ).all()
        return [datetime.fromisoformat(moment).timestamp() for moment in reversed(latest)]
