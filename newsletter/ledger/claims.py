"""Claims: made before a byte leaves, and recorded after the answer, both in one commit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import time
from types import MappingProxyType

from sqlalchemy import Connection, bindparam, case, func, or_, select, update

from newsletter.errors import DeliveryError
from newsletter.ledger.states import State
from newsletter.mail.message import Outcome, Result
from newsletter.store import Store
from newsletter.store.engine import now, storable
from newsletter.store.prepared import Prepared
from newsletter.store.schema import campaigns, deliveries, suppressions

MAX_RETURNS = 3
NEVER = 1e15  # a moment, in seconds since 1970, that no run lives to see


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One reader's delivery, taken for sending. `tries` is how often this run was told "not now"."""

    id: int
    reader: str
    address: str
    fields: Mapping[str, str]
    template: int
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a claim: after how many milliseconds, and when to try again if it was deferred."""

    claim: Claim
    result: Result
    took: int = 0
    due: float = NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What was claimed. `next_due` is when the next deferred reader may be tried, None when none may."""

    claims: Sequence[Claim] = ()
    next_due: float | None = None


def record_and_claim(
    store: Store,
    issue: str,
    run: str,
    *,
    answers: Sequence[Answer] = (),
    returned: Mapping[int, str] = MappingProxyType({}),
    released: Sequence[int] = (),
    forgiven: Sequence[int] = (),
    want: int = 0,
    moment: float | None = None,
) -> Claimed:
    """Record what became of messages, take back those untouched, and claim up to `want` more, in one commit.

    `returned` are the ids of those given back untouched, with the reason; `released` those for whom that was no
    fault; `forgiven` were answered by a refusal that turned out to be the sender's, and wait again. Given a `moment`,
    in seconds since 1970, those deferred until then are claimed first. Raises DeliveryError when another run has taken
    over.
    """
    with store.transaction() as connection:
        _refuse_two_runs(connection, issue, run)
        _record(connection, run, answers)
        _take_back(connection, run, returned)
        _release(connection, run, released)
        _forgive(connection, run, forgiven)
        claims: list[Claim] = []
        next_due = None
        if moment is not None:
            claims += _claim(connection, issue, run, State.DEFERRED, want, moment)
            next_due = connection.scalar(
                select(func.min(deliveries.c.due)).where(
                    deliveries.c.issue == issue, deliveries.c.state == State.DEFERRED, deliveries.c.due < NEVER
                )
            )
        claims += _claim(connection, issue, run, State.PENDING, want - len(claims), NEVER)
        return Claimed(claims=claims, next_due=next_due)


def _refuse_two_runs(connection: Connection, issue: str, run: str) -> None:
    # The row is held until the commit, so that another run can begin before this or after it, not within.
    holder = _HOLDER.execute(connection, {"the_issue": issue}).scalar()
    if holder != run:
        raise DeliveryError(
            f"Another process has taken over the sending of {issue}.",
            next_step="Let it end. `newsletter status` shows how far it is.",
        )


_HOLDER = Prepared(
    select(campaigns.c.run).where(campaigns.c.issue == bindparam("the_issue")).with_for_update(read=True)
)
_IN_HAND = (
    deliveries.c.id == bindparam("key"),
    deliveries.c.state == State.SENDING.value,  # an answer to anything else comes too late
    deliveries.c.run == bindparam("holder"),
)
_RECORD = Prepared(
    update(deliveries)
    .where(*_IN_HAND)
    .values(
        state=bindparam("outcome"),
        stage=bindparam("at_stage"),
        code=bindparam("reply_code"),
        enhanced=bindparam("status"),
        reply=bindparam("words"),
        at=bindparam("moment"),
        took=bindparam("milliseconds"),
        tries=bindparam("tried"),
        due=bindparam("again"),
    )
)


def _record(connection: Connection, run: str, answers: Sequence[Answer]) -> None:
    if answers:
        moment = now()
        _RECORD.execute_many(
            connection,
            [
                {
                    "key": answer.claim.id,
                    "holder": run,
                    "outcome": answer.result.outcome.value,
                    "at_stage": answer.result.stage,
                    "reply_code": answer.result.code,
                    "status": answer.result.enhanced,
                    "words": storable(answer.result.reply),
                    "moment": moment,
                    "milliseconds": answer.took,
                    "tried": answer.claim.tries + (answer.result.outcome is Outcome.DEFERRED),
                    "again": answer.due,
                }
                for answer in answers
            ],
        )


def _take_back(connection: Connection, run: str, returned: Mapping[int, str]) -> None:
    """Untouched messages wait again; one that comes back time after time waits for the next run."""
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
            ),
            [{"key": key, "holder": run, "words": storable(why)} for key, why in returned.items()],
        )


def _release(connection: Connection, run: str, released: Sequence[int]) -> None:
    if released:
        # Those who were deferred wait as deferred, with the server's words; the claim took neither from them.
        was_deferred = deliveries.c.tries > 0
        waits = case((was_deferred, State.DEFERRED.value), else_=State.PENDING.value)
        # Behind the others: one at whose address the server hangs up would else be the next again, and again.
        behind = case((was_deferred, deliveries.c.due), else_=bindparam("moment"))
        connection.execute(
            update(deliveries).where(*_IN_HAND).values(state=waits, due=behind),
            [{"key": key, "holder": run, "moment": time()} for key in released],
        )


def _forgive(connection: Connection, run: str, forgiven: Sequence[int]) -> None:
    """Whom the server refused because of the sender is pending as before; its words stay for the report."""
    if forgiven:
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.id == bindparam("key"),
                deliveries.c.run == bindparam("holder"),
                # IN can't be executed for many rows.
                or_(deliveries.c.state == State.REFUSED, deliveries.c.state == State.DEFERRED),
            )
            .values(state=State.PENDING, tries=0, due=0.0),
            [{"key": key, "holder": run} for key in forgiven],
        )


def _claim(connection: Connection, issue: str, run: str, state: State, want: int, moment: float) -> list[Claim]:
    """Up to `want` of the waiting in `state`. The suppressed among them are set aside, and others taken instead."""
    claims: list[Claim] = []
    while len(claims) < want:
        rows = _CLAIM.execute(
            connection,
            {"the_issue": issue, "holder": run, "the_state": state.value, "until": moment, "want": want - len(claims)},
        ).all()
        if not rows:
            break
        claims += [
            Claim(
                id=row.id,
                reader=row.reader,
                address=row.address,
                fields=json.loads(row.fields),
                template=row.template,
                tries=row.tries,
            )
            for row in rows
            if row.state == State.SENDING
        ]
    # The rows come back in any order, and the first of the list are to be the first to leave.
    return sorted(claims, key=lambda claim: claim.id)


_CHOSEN = (
    select(deliveries.c.id)
    .where(
        deliveries.c.issue == bindparam("the_issue"),
        deliveries.c.state == bindparam("the_state"),
        deliveries.c.due <= bindparam("until"),
    )
    .order_by(deliveries.c.due, deliveries.c.id)
    .limit(bindparam("want"))
    .with_for_update(skip_locked=True)
    .cte("chosen")
)
_CLAIM = Prepared(
    update(deliveries)
    .where(deliveries.c.id.in_(select(_CHOSEN.c.id)))
    .values(
        run=bindparam("holder"),
        state=case(
            (deliveries.c.reader.in_(select(suppressions.c.reader)), State.SUPPRESSED.value),
            else_=State.SENDING.value,
        ),
    )
    .returning(
        deliveries.c.id,
        deliveries.c.reader,
        deliveries.c.address,
        deliveries.c.fields,
        deliveries.c.template,
        deliveries.c.tries,
        deliveries.c.state,
    )
)
