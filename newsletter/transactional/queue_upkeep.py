"""Upkeep of the queue of mails to one reader: what a crash left behind, what nobody needs any more, what is long done.

All functions work within the caller's transaction.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update

from newsletter.store.engine import is_ours, now, publication_of
from newsletter.store.schema import reader_requests, suppressions, transactional_mails
from newsletter.store.suppression_rule import are_about, holds, is_suppressed
from newsletter.subscribers.reader_requests import RequestState
from newsletter.transactional.mail_kinds import TO_READERS, WITH_REQUEST, MailKind, MailState
from newsletter.transactional.queue import is_left_behind

# When the server takes nothing from the sender: a link or a welcome of last month helps nobody.
WAITING_DAYS = 30
KEPT_DAYS = 90  # of what was answered, so that it can be told what became of it
_OPEN_REQUESTS = (RequestState.NEW.value, RequestState.ASKED.value)
# Who complained, and whom an editor has suppressed, is not even asked whether they want to join.
_NEVER_ASKED = ("complained", "suppressed")
_ENDED = "what it was about has ended"
_NOT_MAILED = "its reader must not be mailed"
_TOO_OLD = f"it has waited for {WAITING_DAYS} days"


def settle_ended_claims(connection: Connection) -> int:
    """Settle the mails whose claims have run out: they may have left or not, and are unknown; return how many."""
    settled = {
        "state": MailState.UNKNOWN.value,
        "lease_until": None,
        "attempts": transactional_mails.c.attempts + 1,
        "stage": "crash",
        "code": None,
        "enhanced": None,
        "reply": "the program ended before the server's reply was recorded",
        "at": now(),
    }
    return connection.execute(update(transactional_mails).where(is_left_behind(connection)).values(settled)).rowcount


def hold_all_mails(connection: Connection) -> int:
    """Let nothing leave that waits, as after the restoring of a backup: it may have been sent since; return how many.

    They are unknown then. So are those that asked whether somebody stays: who has answered since, nobody knows, and
    their silence would be held against them.
    """
    waits = or_(
        transactional_mails.c.state.in_([MailState.WAITING.value, MailState.CLAIMED.value]),
        and_(transactional_mails.c.kind == MailKind.RECONFIRM.value, _has_open_request(connection)),
    )
    held = {
        "state": MailState.UNKNOWN.value,
        "lease_until": None,
        "stage": "restore",
        "reply": "it was in a backup that was restored, and may have been sent, or answered, since that was made",
        "at": now(),
    }
    mine = is_ours(connection, transactional_mails)
    return connection.execute(update(transactional_mails).where(mine, waits).values(held)).rowcount


def drop_needless_mails(connection: Connection, mails: Sequence[int]) -> set[int]:
    """Drop those of these mails that wait for nothing any more or too long, or go to who must not be mailed.

    Return which. A mail about a request waits as long as that is open.
    """
    waits = and_(
        is_ours(connection, transactional_mails),
        transactional_mails.c.id.in_(mails),
        transactional_mails.c.state == MailState.WAITING.value,
    )
    has_ended = and_(transactional_mails.c.kind.in_(WITH_REQUEST), ~_has_open_request(connection))
    never = select(suppressions.c.subscriber).where(
        *are_about(transactional_mails.c.subscriber),
        holds(publication_of(connection)),
        suppressions.c.cause.in_(_NEVER_ASKED),
    )
    of_readers = and_(
        transactional_mails.c.kind.in_(TO_READERS),
        is_suppressed(publication_of(connection), transactional_mails.c.subscriber),
    )
    oldest = (datetime.now(UTC) - timedelta(days=WAITING_DAYS)).isoformat(timespec="milliseconds")
    too_old = and_(transactional_mails.c.kind.not_in(WITH_REQUEST), transactional_mails.c.created_at < oldest)
    asking = and_(transactional_mails.c.kind == MailKind.CONFIRM_JOIN.value, never.exists())
    dropped: set[int] = set()
    needless = ((has_ended, _ENDED), (of_readers, _NOT_MAILED), (asking, _NOT_MAILED), (too_old, _TOO_OLD))
    for condition, why in needless:
        values = {"state": MailState.DROPPED.value, "reply": why, "at": now()}
        statement = update(transactional_mails).where(waits, condition).values(values)
        dropped |= set(connection.scalars(statement.returning(transactional_mails.c.id)))
    return dropped


def delete_old_mails(connection: Connection) -> int:
    """Delete the mails that were done with long ago; return how many. One that carried an issue says who has it."""
    before = (datetime.now(UTC) - timedelta(days=KEPT_DAYS)).isoformat(timespec="milliseconds")
    old = (
        is_ours(connection, transactional_mails),
        transactional_mails.c.state.not_in([MailState.WAITING.value, MailState.CLAIMED.value]),
        transactional_mails.c.issue.is_(None),
        transactional_mails.c.created_at < before,
        # By this it is known who was asked and has not answered.
        ~and_(transactional_mails.c.kind == MailKind.RECONFIRM.value, _has_open_request(connection)),
    )
    return connection.execute(delete(transactional_mails).where(*old)).rowcount


def _has_open_request(connection: Connection) -> ColumnElement[bool]:
    request = select(reader_requests.c.id).where(
        is_ours(connection, reader_requests),
        reader_requests.c.id == transactional_mails.c.request,
        reader_requests.c.state.in_(_OPEN_REQUESTS),
    )
    return request.exists()
