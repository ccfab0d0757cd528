"""Handovers: a campaign given to workers on several machines, which share it in ranges of deliveries.

The store's lock of a campaign is shared by them, and its ledger keeps them apart: each delivery is claimed under a lock
of its row before a byte leaves. So a handover is no more than what they have to agree on: which range is the next to be
taken, whose turn it is to compare the list, how many were refused in all, and whether to stop.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from secrets import token_hex

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from newsletter.clock import Instant, parse_instant
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import close_when_done
from newsletter.ledger.deliveries import NEVER
from newsletter.ledger.states import OPEN, State
from newsletter.ledger.workers import has_living_worker, read_clock
from newsletter.mail.message import Outcome
from newsletter.store import Store
from newsletter.store.engine import is_of, is_ours, now, publication_of, storable
from newsletter.store.schema import deliveries, handovers, worker_tallies, workers


class Ending(StrEnum):
    """Ending of a handover."""

    DONE = "done"  # nobody waits whom a worker could try
    ASKED = "asked"  # a person stopped it
    REFUSED = "refused"  # too many readers were refused
    BLOCKED = "blocked"  # the server takes nothing from this sender, or lets no worker in
    HELD = "held"  # a person has to look first: at the list, or because nothing has moved for long
    REPLACED = "replaced"  # the store was put back from a backup


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """Handover of a campaign; its `id` is another each time. With an `ending` it is over; `why` has it in words."""

    issue: IssueName
    id: str
    handed_at: Instant
    any_refusals: bool
    list_is_right: bool
    has_ranges: bool
    ending: Ending | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Deliveries of a handed-over campaign that wait; `next_due` is when a deferred one may be tried, since 1970."""

    pending: int
    next_due: float | None
    has_worker: bool

    @property
    def is_over(self) -> bool:
        """Return whether nobody waits whom a worker could try, now or later, and no worker has anything in hand."""
        return not self.pending and self.next_due is None and not self.has_worker

    def is_anybody_due(self, moment: float) -> bool:
        """Return whether somebody waits who may be tried at a moment, in seconds since 1970."""
        return bool(self.pending) or (self.next_due is not None and self.next_due <= moment)


def hand_over(
    connection: Connection, issue: IssueName, *, any_refusals: bool = False, list_is_right: bool = False
) -> str:
    """Give a frozen campaign to workers, within the transaction that froze it; returns the handover's id.

    Every deferred delivery may be tried at once, as when a worker begins by itself.
    """
    mine, open_ones = is_of(connection, deliveries, issue), deliveries.c.state.in_(OPEN)
    tried = or_(deliveries.c.tries > 0, deliveries.c.due > 0)
    connection.execute(update(deliveries).where(mine, open_ones, tried).values(tries=0, due=0.0))
    bounds = select(func.min(deliveries.c.id), func.max(deliveries.c.id))
    first, last = connection.execute(bounds.where(mine, deliveries.c.state == State.PENDING)).one()
    for table in (handovers, worker_tallies):
        connection.execute(delete(table).where(is_of(connection, table, issue)))
    handover = token_hex(8)
    connection.execute(
        insert(handovers).values(
            publication=publication_of(connection),
            issue=issue,
            id=handover,
            handed_at=now(),
            next_delivery=first or 1,
            last_delivery=last or 0,
            any_refusals=int(any_refusals),
            list_is_right=int(list_is_right),
            compared_at=read_clock(connection),
        )
    )
    return handover


def find_handover(store: Store, issue: IssueName) -> Handover | None:
    """Return a campaign's handover, the last one where it is over; None when it was never handed over."""
    with store.reading() as connection:
        row = connection.execute(select(handovers).where(is_of(connection, handovers, issue))).one_or_none()
        if row is None:
            return None
        return Handover(
            issue=IssueName(row.issue),
            id=row.id,
            handed_at=parse_instant(row.handed_at),
            any_refusals=bool(row.any_refusals),
            list_is_right=bool(row.list_is_right),
            has_ranges=row.next_delivery <= row.last_delivery,
            ending=Ending(row.ending) if row.ending else None,
            why=row.why or "",
        )


def is_handed_over(store: Store, issue: IssueName) -> bool:
    """Return whether a campaign is in the hands of workers now."""
    found = find_handover(store, issue)
    return found is not None and found.ending is None


def list_handed_over(store: Store) -> list[IssueName]:
    """Return the issues that are in the hands of workers, the first handed over first."""
    with store.reading() as connection:
        ours = is_ours(connection, handovers), handovers.c.ended_at.is_(None)
        return list(connection.scalars(select(handovers.c.issue).where(*ours).order_by(handovers.c.handed_at)))


def find_waiting(store: Store, issue: IssueName) -> Waiting:
    """Return who of a campaign waits still."""
    with store.reading() as connection:
        return _find_waiting(connection, issue)


def end_handover(store: Store, issue: IssueName, handover: str, ending: Ending, why: str = "") -> bool:
    """Stop a campaign's workers, who finish what they have in hand; return False when the handover was over already."""
    with store.transaction() as connection:
        return _end(connection, issue, handover, ending, why)


def end_when_done(store: Store, issue: IssueName, handover: str) -> Waiting:
    """End a handover, and finish its campaign, if nobody waits any more whom a worker could try; returns who does."""
    with store.transaction() as connection:
        waiting = _find_waiting(connection, issue)
        if waiting.is_over:
            _end(connection, issue, handover, Ending.DONE, "")
            close_when_done(connection, issue)
        return waiting


def end_all_handovers(connection: Connection) -> None:
    """End every handover of the publication, since the state was put back: who got what since then is not known."""
    ours = is_ours(connection, handovers), handovers.c.ended_at.is_(None)
    connection.execute(update(handovers).where(*ours).values(ended_at=now(), ending=Ending.REPLACED.value))


def take_comparing_turn(store: Store, issue: IssueName, handover: str, seconds: float) -> bool:
    """Return whether it is the caller's turn to compare the list, which is one worker's every so many seconds."""
    with store.transaction() as connection:
        clock = read_clock(connection)
        due = _is(connection, issue, handover), handovers.c.compared_at <= clock - seconds
        return bool(connection.execute(update(handovers).where(*due).values(compared_at=clock)).rowcount)


def note_tally(
    store: Store, issue: IssueName, handover: str, worker: str, tally: Mapping[Outcome, int]
) -> tuple[Ending | None, Counter[Outcome]]:
    """Write down what a worker has had answered so far; returns how the handover ended, and the tally of all workers.

    A handover that another has followed counts as stopped by a person.
    """
    counts = {outcome.value: tally.get(outcome, 0) for outcome in Outcome}
    with store.transaction() as connection:
        key = and_(is_of(connection, worker_tallies, issue), worker_tallies.c.worker == worker)
        if not connection.execute(update(worker_tallies).where(key).values(counts)).rowcount:
            mine = {"publication": publication_of(connection), "issue": issue, "worker": worker, "handover": handover}
            connection.execute(insert(worker_tallies).values(mine | counts))
        found = connection.execute(select(handovers.c.ending).where(_is(connection, issue, handover))).one_or_none()
        ending = Ending.ASKED if found is None else found.ending and Ending(found.ending)
        return ending, _sum_tallies(connection, issue, handover)


def sum_tallies(store: Store, issue: IssueName, handover: str) -> Counter[Outcome]:
    """Return what all workers of a handover have had answered; as of a second ago."""
    with store.reading() as connection:
        return _sum_tallies(connection, issue, handover)


def find_last_heartbeat(store: Store, issue: IssueName) -> Instant | None:
    """Return when a worker of the issue was last heard of; None when it never had one."""
    with store.reading() as connection:
        latest = connection.scalar(select(func.max(workers.c.heartbeat_at)).where(is_of(connection, workers, issue)))
        return parse_instant(latest) if latest else None


def _sum_tallies(connection: Connection, issue: IssueName, handover: str) -> Counter[Outcome]:
    sums = [func.sum(worker_tallies.c[outcome.value]) for outcome in Outcome]
    row = connection.execute(
        select(*sums).where(is_of(connection, worker_tallies, issue), worker_tallies.c.handover == handover)
    ).one()
    return Counter({outcome: int(count or 0) for outcome, count in zip(Outcome, row, strict=True)})


def _find_waiting(connection: Connection, issue: IssueName) -> Waiting:
    mine = is_of(connection, deliveries, issue)
    pending = select(deliveries.c.id).where(mine, deliveries.c.state == State.PENDING)
    deferred = mine, deliveries.c.state == State.DEFERRED, deliveries.c.due < NEVER
    return Waiting(
        pending=connection.scalar(select(func.count()).select_from(pending.limit(1).subquery())) or 0,
        next_due=connection.scalar(select(func.min(deliveries.c.due)).where(*deferred)),
        has_worker=has_living_worker(connection, issue),
    )


def _end(connection: Connection, issue: IssueName, handover: str, ending: Ending, why: str) -> bool:
    still = _is(connection, issue, handover), handovers.c.ended_at.is_(None)
    over = {"ended_at": now(), "ending": ending.value, "why": storable(why) or None}
    return bool(connection.execute(update(handovers).where(*still).values(over)).rowcount)


def _is(connection: Connection, issue: IssueName, handover: str) -> ColumnElement[bool]:
    return and_(is_of(connection, handovers, issue), handovers.c.id == handover)
