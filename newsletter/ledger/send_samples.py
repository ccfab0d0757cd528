"""Samples of a sending: what came of the messages meanwhile, how fast they were allowed to leave, and what held them.

A worker adds one every few seconds. However long it sends, it has no more than a certain number: when there are more,
each two that follow one another become one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from newsletter.clock import Instant, format_instant, parse_instant
from newsletter.issue_name import IssueName
from newsletter.store.engine import is_of, publication_of, storable
from newsletter.store.schema import send_samples
from newsletter.text import remove_addresses

MOST = 240  # samples of one worker


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledHold:
    """A hold as it was: a Hold whose end is a moment of the wall clock."""

    kind: str
    words: str
    limit: float | None = None
    evidence: str = ""
    until: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSample:
    """A stretch of one worker's sending.

    `accepted` and `refused` count final answers, and `put_off` the messages that the server would not take yet. `rate`
    is how many a second were allowed at its end; None without a limit. `ends_at` is when the whole sending was expected
    to end.
    """

    worker: str
    began_at: Instant
    at: Instant
    accepted: int
    refused: int
    put_off: int
    rate: float | None = None
    hold: SampledHold | None = None
    ends_at: Instant | None = None

    @property
    def seconds(self) -> float:
        """Return its length."""
        return max((self.at - self.began_at).total_seconds(), 0.0)


def add_sample(connection: Connection, issue: IssueName, sample: SendSample) -> bool:
    """Add a sample, and return whether the worker's samples were joined two by two because there were too many."""
    connection.execute(insert(send_samples).values(_make_row(connection, issue, sample)))
    mine = is_of(connection, send_samples, issue), send_samples.c.worker == sample.worker
    known = [
        _read_row(row) for row in connection.execute(select(send_samples).where(*mine).order_by(send_samples.c.at))
    ]
    if len(known) <= MOST:
        return False
    connection.execute(delete(send_samples).where(*mine))
    connection.execute(
        insert(send_samples),
        [_make_row(connection, issue, _join_samples(known[at : at + 2])) for at in range(0, len(known), 2)],
    )
    return True


def list_samples(connection: Connection, issue: IssueName) -> list[SendSample]:
    """Return the samples of a sending, in the order of time."""
    rows = select(send_samples).where(is_of(connection, send_samples, issue))
    return [_read_row(row) for row in connection.execute(rows.order_by(send_samples.c.at, send_samples.c.worker))]


def find_last_sample(connection: Connection, issue: IssueName) -> SendSample | None:
    """Return the newest sample of a sending; None when there is none."""
    rows = select(send_samples).where(is_of(connection, send_samples, issue)).order_by(send_samples.c.at.desc())
    row = connection.execute(rows.limit(1)).one_or_none()
    return _read_row(row) if row else None


def _join_samples(some: Sequence[SendSample]) -> SendSample:
    first, last = some[0], some[-1]
    return SendSample(
        worker=last.worker,
        began_at=first.began_at,
        at=last.at,
        accepted=sum(one.accepted for one in some),
        refused=sum(one.refused for one in some),
        put_off=sum(one.put_off for one in some),
        rate=last.rate,
        hold=last.hold or first.hold,  # one that was over soon is worth to be seen, too
        ends_at=last.ends_at,
    )


def _make_row(connection: Connection, issue: IssueName, sample: SendSample) -> dict[str, object]:
    hold = ""
    if sample.hold is not None:
        words = {name: storable(remove_addresses(getattr(sample.hold, name))) for name in ("words", "evidence")}
        until = sample.hold.until and format_instant(sample.hold.until)
        hold = json.dumps({"kind": sample.hold.kind, **words, "limit": sample.hold.limit, "until": until})
    return {
        **{name: getattr(sample, name) for name in ("worker", "accepted", "refused", "put_off", "rate")},
        "publication": publication_of(connection),
        "issue": issue,
        "began_at": sample.began_at.isoformat(timespec="milliseconds"),
        "at": sample.at.isoformat(timespec="milliseconds"),
        "ends_at": sample.ends_at and format_instant(sample.ends_at),
        "hold": hold,
    }


def _read_row(row: Row[Any]) -> SendSample:
    hold = None
    if row.hold:
        known = json.loads(row.hold)
        hold = SampledHold(**known | {"until": parse_instant(known["until"]) if known["until"] else None})
    return SendSample(
        worker=row.worker,
        began_at=parse_instant(row.began_at),
        at=parse_instant(row.at),
        accepted=row.accepted,
        refused=row.refused,
        put_off=row.put_off,
        rate=row.rate,
        hold=hold,
        ends_at=parse_instant(row.ends_at) if row.ends_at else None,
    )
