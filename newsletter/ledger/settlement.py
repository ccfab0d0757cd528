"""Settlement of what a worker had claimed when it ended: by its flight recorder, where that can be believed.

What was not begun waits again, what was answered is recorded with its code, and all else is unknown: its text may have
gone out or not, and only a person can decide.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, case, null, select, update

from newsletter.issue_name import IssueName
from newsletter.ledger.deliveries import NEVER
from newsletter.ledger.flight_files import Flight, list_flights, read_flight, remove_flights
from newsletter.ledger.flight_slots import NotedAnswer
from newsletter.ledger.states import State
from newsletter.store import Store
from newsletter.store.engine import is_of, is_ours, now
from newsletter.store.schema import deliveries, workers

CRASHED_STAGE = "crash"
_UNKNOWN_REPLY = "the program ended before the server's reply was recorded"
_NOTED_REPLY = "noted by the program just before it ended"
_SETTLED_BY_ID = update(deliveries).where(
    deliveries.c.id == bindparam("key"), deliveries.c.state == State.SENDING.value
)
_WAITS = case((deliveries.c.tries > 0, State.DEFERRED.value), else_=State.PENDING.value)
_WAIT = _SETTLED_BY_ID.values(state=_WAITS, lease_until=null())
_RECORD = _SETTLED_BY_ID.values(
    state=bindparam("outcome"),
    stage=bindparam("at_stage"),
    code=bindparam("reply_code"),
    enhanced=bindparam("status"),
    reply=_NOTED_REPLY,
    at=bindparam("moment"),
    took=null(),
    attempts=deliveries.c.attempts + 1,
    due=bindparam("again"),
    lease_until=null(),
)
_RECORD_DEFERRED = _RECORD.values(tries=bindparam("tried"))  # what the server's limits deferred is no try of a reader's


@dataclass(kw_only=True)
class Settled:
    """How many deliveries a worker had in hand when it ended, by what became of them."""

    answered: int = 0
    waiting: int = 0
    unknown: int = 0

    def __str__(self) -> str:
        parts = {"answered": self.answered, "waiting again": self.waiting, "unknown": self.unknown}
        return ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)


def settle_claimed(
    connection: Connection, store: Store, issue: IssueName, whose: ColumnElement[bool]
) -> Mapping[str, Settled]:
    """Settle the claimed deliveries of an issue that are `whose`, within a transaction; return how, by worker."""
    claimed = (is_of(connection, deliveries, issue), whose, deliveries.c.state == State.SENDING)
    by_worker = defaultdict(list)
    for row in connection.execute(select(deliveries.c.id, deliveries.c.worker, deliveries.c.claim).where(*claimed)):
        by_worker[row.worker].append((row.id, row.claim))
    settled = {}
    for worker, claims in by_worker.items():
        flight = read_flight(store, worker) if worker else None
        settled[worker] = _settle_by_flight(connection, flight, claims) if flight else Settled(unknown=len(claims))
    connection.execute(
        update(deliveries)
        .where(*claimed)
        .values(
            state=State.UNKNOWN,
            stage=CRASHED_STAGE,
            code=None,
            enhanced=None,
            reply=_UNKNOWN_REPLY,
            at=now(),
            attempts=deliveries.c.attempts + 1,
            lease_until=null(),
        )
    )
    return settled


def remove_settled_flights(store: Store) -> None:
    """Remove the flight recorders' files of all workers that are settled; those of living workers stay."""
    if there := list_flights(store):
        with store.reading() as connection:
            living = select(workers.c.id).where(
                is_ours(connection, workers), workers.c.ended_at.is_(None), workers.c.why.is_(None)
            )
            remove_flights(store, set(there) - set(connection.scalars(living)))


def _settle_by_flight(connection: Connection, flight: Flight, claims: Sequence[tuple[int, int | None]]) -> Settled:
    # What a version without flight recorders claimed has no number, and may have left.
    numbered = [(key, claim) for key, claim in claims if claim is not None]
    waiting = [{"key": key} for key, claim in numbered if flight.is_unbegun(key, claim)]
    if waiting:
        connection.execute(_WAIT, waiting)
    answered = [(key, answer) for key, claim in numbered if (answer := flight.find_answer(key, claim)) is not None]
    deferred = [(key, answer) for key, answer in answered if answer.state is State.DEFERRED]
    if deferred:
        described = [{**_describe_answer(key, answer), "tried": answer.tries} for key, answer in deferred]
        connection.execute(_RECORD_DEFERRED, described)
    if others := [_describe_answer(key, answer) for key, answer in answered if answer.state is not State.DEFERRED]:
        connection.execute(_RECORD, others)
    unknown = len(claims) - len(waiting) - len(answered)
    return Settled(answered=len(answered), waiting=len(waiting), unknown=unknown)


def _describe_answer(key: int, answer: NotedAnswer) -> dict[str, object]:
    return {
        "key": key,
        "outcome": answer.state.value,
        "at_stage": answer.stage,
        "reply_code": answer.code,
        "status": answer.enhanced,
        "moment": now(),
        "again": answer.due if answer.state is State.DEFERRED else NEVER,
    }
