"""Quoted-printable (RFC 2045, section 6.7), shaped so that compiled pieces can be put side by side.

Lines stay within 76 characters. A dot never starts a line, so that SMTP's dot-stuffing (RFC 5321,
section 4.5.2) finds nothing to do and the same bytes serve every way of sending.
"""

import re
from email.quoprimime import body_encode

SOFT_BREAK = b"=\r\n"
# One line that says the same encoded: no "=", no space at its end, no dot at its start.
_PLAIN = re.compile(r"[!-\-/-<>-~](?:[ -<>-~]{0,70}[!-<>-~])?")


def encode_quoted_printable(text: str) -> bytes:
    """Return `text` as quoted-printable lines joined by CRLF, which can stand between two soft line breaks."""
    return text.encode("ascii") if _PLAIN.fullmatch(text) else encode_without_shortcut(text)


def encode_without_shortcut(text: str) -> bytes:
    """Encode `text` as `encode_quoted_printable` does, without looking first whether it needs any encoding."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8")
    # Three columns are left free: two for the `=2E` that a dot at a line's start becomes, one for a soft break.
    quoted = body_encode(lines.decode("latin-1"), maxlinelen=73, eol="\r\n")
    return re.sub(r"(?m)^\.", "=2E", quoted).encode("ascii")
