"""Claims: made before a byte leaves, and recorded after the answer, both in one commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import time
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, null, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from newsletter.issue_name import IssueName
from newsletter.ledger.deliveries import COLUMNS, NEVER, Delivery, make_delivery
from newsletter.ledger.delivery_domain import DOMAIN, SkippedDomains
from newsletter.ledger.delivery_ranges import Claimant, RangeCursor, claim_in_range, take_range
from newsletter.ledger.moved_recipients import readdress_moved
from newsletter.ledger.states import State
from newsletter.ledger.workers import lease_length, read_clock, renew_lease
from newsletter.store import Store
from newsletter.store.engine import KeptConnection, is_of, now, publication_of, storable
from newsletter.store.prepared_statements import PreparedStatement
from newsletter.store.schema import deliveries, workers
from newsletter.store.suppression_rule import is_suppressed

MAX_RETURNS = 3


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
        claimant = Claimant(worker, _hold_lease(connection, issue, worker, lease_s), claim)
        _record(connection, worker, results)
        _take_back(connection, worker, returned)
        _release(connection, worker, released)
        _forgive(connection, worker, forgiven)
        _hasten(connection, worker, sooner)
        claimed: list[Delivery] = []
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


def _hold_lease(connection: Connection, issue: IssueName, worker: str, lease_s: float | None) -> float:
    """Return until when the worker's lease is, renewed when a third of it is over. Raises LeaseLost."""
    # The row is held until the commit, so that others settle the worker before this or after it, not within.
    rows = _WORKER.fetch(connection, {"the_worker": worker})
    if not rows or rows[0][0] - read_clock(connection) < lease_length(lease_s) * 2 / 3:
        return renew_lease(connection, issue, worker, lease_s)
    until: float = rows[0][0]
    return until


_WORKER = PreparedStatement(
    select(workers.c.lease_until)
    .where(workers.c.id == bindparam("the_worker"), workers.c.ended_at.is_(None), workers.c.why.is_(None))
    .with_for_update()
)
_IN_HAND = (
    deliveries.c.id == bindparam("key"),
    deliveries.c.state == State.SENDING.value,  # an answer to anything else comes too late
    deliveries.c.worker == bindparam("holder"),
)
_RECORD = PreparedStatement(
    update(deliveries)
    .where(*_IN_HAND)
    .values(
        state=bindparam("outcome"),
        stage=bindparam("at_stage"),
        code=bindparam("reply_code"),
        enhanced=bindparam("status"),
        reply=bindparam("words"),
        provider_id=bindparam("given"),
        at=bindparam("moment"),
        took=bindparam("milliseconds"),
        attempts=deliveries.c.attempts + 1,
        tries=bindparam("tried"),
        due=bindparam("again"),
        lease_until=null(),
    )
)


def _record(connection: Connection, worker: str, results: Sequence[Delivery]) -> None:
    if results:
        moment = now()
        _RECORD.execute_many(
            connection,
            [
                {
                    "key": one.id,
                    "holder": worker,
                    "outcome": one.state.value,
                    "at_stage": one.stage,
                    "reply_code": one.code,
                    "status": one.enhanced,
                    "words": storable(one.reply or ""),
                    "given": one.provider_id,
                    "moment": moment,
                    "milliseconds": one.took,
                    "tried": one.tries,
                    "again": one.due,
                }
                for one in results
            ],
        )


def _take_back(connection: Connection, worker: str, returned: Mapping[int, str]) -> None:
    """Let untouched deliveries wait again; one that comes back time after time waits for the next worker."""
    if returned:
        again = deliveries.c.returns + 1
        given_up = again % MAX_RETURNS == 0
        connection.execute(
            update(deliveries)
            .where(*_IN_HAND)
            .values(
                returns=again,
                state=case((given_up, State.DEFERRED.value), else_=State.PENDING.value),
                due=case((given_up, NEVER), else_=0.0),
                stage="connection",
                code=None,
                enhanced=None,
                reply=bindparam("words"),
                at=now(),
                lease_until=null(),
            ),
            [{"key": key, "holder": worker, "words": storable(why)} for key, why in returned.items()],
        )


def _release(connection: Connection, worker: str, released: Sequence[int]) -> None:
    if released:
        # Those who were deferred wait as deferred, with the server's words; the claim took neither from them.
        was_deferred = deliveries.c.tries > 0
        waits = case((was_deferred, State.DEFERRED.value), else_=State.PENDING.value)
        # Behind the others: one at whose address the server hangs up would else be the next again, and again.
        behind = case((was_deferred, deliveries.c.due), else_=bindparam("moment"))
        connection.execute(
            update(deliveries).where(*_IN_HAND).values(state=waits, due=behind, lease_until=null()),
            [{"key": key, "holder": worker, "moment": time()} for key in released],
        )


def _forgive(connection: Connection, worker: str, forgiven: Sequence[int]) -> None:
    """Let deliveries wait that were refused because of the sender; the server's words stay for the report."""
    if forgiven:
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.id == bindparam("key"),
                deliveries.c.worker == bindparam("holder"),
                # IN can't be executed for many rows.
                or_(deliveries.c.state == State.REFUSED, deliveries.c.state == State.DEFERRED),
            )
            .values(state=State.PENDING, tries=0, due=0.0),
            [{"key": key, "holder": worker} for key in forgiven],
        )


def _hasten(connection: Connection, worker: str, sooner: Mapping[int, float]) -> None:
    """Let deliveries that the worker had deferred be due earlier."""
    if sooner:
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.id == bindparam("key"),
                deliveries.c.worker == bindparam("holder"),
                deliveries.c.state == State.DEFERRED.value,
            )
            .values(due=bindparam("moment")),
            [{"key": key, "holder": worker, "moment": moment} for key, moment in sooner.items()],
        )


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
        values = {
            "ours": publication_of(connection),
            "the_issue": issue,
            "holder": claimant.worker,
            "the_state": state.value,
            "until": moment,
            "lease": claimant.lease_until,
            "number": claimant.claim,
            "want": want - len(claimed),
        }
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
    return (
        update(deliveries)
        .where(deliveries.c.id == chosen.c.id)
        .values(
            worker=bindparam("holder"),
            lease_until=case((chosen.c.suppressed, null()), else_=bindparam("lease")),
            claim=bindparam("number"),
            state=case((chosen.c.suppressed, State.SUPPRESSED.value), else_=State.SENDING.value),
        )
        .returning(*COLUMNS)
    )


_CLAIM = PreparedStatement(_make_claim())
_CLAIM_OTHERS = _make_claim(DOMAIN.not_in(bindparam("domains", expanding=True)), deliveries.c.id > bindparam("after"))
