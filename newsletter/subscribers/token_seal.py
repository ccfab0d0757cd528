"""The seal of tokens: a text made unreadable and signed, in letters that fit an address.

The inside is enciphered by AES-SIV (RFC 5297), which gives the same for the same text; the outside is signed by
itsdangerous, which knows about keys that follow one another.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from hmac import compare_digest, digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from itsdangerous import Signer
from itsdangerous.encoding import base64_encode

from newsletter.subscribers.secret_keys import SecretKeys

# As `TokenSeal.seal` writes them, in whatever text they are; a space before them is %20 in an address (RFC 6068).
TOKENS_IN_TEXT = (
    r"(?:(?<=%20)|(?<![A-Za-z0-9_-])(?!20(?<=%20)))[A-Za-z0-9_-]{22,700}\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"
)
_TOKEN = re.compile(TOKENS_IN_TEXT)
_LONGEST = 1000  # an address has 254 characters at most


class TokenSeal:
    """Sealing and opening of tokens by keys that are derived for `hiding` and for `signing`."""

    def __init__(self, keys: SecretKeys, *, hiding: str, signing: str) -> None:
        self._keys = keys
        self._hiding = hiding
        self._signing = signing

    def seal(self, text: str) -> str:
        """Return a token: letters, digits, `-`, `_` and one dot, which fit addresses and subjects."""
        inside = base64_encode(self._ciphers[0].encrypt(text.encode(), None))
        return b".".join((inside, _sign(self._signing_keys[0], inside))).decode("ascii")

    def open(self, token: str) -> str | None:
        """Return the text of a token; None for anything that was not sealed with one of these keys."""
        try:
            inside, _, signature = (token.encode("ascii") if len(token) <= _LONGEST else b"").rpartition(b".")
            # As Signer.unsign does, which derives the keys each time; and a signature can be written in one way alone.
            if not any(compare_digest(signature, _sign(key, inside)) for key in self._signing_keys):
                return None
            hidden = urlsafe_b64decode(inside + b"=" * (-len(inside) % 4))
        except ValueError:
            return None
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(hidden, None).decode()
            except (InvalidTag, ValueError):
                continue
        return None

    @cached_property
    def _ciphers(self) -> Sequence[AESSIV]:
        return [AESSIV(key) for key in self._keys.derive(self._hiding)]

    @cached_property
    def _signing_keys(self) -> Sequence[bytes]:
        """Return the keys of signatures as itsdangerous makes them, the newest first."""
        keys = self._keys.derive(self._signing)
        signer = Signer(keys, salt=b"newsletter-press", digest_method=sha256)
        return [signer.derive_key(key) for key in keys]


def _sign(key: bytes, inside: bytes) -> bytes:
    return base64_encode(digest(key, inside, "sha256"))


def hide_tokens(text: str) -> str:
    """Return the text without tokens, so that it can be shown and kept: a token acts for whose it is."""
    return _TOKEN.sub("[a reader's token]", text)
