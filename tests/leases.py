"""Leases whose clocks a test owns."""

from sqlalchemy import update

from newsletter.ledger.workers import settle_expired
from newsletter.store import Store
from newsletter.store.schema import workers


def crash_workers(store: Store, issue: str) -> None:
    """Settle an issue's workers as if they had crashed, and their leases had run out since."""
    with store.transaction() as connection:
        connection.execute(update(workers).where(workers.c.issue == issue).values(lease_until=0.0))
    assert settle_expired(store, issue) is None
