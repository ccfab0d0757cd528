"""Mails that readers got outside of any campaign, as far as what comes back of them is about those readers."""

from sqlalchemy import select

from newsletter.address import SubscriberKey
from newsletter.store import Store
from newsletter.store.engine import is_ours
from newsletter.store.schema import transactional_mails

_TO_READERS = ("already-joined", "welcome", "reconfirm")  # and none that a stranger has asked for


def list_notices(store: Store, subscriber: SubscriberKey) -> list[int]:
    """Return the numbers of the mails that a subscriber got as a reader, by which their Message-IDs are made."""
    theirs = select(transactional_mails.c.id).where(
        transactional_mails.c.subscriber == subscriber,
        transactional_mails.c.kind.in_(_TO_READERS),
    )
    with store.reading() as connection:
        return list(connection.scalars(theirs.where(is_ours(connection, transactional_mails))))
