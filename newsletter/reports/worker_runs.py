"""Runs of a campaign's workers: when each was, its results, and when these came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

from sqlalchemy import Connection

from newsletter.clock import parse_instant
from newsletter.issue_name import IssueName
from newsletter.ledger.states import Counts, State
from newsletter.ledger.statistics import count_answers_by_moment, sum_workers
from newsletter.text import remove_addresses

# The widths of a plot's column that people read a clock by, in tenths of a second.
_WIDTHS = (1, 2, 5, *(10 * s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 43_200, 86_400)))
_COLUMNS = 60
# Digits of an ISO 8601 moment, the tenths of a second that they distinguish, and runs of how many seconds they serve.
_RESOLUTIONS = ((21, 1, 60), (19, 10, 7200), (16, 600, 5 * 86_400), (13, 36_000, inf))


@dataclass(frozen=True, kw_only=True)
class WorkerRun:
    """One worker's run, with those of its results that still count."""

    id: str
    began: datetime
    ended: datetime
    under_way: bool
    ending: str  # why it ended before everyone was answered
    answers: Counts
    first: datetime | None  # of the answers
    last: datetime | None

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return max((self.ended - self.began).total_seconds(), 0.0)


@dataclass(frozen=True, kw_only=True)
class TimeColumn:
    """Answers within one column of a timeline."""

    begin: datetime
    answers: Counts


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """A worker's answers over time, in columns of equal width, those without an answer included."""

    run: WorkerRun
    seconds: float
    columns: Sequence[TimeColumn]


def compute_rate(messages: int, seconds: float) -> float | None:
    """Return messages a second; None when the time was too short to say."""
    return messages / seconds if messages and seconds >= 0.1 else None


def list_worker_runs(connection: Connection, issue: IssueName) -> list[WorkerRun]:
    """Return the runs, the first to begin first; one whose beginning or end is not recorded is timed by its answers."""
    found = []
    for sums in sum_workers(connection, issue):
        began = sums.started_at or sums.first_at
        ended = sums.ended_at or sums.last_at or began
        if began is None or ended is None:
            continue
        under_way = sums.started_at is not None and sums.ended_at is None and sums.why is None
        found.append(
            WorkerRun(
                id=sums.id,
                began=began,
                ended=datetime.now(UTC) if under_way else ended,
                under_way=under_way,
                ending=remove_addresses(sums.why or ""),
                answers=sums.answers,
                first=sums.first_at,
                last=sums.last_at,
            )
        )
    return found


def build_timelines(connection: Connection, issue: IssueName, runs: Sequence[WorkerRun]) -> list[Timeline]:
    """Return each run's answers in columns as narrow as they can be while there are about sixty."""
    spans = {run.id: (run.last - min(run.began, run.first)).total_seconds() for run in runs if run.first and run.last}
    digits, finest = next(
        (digits, finest) for digits, finest, longest in _RESOLUTIONS if max(spans.values(), default=0) <= longest
    )
    # In tenths of a second, which are whole numbers.
    widths = {
        run: next((wide for wide in _WIDTHS if wide >= finest and span * 10 / wide < _COLUMNS), int(span * 10) + 1)
        for run, span in spans.items()
    }
    filled: dict[str, dict[int, dict[State, int]]] = {run: {} for run in spans}
    for run, at, state, count in count_answers_by_moment(connection, issue, digits):
        if run in filled:
            column = filled[run].setdefault(round(parse_instant(at).timestamp() * 10) // widths[run], {})
            column[state] = column.get(state, 0) + count
    return [
        Timeline(
            run=run,
            seconds=widths[run.id] / 10,
            columns=[
                TimeColumn(
                    begin=datetime.fromtimestamp(number * widths[run.id] / 10, UTC),
                    answers=Counts(filled[run.id].get(number, {})),
                )
                for number in range(min(filled[run.id]), max(filled[run.id]) + 1)
            ],
        )
        for run in runs
        if filled.get(run.id)
    ]
