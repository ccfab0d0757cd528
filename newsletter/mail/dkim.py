"""DKIM signatures (RFC 6376), by RSA and by Ed25519 (RFC 8463).

The body is hashed as it is (`simple`): it is quoted-printable and base64, with no white space for a relay to
change. A signature bears no time, so that the same message is signed the same today and when somebody asks
what a reader got.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from newsletter.address import domain_of
from newsletter.config import Config
from newsletter.mail.dkim_keys import DkimKey, read_dkim_keys
from newsletter.mail.message import Message

# Fields that readers see, or that their programs and providers act on (RFC 6376, section 5.4.1; RFC 8058, section 4).
_SIGNED = (
    "From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Id",
    "List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "List-Archive", "Feedback-ID",
)  # fmt: skip
# Covered even when a message lacks them. A relay may add others that it lacks, such as List-Unsubscribe-Post.
_NEVER_ADDED = ("From", "To", "Cc", "Reply-To", "Subject")
_FOLD = 72
_FIELD_END = re.compile(rb"\r\n(?![ \t])")
_WHITE = re.compile(rb"(?:\r\n)?[ \t]+")
_EMPTY_LINES = re.compile(rb"(?:\r\n)+\Z")


class DkimSigner:
    """A signer with one or several keys, each of which adds a signature to a message."""

    def __init__(self, domain: str, keys: Sequence[DkimKey]) -> None:
        self._domain = domain
        self._keys = keys

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
        head, _, body = message.data.partition(b"\r\n\r\n")
        body_hash = b64encode(sha256(_simplify(body)).digest())
        names, header = _select_covered(head)
        signatures = b"".join(self._make_signature(key, names, header, body_hash) for key in self._keys)
        return message._replace(pieces=(signatures, *message.pieces))

    def _make_signature(self, key: DkimKey, names: tuple[str, ...], header: bytes, body_hash: bytes) -> bytes:
        written, hashed = _build_frame(key.algorithm, self._domain, key.selector, names)
        signature = b64encode(key.sign(header + hashed % body_hash))
        lines = (signature[start : start + _FOLD] for start in range(0, len(signature), _FOLD))
        return written % body_hash + b"\r\n  ".join(lines) + b"\r\n"


@lru_cache(maxsize=16)
def _build_frame(algorithm: str, domain: str, selector: str, names: tuple[str, ...]) -> tuple[bytes, bytes]:
    """Return a signature's own header without the body's hash and the signature: as written, and as hashed."""
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > _FOLD:
            lines.append("")
        lines[-1] += f"{name}:"
    covered = "\r\n  ".join(lines).rstrip(":")
    written = (
        f"DKIM-Signature: v=1; a={algorithm}; c=relaxed/simple;\r\n d={domain}; s={selector};\r\n"
        f" h={covered};\r\n bh=%b;\r\n b="
    ).encode("ascii")
    return written, _relax(written)[1].removesuffix(b"\r\n")


def _select_covered(head: bytes) -> tuple[tuple[str, ...], bytes]:
    """Return the names for the h= tag, and their fields as they are hashed."""
    fields = [_relax(line) for line in _FIELD_END.split(head)]
    names, numbers = _choose_covered(tuple(name for name, _ in fields))
    return names, b"".join([fields[number][1] for number in numbers])


@lru_cache(maxsize=16)
def _choose_covered(there: tuple[bytes, ...]) -> tuple[tuple[str, ...], Sequence[int]]:
    """Return the names for the h= tag, and which fields they cover; `there` are the names of a header's fields.

    Each name is listed once more than it occurs, so that another field of that name breaks the signature (RFC 6376,
    section 8.15). Of several fields of one name the last comes first (section 5.4.2).
    """
    names: list[str] = []
    covered: list[int] = []
    for name in _SIGNED:
        numbers = [number for number, other in enumerate(there) if other == name.lower().encode("ascii")]
        covered += reversed(numbers)
        if numbers or name in _NEVER_ADDED:
            names += [name] * (len(numbers) + 1)
    return tuple(names), covered


@lru_cache(maxsize=64)
def _relax(field: bytes) -> tuple[bytes, bytes]:
    """Return a header field's name and its line in the `relaxed` form (RFC 6376, section 3.4.2).

    Most are the same for every recipient.
    """
    name, _, value = field.partition(b":")
    name = name.rstrip().lower()
    return name, name + b":" + _WHITE.sub(b" ", value).strip(b" ") + b"\r\n"


def _simplify(body: bytes) -> bytes:
    """Return the body in the `simple` form (RFC 6376, section 3.4.3), which ends with one line break."""
    if body.endswith(b"\r\n") and not body.endswith(b"\r\n\r\n"):
        return body
    return _EMPTY_LINES.sub(b"", body) + b"\r\n"
