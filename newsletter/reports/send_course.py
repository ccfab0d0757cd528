"""The course of a sending: how fast each run went, what the server put off, and what held it for how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from newsletter.ledger.send_samples import SendSample

_COLUMNS = 60
_FEWEST = 3  # samples, below which a course says no more than the totals


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseColumn:
    """Answers of a run in one stretch of time; `rate` is how many a second were allowed, None without a limit."""

    begin: datetime
    seconds: float
    accepted: int
    refused: int
    put_off: int
    rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendCourse:
    """One run's course, in about sixty columns at most."""

    run: str
    columns: Sequence[CourseColumn]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTime:
    """What held a sending, for about how long, from when and to when; `evidence` is the server's reply."""

    kind: str
    words: str
    limit: float | None
    evidence: str
    seconds: float
    first: datetime
    last: datetime


def build_courses(samples: Sequence[SendSample]) -> list[SendCourse]:
    """Return the course of each run that took long enough to have one, in the order in which they began."""
    by_run: dict[str, list[SendSample]] = {}
    for sample in sorted(samples, key=lambda one: one.began_at):
        by_run.setdefault(sample.worker, []).append(sample)
    return [
        SendCourse(run=run, columns=_join_columns(some, ceil(len(some) / _COLUMNS)))
        for run, some in by_run.items()
        if len(some) >= _FEWEST
    ]


def shorten_course(course: SendCourse, most: int) -> SendCourse:
    """Return the course in `most` columns at most."""
    together = ceil(len(course.columns) / most)
    columns = course.columns
    joined = [_join(columns[at : at + together]) for at in range(0, len(columns), together)]
    return SendCourse(run=course.run, columns=joined)


def sum_holds(samples: Sequence[SendSample]) -> list[HeldTime]:
    """Return what held a sending, a row for each kind with its last words, the longest first."""
    by_kind: dict[str, HeldTime] = {}
    for sample in samples:
        if sample.hold is None:
            continue
        before = by_kind.get(sample.hold.kind)
        by_kind[sample.hold.kind] = HeldTime(
            kind=sample.hold.kind,
            words=sample.hold.words,
            limit=sample.hold.limit,
            evidence=sample.hold.evidence or (before.evidence if before else ""),
            seconds=sample.seconds + (before.seconds if before else 0.0),
            first=min(sample.began_at, before.first) if before else sample.began_at,
            last=max(sample.at, before.last) if before else sample.at,
        )
    return sorted(by_kind.values(), key=lambda one: -one.seconds)


def _join_columns(samples: Sequence[SendSample], together: int) -> list[CourseColumn]:
    columns = [
        CourseColumn(
            begin=one.began_at,
            seconds=one.seconds,
            accepted=one.accepted,
            refused=one.refused,
            put_off=one.put_off,
            rate=one.rate,
        )
        for one in samples
    ]
    return [_join(columns[at : at + together]) for at in range(0, len(columns), together)]


def _join(columns: Sequence[CourseColumn]) -> CourseColumn:
    last = columns[-1]
    end = last.begin + timedelta(seconds=last.seconds)
    return CourseColumn(
        begin=columns[0].begin,
        seconds=(end - columns[0].begin).total_seconds(),
        accepted=sum(one.accepted for one in columns),
        refused=sum(one.refused for one in columns),
        put_off=sum(one.put_off for one in columns),
        rate=last.rate,
    )
