"""The sealing of the carried state: encrypted by age, and with a proof that a holder of the identity has written it.

age (https://age-encryption.org/v1) says for whom a file is, and not by whom: anybody who may push could else put a
state there that sends what they like. So the manifest carries an HMAC (RFC 2104) by a key that is made from the
identity, over the digest of each file.
"""

from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest, digest
from typing import Any

from pydantic import SecretStr

from newsletter.errors import ConfigError

VARIABLE = "NEWSLETTER_CI__AGE_IDENTITY"
_PURPOSE = b"newsletter carried state"


class NotOurs(Exception):
    """A carried state that can't be believed or read, with the reason."""


class Seal:
    """The identity that the state is encrypted for, with further recipients who may read it.

    Raises ConfigError for an identity or a recipient that is none.
    """

    def __init__(self, identity: SecretStr, recipients: Sequence[str] = ()) -> None:
        self._age = _load_age()
        written = read_identity(identity.get_secret_value())
        try:
            self._identity: Any = self._age.x25519.Identity.from_str(written)
        except self._age.IdentityError as error:
            raise ConfigError(
                f"{VARIABLE} holds no age identity.",
                next_step="It is the line that begins with AGE-SECRET-KEY-1, of the file that `newsletter keys age` "
                "writes.",
            ) from error
        try:
            others = [self._age.x25519.Recipient.from_str(recipient) for recipient in recipients]
        except self._age.RecipientError as error:
            raise ConfigError(
                "[ci] recipients names somebody who is no age recipient.",
                next_step="A recipient begins with age1, and stands in a comment of the file of an identity.",
            ) from error
        self._recipients = [self._identity.to_public(), *others]
        self._key = digest(written.encode(), _PURPOSE, "sha256")

    def encrypt(self, data: bytes) -> bytes:
        """Return the data encrypted for the identity and all recipients."""
        sealed: bytes = self._age.encrypt(data, self._recipients)
        return sealed

    def decrypt(self, sealed: bytes) -> bytes:
        """Return what was encrypted. Raises NotOurs."""
        try:
            data: bytes = self._age.decrypt(sealed, [self._identity])
        except self._age.DecryptError as error:
            raise NotOurs(f"it is not for the identity in {VARIABLE}") from error
        return data

    def prove(self, text: bytes) -> str:
        """Return the proof that a holder of the identity has written a text."""
        return digest(self._key, text, "sha256").hex()

    def is_proved(self, text: bytes, proof: str) -> bool:
        """Return whether a proof is that of the text."""
        return compare_digest(self.prove(text), proof)


def hash_file(data: bytes) -> str:
    """Return the digest by which the manifest names a file."""
    return sha256(data).hexdigest()


def read_identity(text: str) -> str:
    """Return the identity in a text, which may be all of the file that has it, with comments."""
    lines = [line.strip() for line in text.splitlines()]
    return next((line for line in lines if line.upper().startswith("AGE-SECRET-KEY-")), text.strip()).upper()


def write_identity() -> tuple[str, str]:
    """Return the text of a file with a new identity, as age-keygen writes it, and its recipient."""
    identity = _load_age().x25519.Identity.generate()
    recipient = str(identity.to_public())
    return f"# public key: {recipient}\n{identity}\n", recipient


def _load_age() -> Any:  # it has no types
    try:
        import pyrage
    except ImportError as error:
        raise ConfigError(
            "A state that is carried on a branch is encrypted by pyrage, which is not installed.",
            next_step="Install it with the program: pip install 'newsletter-press[ci]'",
        ) from error
    return pyrage
