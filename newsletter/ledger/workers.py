"""Workers: processes that send a campaign, each with a lease on what it has claimed.

A worker renews its lease while it lives. One that crashed is known by a lease that has run out, and by nothing else:
not by another process that sends, nor by a lock that is free.

Leases are by one clock: that of SQLite's machine, or of PostgreSQL's server, since those of several machines differ.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import sleep, time
from types import MappingProxyType

from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, null, or_, select, update

from newsletter.clock import Instant, parse_instant
from newsletter.errors import DeliveryError
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import close_when_done
from newsletter.ledger.lease_watch import LeaseWatch
from newsletter.ledger.settlement import remove_settled_flights, settle_claimed
from newsletter.ledger.states import OPEN, State
from newsletter.store import Store
from newsletter.store.engine import is_of, is_ours, now, publication_of, storable
from newsletter.store.schema import campaigns, deliveries, workers

LEASE_S = 15.0  # a worker renews it three times as often
_CRASHED = "it stopped unexpectedly: it was killed, or its machine went down or slept"
_PAUSE_S = 0.5


class LeaseLost(DeliveryError):
    """Another process has settled what the worker had in hand, since its lease had run out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A worker's lease, and in how many seconds it ends; with none left, it was not settled yet."""

    worker: str
    host: str
    seconds_left: float


def register_worker(
    store: Store,
    issue: IssueName,
    worker: str,
    *,
    host: str = "",
    lease_s: float | None = None,
    tries_anew: bool = True,
) -> None:
    """Let a worker claim and record from here on, until it ends; every deferred delivery may be tried at once.

    Without `tries_anew` deferred deliveries wait for their moment, as among several workers of one handover.

    What is under the lease of another worker stays as it is. Workers are counted, so that an older copy of the store
    is known by a count that is less than the sent record's.
    """
    with store.transaction() as connection:
        clock = read_clock(connection)
        _settle_expired(connection, store, issue, clock)
        connection.execute(
            update(campaigns)
            .where(is_of(connection, campaigns, issue))
            .values(
                runs=campaigns.c.runs + 1,
                # What the outbox begins stays in it until it has ended well; what is begun by hand is a person's.
                expires_at=case((campaigns.c.due_at.is_not(None), campaigns.c.expires_at)),
            )
        )
        moment = now()
        connection.execute(
            insert(workers).values(
                id=worker,
                publication=publication_of(connection),
                issue=issue,
                host=host,
                started_at=moment,
                heartbeat_at=moment,
                lease_until=clock + lease_length(lease_s),
            )
        )
        if tries_anew:
            connection.execute(
                update(deliveries)
                .where(
                    is_of(connection, deliveries, issue),
                    deliveries.c.state.in_(OPEN),
                    deliveries.c.lease_until.is_(None),
                    or_(deliveries.c.tries > 0, deliveries.c.due > 0),
                )
                .values(tries=0, due=0.0)
            )


def extend_lease(store: Store, issue: IssueName, worker: str, *, lease_s: float | None = None) -> None:
    """Renew a worker's lease, which may be over as long as nobody has settled it. Raises LeaseLost."""
    with store.transaction() as connection:
        renew_lease(connection, issue, worker, lease_s)


def renew_lease(connection: Connection, issue: IssueName, worker: str, lease_s: float | None = None) -> float:
    """Renew a worker's lease within a transaction; returns until when. Raises LeaseLost."""
    until = read_clock(connection) + lease_length(lease_s)
    mine = and_(workers.c.id == worker, _lives())
    if not connection.execute(update(workers).where(mine).values(lease_until=until, heartbeat_at=now())).rowcount:
        raise LeaseLost(
            f"Another process has taken over the sending of {issue}.",
            next_step="Let it end. `newsletter status` shows how far it is.",
        )
    in_hand = and_(is_of(connection, deliveries, issue), deliveries.c.state == State.SENDING)
    connection.execute(update(deliveries).where(in_hand, deliveries.c.worker == worker).values(lease_until=until))
    return until


def settle_expired(
    store: Store, issue: IssueName, watch: LeaseWatch | None = None, *, why: str = _CRASHED
) -> float | None:
    """Settle the leases that have run out; returns in how many seconds the next one ends, None when nobody has one.

    `why` is what is noted of their workers. A caller that looks repeatedly gives the same `watch` each time, by which a
    lease ends even when the clock has gone back. What the worker of an ended lease had claimed is settled by what its
    flight recorder says, and else unknown. What was only reserved for it waits again.
    """
    with store.transaction() as connection:
        clock = read_clock(connection)
        watch = watch or LeaseWatch(lease_length(None))
        _settle_expired(connection, store, issue, clock, watch.find_over(), why)
        still_open = select(workers.c.id, workers.c.lease_until).where(is_of(connection, workers, issue), _lives())
        leases = {row.id: row.lease_until for row in connection.execute(still_open)}
        watch.note(leases)
        left = [min(until - clock, watch.seconds_left(worker)) for worker, until in leases.items()]
    remove_settled_flights(store)
    return max(0.0, min(left)) if left else None


def wait_for_leases(store: Store, issue: IssueName, on_wait: Callable[[float], None] = lambda _seconds: None) -> None:
    """Wait until no worker has a lease, and settle those that ran out; `on_wait` gets how many seconds it takes.

    The caller keeps others from beginning: a lease that is not over yet is that of a worker that crashed or
    hangs.
    """
    announced = False
    watch = LeaseWatch(lease_length(None))
    while (left := settle_expired(store, issue, watch)) is not None:
        if not announced:
            announced = True
            on_wait(left)
        sleep(min(left + 0.01, _PAUSE_S))


def end_worker(store: Store, issue: IssueName, worker: str, why: str = "") -> None:
    """End a worker by itself, with what it still has in hand settled; the campaign is closed when it is done.

    A worker that was settled by somebody else stays as that left it.
    """
    with store.transaction() as connection:
        mine = and_(workers.c.id == worker, _lives())
        ended = {"ended_at": now(), "why": storable(why) or None}
        if connection.execute(update(workers).where(mine).values(ended)).rowcount:
            settle_claimed(connection, store, issue, deliveries.c.worker == worker)
            _release_reserved(connection, issue, [worker])
        close_when_done(connection, issue)
    remove_settled_flights(store)


def reserve_deliveries(store: Store, issue: IssueName, worker: str, count: int, *, lease_s: float | None = None) -> int:
    """Reserve deliveries that wait, so that this worker alone may claim them; returns how many.

    They stay in their state, and wait for anybody again when the worker ends or its lease runs out. Raises LeaseLost.
    """
    with store.transaction() as connection:
        until = renew_lease(connection, issue, worker, lease_s)
        chosen = (
            select(deliveries.c.id)
            .where(
                is_of(connection, deliveries, issue),
                deliveries.c.state.in_(OPEN),
                deliveries.c.lease_until.is_(None),
            )
            .order_by(deliveries.c.due, deliveries.c.id)
            .limit(count)
            .with_for_update(skip_locked=True)
        )
        changed = connection.execute(
            update(deliveries).where(deliveries.c.id.in_(chosen)).values(worker=worker, lease_until=until)
        )
        return changed.rowcount


def find_lease(store: Store, issue: IssueName, *, but: str = "") -> Lease | None:
    """Return the lease that ends last of the issue's workers, but for one; None when none is open."""
    with store.reading() as connection:
        row = connection.execute(
            select(workers)
            .where(is_of(connection, workers, issue), _lives(), workers.c.id != but)
            .order_by(workers.c.lease_until.desc())
            .limit(1)
        ).one_or_none()
        if row is None:
            return None
        return Lease(worker=row.id, host=row.host, seconds_left=row.lease_until - read_clock(connection))


def has_living_worker(connection: Connection, issue: IssueName) -> bool:
    """Return whether a worker of the issue was neither ended nor settled, within a transaction."""
    living = select(workers.c.id).where(is_of(connection, workers, issue), _lives())
    return connection.scalar(living.limit(1)) is not None


def list_living_workers(connection: Connection) -> list[str]:
    """Return the workers of all issues whose leases are not over, in an order that is the same for everybody."""
    living = is_ours(connection, workers), _lives(), workers.c.lease_until > read_clock(connection)
    return list(connection.scalars(select(workers.c.id).where(*living).order_by(workers.c.id)))


def find_started_at(store: Store, worker: str) -> Instant:
    """Return when a worker started."""
    with store.reading() as connection:
        started = connection.execute(select(workers.c.started_at).where(workers.c.id == worker)).scalar_one()
        return parse_instant(started)


def is_being_sent(store: Store, issue: IssueName) -> bool:
    """Return whether a worker of the issue has a lease that is not over."""
    lease = find_lease(store, issue)
    return lease is not None and lease.seconds_left > 0


def find_stalled_host(store: Store, issue: IssueName) -> str | None:
    """Return the host of the worker that started last, when its lease ran out; None when it lives, or has ended.

    Where the campaign's lock is held all the same, that process hangs, or a later one has no worker yet.
    """
    with store.reading() as connection:
        ours = is_of(connection, workers, issue)
        row = connection.execute(select(workers).where(ours).order_by(workers.c.started_at.desc()).limit(1)).first()
        if row is None or row.ended_at is not None or (row.why is None and row.lease_until > read_clock(connection)):
            return None
        return str(row.host)


def find_last_sent(store: Store) -> IssueName | None:
    """Return the issue whose worker started last; None when none has."""
    with store.reading() as connection:
        latest = select(workers.c.issue).where(is_ours(connection, workers)).order_by(workers.c.started_at.desc())
        return connection.scalar(latest.limit(1))


def find_why_ended(store: Store, issue: IssueName) -> str:
    """Return why the last worker ended before everyone was answered; empty when it did not."""
    with store.reading() as connection:
        newest = select(workers.c.why).where(is_of(connection, workers, issue)).order_by(workers.c.started_at.desc())
        return connection.scalar(newest.limit(1)) or ""


def read_clock(connection: Connection) -> float:
    """Return the moment by the clock that leases are kept by, in seconds since 1970."""
    if connection.dialect.name == "sqlite":
        return time()
    return float(connection.scalar(select(func.extract("epoch", func.clock_timestamp()))) or 0.0)


def lease_length(lease_s: float | None) -> float:
    """Return how many seconds a lease is long, where a caller gives no length of its own."""
    return LEASE_S if lease_s is None else lease_s


def _lives() -> ColumnElement[bool]:
    """Return the condition that a worker was neither ended nor settled."""
    return and_(workers.c.ended_at.is_(None), workers.c.why.is_(None))


def _settle_expired(
    connection: Connection,
    store: Store,
    issue: IssueName,
    clock: float,
    watched: Mapping[str, float] = MappingProxyType({}),
    why: str = _CRASHED,
) -> None:
    """Settle what is over by the clock, and those `watched` leases, by worker, that still are what they were."""
    as_watched = (and_(workers.c.id == worker, workers.c.lease_until == until) for worker, until in watched.items())
    # Waits for the transaction in which a worker records or renews: what that has renewed is not over any more.
    over = and_(is_of(connection, workers, issue), _lives(), or_(workers.c.lease_until <= clock, *as_watched))
    settled = connection.scalars(update(workers).where(over).values(why=why).returning(workers.c.id)).all()
    # Workers of version 1 of the store have no rows. By the clock as well: PostgreSQL looks again at a delivery that
    # was claimed while this waited for its row, but not for the worker that has begun meanwhile and claimed it.
    living = select(workers.c.id).where(workers.c.id == deliveries.c.worker, _lives())
    left_behind = and_(deliveries.c.lease_until <= clock, ~living.exists())
    in_hand = settle_claimed(connection, store, issue, or_(deliveries.c.worker.in_(settled), left_behind))
    if why == _CRASHED:
        for worker in in_hand.keys() & set(settled):
            said = f"{why}. Of what it had in hand: {in_hand[worker]}"
            connection.execute(update(workers).where(workers.c.id == worker).values(why=said))
    if settled:
        _release_reserved(connection, issue, settled)


def _release_reserved(connection: Connection, issue: IssueName, of_workers: Sequence[str]) -> None:
    """Let what was reserved for workers wait for anybody; this looks at all that waits, which takes its time."""
    reserved = and_(deliveries.c.state.in_(OPEN), deliveries.c.lease_until.is_not(None))
    theirs = and_(is_of(connection, deliveries, issue), deliveries.c.worker.in_(of_workers))
    connection.execute(update(deliveries).where(theirs, reserved).values(lease_until=null()))
