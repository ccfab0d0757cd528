"""The move of a subscriber from one address to another, once the owners of both have said so.

What they are is kept, and so is what keeps them from being mailed: nobody who left comes back by it.
"""

from dataclasses import replace

from sqlalchemy import Connection, update

from newsletter.address import EmailAddress, SubscriberKey, subscriber_key
from newsletter.store import suppressions
from newsletter.store.engine import is_ours, now
from newsletter.store.erased import remove_erased, take_turns
from newsletter.store.events import StoredEvent, add_events
from newsletter.store.publications import EVERY
from newsletter.store.schema import consents
from newsletter.store.timed_suppressions import suppress_until
from newsletter.subscribers.feedback_events import EventKind, EventSource, SuppressionKind
from newsletter.subscribers.preferences import Preferences, read_preferences, save_preferences
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.stored_subscribers import delete_subscriber, find_subscribers, save_subscribers

# A mailbox's own, and no person's.
_OF_A_MAILBOX = (SuppressionKind.BOUNCED, SuppressionKind.MOVED)
# What the owner of the new address lifts by confirming it.
_LIFTED = (
    SuppressionKind.UNSUBSCRIBED, SuppressionKind.BOUNCED, SuppressionKind.MOVED, SuppressionKind.PAUSED,
    SuppressionKind.UNCONFIRMED,
)  # fmt: skip


def move_subscriber(connection: Connection, keys: SecretKeys | None, old: SubscriberKey, address: EmailAddress) -> bool:
    """Move a subscriber of the list in the store to another address; return False when they are not on it any more.

    Nothing is sent to the old address again. The caller's transaction holds off erasing.
    """
    new = subscriber_key(address)
    take_turns(connection, [old, new])
    found = find_subscribers(connection, [old, new])
    if old not in found:
        return False
    merged = replace(found[old], address=address)
    if known := found.get(new):  # somebody who had both
        merged = replace(merged, fields={**known.fields, **merged.fields}, tags=merged.tags | known.tags)
    save_subscribers(connection, [merged])
    delete_subscriber(connection, old)
    theirs = is_ours(connection, consents), consents.c.subscriber == old
    connection.execute(update(consents).where(*theirs).values(subscriber=new))
    if not (chosen := read_preferences(connection, old)).is_empty:
        save_preferences(connection, new, chosen)
        save_preferences(connection, old, Preferences())
    if keys:
        remove_erased(connection, keys.digest(new))
    _move_suppressions(connection, old, new)
    moment, kind, source = now(), EventKind.ADDRESS_CHANGED, EventSource.PAGE
    rows = [(old, {"to": new}), (new, {"from": old})]
    add_events(connection, [StoredEvent(key, kind, source, None, other, moment, moment) for key, other in rows])
    return True


def _move_suppressions(connection: Connection, old: SubscriberKey, new: SubscriberKey) -> None:
    for lifted in _LIFTED:
        suppressions.unsuppress(connection, new, lifted)
    for row in suppressions.find_suppressions(connection, [old]):
        if row.cause in _OF_A_MAILBOX:
            continue
        if row.until:
            suppress_until(connection, new, row.cause, row.until, source=EventSource.PAGE, at=row.at)
        else:
            everywhere = row.publication == EVERY
            suppressions.suppress(
                connection, new, row.cause, row.words, everywhere=everywhere, source=EventSource.PAGE, at=row.at
            )
    suppressions.suppress(connection, old, SuppressionKind.MOVED, source=EventSource.PAGE)
