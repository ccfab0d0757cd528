"""The signatures themselves (RFC 6376, RFC 8463): by which keys, over which fields, and how they are written.

It imports nothing but the standard library until a key is loaded, so that a process that only signs starts quickly.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

_LEAST_BITS = 1024  # RFC 8301, section 3.2: the least that a signer must use
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


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A private key, ready for signing. `sign` takes the bytes themselves, not their hash; `pem` is what it is of."""

    selector: str
    algorithm: str
    sign: Callable[[bytes], bytes]
    pem: bytes = field(default=b"", repr=False)


def load_dkim_key(selector: str, pem: bytes) -> DkimKey | None:
    """Return the key in a PEM; None for one of a kind that no receiver takes.

    Raises ValueError, TypeError and cryptography's UnsupportedAlgorithm for what is no key without a password.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem, password=None)
    if isinstance(key, Ed25519PrivateKey):
        # RFC 8463, section 3: what is signed is the hash.
        return DkimKey(selector, "ed25519-sha256", lambda data: key.sign(sha256(data).digest()), pem)
    if isinstance(key, RSAPrivateKey) and key.key_size >= _LEAST_BITS:
        padding, digest = PKCS1v15(), SHA256()
        return DkimKey(selector, "rsa-sha256", lambda data: key.sign(data, padding, digest), pem)
    return None


def make_signatures(domain: str, keys: Sequence[DkimKey], head: bytes, body_hash: bytes) -> bytes:
    """Return the DKIM-Signature lines of a message, one field for each key.

    `head` is the message's header without the blank line, `body_hash` the body's hash in base64.
    """
    names, header = _select_covered(head)
    return b"".join(_make_signature(domain, key, names, header, body_hash) for key in keys)


def _make_signature(domain: str, key: DkimKey, names: tuple[str, ...], header: bytes, body_hash: bytes) -> bytes:
    written, hashed = _build_frame(key.algorithm, domain, key.selector, names)
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
