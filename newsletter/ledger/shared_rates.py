"""Rates that several workers keep together: each draws, in slices, what may leave within the next moment.

A limit by the second is a bucket of tokens that fills by the database's clock. A limit by the hour is what was drawn in
each of its minutes, so that no hour has more. Connections are divided among the workers that live.
"""

from dataclasses import dataclass
from math import ceil, floor

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from newsletter.backends import Limits
from newsletter.ledger.deliveries import list_recent_answers
from newsletter.ledger.workers import list_living_workers, read_clock
from newsletter.store import Store
from newsletter.store.engine import insert_new, is_ours, publication_of
from newsletter.store.schema import shared_rates

SLICE_S = 0.5  # so much of a rate lies in the bucket at most, and is drawn at once by all workers together
_MINUTE_S, _HOUR_MINUTES = 60, 60
_SECOND, _HOUR = "second", "hour"
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSlice:
    """Slice of the shared limits: how many messages may leave (None: as many as can), and over how many connections."""

    messages: int | None
    connections: int


def draw_slice(store: Store, worker: str, server: str, limits: Limits, *, unspent: int = 0) -> RateSlice:
    """Draw what a worker may send through a server within the next half second, beside what it has `unspent`."""
    with store.transaction() as connection:
        living = list_living_workers(connection)
        count = max(1, len(living))
        rank = living.index(worker) if worker in living else 0
        share, more = divmod(limits.connections, count)
        messages: int | None = None
        if limits.per_second:
            want = max(1, ceil(limits.per_second * SLICE_S / count)) - unspent
            messages = _draw_by_second(connection, server, limits.per_second, max(0, want))
        if limits.per_hour:
            want = max(1, limits.per_hour // (10 * count)) - unspent if messages is None else messages
            messages = _draw_by_hour(store, connection, server, limits.per_hour, max(0, want))
        return RateSlice(messages=messages, connections=max(1, share + (rank < more)))


def give_back(store: Store, server: str, limits: Limits, unspent: int) -> None:
    """Give back what a worker has drawn of the hour's messages, and did not send."""
    if not (limits.per_hour and unspent > 0):
        return
    with store.transaction() as connection:
        minute = _name_minute(read_clock(connection))
        mine = _is(connection, server), shared_rates.c.bucket == minute, shared_rates.c.tokens >= unspent
        connection.execute(update(shared_rates).where(*mine).values(tokens=shared_rates.c.tokens - unspent))


def _draw_by_second(connection: Connection, server: str, rate: float, want: int) -> int:
    clock, capacity = read_clock(connection), max(1.0, rate * SLICE_S)
    tokens, updated_at = _hold(connection, server, _SECOND, clock, capacity)
    # A clock that was set back fills nothing.
    tokens = min(capacity, tokens + rate * max(0.0, clock - updated_at))
    drawn = min(want, floor(tokens))
    _put(connection, server, _SECOND, tokens - drawn, rate, capacity, clock)
    return drawn


def _draw_by_hour(store: Store, connection: Connection, server: str, count: int, want: int) -> int:
    clock = read_clock(connection)
    minutes = _is(connection, server), shared_rates.c.bucket.startswith(f"{_HOUR} ")
    is_new = connection.scalar(select(shared_rates.c.bucket).where(*minutes).limit(1)) is None
    _hold(connection, server, _HOUR, clock, 0.0)
    if is_new:  # what others have sent before, who shared with nobody
        sent = len(list_recent_answers(store, _HOUR_S, count))
        _put(connection, server, _name_minute(clock), sent, 0.0, 0.0, clock)
    oldest = _name_minute(clock - _MINUTE_S * _HOUR_MINUTES)
    connection.execute(delete(shared_rates).where(*minutes, shared_rates.c.bucket < oldest))
    used = connection.scalar(select(func.sum(shared_rates.c.tokens)).where(*minutes)) or 0.0
    drawn = max(0, min(want, floor(count - used)))
    minute = _name_minute(clock)
    before, _ = _hold(connection, server, minute, clock, 0.0)
    _put(connection, server, minute, before + drawn, 0.0, 0.0, clock)
    return drawn


def _hold(connection: Connection, server: str, bucket: str, clock: float, tokens: float) -> tuple[float, float]:
    """Hold a bucket until the commit, made with so many tokens when it is new; return its tokens, and since when."""
    new = {"publication": publication_of(connection), "server": server, "bucket": bucket, "tokens": tokens}
    connection.execute(insert_new(connection, shared_rates).values(**new, rate=0.0, capacity=0.0, updated_at=clock))
    row = connection.execute(
        select(shared_rates.c.tokens, shared_rates.c.updated_at)
        .where(_is(connection, server), shared_rates.c.bucket == bucket)
        .with_for_update()
    ).one()
    return row.tokens, row.updated_at


def _put(
    connection: Connection, server: str, bucket: str, tokens: float, rate: float, capacity: float, clock: float
) -> None:
    _hold(connection, server, bucket, clock, tokens)
    values = {"tokens": tokens, "rate": rate, "capacity": capacity, "updated_at": clock}
    mine = _is(connection, server), shared_rates.c.bucket == bucket
    connection.execute(update(shared_rates).where(*mine).values(values))


def _is(connection: Connection, server: str) -> ColumnElement[bool]:
    return and_(is_ours(connection, shared_rates), shared_rates.c.server == server)


def _name_minute(clock: float) -> str:
    return f"{_HOUR} {int(clock // _MINUTE_S):012}"
