"""The domain of a delivery's address: in SQL, and what left for each lately."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, func, select

from newsletter.issue_name import IssueName
from newsletter.ledger.states import ANSWERED, OPEN
from newsletter.store import Store
from newsletter.store.engine import is_of, is_ours
from newsletter.store.schema import deliveries

# What a domain is written with: an address has its domain in small ASCII letters, see address.py.
_OF_A_DOMAIN = "abcdefghijklmnopqrstuvwxyz0123456789-._"
# SQL has no word for "what follows the @" that SQLite and PostgreSQL share: the letters of a domain are taken from the
# end, and what then is left ends with the @.
DOMAIN: ColumnElement[str] = func.substr(
    deliveries.c.subscriber, func.length(func.rtrim(deliveries.c.subscriber, _OF_A_DOMAIN)) + 1
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedDomains:
    """Domains of which nobody is claimed now. Up to the id `after` there is nobody else, and no query looks there."""

    domains: Collection[str]
    after: int = 0


def count_waiting_domains(store: Store, issue: IssueName) -> dict[str, int]:
    """Return how many wait for an issue's message, by domain."""
    with store.reading() as connection:
        waiting = is_of(connection, deliveries, issue), deliveries.c.state.in_(OPEN)
        rows = connection.execute(select(DOMAIN, func.count()).where(*waiting).group_by(DOMAIN))
        return {row[0]: row[1] for row in rows}


def list_recent_departures(store: Store, seconds: float) -> dict[str, list[float]]:
    """Return when messages of any issue were answered within the last seconds, by domain, the oldest first.

    Moments are seconds since 1970.
    """
    since = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
    recent: dict[str, list[float]] = {}
    with store.reading() as connection:
        lately = is_ours(connection, deliveries), deliveries.c.at >= since, deliveries.c.state.in_(ANSWERED)
        statement = select(DOMAIN, deliveries.c.at).where(*lately).order_by(deliveries.c.at)
        for domain, at in connection.execute(statement, execution_options={"yield_per": 1000}):
            recent.setdefault(domain, []).append(datetime.fromisoformat(at).timestamp())
    return recent
