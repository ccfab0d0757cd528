"""The language in which a subscriber is answered: that of what they got, or else what the list says of them."""

from collections.abc import Sequence

from newsletter.address import SubscriberKey
from newsletter.issue_name import IssueName
from newsletter.ledger.deliveries import find_delivery, list_deliveries
from newsletter.store import Store
from newsletter.subscribers.moved_addresses import find_present_address
from newsletter.subscribers.preferences import read_preferences
from newsletter.subscribers.stored_subscribers import find_subscribers
from newsletter.subscribers.subscriber import find_language
from newsletter.translation import look_up_language


def find_reader_language(store: Store, issue: IssueName, subscriber: SubscriberKey, languages: Sequence[str]) -> str:
    """Return in which of the publication's `languages`, its own first, a subscriber is answered; "" for its own.

    What they chose themselves counts. Else the delivery of `issue` has it; of one without, such as a test's, the list
    where it is in the store, and else the last issue that they got. A list in a file is not read: it would take as long
    as the list is for each who asks.
    """
    if len(languages) == 1:
        return ""
    with store.reading() as connection:
        chosen = read_preferences(connection, find_present_address(connection, subscriber)).language
    if chosen and chosen in languages:
        return chosen if chosen != languages[0] else ""
    if delivery := find_delivery(store, issue, subscriber):
        return delivery.language
    with store.reading() as connection:
        known = find_subscribers(connection, [subscriber]).get(subscriber)
    if known and (asked := known.language or find_language(known.fields)):
        found = look_up_language(asked, languages)
        return found if found and found != languages[0] else ""
    return next((delivery.language for delivery in list_deliveries(store, subscriber)), "")
