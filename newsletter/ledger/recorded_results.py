"""Recording of what became of claimed deliveries: a result, or that they wait again.

Each function is a part of the worker's transaction.
"""

import json
from collections.abc import Mapping, Sequence
from time import time

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    Double,
    Integer,
    Text,
    bindparam,
    case,
    cast,
    column,
    func,
    null,
    or_,
    select,
    update,
)

from newsletter.ledger.deliveries import NEVER, Delivery
from newsletter.ledger.states import State
from newsletter.store.engine import now, storable
from newsletter.store.prepared_statements import PreparedStatement
from newsletter.store.schema import deliveries

MAX_RETURNS = 3
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


# In PostgreSQL one statement for all of them, which is planned once. The limit is how many there are: without it the
# planner takes them for so many that it may read the whole table.
_results = (
    func.json_to_recordset(cast(bindparam("rows"), JSON))
    .table_valued(*(column(name, kind) for name, kind in {
        "key": BigInteger, "outcome": Text, "at_stage": Text, "reply_code": Integer, "status": Text, "words": Text,
        "given": Text, "milliseconds": Integer, "tried": Integer, "again": Double,
    }.items()), name="told")
    .render_derived(with_types=True)
)  # fmt: skip
_told = select(_results).limit(bindparam("many", type_=Integer)).subquery("results")
_RECORD_TOGETHER = PreparedStatement(
    update(deliveries)
    .where(
        deliveries.c.id == _told.c.key,
        deliveries.c.state == State.SENDING.value,
        deliveries.c.worker == bindparam("holder"),
    )
    .values(
        state=_told.c.outcome,
        stage=_told.c.at_stage,
        code=_told.c.reply_code,
        enhanced=_told.c.status,
        reply=_told.c.words,
        provider_id=_told.c.given,
        at=bindparam("moment"),
        took=_told.c.milliseconds,
        attempts=deliveries.c.attempts + 1,
        tries=_told.c.tried,
        due=_told.c.again,
        lease_until=null(),
    )
)


def record_results(connection: Connection, worker: str, results: Sequence[Delivery]) -> None:
    """Record what became of messages; an answer to what the worker has no more comes too late, and changes nothing."""
    if not results:
        return
    rows = [
        {
            "key": one.id,
            "outcome": one.state.value,
            "at_stage": one.stage,
            "reply_code": one.code,
            "status": one.enhanced,
            "words": storable(one.reply or ""),
            "given": one.provider_id,
            "milliseconds": one.took,
            "tried": one.tries,
            "again": one.due,
        }
        for one in results
    ]
    common = {"holder": worker, "moment": now()}
    if connection.dialect.name == "sqlite":
        _RECORD.execute_many(connection, [{**row, **common} for row in rows])
    else:
        told = json.dumps(rows, ensure_ascii=False)
        _RECORD_TOGETHER.start(connection, {**common, "rows": told, "many": len(rows)})


def take_back(connection: Connection, worker: str, returned: Mapping[int, str]) -> None:
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


def release(connection: Connection, worker: str, released: Sequence[int]) -> None:
    """Let deliveries wait again of which nothing left, through no fault of theirs."""
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


def forgive(connection: Connection, worker: str, forgiven: Sequence[int]) -> None:
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


def hasten(connection: Connection, worker: str, sooner: Mapping[int, float]) -> None:
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
