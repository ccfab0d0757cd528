"""Rates that several workers keep together: each draws, in slices, what may leave within the next moment.

What the server showed of its limits is told to all. A limit by the second is a bucket of tokens that fills by the
database's clock. A limit by the hour is what was drawn in each of its minutes, so that no hour has more. Connections
are divided among the workers that live.
"""

from dataclasses import dataclass, replace
from math import ceil, floor

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from newsletter.backends import Limits
from newsletter.ledger.deliveries import list_recent_answers
from newsletter.ledger.learned_limits import LEARNED_TOGETHER
from newsletter.ledger.warm_up import WarmUpStep, count_accepted
from newsletter.ledger.workers import list_living_workers, read_clock
from newsletter.store import Store
from newsletter.store.engine import insert_new, is_ours, publication_of
from newsletter.store.schema import shared_rates
from newsletter.throttle.common_limits import Common, Told, merge_limits

SLICE_S = 0.5  # so much of a rate lies in the bucket at most, and is drawn at once by all workers together
_MINUTE_S, _HOUR_MINUTES = 60, 60
_SECOND, _HOUR, _STOPPED = "second", "hour", "stopped"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a worker hears of the others: the limits that all learned, and how many workers live.

    One of them `raises` the rate for all. It is `is_stopped` while another finds out when the server takes mail again.
    """

    common: Common
    workers: int
    raises: bool
    is_stopped: bool


def exchange_limits(store: Store, worker: str, server: str, told: Told, *, is_stopped: bool) -> Heard:
    """Tell the other workers what one of them has learned of a server, and hear what they have.

    `is_stopped` says that the server takes nothing from this one. Of several, the first finds out when it does again.
    """
    with store.transaction() as connection:
        living = list_living_workers(connection)
        common = _read_common(connection, server)
        is_alone = living == [worker]
        if told.is_new or (is_alone and (common.rate, common.connections) != (told.rate, told.connections)):
            _hold(connection, server, LEARNED_TOGETHER, read_clock(connection), 0.0)
            common = _read_common(connection, server)
            # What is known to one alone is the truth; the row may be an earlier sending's.
            known = replace(told, seen=common.version, is_new=True) if is_alone else told
            common = merge_limits(common, known)
            row = common.version, common.rate or 0.0, common.connections or 0
            _put(connection, server, LEARNED_TOGETHER, *row, read_clock(connection))
        own = f"{_STOPPED} {worker}"
        names = _is(connection, server), shared_rates.c.bucket.startswith(f"{_STOPPED} ")
        stopped = set(connection.scalars(select(shared_rates.c.bucket).where(*names)))
        if is_stopped and own not in stopped:
            _hold(connection, server, own, read_clock(connection), 0.0)
        over = stopped - {f"{_STOPPED} {one}" for one in living if is_stopped or one != worker}
        if over:
            connection.execute(delete(shared_rates).where(*names, shared_rates.c.bucket.in_(over)))
        first = min((stopped - over) | ({own} if is_stopped else set()), default=own)
        raises = living[:1] == [worker]
        return Heard(common=common, workers=max(1, len(living)), raises=raises, is_stopped=first != own)


def _read_common(connection: Connection, server: str) -> Common:
    mine = _is(connection, server), shared_rates.c.bucket == LEARNED_TOGETHER
    row = connection.execute(select(shared_rates).where(*mine)).one_or_none()
    if row is None:
        return Common()
    return Common(rate=row.rate or None, connections=int(row.capacity) or None, version=int(row.tokens))


def draw_warm_up(store: Store, server: str, step: WarmUpStep) -> int:
    """Draw how many messages one of several workers may send of a warm-up's; 0 when the others have drawn the rest."""
    with store.transaction() as connection:
        count, clock = max(1, len(list_living_workers(connection))), read_clock(connection)
        bucket = _name_warm_up(step)
        accepted = count_accepted(connection, step.began_at)
        drawn, _ = _hold(connection, server, bucket, clock, accepted)
        if count == 1:  # what a worker drew that died is free again
            drawn = accepted
        want = max(0, min(ceil((step.most - drawn) / (2 * count)), floor(step.most - drawn)))
        _put(connection, server, bucket, drawn + want, 0.0, 0.0, clock)
        return want


def give_back_warm_up(store: Store, server: str, step: WarmUpStep, unspent: int) -> None:
    """Give back what a worker has drawn of a warm-up's messages, and nobody accepted."""
    with store.transaction() as connection:
        mine = _is(connection, server), shared_rates.c.bucket == _name_warm_up(step)
        connection.execute(update(shared_rates).where(*mine).values(tokens=shared_rates.c.tokens - unspent))


def _name_warm_up(step: WarmUpStep) -> str:
    return f"warm-up {step.number}"


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
