"""Decisions about new requests to join: who is asked by mail to confirm, who is told that they are on the list.

They are made after the form was answered, by the service's own thread, and each with its mail in one transaction.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from newsletter.actions.request_sign_up import find_most_open
from newsletter.address import SubscriberKey
from newsletter.config.signup_settings import SignupSettings
from newsletter.store import Store
from newsletter.store.erased import hold_off_erasing
from newsletter.subscribers.joining import gets_newsletter, may_be_asked
from newsletter.subscribers.mailbox_of_address import find_mailbox
from newsletter.subscribers.reader_requests import (
    RequestKind,
    RequestState,
    delete_stale_requests,
    list_asked_lately,
    list_new_requests,
    set_state,
)
from newsletter.transactional.mail_kinds import MailKind
from newsletter.transactional.queue import count_queued, queue_mail

_GROUP = 100  # of one transaction, so that other writers get their turn
_MOST_A_DAY = 3
# Mails to one address within so many hours.
_BOUNDS = {MailKind.CONFIRM_JOIN: ((1 / 6, 1), (24.0, _MOST_A_DAY)), MailKind.ALREADY_JOINED: ((24.0, 1),)}


def answer_sign_ups(store: Store, settings: SignupSettings) -> int:
    """Decide about the oldest new requests, at most a hundred; return how many that were.

    None are decided about while the mails of this hour are used up: they wait for the next one. Raises DeliveryError.
    """
    states: dict[RequestState, list[int]] = {RequestState.ASKED: [], RequestState.DROPPED: []}
    answered: set[str] = set()
    mailed = 0
    with store.transaction() as connection:
        hold_off_erasing(connection)  # before a request is locked that an erasure under way wants to delete
        requests = list_new_requests(connection, RequestKind.JOIN, _GROUP)
        if not requests:
            return 0
        left = settings.hourly - sum(count_queued(connection, kind, None, hours=1) for kind in _BOUNDS)
        used_up = _find_used_up(connection)
        for request in requests:
            if mailed >= left:
                break
            key, mailbox = request.subscriber, find_mailbox(request.subscriber)
            # Of a flood for one mailbox, all but the first are dropped without asking about each.
            kind = None if mailbox in answered or mailbox in used_up else _choose_mail(connection, key)
            answered.add(mailbox)
            is_asked = kind is MailKind.CONFIRM_JOIN
            if kind:
                number = request.id if is_asked else None
                queue_mail(connection, kind, key, request.address, language=request.language, request=number)
                mailed += 1
            states[RequestState.ASKED if is_asked else RequestState.DROPPED].append(request.id)
        for state, numbers in states.items():
            set_state(connection, numbers, state)
        if states[RequestState.DROPPED]:
            delete_stale_requests(connection, find_most_open(settings))
    return sum(map(len, states.values()))


def clear_requests(store: Store, settings: SignupSettings) -> int:
    """Delete requests that nobody has confirmed in time, and those long dropped; return how many."""
    with store.transaction() as connection:
        return delete_stale_requests(connection, find_most_open(settings))


def _find_used_up(connection: Connection) -> set[str]:
    """Return the mailboxes that were asked as often as one may be, under whatever addresses (ada+1@, ada+2@)."""
    asked = list_asked_lately(connection, RequestKind.JOIN, hours=24)
    soon = (datetime.now(UTC) - timedelta(minutes=10)).isoformat(timespec="milliseconds")
    counts = Counter(find_mailbox(key) for key, _ in asked)
    lately = {find_mailbox(key) for key, moment in asked if moment > soon}
    return lately | {mailbox for mailbox, count in counts.items() if count >= _MOST_A_DAY}


def _choose_mail(connection: Connection, key: SubscriberKey) -> MailKind | None:
    """Return the mail that a request is answered with; None for one that may not be, or was lately."""
    if not may_be_asked(connection, key):
        return None
    kind = MailKind.ALREADY_JOINED if gets_newsletter(connection, key) else MailKind.CONFIRM_JOIN
    is_many = any(count_queued(connection, kind, key, hours=hours) >= most for hours, most in _BOUNDS[kind])
    return None if is_many else kind
