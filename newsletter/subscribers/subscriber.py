"""A subscriber: one person on the list, and the key by which they are known everywhere."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from newsletter.address import EmailAddress, SubscriberKey, normalise_address, subscriber_key
from newsletter.errors import ListError


class SubscriberStatus(StrEnum):
    """Status on the list itself. Only the active are mailed, and of those nobody who is suppressed."""

    PENDING = "pending"  # has not confirmed yet
    ACTIVE = "active"
    PAUSED = "paused"
    LEFT = "left"


# Columns in which lists have the language of a subscriber; of several the first that says something counts.
LANGUAGE_COLUMNS = ("language", "lang", "locale")


# A list makes a million of these: a named tuple is made in half the time of a frozen dataclass.
class Subscriber(NamedTuple):
    """A person on the list. `fields` holds every column but the tags, `email` and `name` among them.

    `line` is where a file has them, counted from 1; 0 for one who comes from no file.
    """

    address: EmailAddress
    fields: Mapping[str, str]
    tags: frozenset[str] = frozenset()
    line: int = 0
    status: SubscriberStatus = SubscriberStatus.ACTIVE

    @property
    def key(self) -> SubscriberKey:
        return subscriber_key(self.address)


def find_language(fields: Mapping[str, str]) -> str:
    """Return what a subscriber's fields say of their language, as it was written; empty when they say nothing."""
    return next((value for name in LANGUAGE_COLUMNS if (value := fields.get(name))), "")


def unlisted_subscriber(address: EmailAddress) -> Subscriber:
    """Return a subscriber for an address that is on no list."""
    return Subscriber(address=address, fields={"email": address, "name": ""})


def parse_subscriber_key(address: str) -> SubscriberKey:
    """Return the key of the subscriber whom a person means by an address. Raises ListError when it is none."""
    try:
        return subscriber_key(normalise_address(address))
    except ValueError as error:
        raise ListError(f"{address!r} is no address: {error}", next_step="Write it as name@example.org.") from error
