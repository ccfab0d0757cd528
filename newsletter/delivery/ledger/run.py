"""A run's own part of the ledger: claim before a byte leaves, record after the answer."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, select, update

from newsletter.delivery.ledger.read import counts_by_state
from newsletter.delivery.ledger.values import Claim
from newsletter.delivery.states import OPEN, State
from newsletter.mail.message import Receipt
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.store.schema import campaigns, deliveries, suppressions, waves

MAX_RETURNS = 3


def settle_crash(store: Store, issue: str) -> None:
    """What a run that died left claimed may have gone out or not: nobody but a person can tell."""
    with store.transaction() as connection:
        connection.execute(
            update(deliveries)
            .where(deliveries.c.issue == issue, deliveries.c.state == State.SENDING)
            .values(
                state=State.UNKNOWN,
                stage="crash",
                reply="the program ended before the server's reply was recorded",
                at=now(),
            )
        )


def begin_run(store: Store, issue: str) -> None:
    """Count the run, so that an older copy of the store can be told from this one by the record's count."""
    with store.transaction() as connection:
        connection.execute(update(campaigns).where(campaigns.c.issue == issue).values(runs=campaigns.c.runs + 1))


def step(
    store: Store,
    issue: str,
    run: str,
    *,
    receipts: Sequence[Receipt] = (),
    returned: Mapping[str, str] = MappingProxyType({}),
    released: Sequence[str] = (),
    want: int = 0,
) -> list[Claim]:
    """Record what became of messages, take back those untouched, and claim up to `want` more, in one commit.

    `returned` are those given back untouched, with the reason; `released` those for whom that was no fault.
    """
    with store.transaction() as connection:
        _record(connection, issue, receipts)
        _take_back(connection, issue, returned)
        _release(connection, issue, released)
        claims: list[Claim] = []
        for state in OPEN:
            while (
                len(claims) < want and (rows := _claim(connection, issue, run, state, want - len(claims))) is not None
            ):
                claims += rows
        return claims


def finish_run(store: Store, issue: str) -> None:
    """Close the campaign when it has the whole list and nobody waits any more."""
    with store.transaction() as connection:
        counts = counts_by_state(connection, issue)
        whole = connection.scalar(select(waves.c.tag).where(waves.c.issue == issue, waves.c.tag == "")) is not None
        if whole and not counts.waiting and not counts[State.SENDING]:
            connection.execute(
                update(campaigns)
                .where(campaigns.c.issue == issue, campaigns.c.finished_at.is_(None))
                .values(finished_at=now())
            )


def cancel(store: Store, issue: str) -> int:
    """Nobody who waits will be tried again, and nobody added; returns how many readers that left without."""
    with store.transaction() as connection:
        states = (*OPEN, State.UNKNOWN)
        changed = connection.execute(
            update(deliveries)
            .where(deliveries.c.issue == issue, deliveries.c.state.in_(states))
            .values(state=State.CANCELLED, at=now())
        )
        moment = now()
        connection.execute(
            update(campaigns).where(campaigns.c.issue == issue).values(finished_at=moment, cancelled_at=moment)
        )
        return changed.rowcount


def _in_hand(issue: str) -> tuple[ColumnElement[bool], ...]:
    """One reader whose message is under way: an answer to anything else comes too late."""
    return (
        deliveries.c.issue == issue,
        deliveries.c.reader == bindparam("who"),
        deliveries.c.state == State.SENDING,
    )


def _record(connection: Connection, issue: str, receipts: Sequence[Receipt]) -> None:
    if receipts:
        connection.execute(
            update(deliveries)
            .where(*_in_hand(issue))
            .values(
                state=bindparam("outcome"),
                stage=bindparam("at_stage"),
                code=bindparam("reply_code"),
                enhanced=bindparam("status"),
                reply=bindparam("words"),
                at=bindparam("moment"),
            ),
            [
                {
                    "who": receipt.key,
                    "outcome": State(receipt.outcome.value),
                    "at_stage": receipt.stage,
                    "reply_code": receipt.code,
                    "status": receipt.enhanced,
                    "words": _storable(receipt.reply),
                    "moment": now(),
                }
                for receipt in receipts
            ],
        )


def _take_back(connection: Connection, issue: str, returned: Mapping[str, str]) -> None:
    """Untouched messages wait again; one that comes back time after time waits for the next run."""
    if returned:
        again = deliveries.c.returns + 1
        connection.execute(
            update(deliveries)
            .where(*_in_hand(issue))
            .values(
                returns=again,
                state=case((again % MAX_RETURNS == 0, State.DEFERRED.value), else_=State.PENDING.value),
                stage="connection",
                reply=bindparam("words"),
                at=now(),
            ),
            [{"who": reader, "words": _storable(why)} for reader, why in returned.items()],
        )


def _release(connection: Connection, issue: str, released: Sequence[str]) -> None:
    if released:
        connection.execute(
            update(deliveries).where(*_in_hand(issue)).values(state=State.PENDING),
            [{"who": reader} for reader in released],
        )


def _claim(connection: Connection, issue: str, run: str, state: State, want: int) -> list[Claim] | None:
    """Some of the waiting in `state`; None when there are none. The suppressed among them are set aside."""
    another_run = and_(deliveries.c.state == state, deliveries.c.run.is_distinct_from(run))
    chosen = (
        select(deliveries.c.reader)
        .where(
            deliveries.c.issue == issue,
            another_run if state is State.DEFERRED else deliveries.c.state == state,
        )
        .order_by(deliveries.c.seq)
        .limit(want)
    )
    left = select(suppressions.c.reader)
    rows = connection.execute(
        update(deliveries)
        .where(
            deliveries.c.issue == issue,
            deliveries.c.reader.in_(chosen),
        )
        .values(
            run=run,
            stage=None,
            code=None,
            enhanced=None,
            reply=None,
            state=case((deliveries.c.reader.in_(left), State.SUPPRESSED.value), else_=State.SENDING.value),
        )
        .returning(
            deliveries.c.reader, deliveries.c.address, deliveries.c.fields, deliveries.c.template, deliveries.c.state
        )
    ).all()
    if not rows:
        return None
    return [
        Claim(reader=row.reader, address=row.address, fields=json.loads(row.fields), template=row.template)
        for row in rows
        if row.state == State.SENDING
    ]


def _storable(words: str) -> str:
    """A server's or a plug-in's words: bytes that are no UTF-8 arrive as surrogates, which no database takes."""
    return words.encode("utf-8", "backslashreplace").decode()[:1000]
