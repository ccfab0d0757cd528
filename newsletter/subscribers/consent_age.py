"""Age of what subscribers agreed to: by their last consent, or when they last said that they want the newsletter."""

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import Connection, bindparam, func, select

from newsletter.address import SubscriberKey
from newsletter.clock import Instant, parse_instant
from newsletter.store.engine import publication_of
from newsletter.store.events import find_last_said_by
from newsletter.store.schema import consents
from newsletter.subscribers.consent import CONSENT_AT
from newsletter.subscribers.feedback_events import EventKind
from newsletter.subscribers.subscriber import Subscriber

# By these somebody has said that they want it, or an editor has noted so.
_WANTING = (EventKind.SIGNED_UP, EventKind.RETURNED)

# Made once: for a million readers, asked about in groups, each statement would be one more for the garbage collector.
_LAST_GIVEN = (
    select(consents.c.subscriber, func.max(consents.c.given_at))
    .where(
        consents.c.publication == bindparam("publication"),
        consents.c.subscriber.in_(bindparam("keys", expanding=True)),
    )
    .group_by(consents.c.subscriber)
)


def find_last_agreed(connection: Connection, readers: Sequence[Subscriber]) -> dict[SubscriberKey, Instant]:
    """Return when each of these subscribers last agreed, by the store and by the list's own column `consent_at`.

    Of whom nobody knows, there is nothing. They are few enough for either database's parameters.
    """
    keys = [reader.key for reader in readers]
    given = connection.execute(_LAST_GIVEN, {"publication": publication_of(connection), "keys": keys})
    said = [*((row[0], row[1]) for row in given)]
    said += find_last_said_by(connection, keys, _WANTING).items()
    said += [(reader.key, reader.fields.get(CONSENT_AT, "")) for reader in readers]
    found: dict[SubscriberKey, Instant] = {}
    for key, text in said:
        with suppress(ValueError, OverflowError):  # empty, or no moment: a list may say anything
            moment = parse_instant(text)
            found[key] = max(moment, found.get(key, moment))
    return found
