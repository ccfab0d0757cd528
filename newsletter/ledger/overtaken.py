"""Overtaken workers: each stood still for longer than its lease, while its process kept the campaign's lock.

Another process settled the lease and went on without the lock. As long as the stopped process is neither continued nor
ended, the next one has to do the same. So an overtaken worker counts as there until somebody gets the lock itself,
which shows that its process is gone or has continued and given up.
"""

from sqlalchemy import ColumnElement, Connection, and_, select, update

from newsletter.issue_name import IssueName
from newsletter.ledger.workers import find_lease, settle_expired
from newsletter.store import Store
from newsletter.store.engine import is_of
from newsletter.store.schema import workers

_STOOD_STILL = "the program stood still for longer than its lease"


def find_stopped_worker(store: Store, issue: IssueName) -> str | None:
    """Return the worker whose process may hold the campaign's lock and stand still; None when another one sends.

    Its lease has run out, or it was overtaken before.
    """
    if lease := find_lease(store, issue):
        return None if lease.seconds_left > 0 else lease.worker
    with store.reading() as connection:
        latest = select(workers.c.id).where(_is_overtaken(connection, issue)).order_by(workers.c.started_at.desc())
        return connection.scalar(latest.limit(1))


def overtake_worker(store: Store, issue: IssueName) -> None:
    """Settle the leases that have run out; what those workers had in hand is unknown."""
    settle_expired(store, issue, why=_STOOD_STILL)


def end_overtaken_workers(store: Store, issue: IssueName) -> None:
    """Note that no overtaken worker's process holds the campaign's lock any more, since the caller has got it."""
    with store.reading() as connection:
        any_left = connection.scalar(select(workers.c.id).where(_is_overtaken(connection, issue)).limit(1))
    if any_left is not None:
        with store.transaction() as connection:
            # The moment when it was last heard of: what was done since was not done by it.
            gone = update(workers).where(_is_overtaken(connection, issue)).values(ended_at=workers.c.heartbeat_at)
            connection.execute(gone)


def _is_overtaken(connection: Connection, issue: IssueName) -> ColumnElement[bool]:
    return and_(is_of(connection, workers, issue), workers.c.why == _STOOD_STILL, workers.c.ended_at.is_(None))
