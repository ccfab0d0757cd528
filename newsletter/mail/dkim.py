"""DKIM signatures (RFC 6376), by RSA and by Ed25519 (RFC 8463).

The body is hashed as it is (`simple`): it is quoted-printable and base64, with no white space for a relay to
change. A signature bears no time, so that the same message is signed the same today and when somebody asks
what a reader got.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from newsletter.address import domain_of
from newsletter.config import Config
from newsletter.mail.dkim_keys import read_dkim_keys
from newsletter.mail.dkim_signature import DkimKey, make_signatures
from newsletter.mail.message import Message

_HEAD_END = b"\r\n\r\n"
_EMPTY_LINES = re.compile(rb"(?:\r\n)+\Z")


class DkimSigner:
    """A signer for a domain with one or several keys, each of which adds a signature to a message."""

    def __init__(self, domain: str, keys: Sequence[DkimKey]) -> None:
        self.domain = domain
        self.keys = keys

    @classmethod
    def from_config(cls, config: Config, root: Path, config_path: Path) -> "DkimSigner | None":
        """Return the signer that [dkim] asks for; None when it asks for none.

        Key files are below `root`; the newsletter.toml at `config_path` names them. Raises ConfigError for a key that
        is not there, can't be used, or isn't kept to oneself.
        """
        if not config.dkim.selector:
            return None
        domain = config.dkim.domain or domain_of(config.sender.from_.address)
        return cls(domain, read_dkim_keys(config, root, config_path))

    def sign(self, message: Message) -> Message:
        """Return the message with its signatures."""
        return add_signatures(message, make_signatures(self.domain, self.keys, *hash_message(message)))


class HashedMessage(NamedTuple):
    """A message's header without the blank line, and the hash of its body in base64: what a signature is made over."""

    head: bytes
    body_hash: bytes


def hash_message(message: Message) -> HashedMessage:
    """Return what the message's signatures are made over. The pieces are hashed as they are, and never joined."""
    head, number = b"", 0
    while _HEAD_END not in head and number < len(message.pieces):
        head += message.pieces[number]
        number += 1
    head, _, begun = head.partition(_HEAD_END)
    body = [begun, *message.pieces[number:]]
    tail = b""
    for piece in reversed(body):
        tail = piece[-4:] + tail
        if len(tail) >= 4:  # two line breaks
            break
    # The `simple` form (RFC 6376, section 3.4.3) ends with one line break.
    if not tail.endswith(b"\r\n") or tail.endswith(b"\r\n\r\n"):
        body = [_EMPTY_LINES.sub(b"", b"".join(body)), b"\r\n"]
    hashing = sha256()
    for piece in body:
        hashing.update(piece)
    return HashedMessage(head, b64encode(hashing.digest()))


def add_signatures(message: Message, signatures: bytes) -> Message:
    """Return the message with signatures before its header."""
    return message._replace(pieces=(signatures, *message.pieces))
