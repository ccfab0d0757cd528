"""Mail addresses: the spelling in which they are mailed, the key by which their owner is known, their two parts."""

import re
from functools import lru_cache
from typing import NewType

from email_validator import EmailNotValidError, validate_email

# Parts before the @ that stay as they are; small letters, since some of those in capitals do not.
_SIMPLE = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*")
_LONGEST_LOCAL, _LONGEST = 64, 254  # RFC 5321, section 4.5.3.1

# As `normalise_address` gives it: mail can go there, and it has one spelling but for the case before the @.
EmailAddress = NewType("EmailAddress", str)
# By which a subscriber is known in the list, the store and every link.
SubscriberKey = NewType("SubscriberKey", str)


def subscriber_key(address: str) -> SubscriberKey:
    """Return the key of the person who has this address: `Ada@Example.org` and `ada@example.org` are one person.

    RFC 5321, section 2.4 lets a server tell apart the case of the part before the @, but the servers that subscribers
    use don't, and somebody who gets two copies, or who left and is mailed again, minds.
    """
    return SubscriberKey(address.casefold())


def domain_of(address: str) -> str:
    """Return what stands after the last @, as it is written; the whole text where there is no @."""
    return address.rpartition("@")[2]


def local_part_of(address: str) -> str:
    """Return what stands before the last @ (RFC 5321, section 2.3.11), empty where there is no @."""
    return address.rpartition("@")[0]


def normalise_address(address: str) -> EmailAddress:
    """Return the address as it is mailed: domain in small letters and ASCII. Raises ValueError with the reason.

    A part before the @ that is not ASCII would need SMTPUTF8, which many servers lack, and is refused. So is `=?`, by
    which an encoded word begins (RFC 2047, section 2): some programs decode it in an address, and mail another one.
    """
    address = address.strip()
    local, _, domain = address.partition("@")
    # A list has few domains beside its readers: each is looked at once.
    if len(address) <= _LONGEST and len(local) <= _LONGEST_LOCAL and _SIMPLE.fullmatch(local):
        known = _normalise_domain(domain)
        if known and len(local) + 1 + len(known) <= _LONGEST:
            return EmailAddress(f"{local}@{known}")
    return _validate(address)


@lru_cache(maxsize=20_000)
def _normalise_domain(domain: str) -> str:
    """Return the domain in its one spelling; empty for one that no mail can go to."""
    try:
        return _validate(f"x@{domain}").removeprefix("x@")
    except ValueError:
        return ""


def _validate(address: str) -> EmailAddress:
    if "=?" in address:
        raise ValueError("some mail programs would read another address out of the =? in it.")
    try:
        valid = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error
    return EmailAddress(valid.ascii_email or valid.normalized)
