"""Rates that several workers keep together: each draws, in slices, what may leave within the next moment.

What the server showed of its limits is told to all. A limit by the second is a bucket of tokens that fills by the
database's clock. A limit by the hour is what was drawn in each of its minutes, so that no hour has more. Connections
are divided among the workers that live: each notes how many it has, and whoever joins waits until others have fewer.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from math import ceil, floor

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, select, update

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
_SECOND, _HOUR, _STOPPED, _CONNECTIONS = "second", "hour", "stopped", "connections"
_HOUR_S = 3600.0
# A worker that lost its lease while the database was away may have connections still, which it closes when it hears of
# it, or has sent nothing for five seconds.
_GONE_S = 6.0
_DEAD, _LIVES = 0.0, 1.0  # a worker's connections by its lease, as whoever draws has seen it last


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSlice:
    """Slice of the shared limits: how many messages may leave (None: as many as can), and over how many connections.

    It `is_settled` unless this worker still has connections to give up, or waits for some that others have.
    """

    messages: int | None
    connections: int
    is_settled: bool


def draw_slice(store: Store, worker: str, server: str, limits: Limits, *, unspent: int = 0, held: int = 0) -> RateSlice:
    """Draw what a worker may send through a server within the next half second, beside what it has `unspent`.

    `held` is how many connections it has, or may open before it hears of what is drawn. Without any nothing is drawn.
    """
    with store.transaction() as connection:
        living = list_living_workers(connection)
        count = max(1, len(living))
        rank = living.index(worker) if worker in living else 0
        share, more = divmod(limits.connections, count)
        fair = max(1, share + (rank < more))
        connections = min(fair, max(0, limits.connections - _count_taken(connection, worker, server, living)))
        _put(connection, server, _name_connections(worker), max(connections, held), 0.0, _LIVES, read_clock(connection))
        is_settled = connections == fair and connections >= held
        if not connections:
            return RateSlice(messages=0, connections=0, is_settled=is_settled)
        count = min(count, limits.connections)  # the others have none, and draw nothing
        messages: int | None = None
        if limits.per_second:
            want = max(1, ceil(limits.per_second * SLICE_S / count)) - unspent
            messages = _draw_by_second(connection, server, limits.per_second, max(0, want))
        if limits.per_hour:
            want = max(1, limits.per_hour // (10 * count)) - unspent if messages is None else messages
            messages = _draw_by_hour(store, connection, server, limits.per_hour, max(0, want))
        return RateSlice(messages=messages, connections=connections, is_settled=is_settled)


def give_up_connections(store: Store, worker: str, server: str) -> None:
    """Note that a worker has no connections any more, and will open none."""
    with store.transaction() as connection:
        mine = _is(connection, server), shared_rates.c.bucket == _name_connections(worker)
        connection.execute(delete(shared_rates).where(*mine))


def _count_taken(connection: Connection, worker: str, server: str, living: Collection[str]) -> int:
    """Return how many connections the other workers have, and let nobody else draw until the commit."""
    clock = read_clock(connection)
    _hold(connection, server, _CONNECTIONS, clock, 0.0)
    alive, taken = {_name_connections(one) for one in living}, 0
    for row in connection.execute(_select_connections(connection, server)).all():
        one = update(shared_rates).where(_is(connection, server), shared_rates.c.bucket == row.bucket)
        lives = row.bucket in alive
        if row.bucket == _name_connections(worker):
            continue
        if lives != (row.capacity == _LIVES):
            connection.execute(one.values(capacity=_LIVES if lives else _DEAD, updated_at=clock))
        elif not lives and abs(clock - row.updated_at) > _GONE_S:  # the clock may have been set back
            connection.execute(delete(shared_rates).where(_is(connection, server), shared_rates.c.bucket == row.bucket))
            continue
        taken += int(row.tokens)
    return taken


def _select_connections(connection: Connection, server: str) -> Select[tuple[str, float, float, float]]:
    columns = shared_rates.c
    theirs = _is(connection, server), columns.bucket.startswith(_name_connections(""))
    return select(columns.bucket, columns.tokens, columns.capacity, columns.updated_at).where(*theirs)


def _name_connections(worker: str) -> str:
    return f"{_CONNECTIONS} {worker}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a worker hears of the others: the limits that all learned, and how many workers live and have connections.

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
        without = _select_connections(connection, server).where(shared_rates.c.tokens == 0)
        idle = {row.bucket for row in connection.execute(without)}
        at_work = [one for one in living if one == worker or _name_connections(one) not in idle]
        raises = at_work[:1] == [worker]
        return Heard(common=common, workers=max(1, len(at_work)), raises=raises, is_stopped=first != own)


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
        minutes = _is(connection, server), shared_rates.c.bucket.startswith(f"{_HOUR} ")
        # A minute may have begun since it was drawn.
        latest = select(func.max(shared_rates.c.bucket)).where(*minutes, shared_rates.c.tokens >= unspent)
        mine = _is(connection, server), shared_rates.c.bucket == latest.scalar_subquery()
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
