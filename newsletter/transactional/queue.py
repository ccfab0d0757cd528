"""The queue of mails to one reader: each waits in the store, is claimed before it leaves, and its result recorded.

All functions work within the caller's transaction, so that a mail is queued with what it is about, or not at all.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, true, update

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.clock import Instant, parse_instant
from newsletter.issue_name import IssueName
from newsletter.ledger.workers import read_clock
from newsletter.mail.message import Result
from newsletter.store.engine import is_ours, now, publication_of, storable
from newsletter.store.schema import transactional_mails
from newsletter.transactional.mail_kinds import MailKind, MailState

# The longest that a mail is under way: connecting, and a server's answers (RFC 5321, section 4.5.3.2), with time to
# spare. What is still claimed by then is of a process that crashed or hangs.
LEASE_S = 1800.0
_IN_BULK = (MailKind.RECONFIRM,)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMail:
    """A mail that waits for its reader: what kind, to whom, in which language ("": the publication's own).

    `request` is the id of the reader's request that it is about, `issue` the one that it carries. `attempts` counts
    how often the server was asked about it.
    """

    id: int
    kind: MailKind
    subscriber: SubscriberKey
    address: EmailAddress
    language: str
    request: int | None
    issue: IssueName | None
    attempts: int
    created_at: Instant


_COLUMNS = [transactional_mails.c[name] for name in QueuedMail.__dataclass_fields__]


def queue_mail(
    connection: Connection,
    kind: MailKind,
    subscriber: SubscriberKey,
    address: EmailAddress,
    *,
    language: str = "",
    request: int | None = None,
    issue: IssueName | None = None,
) -> int:
    """Queue a mail; return its id. It is sent once the transaction has ended, by the service or by a command."""
    row = {
        "publication": publication_of(connection),
        "kind": kind.value,
        "subscriber": subscriber,
        "address": address,
        "language": language,
        "request": request,
        "issue": issue,
        "state": MailState.WAITING.value,
        "attempts": 0,
        "due": 0.0,
        "created_at": now(),
    }
    queued: int = connection.execute(
        insert(transactional_mails).values(row).returning(transactional_mails.c.id)
    ).scalar_one()
    return queued


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMail:
    """A mail to one reader with what became of it; `created_at` and `at` are ISO 8601 in UTC."""

    kind: str
    address: EmailAddress
    language: str
    issue: str | None
    state: str
    code: int | None
    enhanced: str | None
    reply: str | None
    created_at: str
    at: str | None


def list_mails_to(connection: Connection, subscriber: SubscriberKey) -> list[SentMail]:
    """Return the mails that were queued for a subscriber, the oldest first."""
    columns = [transactional_mails.c[name] for name in SentMail.__dataclass_fields__]
    theirs = is_ours(connection, transactional_mails), transactional_mails.c.subscriber == subscriber
    rows = connection.execute(select(*columns).where(*theirs).order_by(transactional_mails.c.id))
    return [SentMail(**row._mapping) for row in rows]


def count_queued(connection: Connection, kind: MailKind, subscriber: SubscriberKey | None, *, hours: float) -> int:
    """Return how many mails of a kind were queued within the last hours: for a subscriber, or for all (None).

    By this callers keep to their bounds. What was dropped before it left does not count.
    """
    since = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="milliseconds")
    wanted = [
        is_ours(connection, transactional_mails),
        transactional_mails.c.kind == kind.value,
        transactional_mails.c.created_at > since,
        transactional_mails.c.state != MailState.DROPPED.value,
    ]
    if subscriber is not None:
        wanted.append(transactional_mails.c.subscriber == subscriber)
    return connection.scalar(select(func.count()).select_from(transactional_mails).where(*wanted)) or 0


def list_mailed_lately(connection: Connection, kind: MailKind, *, hours: float) -> list[SubscriberKey]:
    """Return for whom mails of a kind were queued within the last hours, once for each, as `count_queued` counts."""
    since = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="milliseconds")
    theirs = select(transactional_mails.c.subscriber).where(
        is_ours(connection, transactional_mails),
        transactional_mails.c.kind == kind.value,
        transactional_mails.c.created_at > since,
        transactional_mails.c.state != MailState.DROPPED.value,
    )
    return list(connection.scalars(theirs))


def list_due_mails(connection: Connection, limit: int, kinds: Sequence[MailKind] = tuple(MailKind)) -> list[QueuedMail]:
    """Return the mails of these kinds that may be tried now, those that have waited longest first.

    Those in bulk come last: a reader who waits for an answer is not to wait for a whole list.
    """
    own = [kind for kind in kinds if kind not in _IN_BULK]
    found = _list_due(connection, limit, own)
    return found + _list_due(connection, limit - len(found), [kind for kind in kinds if kind in _IN_BULK])


def _list_due(connection: Connection, limit: int, kinds: Sequence[MailKind]) -> list[QueuedMail]:
    if not kinds or limit < 1:
        return []
    due = (
        is_ours(connection, transactional_mails),
        transactional_mails.c.state == MailState.WAITING.value,
        transactional_mails.c.due <= read_clock(connection),
        transactional_mails.c.kind.in_([kind.value for kind in kinds]),
    )
    rows = connection.execute(
        select(*_COLUMNS).where(*due).order_by(transactional_mails.c.due, transactional_mails.c.id).limit(limit)
    )
    return [
        QueuedMail(**{**row._mapping, "kind": MailKind(row.kind), "created_at": parse_instant(row.created_at)})
        for row in rows
    ]


def has_work(connection: Connection, kinds: Sequence[MailKind] = tuple(MailKind)) -> bool:
    """Return whether a mail of these kinds is due, or a crash has left one behind."""
    if list_due_mails(connection, 1, kinds):
        return True
    lost = select(transactional_mails.c.id).where(is_left_behind(connection)).limit(1)
    return connection.scalar(lost) is not None


def has_accepted_lately(connection: Connection, *, hours: float = 24) -> bool:
    """Return whether a server has accepted a mail within the last hours."""
    since = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="milliseconds")
    accepted = select(transactional_mails.c.id).where(
        is_ours(connection, transactional_mails),
        transactional_mails.c.state == MailState.ACCEPTED.value,
        transactional_mails.c.at > since,
    )
    return connection.scalar(accepted.limit(1)) is not None


def claim_mail(
    connection: Connection,
    mail: int,
    worker: str,
    lease_s: float = LEASE_S,
    *,
    issue: IssueName | None = None,
    address: EmailAddress | None = None,
) -> bool:
    """Claim a mail that waits, before any byte of it leaves; False when another worker has it by now, or nobody may.

    `issue` is the one that it carries as it was written. Another worker may have taken that out meanwhile, and then
    it is a campaign's to send. `address` is the one that it was written to: its reader may have moved meanwhile, and
    then it is written again. The claim counts once the transaction has ended.
    """
    waits = (
        is_ours(connection, transactional_mails),
        transactional_mails.c.id == mail,
        transactional_mails.c.state == MailState.WAITING.value,
        transactional_mails.c.issue.is_(None) if issue is None else transactional_mails.c.issue == issue,
        true() if address is None else transactional_mails.c.address == address,
    )
    claimed = {"state": MailState.CLAIMED.value, "worker": worker, "lease_until": read_clock(connection) + lease_s}
    return connection.execute(update(transactional_mails).where(*waits).values(claimed)).rowcount > 0


def record_result(
    connection: Connection, mail: int, worker: str, state: MailState, result: Result, *, wait_s: float = 0.0
) -> bool:
    """Record the result of a mail that this worker has claimed; return False when it is not its any more.

    A mail that waits again is due in `wait_s` seconds. An answer that came after the lease had run out still counts:
    nobody else has sent the mail meanwhile.
    """
    holds_it = (
        is_ours(connection, transactional_mails),
        transactional_mails.c.id == mail,
        transactional_mails.c.worker == worker,
        transactional_mails.c.state.in_([MailState.CLAIMED.value, MailState.UNKNOWN.value]),
    )
    answered = {
        "state": state.value,
        "lease_until": None,
        "attempts": transactional_mails.c.attempts + 1,
        "due": read_clock(connection) + wait_s,
        "stage": result.stage,
        "code": result.code,
        "enhanced": result.enhanced,
        "reply": storable(result.reply),
        "at": now(),
    }
    return connection.execute(update(transactional_mails).where(*holds_it).values(answered)).rowcount > 0


def take_issue_out(connection: Connection, mail: int) -> None:
    """Have a mail that waits carry no issue, since that can't be made: its reader has not got it, then.

    One that another worker has claimed by now is left as it is: that could make the issue.
    """
    waits = (
        is_ours(connection, transactional_mails),
        transactional_mails.c.id == mail,
        transactional_mails.c.state == MailState.WAITING.value,
    )
    connection.execute(update(transactional_mails).where(*waits).values(issue=None))


def release_mail(connection: Connection, mail: int, worker: str, *, wait_s: float = 0.0) -> None:
    """Let a claimed mail wait again of which no byte has left, as if it had not been claimed."""
    claimed = (
        is_ours(connection, transactional_mails),
        transactional_mails.c.id == mail,
        transactional_mails.c.worker == worker,
        transactional_mails.c.state == MailState.CLAIMED.value,
    )
    waits = {"state": MailState.WAITING.value, "lease_until": None, "due": read_clock(connection) + wait_s}
    connection.execute(update(transactional_mails).where(*claimed).values(waits))


def count_mails(connection: Connection) -> Counter[MailState]:
    """Return how many mails are in each state; those that a crash left behind are unknown."""
    is_lost = is_left_behind(connection)
    states = select(transactional_mails.c.state, func.count()).where(is_ours(connection, transactional_mails))
    counts = Counter({MailState(state): n for state, n in connection.execute(states.group_by("state"))})
    lost = connection.scalar(select(func.count()).select_from(transactional_mails).where(is_lost)) or 0
    counts[MailState.CLAIMED] -= lost
    counts[MailState.UNKNOWN] += lost
    return +counts


def is_left_behind(connection: Connection) -> ColumnElement[bool]:
    """Return the condition that a mail is still claimed though its lease has run out."""
    return and_(
        is_ours(connection, transactional_mails),
        transactional_mails.c.state == MailState.CLAIMED.value,
        transactional_mails.c.lease_until <= read_clock(connection),
    )
