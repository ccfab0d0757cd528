"""Tokens of links that do one thing: confirm a request, open what is known of a reader, give up an old address.

They are sealed as unsubscribe tokens are, bound to the list likewise, and with keys of each purpose's own, so that a
token of one purpose is none of another. Each ends at a moment that is sealed within.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from time import time

from newsletter.address import SubscriberKey
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.token_seal import TokenSeal


class TokenPurpose(StrEnum):
    """The purposes of tokens. Each is part of what its keys are derived from."""

    CONFIRM = "confirm"  # a request of this address; the reference is the request's id
    ACCESS = "access"  # to all that is known of a reader
    OLD_ADDRESS = "old-address"  # a change of address, at the address that is to go; the reference is the request's id


@dataclass(frozen=True, slots=True)
class PurposeToken:
    """Content of a token: whose it is, by key, what it is about, and until when it is good (seconds since 1970)."""

    subscriber: SubscriberKey
    reference: str
    expires_at: int


class PurposeTokenSigner:
    """Writer and reader of one list's tokens with a purpose. `clock` gives seconds since 1970."""

    def __init__(self, keys: SecretKeys, list_id: str, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        name = list_id.lower()
        self._seals = {
            purpose: TokenSeal(keys, hiding=f"hide for {purpose} {name}", signing=f"sign for {purpose} {name}")
            for purpose in TokenPurpose
        }

    def write(self, purpose: TokenPurpose, subscriber: SubscriberKey, reference: str, expires_at: float) -> str:
        """Return a token: letters, digits, `-`, `_` and one dot. `reference` has no NUL in it."""
        return self._seals[purpose].seal(f"{int(expires_at)}\0{reference}\0{subscriber}")

    def read(self, purpose: TokenPurpose, token: str) -> PurposeToken | None:
        """Return what a token says; None for one that has ended, or was not written for this purpose and this list."""
        text = self._seals[purpose].open(token)
        if text is None:
            return None
        expires_at, _, rest = text.partition("\0")
        reference, _, subscriber = rest.partition("\0")
        if int(expires_at) <= self._clock():
            return None
        return PurposeToken(SubscriberKey(subscriber), reference, int(expires_at))
