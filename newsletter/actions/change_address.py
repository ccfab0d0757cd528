"""A reader's change of address: asked for on their own page, confirmed at both addresses, and then made."""

from collections import Counter

from sqlalchemy import Connection

from newsletter.address import EmailAddress, SubscriberKey, subscriber_key
from newsletter.ledger.moved_recipients import move_waiting_deliveries
from newsletter.ledger.welcome_issues import move_welcomes
from newsletter.publication import OpenPublication
from newsletter.store.erased import hold_off_erasing, is_erased
from newsletter.subscribers.address_move import move_subscriber
from newsletter.subscribers.joining import may_be_asked
from newsletter.subscribers.mailbox_of_address import find_mailbox
from newsletter.subscribers.moved_addresses import find_present_address
from newsletter.subscribers.reader_requests import (
    ReaderRequest,
    RequestKind,
    RequestState,
    add_requests,
    find_request,
    note_confirmed,
    set_state,
)
from newsletter.subscribers.stored_subscribers import find_subscribers
from newsletter.transactional.mail_kinds import MailKind
from newsletter.transactional.queue import count_queued, list_mailed_lately, queue_mail

MOST_A_DAY = 3  # for one reader, and for the mailbox of one new address
PAGE = "page"


def request_address_change(
    publication: OpenPublication, key: SubscriberKey, address: EmailAddress, language: str
) -> bool:
    """Ask the owners of both addresses, as far as they may be asked; return whether they are. The answer is the same.

    It needs the list in the store, which alone can be changed here. Raises DeliveryError for the store.
    """
    new = subscriber_key(address)
    with publication.store.transaction() as connection:
        hold_off_erasing(connection)
        key = find_present_address(connection, key)
        listed = find_subscribers(connection, [key]).get(key)
        keys = publication.keys
        if listed is None or new == key or (keys and is_erased(connection, keys.digest(key))):
            return False
        if not (may_be_asked(connection, key) and may_be_asked(connection, new)):
            return False
        asked = (MailKind.CONFIRM_OLD_ADDRESS, key), (MailKind.CONFIRM_NEW_ADDRESS, new)
        if count_queued(connection, MailKind.CONFIRM_OLD_ADDRESS, key, hours=24) >= MOST_A_DAY:
            return False
        # Of the new address it is not known yet whose it is: several subscribers could flood one mailbox by its labels.
        mailed = map(find_mailbox, list_mailed_lately(connection, MailKind.CONFIRM_NEW_ADDRESS, hours=24))
        if Counter(mailed)[find_mailbox(new)] >= MOST_A_DAY:
            return False
        request = ReaderRequest(
            kind=RequestKind.CHANGE_ADDRESS,
            address=address,
            previous=key,
            language=language,
            source=PAGE,
            state=RequestState.ASKED,
        )
        (number,) = add_requests(connection, [request])
        for (kind, whose), to in zip(asked, (listed.address, address), strict=True):
            queue_mail(connection, kind, whose, to, language=language, request=number)
        return True


def confirm_address_change(
    connection: Connection, publication: OpenPublication, request: ReaderRequest, *, by_old: bool
) -> bool:
    """Note that the owner of one address has confirmed a change; return whether both have, and it is made.

    The caller's transaction holds off erasing, and has the request to change it.
    """
    note_confirmed(connection, request.id, previous=by_old)
    request = find_request(connection, request.id) or request
    if not (request.confirmed_at and request.previous_confirmed_at and request.previous):
        return False
    old = find_subscribers(connection, [request.previous]).get(request.previous)
    if not may_be_asked(connection, request.subscriber) or not move_subscriber(
        connection, publication.keys, request.previous, request.address
    ):
        set_state(connection, [request.id], RequestState.DROPPED)
        return False
    set_state(connection, [request.id], RequestState.CONFIRMED)
    move_waiting_deliveries(connection, request.previous, request.address)
    move_welcomes(connection, request.previous, request.address)
    for key, address in ((request.previous, old.address if old else None), (request.subscriber, request.address)):
        to = address or EmailAddress(key)
        queue_mail(connection, MailKind.ADDRESS_CHANGED, key, to, language=request.language, request=request.id)
    return True
