"""Sign-ups by mail: whoever has written to [signup] mail, and passed DMARC, is on the list at once."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from newsletter.address import SubscriberKey, subscriber_key
from newsletter.clock import Instant, format_instant, parse_instant
from newsletter.config import Config
from newsletter.feedback.mail.sign_up_request import SignUpOutcome, SignUpRequest
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.store.erased import find_erased, hold_off_erasing
from newsletter.store.events import find_last_said
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.feedback_events import EventKind, EventSource
from newsletter.subscribers.joining import Joining, gets_newsletter, join_reader, may_be_asked
from newsletter.subscribers.reader_requests import (
    ReaderRequest,
    RequestKind,
    RequestState,
    add_requests,
    count_addresses,
)
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.stored_subscribers import StoredSubscriber, list_consents
from newsletter.transactional.welcome import queue_welcome

MAIL = "mail"  # where a consent was given
_MOST_DAYS = 30.0  # a mailbox that is named first after years would have everybody join who has ever written to it
_GONE = (
    EventKind.UNSUBSCRIBED, EventKind.COMPLAINED, EventKind.HARD, EventKind.SUPPRESSED, EventKind.REMOVED,
)  # fmt: skip
_SECOND = len("2026-11-30T09:30:00")  # all that a mailbox knows of a moment


def join_by_mail(
    store: Store, keys: SecretKeys | None, config: Config, request: SignUpRequest, *, dry_run: bool = False
) -> SignUpOutcome:
    """Put who has written to join on the list, with their consent, and queue the welcome: all of it, or nothing.

    The same mail twice joins once, also after they have left. On a dry run nothing is written. Raises DeliveryError.
    """
    if not config.takes_sign_ups:
        return SignUpOutcome.CLOSED
    if dry_run:
        with store.reading() as connection:
            return _find_obstacle(connection, keys, config, request) or SignUpOutcome.JOINED
    with suppress(_Overtaken), store.transaction() as connection:
        hold_off_erasing(connection)
        if obstacle := _find_obstacle(connection, keys, config, request):
            return obstacle
        _join(connection, keys, config, request)
        if request.received_at and _has_gone_since(
            connection, keys, subscriber_key(request.address), request.received_at
        ):
            raise _Overtaken  # by who pressed their link meanwhile: joining has lifted that, and nothing of it stays
        return SignUpOutcome.JOINED
    return SignUpOutcome.OVERTAKEN


class _Overtaken(Exception):
    """A leaving that came between the look whether somebody had left, and their joining."""


def _find_obstacle(
    connection: Connection, keys: SecretKeys | None, config: Config, request: SignUpRequest
) -> SignUpOutcome | None:
    """Return why a request puts nobody on the list; None when it does."""
    key, received_at = subscriber_key(request.address), request.received_at
    if received_at and received_at < datetime.now(UTC) - timedelta(days=_MOST_DAYS):
        return SignUpOutcome.STALE
    known = (consent.evidence.get("message") for consent in list_consents(connection, key) if consent.source == MAIL)
    if request.message_id and request.message_id in known:
        return SignUpOutcome.KNOWN
    if received_at and _has_gone_since(connection, keys, key, received_at):
        return SignUpOutcome.OVERTAKEN
    if not may_be_asked(connection, key):
        return SignUpOutcome.HELD
    if gets_newsletter(connection, key):
        return SignUpOutcome.ALREADY
    is_full = count_addresses(connection, RequestKind.JOIN, hours=1) >= config.signup.hourly
    return SignUpOutcome.FULL if is_full else None


def _has_gone_since(connection: Connection, keys: SecretKeys | None, key: SubscriberKey, received_at: Instant) -> bool:
    """Return whether somebody has left, was taken off the list or was erased after they wrote."""
    wrote = format_instant(received_at)[:_SECOND]
    if find_last_said(connection, key, _GONE)[:_SECOND] >= wrote:
        return True
    digests: Sequence[str] = [keys.digest(key)] if keys else []
    return any(format_instant(erased)[:_SECOND] >= wrote for erased in find_erased(connection, digests).values())


def _join(connection: Connection, keys: SecretKeys | None, config: Config, request: SignUpRequest) -> None:
    moment = now()
    written_at = min(request.received_at or parse_instant(moment), parse_instant(moment))
    evidence = {
        "form": MAIL,
        "message": request.message_id,
        "received_at": written_at.isoformat(timespec="milliseconds"),
        "proof": request.proof,
    }
    known = {name: value for name, value in evidence.items() if value}
    reader = StoredSubscriber(address=request.address)
    consent = Consent(given_at=evidence["received_at"], source=MAIL, evidence=known)
    # As of when they wrote it, so that a mail to leave that came after it counts.
    if join_reader(connection, keys, reader, consent, EventSource.MAIL, known, written_at) is not Joining.JOINED:
        return
    confirmed = ReaderRequest(
        kind=RequestKind.JOIN,
        address=request.address,
        source=MAIL,
        state=RequestState.CONFIRMED,
        requested_at=moment,
        confirmed_at=moment,
    )
    (number,) = add_requests(connection, [confirmed])
    queue_welcome(connection, config, reader.key, request.address, request=number)
