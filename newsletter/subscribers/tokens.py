"""Tokens that a subscriber's links and return paths carry: who they are and which issue it was, hidden and signed.

The inside is enciphered by AES-SIV (RFC 5297), so that no address is in a web server's log, and always the same for
the same subscriber and issue, so that a copy made later equals what was sent. The outside is signed by itsdangerous,
which knows about keys that follow one another. Both are bound to the list: another list's token is no token here.
"""

import re
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from hmac import compare_digest, digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from newsletter.address import SubscriberKey
from newsletter.issue_name import IssueName
from newsletter.subscribers.secret_keys import SecretKeys

# As `TokenSigner.write` writes them, in whatever text they are; a space before them is %20 in an address (RFC 6068).
TOKENS_IN_TEXT = (
    r"(?:(?<=%20)|(?<![A-Za-z0-9_-])(?!20(?<=%20)))[A-Za-z0-9_-]{22,700}\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"
)
_TOKEN = re.compile(TOKENS_IN_TEXT)
_LONGEST = 1000  # an address has 254 characters at most
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

    def write(self, issue: IssueName, subscriber: str) -> str:
        """Return an unsubscribe token: letters, digits, `-`, `_` and one dot, which fit addresses and subjects."""
        inside = self._ciphers[0].encrypt(f"{issue}\0{subscriber}".encode(), None)
        return self._signer.sign(urlsafe_b64encode(inside).rstrip(b"=")).decode("ascii")

    def read(self, token: str) -> TokenHolder | None:
        """Return whose token it is; None for anything not written for this list with one of the keys."""
        try:
            written = token.encode("ascii") if len(token) <= _LONGEST else b""
            inside = self._signer.unsign(written)
            hidden = urlsafe_b64decode(inside + b"=" * (-len(inside) % 4))
        except (BadSignature, ValueError):
            return None
        # The last letter of base64 can be written in several ways, of which one is ours.
        signature = written.rpartition(b".")[2]
        if base64_encode(base64_decode(signature)) != signature:
            return None
        for cipher in self._ciphers:
            try:
                issue, _, subscriber = cipher.decrypt(hidden, None).decode().partition("\0")
            except (InvalidTag, ValueError):
                continue
            return TokenHolder(SubscriberKey(subscriber), IssueName(issue))
        return None

    def write_verp_tag(self, delivery: int, subscriber: str) -> str:
        """Return the signed tag by which a return path names a delivery (VERP): a bounce to it is about that very mail.

        Small letters, digits and a hyphen, 27 at most, since servers may change the case of what they return.
        """
        return f"{delivery}-{_short(self._marking[0], delivery, subscriber)}"

    def is_verp_tag(self, tag: str, delivery: int, subscriber: str) -> bool:
        """Return whether a tag is that of a delivery, written with one of the keys."""
        signature = tag.lower().partition("-")[2].encode()
        return any(compare_digest(signature, _short(key, delivery, subscriber).encode()) for key in self._marking)

    @cached_property
    def _marking(self) -> Sequence[bytes]:
        return self._keys.derive(f"mark {self._list}")

    @cached_property
    def _ciphers(self) -> Sequence[AESSIV]:
        return [AESSIV(key) for key in self._keys.derive(f"hide {self._list}")]

    @cached_property
    def _signer(self) -> Signer:
        keys = list(reversed(self._keys.derive(f"sign {self._list}")))  # itsdangerous wants the newest last
        return Signer(keys, salt=b"newsletter-press", digest_method=sha256)


def hide_tokens(text: str) -> str:
    """Return the text without tokens, so that it can be shown and kept: a token unsubscribes whose it is."""
    return _TOKEN.sub("[a reader's token]", text)


def parse_verp_tag(tag: str) -> int | None:
    """Return the number of the delivery that a tag is about, also when it is forged; None when it names none."""
    number, _, _ = tag.partition("-")
    return int(number) if number.isascii() and number.isdigit() and len(number) < _DIGITS else None


def _short(key: bytes, delivery: int, subscriber: str) -> str:
    signed = digest(key, f"{delivery}\0{subscriber}".encode("utf-8", "surrogatepass"), "sha256")
    return b32encode(signed[:_MARK]).decode("ascii").lower()
