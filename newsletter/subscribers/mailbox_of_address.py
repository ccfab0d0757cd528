"""The mailbox behind an address, as far as providers' habits tell: many addresses may lead to one.

It is for limits alone, so that all addresses of one mailbox count together. As a subscriber, `ada+news@example.org` is
another one than `ada@example.org`.
"""

from newsletter.address import SubscriberKey, domain_of, local_part_of

# Gmail looks at no dots before the @, and has two domains for one mailbox.
_WITHOUT_DOTS = ("gmail.com", "googlemail.com")


def find_mailbox(subscriber: SubscriberKey) -> str:
    """Return the mailbox of a subscriber: what is behind a plus is a label at most providers (RFC 5233)."""
    local, domain = local_part_of(subscriber), domain_of(subscriber)
    name = local.partition("+")[0] or local
    if domain in _WITHOUT_DOTS:
        return f"{name.replace('.', '')}@{_WITHOUT_DOTS[0]}"
    return f"{name}@{domain}"
