"""Departures: deliveries that wait for somebody who is no longer on the list, or whom the list says not to mail.

The list is staged in a temporary table, so that a million rows are never in memory. Staging takes no lock.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    func,
    insert,
    literal,
    select,
    update,
)

from newsletter.address import SubscriberKey
from newsletter.issue_name import IssueName
from newsletter.ledger.frozen_lists import note_comparison
from newsletter.ledger.moved_recipients import readdress_moved
from newsletter.ledger.states import OPEN, State
from newsletter.store import Staging, Store
from newsletter.store.engine import is_of, now, storable
from newsletter.store.schema import deliveries

LIST_STAGE = "list"  # the stage of a delivery that the list, and no server, has ended
LEFT, GONE = "left the list since", "is no longer on the list"
_GROUP = 1000

_metadata = MetaData()
_listed = Table(
    "listed_now",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("subscriber", String, nullable=False),
    Column("why", String, nullable=False),  # by which words the list keeps them from being mailed; empty: it does not
    prefixes=["TEMPORARY"],
)
_by_subscriber = "CREATE INDEX listed_now_by_subscriber ON listed_now (subscriber)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Departures:
    """Numbers of deliveries that wait: all, those whose subscriber the list says not to mail, and those not on it."""

    waiting: int
    left: int
    gone: int


@contextmanager
def stage_list(store: Store) -> Iterator["StagedList"]:
    """Open an empty stage for the list as it is now, gone when the context ends."""
    with store.staging() as staging:
        yield StagedList(staging)


class StagedList:
    """Everyone on the list as it is now, to be compared with those who wait."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging
        with self._staging.local() as connection:
            _metadata.create_all(connection, checkfirst=False)

    def fill(self, rows: Iterable[tuple[SubscriberKey, str]]) -> int:
        """Stage subscribers, each with the words by which the list keeps them from being mailed; return how many."""
        rest, count = iter(rows), 0
        with self._staging.local() as connection:
            while group := [{"subscriber": key, "why": storable(why)} for key, why in islice(rest, _GROUP)]:
                count += len(group)
                connection.execute(insert(_listed), group)
            connection.exec_driver_sql(_by_subscriber)
        return count

    def count(self, issue: IssueName) -> Departures:
        """Return how many of those who wait have left the list, and how many are not on it."""
        with self._staging.local() as connection:
            counts = select(
                func.count(), func.count().filter(_left()), func.count().filter(~_listed_rows().exists())
            ).where(*_waiting(connection, issue))
            waiting, left, gone = connection.execute(counts).one()
            return Departures(waiting=waiting, left=left, gone=gone)

    def suppress(self, issue: IssueName, *, gone: bool, fingerprint: str | None) -> None:
        """Suppress those who wait and have left, and with `gone` those who are not on the list any more.

        A `fingerprint` of the list is noted, by which the same list needs no comparison.
        """
        with self._staging.durable() as connection:
            readdress_moved(connection, issue)
            if gone:
                _suppress(connection, issue, ~_listed_rows().exists(), GONE)
            words = _listed_rows(_listed.c.why).where(_listed.c.why != "").order_by(_listed.c.id).limit(1)
            _suppress(connection, issue, _left(), literal(f"{LEFT}: ") + words.scalar_subquery())
            if fingerprint is not None:
                note_comparison(connection, issue, fingerprint)


def _waiting(connection: Connection, issue: IssueName) -> tuple[ColumnElement[bool], ...]:
    return is_of(connection, deliveries, issue), deliveries.c.state.in_(OPEN)


def _listed_rows(column: Column[str] = _listed.c.subscriber) -> Select[str]:
    return select(column).where(_listed.c.subscriber == deliveries.c.subscriber).correlate(deliveries)


def _left() -> ColumnElement[bool]:
    return _listed_rows().where(_listed.c.why != "").exists()


def _suppress(connection: Connection, issue: IssueName, whose: ColumnElement[bool], why: object) -> None:
    connection.execute(
        update(deliveries)
        .where(*_waiting(connection, issue), whose)
        .values(
            state=State.SUPPRESSED,
            stage=LIST_STAGE,
            code=None,
            enhanced=None,
            reply=why,
            at=now(),
            lease_until=None,
        )
    )
