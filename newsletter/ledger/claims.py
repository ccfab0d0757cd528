"""Claims: made before a byte leaves, and recorded after the answer, both in one commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import time
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    case,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from newsletter.issue_name import IssueName
from newsletter.ledger.deliveries import COLUMNS, NEVER, Delivery, make_delivery
from newsletter.ledger.delivery_domain import DOMAIN, SkippedDomains
from newsletter.ledger.delivery_ranges import Claimant, RangeCursor, claim_in_range, take_range
from newsletter.ledger.moved_recipients import readdress_moved
from newsletter.ledger.recorded_results import forgive, hasten, record_results, release, take_back
from newsletter.ledger.states import State
from newsletter.ledger.workers import lease_length, renew_lease
from newsletter.store import Store
from newsletter.store.engine import KeptConnection, is_of, publication_of
from newsletter.store.prepared_statements import PreparedStatement, StartedStatement, in_one_trip
from newsletter.store.schema import deliveries, workers
from newsletter.store.suppression_rule import is_suppressed


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Deliveries claimed. `next_due` is when the next deferred recipient may be tried, None when none may."""

    deliveries: Sequence[Delivery] = ()
    next_due: float | None = None


def record_and_claim(
    store: Store | KeptConnection,
    issue: IssueName,
    worker: str,
    *,
    results: Sequence[Delivery] = (),
    returned: Mapping[int, str] = MappingProxyType({}),
    released: Sequence[int] = (),
    forgiven: Sequence[int] = (),
    sooner: Mapping[int, float] = MappingProxyType({}),
    want: int = 0,
    moment: float | None = None,
    lease_s: float | None = None,
    cursor: RangeCursor | None = None,
    claim: int | None = None,
    skipped: SkippedDomains | None = None,
) -> Claimed:
    """Record what became of messages, take back those untouched, and claim up to `want` more, in one commit.

    `returned` are the ids of those given back untouched, with the reason; `released` those for whom that was no
    fault; `forgiven` were answered by a refusal that turned out to be the sender's, and wait again; `sooner` are
    deferred, and due earlier than was thought. Given a `moment`, those deferred until then are claimed first; both are
    in seconds since 1970. Given a `cursor`, those that were not tried yet are claimed from the worker's range, and from
    all when no further range is left. `claim` is the number by which the worker's flight recorder names the claim. Of
    domains that are `skipped` nobody is claimed for the first try. The worker's lease is renewed on the way. Raises
    LeaseLost, with nothing recorded, when that had run out and somebody has settled it.
    """
    with store.transaction() as connection:
        # Nobody comes back, and nobody is tried again: all is known that there is to do.
        is_plain = moment is None and cursor is None and not (returned or released or forgiven or sooner or skipped)
        begun = _begin_turn(connection, issue, worker, results, claim, want if is_plain else 0)
        claimant = Claimant(worker, _hold_lease(connection, issue, worker, lease_s, begun), claim)
        if is_plain:
            rows = begun.claimed.fetch() if begun.claimed else []
            claimed = _choose_claimed(connection, issue, rows)
            if len(claimed) < len(rows):  # others in place of the suppressed
                claimed += _claim(connection, issue, claimant, State.PENDING, want - len(claimed), NEVER)
            # The rows come back in any order, and the first of the list are to be the first to leave.
            return Claimed(deliveries=sorted(claimed, key=lambda delivery: delivery.id))
        take_back(connection, worker, returned)
        release(connection, worker, released)
        forgive(connection, worker, forgiven)
        hasten(connection, worker, sooner)
        claimed = []
        next_due = None
        if moment is not None:
            claimed += _claim(connection, issue, claimant, State.DEFERRED, want, moment)
            next_due = connection.scalar(
                select(func.min(deliveries.c.due)).where(
                    is_of(connection, deliveries, issue),
                    deliveries.c.state == State.DEFERRED,
                    deliveries.c.due < NEVER,
                )
            )
        if cursor is not None:
            claimed += _claim_in_ranges(connection, issue, claimant, want - len(claimed), cursor)
        if cursor is None or (cursor.is_over and not cursor.is_stopped):
            claimed += _claim(connection, issue, claimant, State.PENDING, want - len(claimed), NEVER, skipped)
        return Claimed(deliveries=claimed, next_due=next_due)


class _BegunTurn(NamedTuple):
    """What is asked of a server in one go: the worker's lease, the clock it is by, and deliveries claimed under it."""

    lease: StartedStatement
    clock: StartedStatement | None
    claimed: StartedStatement | None


def _begin_turn(
    connection: Connection, issue: IssueName, worker: str, results: Sequence[Delivery], claim: int | None, want: int
) -> _BegunTurn:
    """Hold the lease, record results and claim up to `want`: only the commit makes it so, and LeaseLost undoes it."""
    with in_one_trip(connection):
        # The row is held until the commit, so that others settle the worker before this or after it, not within.
        lease = _WORKER.start(connection, {"the_worker": worker})
        clock = None if connection.dialect.name == "sqlite" else _CLOCK.start(connection, {})
        record_results(connection, worker, results)
        claimed = None
        if want > 0:
            values = _claim_values(connection, issue, worker, State.PENDING, NEVER, claim, want)
            claimed = _CLAIM.start(connection, values)
    return _BegunTurn(lease, clock, claimed)


def _hold_lease(
    connection: Connection, issue: IssueName, worker: str, lease_s: float | None, begun: _BegunTurn
) -> float:
    """Return until when the worker's lease is, renewed when a third of it is over. Raises LeaseLost."""
    rows = begun.lease.fetch()
    clock = float(begun.clock.fetch()[0][0]) if begun.clock else time()
    if not rows or rows[0][0] - clock < lease_length(lease_s) * 2 / 3:
        return renew_lease(connection, issue, worker, lease_s)
    until: float = rows[0][0]
    return until


_WORKER = PreparedStatement(
    select(workers.c.lease_until)
    .where(workers.c.id == bindparam("the_worker"), workers.c.ended_at.is_(None), workers.c.why.is_(None))
    .with_for_update()
)
_CLOCK = PreparedStatement(select(func.extract("epoch", func.clock_timestamp())))


def _claim(
    connection: Connection,
    issue: IssueName,
    claimant: Claimant,
    state: State,
    want: int,
    moment: float,
    skipped: SkippedDomains | None = None,
) -> list[Delivery]:
    """Claim up to `want` of those in `state`; the suppressed among them are set aside, and others taken instead."""
    claimed: list[Delivery] = []
    while len(claimed) < want:
        still = want - len(claimed)
        values = _claim_values(connection, issue, claimant.worker, state, moment, claimant.claim, still)
        rows: Sequence[Any]
        if skipped is None:
            rows = _CLAIM.fetch(connection, values)
        else:
            others = {"domains": sorted(skipped.domains), "after": skipped.after}
            rows = connection.execute(_CLAIM_OTHERS, values | others).all()
        if not rows:
            break
        claimed += _choose_claimed(connection, issue, rows)
    # The rows come back in any order, and the first of the list are to be the first to leave.
    return sorted(claimed, key=lambda delivery: delivery.id)


def _claim_values(
    connection: Connection,
    issue: IssueName,
    worker: str,
    state: State,
    moment: float,
    claim: int | None,
    want: int,
) -> dict[str, Any]:
    """Return the values of a claim by state."""
    return {
        "ours": publication_of(connection),
        "the_issue": issue,
        "holder": worker,
        "the_state": state.value,
        "until": moment,
        "number": claim,
        "want": want,
    }


def _claim_in_ranges(
    connection: Connection, issue: IssueName, claimant: Claimant, want: int, cursor: RangeCursor
) -> list[Delivery]:
    """Claim up to `want` from the worker's range, and from further ones as it takes them."""
    claimed: list[Delivery] = []
    while len(claimed) < want and (cursor.has_left or (not cursor.is_over and take_range(connection, issue, cursor))):
        rows = claim_in_range(connection, issue, claimant, want - len(claimed), cursor)
        claimed += _choose_claimed(connection, issue, rows)
    return sorted(claimed, key=lambda delivery: delivery.id)


def _choose_claimed(connection: Connection, issue: IssueName, rows: Sequence[Sequence[Any]]) -> list[Delivery]:
    """Return those of the rows that were claimed; of the suppressed, those who have moved wait at their new address."""
    found = [make_delivery(row) for row in rows]
    claimed = [one for one in found if one.state is State.SENDING]
    if len(claimed) < len(found):
        readdress_moved(connection, issue, [one.subscriber for one in found if one.state is State.SUPPRESSED])
    return claimed


def _make_claim(*conditions: ColumnElement[bool]) -> ReturningUpdate[Any]:
    chosen = (
        select(
            deliveries.c.id,
            is_suppressed(bindparam("ours"), deliveries.c.subscriber).label("suppressed"),
        )
        .where(
            deliveries.c.publication == bindparam("ours"),
            deliveries.c.issue == bindparam("the_issue"),
            deliveries.c.state == bindparam("the_state"),
            deliveries.c.due <= bindparam("until"),
            # Not those that are reserved for another worker.
            or_(deliveries.c.lease_until.is_(None), deliveries.c.worker == bindparam("holder")),
            *conditions,
        )
        .order_by(deliveries.c.due, deliveries.c.id)
        .limit(bindparam("want"))
        .with_for_update(skip_locked=True, of=deliveries)
        .cte("chosen")
    )
    lease = select(workers.c.lease_until).where(workers.c.id == bindparam("holder")).scalar_subquery()
    return (
        update(deliveries)
        .where(deliveries.c.id == chosen.c.id)
        .values(
            worker=bindparam("holder"),
            lease_until=case((chosen.c.suppressed, null()), else_=lease),
            claim=bindparam("number"),
            state=case((chosen.c.suppressed, State.SUPPRESSED.value), else_=State.SENDING.value),
        )
        .returning(*COLUMNS)
    )


_CLAIM = PreparedStatement(_make_claim())
_CLAIM_OTHERS = _make_claim(DOMAIN.not_in(bindparam("domains", expanding=True)), deliveries.c.id > bindparam("after"))
