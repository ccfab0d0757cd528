"""Rows of those who were asked whether they still want the newsletter: who was, and who has not answered in time.

Each function works within the caller's transaction, and on the publication that its connection is of.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, insert, or_, select

from newsletter.address import SubscriberKey
from newsletter.clock import Instant
from newsletter.ledger.workers import read_clock
from newsletter.store.engine import is_ours, now, publication_of
from newsletter.store.publications import is_known_here
from newsletter.store.schema import consents, events, preferences, reader_requests, transactional_mails
from newsletter.store.suppression_rule import is_suppressed
from newsletter.subscribers.feedback_events import EventKind, EventSource
from newsletter.subscribers.reader_requests import ReaderRequest, RequestKind, RequestState
from newsletter.transactional.mail_kinds import MailKind, MailState

_OPEN = (RequestState.NEW, RequestState.ASKED)
# By these a reader, or an editor for them, has said that they get it, on whatever page or by mail.
_WANTING = (EventKind.RETURNED, EventKind.SIGNED_UP, EventKind.ALLOWED, EventKind.PAUSED, EventKind.RESUMED)
# By these mail to them did not arrive, for a reason that is the sender's or passes.
_NOT_ARRIVING = (EventKind.BLOCKED, EventKind.SOFT)

# Made once: for a million readers, asked about in groups, each statement would be one more for the garbage collector.
# The state is no bare column: by the index of states all who can still answer would be looked through for each group.
_ASKED = select(reader_requests.c.subscriber).where(
    reader_requests.c.publication == bindparam("publication"),
    reader_requests.c.subscriber.in_(bindparam("keys", expanding=True)),
    reader_requests.c.kind == RequestKind.RECONFIRM.value,
    (reader_requests.c.state + "").in_([state.value for state in _OPEN]),
)


@dataclass(frozen=True, slots=True)
class AskedReader:
    """A reader who was asked, and the request that asks them."""

    request: int
    subscriber: SubscriberKey


def queue_reconfirmations(connection: Connection, requests: Mapping[int, ReaderRequest]) -> None:
    """Queue a mail for each of these requests, by their ids. They leave after the mails that single readers wait for.

    Of what is due those leave first that have waited longest, and a mail that is queued alone is due since 1970.
    """
    alike = {
        "publication": publication_of(connection),
        "kind": MailKind.RECONFIRM.value,
        "state": MailState.WAITING.value,
        "attempts": 0,
        "due": read_clock(connection),
        "created_at": now(),
    }
    rows = [
        {
            **alike,
            "subscriber": request.subscriber,
            "address": request.address,
            "language": request.language,
            "request": number,
        }
        for number, request in requests.items()
    ]
    if rows:
        connection.execute(insert(transactional_mails), rows)


def find_asked(connection: Connection, subscribers: Sequence[SubscriberKey]) -> set[SubscriberKey]:
    """Return which of these subscribers were asked and can still answer; few enough for a database's parameters."""
    values = {"publication": publication_of(connection), "keys": list(subscribers)}
    return set(connection.scalars(_ASKED, values))


def count_confirmed(connection: Connection) -> int:
    """Return how many have said that they still want it."""
    mine = select(func.count(reader_requests.c.subscriber.distinct())).where(
        is_ours(connection, reader_requests),
        reader_requests.c.kind == RequestKind.RECONFIRM.value,
        reader_requests.c.state == RequestState.CONFIRMED.value,
    )
    return connection.scalar(mine) or 0


def count_asked_mails(connection: Connection) -> Counter[MailState]:
    """Return what became of the mails to those who have not answered and get the newsletter still, by state."""
    not_arriving = _has_said(connection, events.c.kind.in_([kind.value for kind in _NOT_ARRIVING]))
    state = case((not_arriving, MailState.UNKNOWN.value), else_=transactional_mails.c.state).label("became")
    states = (
        select(state, func.count())
        .select_from(reader_requests)
        .join(transactional_mails, _is_mail_of(connection))
        .where(_is_open(connection), ~_is_wanting(connection), _gets_newsletter(connection))
        .group_by(state)
    )
    return Counter({MailState(became): count for became, count in connection.execute(states)})


def count_unanswered(connection: Connection, before: Instant) -> int:
    """Return how many got the mail before a moment, have not answered, and get the newsletter still."""
    mine = select(func.count(reader_requests.c.subscriber.distinct()))
    return connection.scalar(mine.where(*_are_unanswered(connection, before))) or 0


def list_unanswered(connection: Connection, before: Instant, after: int, limit: int) -> list[AskedReader]:
    """Return those whom `count_unanswered` counts, in the order of their requests, from behind the request `after`."""
    mine = (
        select(reader_requests.c.id, reader_requests.c.subscriber)
        .where(*_are_unanswered(connection, before), reader_requests.c.id > after)
        .order_by(reader_requests.c.id)
        .limit(limit)
    )
    return [AskedReader(row.id, SubscriberKey(row.subscriber)) for row in connection.execute(mine)]


def _are_unanswered(connection: Connection, before: Instant) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of a request that was not answered.

    Only who was reached can have been silent: a mail that no server took, or of which that is not known, is nobody's
    answer. Nor is it where mail to them came back meanwhile that a server in between had taken. Who has agreed again,
    or chosen something on their page, has answered.
    """
    reached = select(transactional_mails.c.id).where(
        _is_mail_of(connection),
        # No bare column: by the index of states each reader's mail would be looked for among all that were accepted.
        transactional_mails.c.state + "" == MailState.ACCEPTED.value,
        transactional_mails.c.at < before.isoformat(timespec="milliseconds"),
    )
    not_arriving = _has_said(connection, events.c.kind.in_([kind.value for kind in _NOT_ARRIVING]))
    return (
        _is_open(connection), reached.exists(), ~not_arriving, ~_is_wanting(connection), _gets_newsletter(connection),
    )  # fmt: skip


def _is_wanting(connection: Connection) -> ColumnElement[bool]:
    """Return the condition that a reader has shown since they were asked that they want it, by more than the button."""
    agreed = select(consents.c.id).where(
        is_ours(connection, consents),
        consents.c.subscriber == reader_requests.c.subscriber,
        consents.c.given_at > reader_requests.c.requested_at,
    )
    chosen = select(preferences.c.subscriber).where(
        is_ours(connection, preferences),
        preferences.c.subscriber == reader_requests.c.subscriber,
        preferences.c.changed_at > reader_requests.c.requested_at,
    )
    said = _has_said(
        connection,
        events.c.kind.in_([kind.value for kind in _WANTING]),
        events.c.source != EventSource.TIME.value,  # the end of a pause
    )
    return or_(agreed.exists(), chosen.exists(), said)


def _has_said(connection: Connection, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that there is such an event of a reader since they were asked."""
    theirs = select(events.c.id).where(
        is_known_here(connection, events),
        events.c.subscriber == reader_requests.c.subscriber,
        events.c.at > reader_requests.c.requested_at,  # a mail's own moment has no milliseconds
        *conditions,
    )
    return theirs.exists()


def _is_open(connection: Connection) -> ColumnElement[bool]:
    return and_(
        is_ours(connection, reader_requests),
        reader_requests.c.kind == RequestKind.RECONFIRM.value,
        reader_requests.c.state.in_([state.value for state in _OPEN]),
    )


def _is_mail_of(connection: Connection) -> ColumnElement[bool]:
    """Return the condition that a mail is that of a request, by the index of subscribers."""
    return and_(
        is_ours(connection, transactional_mails),
        transactional_mails.c.subscriber == reader_requests.c.subscriber,
        transactional_mails.c.request == reader_requests.c.id,
        transactional_mails.c.kind == MailKind.RECONFIRM.value,
    )


def _gets_newsletter(connection: Connection) -> ColumnElement[bool]:
    return ~is_suppressed(publication_of(connection), reader_requests.c.subscriber)
