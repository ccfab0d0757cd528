"""The queue of jobs: what is put into it, within a transaction of the store, and whether anybody works on it.

A job is a hint to look: at a campaign, at the outbox. What is to be done, the ledger says, so that a job may run twice,
or be lost and put in again.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Integer, Text, cast, column, func, inspect, select, table
from sqlalchemy.dialects.postgresql import JSONB

from newsletter.issue_name import IssueName
from newsletter.ledger.workers import read_clock
from newsletter.store import Store
from newsletter.store.engine import publication_of
from newsletter.store.prepared_statements import run_in_driver

if TYPE_CHECKING:
    from procrastinate import App

SENDING, UPKEEP = "send", "upkeep"  # queues, one of each publication
SEND, OUTBOX = "newsletter.send", "newsletter.outbox"  # tasks
ALIVE_S = 30.0  # a worker that has not been heard of for longer does not count
_LONGEST_NAME = 40
_WORKERS = table("procrastinate_workers", column("id"), column("last_heartbeat"))
_JOBS = table(
    "procrastinate_jobs",
    column("queueing_lock"),
    column("status"),
    column("args", JSONB),
    column("scheduled_at"),
)


def has_queue(connection: Connection) -> bool:
    """Return whether a worker was ever started for this store, so that there are tables for jobs."""
    return connection.dialect.name == "postgresql" and inspect(connection).has_table(_WORKERS.name)


def count_workers(store: Store) -> int:
    """Return how many workers were heard of within the last half minute, of whatever publication in the database."""
    with store.reading() as connection:
        if not has_queue(connection):
            return 0
        lately = _WORKERS.c.last_heartbeat > func.clock_timestamp() - timedelta(seconds=ALIVE_S)
        return connection.scalar(select(func.count()).select_from(_WORKERS).where(lately)) or 0


def name_queue(kind: str, publication: str) -> str:
    """Return the name of a publication's queue, so that a worker gets jobs of those alone that it knows.

    A channel of PostgreSQL's NOTIFY has 63 letters at most, of which procrastinate's prefix takes 23.
    """
    name = f"{kind}:{publication}"
    return name if len(name.encode()) <= _LONGEST_NAME else f"{kind}:{sha256(publication.encode()).hexdigest()[:24]}"


def defer_sending(connection: Connection, issue: IssueName, *, after_s: float | None = None, failures: int = 0) -> bool:
    """Put in a job for one more worker to send a campaign, or to look at it again in so many seconds.

    It is there when the transaction is committed. One job of each kind waits for a campaign, however often this is
    called. `failures` is how often in a row it could not be sent. Returns False where there is no queue.
    """
    at = None if after_s is None else _find_moment(connection, after_s)
    lock = _name_lock(connection, issue, is_later=at is not None)
    return _defer(connection, SEND, SENDING, at, lock, {"issue": issue, "failures": failures})


def defer_after_quota(connection: Connection, issue: IssueName, handover: str, after_s: float) -> bool:
    """Put in the job by which a handover goes on in so many seconds, when the server's quota can be open again."""
    at = _find_moment(connection, after_s)
    lock = _name_quota_lock(connection, issue, handover)
    return _defer(connection, SEND, SENDING, at, lock, {"issue": issue, "failures": 0})


def find_quota_rest(connection: Connection, issue: IssueName, handover: str) -> float | None:
    """Return until when a handover rests, or has rested, for the server's quota, in seconds since 1970.

    None where it does not, or the job that was to go on then has come to its end.
    """
    if not has_queue(connection):
        return None
    mine = _JOBS.c.queueing_lock == _name_quota_lock(connection, issue, handover)
    under_way = cast(_JOBS.c.status, Text).in_(("todo", "doing"))
    moment = select(func.extract("epoch", func.max(_JOBS.c.scheduled_at))).where(mine, under_way)
    found = connection.scalar(moment)
    return None if found is None else float(found)


def rests_for_quota(connection: Connection, issue: IssueName, handover: str) -> bool:
    """Return whether the server's quota is used up, so that nobody is to try before a job does."""
    until = find_quota_rest(connection, issue, handover)
    return until is not None and until > read_clock(connection)


def rests_after_failure(connection: Connection, issue: IssueName) -> bool:
    """Return whether a campaign could not be sent, and a job waits that tries it again."""
    if not has_queue(connection):
        return False
    waiting = (
        _JOBS.c.queueing_lock == _name_lock(connection, issue, is_later=True),
        cast(_JOBS.c.status, Text) == "todo",
    )
    failed = cast(_JOBS.c.args["failures"].astext, Integer) > 0
    return connection.scalar(select(_JOBS.c.queueing_lock).where(*waiting, failed).limit(1)) is not None


def defer_outbox(connection: Connection, at: datetime) -> bool:
    """Put in a job that looks at the publication's outbox at a moment, as `defer_sending` does."""
    return _defer(connection, OUTBOX, UPKEEP, at, None, {})


def _find_moment(connection: Connection, after_s: float) -> datetime:
    """Return a moment by the clock that the queue goes by: those of several machines differ."""
    return datetime.fromtimestamp(read_clock(connection), UTC) + timedelta(seconds=max(0.0, after_s))


def _name_quota_lock(connection: Connection, issue: IssueName, handover: str) -> str:
    # Handed over once more, a campaign is tried at once: whoever did that may have got a larger quota.
    return f"quota {publication_of(connection)}/{issue} {handover}"


def _name_lock(connection: Connection, issue: IssueName, *, is_later: bool) -> str:
    return f"{'again' if is_later else 'send'} {publication_of(connection)}/{issue}"


def _defer(
    connection: Connection, task: str, queue: str, at: datetime | None, lock: str | None, arguments: dict[str, Any]
) -> bool:
    if not has_queue(connection):
        return False
    try:
        from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
    except ImportError:  # on a machine that only hands over; whoever started a worker has it
        return False

    def defer(driver: Any) -> None:
        named = name_queue(queue, publication_of(connection))
        job = _app().configure_task(task, queue=named, queueing_lock=lock, schedule_at=at, connection=driver)
        try:
            job.defer(publication=publication_of(connection), **arguments)
        except ConnectorException as error:
            raise error.__cause__ or error from error

    savepoint = connection.begin_nested()
    try:
        run_in_driver(connection, defer)
    except AlreadyEnqueued:
        savepoint.rollback()
    else:
        savepoint.commit()
    return True


@lru_cache(maxsize=1)
def _app() -> "App":
    """Return an app that puts jobs in, by connections that it is given."""
    from procrastinate import App, PsycopgConnector

    return App(connector=PsycopgConnector())
