"""Status of the mails to single readers: how many wait and since when, and what was refused or is not known of late."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, select

from newsletter.clock import Instant, parse_instant
from newsletter.store.engine import is_ours
from newsletter.store.schema import transactional_mails
from newsletter.transactional.mail_kinds import MailKind, MailState
from newsletter.transactional.queue import is_left_behind

DAYS = 30  # for which it is told what was refused, or is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class MailStatus:
    """Numbers of mails to single readers: those that wait, since when the oldest does, and by kind those that failed.

    `refused` and `unknown` are of the last DAYS days.
    """

    waiting: int = 0
    oldest: Instant | None = None
    refused: Counter[MailKind]
    unknown: Counter[MailKind]

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.waiting or self.refused or self.unknown)


def find_mail_status(connection: Connection) -> MailStatus:
    """Return the status of a publication's mails; what a crash has left behind is unknown, settled or not."""
    table = transactional_mails.c
    mine = is_ours(connection, transactional_mails)
    waits = table.state == MailState.WAITING.value
    waiting, oldest = connection.execute(select(func.count(), func.min(table.created_at)).where(mine, waits)).one()
    since = (datetime.now(UTC) - timedelta(days=DAYS)).isoformat(timespec="milliseconds")

    def count(condition: ColumnElement[bool]) -> Counter[MailKind]:
        rows = select(table.kind, func.count()).where(mine, table.created_at > since, condition)
        return Counter({MailKind(kind): number for kind, number in connection.execute(rows.group_by(table.kind))})

    return MailStatus(
        waiting=waiting,
        oldest=parse_instant(oldest) if oldest else None,
        refused=count(table.state == MailState.REFUSED.value),
        unknown=count((table.state == MailState.UNKNOWN.value) | is_left_behind(connection)),
    )
