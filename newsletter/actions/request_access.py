"""The link to all that is known of a reader, mailed to their own address when they ask for it on their page."""

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.store import Store, suppressions
from newsletter.store.erased import hold_off_erasing, is_erased
from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.subscribers.moved_addresses import find_present_address
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.transactional.mail_kinds import MailKind
from newsletter.transactional.queue import count_queued, queue_mail

MOST_A_DAY = 3
# Whoever has a forwarded issue can ask for the link: no mail goes to who complained, nor where none arrives.
_NEVER = {SuppressionKind.COMPLAINED, SuppressionKind.SUPPRESSED, SuppressionKind.BOUNCED}


def request_access_link(
    store: Store, keys: SecretKeys | None, key: SubscriberKey, address: EmailAddress | None, language: str
) -> bool:
    """Queue the mail with the link, as far as one may be sent; return whether it was. The answer is always the same.

    `address` is how they write it, where that is known; `language` is empty for the publication's own.
    """
    with store.transaction() as connection:
        hold_off_erasing(connection)
        key = find_present_address(connection, key)
        if keys and is_erased(connection, keys.digest(key)):
            return False
        if _NEVER & suppressions.list_causes(connection, key).keys():
            return False
        if count_queued(connection, MailKind.ACCESS_LINK, key, hours=24) >= MOST_A_DAY:
            return False
        queue_mail(connection, MailKind.ACCESS_LINK, key, address or EmailAddress(key), language=language)
        return True
