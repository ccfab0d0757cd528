"""Tokens that a subscriber's links and return paths carry: who they are and which issue it was, hidden and signed.

They are sealed (see token_seal), so that no address is in a web server's log, and always the same for the same
subscriber and issue, so that a copy made later equals what was sent. They are bound to the list: another list's token
is no token here.
"""

from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hmac import compare_digest, digest

from newsletter.address import SubscriberKey
from newsletter.issue_name import IssueName
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.token_seal import TokenSeal

_MARK = 10  # bytes of a return path's signature, 16 letters
_DIGITS = 19  # of a number that both databases hold


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """The subscriber, by key, whose token it is, and the issue that it came with."""

    subscriber: SubscriberKey
    issue: IssueName


class TokenSigner:
    """Writer and reader of the tokens and VERP tags of one list."""

    def __init__(self, keys: SecretKeys, list_id: str) -> None:
        self._keys = keys
        self._list = list_id.lower()
        self._seal = TokenSeal(keys, hiding=f"hide {self._list}", signing=f"sign {self._list}")

    def write(self, issue: IssueName, subscriber: str) -> str:
        """Return an unsubscribe token: letters, digits, `-`, `_` and one dot, which fit addresses and subjects."""
        return self._seal.seal(f"{issue}\0{subscriber}")

    def read(self, token: str) -> TokenHolder | None:
        """Return whose token it is; None for anything not written for this list with one of the keys."""
        text = self._seal.open(token)
        if text is None:
            return None
        issue, _, subscriber = text.partition("\0")
        return TokenHolder(SubscriberKey(subscriber), IssueName(issue))

    def write_verp_tag(self, delivery: int, subscriber: str) -> str:
        """Return the signed tag by which a return path names a delivery (VERP): a bounce to it is about that very mail.

        Small letters, digits and a hyphen, 27 at most, since servers may change the case of what they return.
        """
        return f"{delivery}-{_short(self._marking[0], delivery, subscriber)}"

    def is_verp_tag(self, tag: str, delivery: int, subscriber: str) -> bool:
        """Return whether a tag is that of a delivery, written with one of the keys."""
        signature = tag.lower().partition("-")[2].encode()
        return any(compare_digest(signature, _short(key, delivery, subscriber).encode()) for key in self._marking)

    def derive_notice_seeds(self, subscriber: str) -> Sequence[str]:
        """Return what the Message-IDs of a subscriber's own mails, outside of any campaign, are made of.

        By the newest key first; so nobody else can make one.
        """
        return [f"{key.hex()}\0{subscriber}" for key in self._keys.derive(f"notice {self._list}")]

    @cached_property
    def _marking(self) -> Sequence[bytes]:
        return self._keys.derive(f"mark {self._list}")


def parse_verp_tag(tag: str) -> int | None:
    """Return the number of the delivery that a tag is about, also when it is forged; None when it names none."""
    number, _, _ = tag.partition("-")
    return int(number) if number.isascii() and number.isdigit() and len(number) < _DIGITS else None


def _short(key: bytes, delivery: int, subscriber: str) -> str:
    signed = digest(key, f"{delivery}\0{subscriber}".encode("utf-8", "surrogatepass"), "sha256")
    return b32encode(signed[:_MARK]).decode("ascii").lower()
