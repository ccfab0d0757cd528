"""Limits that were learned of a server, kept so that the next send through it begins where the last one ended.

A server is named by its host, port and account, or by its backend: another account of the same host has limits of its
own.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, select, update

from newsletter.clock import Instant, parse_instant
from newsletter.store.engine import insert_new, is_ours, now, publication_of, storable
from newsletter.store.schema import learned_limits, shared_rates
from newsletter.text import remove_addresses
from newsletter.throttle.learned import LearnedLimits

LEARNED_TOGETHER = "learned"  # the bucket of shared_rates in which several workers keep what they learn


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLimits:
    """Limits of a server, and when a send last went by them."""

    server: str
    learned_at: Instant
    limits: LearnedLimits

    @property
    def host(self) -> str:
        """Return the server without the account, for what is passed around."""
        return self.server.partition(" ")[0]


def read_learned_limits(connection: Connection, server: str) -> StoredLimits | None:
    """Return what this publication has learned of a server; None when that is nothing."""
    return next((one for one in list_learned_limits(connection) if one.server == server), None)


def list_learned_limits(connection: Connection) -> list[StoredLimits]:
    """Return what this publication has learned, in the order of the servers' names."""
    rows = select(learned_limits).where(is_ours(connection, learned_limits)).order_by(learned_limits.c.server)
    return [
        StoredLimits(
            server=row.server,
            learned_at=parse_instant(row.learned_at),
            limits=LearnedLimits.from_json(row.limits),
        )
        for row in connection.execute(rows)
    ]


def write_learned_limits(connection: Connection, server: str, limits: LearnedLimits) -> None:
    """Write what a server showed over what was known of it, with this moment.

    Its replies are kept without addresses, of which they may quote a reader's.
    """
    evidence = {name: storable(remove_addresses(reply)) for name, reply in limits.evidence.items()}
    known = {"learned_at": now(), "limits": replace(limits, evidence=evidence).to_json()}
    mine = is_ours(connection, learned_limits), learned_limits.c.server == server
    if not connection.execute(update(learned_limits).where(*mine).values(known)).rowcount:
        row = {"publication": publication_of(connection), "server": server, **known}
        connection.execute(insert_new(connection, learned_limits).values(row))  # a worker elsewhere may be quicker


def forget_learned_limits(connection: Connection, server: str | None = None) -> int:
    """Forget what was learned of a server, or of each; return of how many servers something was known."""
    mine = delete(learned_limits).where(is_ours(connection, learned_limits))
    common = delete(shared_rates).where(is_ours(connection, shared_rates), shared_rates.c.bucket == LEARNED_TOGETHER)
    connection.execute(common if server is None else common.where(shared_rates.c.server == server))
    return connection.execute(mine if server is None else mine.where(learned_limits.c.server == server)).rowcount
