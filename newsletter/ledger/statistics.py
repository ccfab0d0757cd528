"""Statistics of a campaign: sums that the database makes, since a list may hold a million recipients.

The sums of one report are read from one connection, so that they are of one moment and add up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, case, func, null, select

from newsletter.clock import Instant, make_instant, parse_instant
from newsletter.issue_name import IssueName
from newsletter.ledger.delivery_domain import DOMAIN
from newsletter.ledger.states import ANSWERED, Counts, State
from newsletter.store.engine import is_of, is_ours
from newsletter.store.schema import campaigns, deliveries, workers

_PAGE = 2000
_BEGINNING = make_instant(datetime.fromtimestamp(0, UTC))
# Stages at which no server answered: the moment noted is when that was settled, hours later perhaps.
_SETTLED = ("crash", "reconcile")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSums:
    """Sums of one worker: when it started and ended, and what is kept today of its answers.

    `first_at` and `last_at` are those of its first and last answer. A worker of a store of version 1 is known by its
    answers alone.
    """

    id: str
    started_at: Instant | None
    ended_at: Instant | None
    why: str | None
    first_at: Instant | None
    last_at: Instant | None
    answers: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySum:
    """Number of recipients in a state with one reply. The words of those accepted are left out: each is another."""

    state: State
    code: int | None
    enhanced: str | None
    reply: str | None
    readers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSum:
    """Numbers of recipients with addresses of one domain, all and by state."""

    domain: str
    readers: int
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageSum:
    """Numbers of recipients who get an issue in one language, all and by state; empty: the publication's own."""

    language: str
    readers: int
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueSize:
    """How many were to get an issue: its recipients without the suppressed."""

    issue: IssueName
    frozen_at: str
    recipients: int


def list_issue_sizes(connection: Connection, longest: int) -> list[IssueSize]:
    """Return the sizes of the last issues, announcements and corrections left out, the latest last."""
    due = select(func.count()).where(
        is_ours(connection, deliveries),
        deliveries.c.issue == campaigns.c.issue,
        deliveries.c.state != State.SUPPRESSED.value,
    )
    last = (
        select(campaigns.c.issue, campaigns.c.created_at, due.scalar_subquery())
        .where(is_ours(connection, campaigns), campaigns.c.kind == "issue", campaigns.c.cancelled_at.is_(None))
        .order_by(campaigns.c.created_at.desc())
        .limit(longest)
    )
    rows = [IssueSize(issue=IssueName(row[0]), frozen_at=row[1], recipients=row[2]) for row in connection.execute(last)]
    return rows[::-1]


def sum_workers(connection: Connection, issue: IssueName) -> list[WorkerSums]:
    """Return every worker of the campaign with its sums, the oldest first."""
    known = connection.execute(select(workers).where(is_of(connection, workers, issue))).all()
    sums = connection.execute(
        select(
            deliveries.c.worker, deliveries.c.state, func.count(), func.min(deliveries.c.at), func.max(deliveries.c.at)
        )
        .where(*_answered_by_a_worker(connection, issue))
        .group_by(deliveries.c.worker, deliveries.c.state)
    ).all()
    answers: dict[str, dict[State, int]] = {row.id: {} for row in known}
    moments: dict[str, list[Instant]] = {row.id: [] for row in known}
    for worker, state, count, first, last in sums:
        answers.setdefault(worker, {})[State(state)] = count
        moments.setdefault(worker, []).extend((parse_instant(first), parse_instant(last)))
    noted = {row.id: row for row in known}
    found = [
        WorkerSums(
            id=worker,
            started_at=parse_instant(noted[worker].started_at) if worker in noted else None,
            ended_at=parse_instant(noted[worker].ended_at) if worker in noted and noted[worker].ended_at else None,
            why=noted[worker].why if worker in noted else None,
            first_at=min(moments[worker], default=None),
            last_at=max(moments[worker], default=None),
            answers=Counts(answers[worker]),
        )
        for worker in answers
    ]
    return sorted(found, key=lambda worker: worker.started_at or worker.first_at or _BEGINNING)


def sum_replies(connection: Connection, issue: IssueName, *, but: State | None = None) -> Iterator[ReplySum]:
    """Yield deliveries by state and reply, in no order; `but` leaves one state out."""
    words = case((deliveries.c.state == State.ACCEPTED, null()), else_=deliveries.c.reply).cast(String)
    rows = (
        select(deliveries.c.state, deliveries.c.code, deliveries.c.enhanced, words.label("words"))
        .where(is_of(connection, deliveries, issue), *([deliveries.c.state != but] if but else []))
        .subquery()
    )
    for state, code, enhanced, reply, count in _stream(connection, select(*rows.c, func.count()).group_by(*rows.c)):
        yield ReplySum(state=State(state), code=code, enhanced=enhanced, reply=reply, readers=count)


def sum_domains(connection: Connection, issue: IssueName) -> Iterator[DomainSum]:
    """Yield deliveries by the domain of their addresses, most first."""
    rows = select(DOMAIN.label("domain"), deliveries.c.state).where(is_of(connection, deliveries, issue)).subquery()
    sums = [func.count().filter(rows.c.state == state) for state in State]
    statement = (
        select(rows.c.domain, func.count().label("readers"), *sums)
        .group_by(rows.c.domain)
        .order_by(func.count().desc(), rows.c.domain)
    )
    for domain, readers, *sizes in _stream(connection, statement):
        counts = Counts({state: count for state, count in zip(State, sizes, strict=True) if count})
        yield DomainSum(domain=domain, readers=readers, counts=counts)


def sum_languages(connection: Connection, issue: IssueName) -> list[LanguageSum]:
    """Return deliveries by the language that was frozen, most first."""
    rows = connection.execute(
        select(deliveries.c.language, deliveries.c.state, func.count())
        .where(is_of(connection, deliveries, issue))
        .group_by(deliveries.c.language, deliveries.c.state)
    )
    found: dict[str, dict[State, int]] = {}
    for language, state, count in rows:
        found.setdefault(language, {})[State(state)] = count
    sums = [
        LanguageSum(language=language, readers=sum(counts.values()), counts=Counts(counts))
        for language, counts in found.items()
    ]
    return sorted(sums, key=lambda one: (-one.readers, one.language))


def count_answers_by_moment(
    connection: Connection, issue: IssueName, digits: int
) -> Iterator[tuple[str, str, State, int]]:
    """Yield worker, moment, state and how many answers.

    `digits` says how much of the moment's ISO 8601 is compared: 21 tenths of a second, 19 seconds, 16 minutes,
    13 hours.
    """
    rows = (
        select(deliveries.c.worker, func.substr(deliveries.c.at, 1, digits).label("moment"), deliveries.c.state)
        .where(*_answered_by_a_worker(connection, issue))
        .subquery()
    )
    for worker, moment, state, count in _stream(connection, select(*rows.c, func.count()).group_by(*rows.c)):
        yield worker, moment, State(state), count


def count_answer_times(connection: Connection, issue: IssueName) -> Iterator[tuple[int, int]]:
    """Yield in how many milliseconds the server answered, and how often, the quickest first."""
    took = deliveries.c.took
    yield from _stream(
        connection,
        select(took, func.count())
        .where(is_of(connection, deliveries, issue), took.is_not(None))
        .group_by(took)
        .order_by(took),
    )


def _answered_by_a_worker(connection: Connection, issue: IssueName) -> tuple[ColumnElement[bool], ...]:
    return (
        is_of(connection, deliveries, issue),
        deliveries.c.state.in_(ANSWERED),
        deliveries.c.worker.is_not(None),
        deliveries.c.at.is_not(None),
        func.coalesce(deliveries.c.stage, "").not_in(_SETTLED),
    )


def _stream(connection: Connection, statement: Select[Any]) -> Iterator[Any]:
    yield from connection.execute(statement, execution_options={"yield_per": _PAGE})
