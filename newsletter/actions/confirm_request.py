"""Confirmations: the owner of an address presses the button behind the link that was mailed to them.

The request, the subscriber's row, their consent, the events and the welcome are one transaction; a second press finds
it confirmed.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from newsletter.actions.change_address import confirm_address_change
from newsletter.publication import OpenPublication
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.store.erased import hold_off_erasing
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.consent_words import find_words
from newsletter.subscribers.feedback_events import EventSource
from newsletter.subscribers.joining import Joining, gets_newsletter, join_reader, may_be_asked
from newsletter.subscribers.purpose_tokens import PurposeToken
from newsletter.subscribers.reader_requests import (
    ReaderRequest,
    RequestKind,
    RequestState,
    find_request,
    note_confirmed,
    set_state,
)
from newsletter.subscribers.reconfirming import can_stay, keep_reader
from newsletter.subscribers.stored_subscribers import StoredSubscriber
from newsletter.transactional.welcome import queue_welcome

_LARGEST = 2**31 - 1  # that PostgreSQL looks for
SIGN_UP = "sign-up"  # where a consent was given


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A request that a link leads to, and whether what it asks for holds now.

    `is_done`: it was confirmed, and counts. `is_held`: nothing is sent to the reader, for a reason that only an editor
    can lift. `is_waiting`: the other address of a change has yet to confirm it.
    """

    request: ReaderRequest
    is_done: bool = False
    is_held: bool = False
    is_waiting: bool = False


def find_confirmation(
    store: Store, token: PurposeToken, *, by_old: bool = False, is_in_store: bool = True
) -> Confirmation | None:
    """Return what a link leads to, without changing anything; None for a request that can't be confirmed any more.

    `by_old` says that the link went to the address that is to be given up, `is_in_store` that the list is in the store,
    where readers can join it and change their address.
    """
    with store.reading() as connection:
        request = find_request(connection, _read_number(token))
        if request is None or not _is_for(request, token, by_old):
            return None
        return _judge_request(connection, request, by_old=by_old, is_in_store=is_in_store)


def confirm_request(
    publication: OpenPublication, token: PurposeToken, words: str = "", *, by_old: bool = False
) -> Confirmation | None:
    """Confirm what a link leads to; None for a request that can't be confirmed any more. Twice is once.

    `words` are those that the page showed to agree to, empty where it showed none; `by_old` is as in
    `find_confirmation`. Raises DeliveryError when the store can't be written.
    """
    is_in_store = publication.config.subscriber_list.source == "store"
    with publication.store.transaction() as connection:
        hold_off_erasing(connection)
        request = find_request(connection, _read_number(token), to_change=True)
        if request is None or not _is_for(request, token, by_old):
            return None
        found = _judge_request(connection, request, by_old=by_old, is_in_store=is_in_store)
        if found is None or found.is_done or found.is_held or found.is_waiting:
            return found
        if request.kind is RequestKind.CHANGE_ADDRESS:
            confirm_address_change(connection, publication, request, by_old=by_old)
            request = find_request(connection, request.id) or request
            return _judge_request(connection, request, by_old=by_old, is_in_store=is_in_store)
        moment = now()
        note_confirmed(connection, request.id)
        set_state(connection, [request.id], RequestState.CONFIRMED)
        if request.kind is RequestKind.RECONFIRM:
            consent = _make_consent(connection, request, moment, words)
            keep_reader(connection, publication.keys, request.subscriber, consent, {"form": request.source})
        elif _join(connection, publication, request, moment) is Joining.JOINED:
            queue_welcome(
                connection,
                publication.config,
                request.subscriber,
                request.address,
                language=request.language,
                request=request.id,
            )
        return Confirmation(request, is_done=True)


def _read_number(token: PurposeToken) -> int:
    number = int(token.reference) if token.reference.isdecimal() else 0
    return number if number <= _LARGEST else 0


def _is_for(request: ReaderRequest, token: PurposeToken, by_old: bool) -> bool:
    """Return whether a request is the one that the link was written for: numbers are given again by SQLite."""
    return (request.previous if by_old else request.subscriber) == token.subscriber


def _judge_request(
    connection: Connection, request: ReaderRequest, *, by_old: bool, is_in_store: bool
) -> Confirmation | None:
    """Return what holds of a request now; None where it can't be confirmed any more."""
    if request.kind is RequestKind.RECONFIRM and can_stay(connection, request.subscriber):
        return Confirmation(request, is_done=request.state is RequestState.CONFIRMED)
    if not is_in_store:
        return None
    if request.kind is RequestKind.CHANGE_ADDRESS and request.state in (RequestState.ASKED, RequestState.CONFIRMED):
        is_done = request.state is RequestState.CONFIRMED
        at = request.previous_confirmed_at if by_old else request.confirmed_at
        return Confirmation(request, is_done=is_done, is_waiting=at is not None and not is_done)
    if request.kind is not RequestKind.JOIN:
        return None
    match request.state:
        case RequestState.CONFIRMED:
            # Who has left since then is not told that they get it, and this link does not bring them back.
            return Confirmation(request, is_done=True) if gets_newsletter(connection, request.subscriber) else None
        case RequestState.ASKED:
            return Confirmation(request, is_held=not may_be_asked(connection, request.subscriber))
    return None


def _join(connection: Connection, publication: OpenPublication, request: ReaderRequest, moment: str) -> Joining:
    reader = StoredSubscriber(
        address=request.address, fields=request.fields, tags=request.tags, language=request.language
    )
    consent = _make_consent(connection, request, moment)
    return join_reader(connection, publication.keys, reader, consent, EventSource.PAGE, {"form": request.source})


def _make_consent(connection: Connection, request: ReaderRequest, moment: str, words: str = "") -> Consent:
    evidence = {
        "form": request.source,
        "requested_at": request.requested_at,
        "confirmed_at": moment,
        "commit": request.commit_id or "",
        "network": request.network or "",
    }
    known = {name: value for name, value in evidence.items() if value}
    source = SIGN_UP if request.kind is RequestKind.JOIN else request.kind.value
    words = words or find_words(connection, request.words_sha256)
    return Consent(given_at=moment, source=source, words=words, evidence=known)
