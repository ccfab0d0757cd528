"""The language of the page for one reader: that of the issue whose link they opened, or else what the list says."""

from collections.abc import Sequence

from newsletter.ledger.deliveries import find_delivery
from newsletter.store import Store
from newsletter.subscribers.stored_subscribers import find_subscribers
from newsletter.subscribers.subscriber import find_language
from newsletter.subscribers.tokens import TokenHolder
from newsletter.translation import look_up_language


def find_page_language(store: Store, holder: TokenHolder, languages: Sequence[str]) -> str:
    """Return in which of the publication's `languages`, its own first, the holder of a token is answered; "" for that.

    The delivery of the issue that the token names has it; of one that has none, such as a test, the list where it is in
    the store. A list in a file is not read here: it would take as long as the list is, for each link that is opened.
    """
    if delivery := find_delivery(store, holder.issue, holder.subscriber):
        return delivery.language
    with store.reading() as connection:
        known = find_subscribers(connection, [holder.subscriber]).get(holder.subscriber)
    if known is None:
        return ""
    found = look_up_language(known.language or find_language(known.fields), languages)
    return found if found and found != languages[0] else ""
