"""Quoted-printable (RFC 2045, section 6.7), shaped so that compiled pieces can be put side by side.

Lines stay within 76 characters. A dot never starts a line, so that SMTP's dot-stuffing (RFC 5321,
section 4.5.2) finds nothing to do and the same bytes serve every way of sending.
"""

import re
from email.quoprimime import body_encode
from functools import lru_cache

SOFT_BREAK = b"=\r\n"
# One line that says the same encoded: no "=", no space at its end, no dot at its start.
_PLAIN = re.compile(r"[!-\-/-<>-~](?:[ -<>-~]{0,70}[!-<>-~])?")
# A long word that says the same encoded once it is broken, as tokens are.
_LONG_WORD = re.compile(r"[!-<>-~]{73,}")
_FIRST_DOT = re.compile(r"(?m)^\.")
_LONGEST = 73
_BYTES = [chr(byte) if byte == 9 or (32 <= byte <= 126 and byte != 61) else f"={byte:02X}" for byte in range(256)]


@lru_cache(maxsize=256)  # the same town for many readers, and each one's name in text and in HTML
def encode_quoted_printable(text: str) -> bytes:
    """Return `text` as quoted-printable lines joined by CRLF, which can stand between two soft line breaks."""
    if _PLAIN.fullmatch(text):
        return text.encode("ascii")
    if _LONG_WORD.fullmatch(text):
        whole = (len(text) - 2) // (_LONGEST - 1) * (_LONGEST - 1)
        lines = [text[start : start + _LONGEST - 1] for start in range(0, whole, _LONGEST - 1)]
        return _FIRST_DOT.sub("=2E", "=\r\n".join([*lines, text[whole:]])).encode("ascii")
    # Nearly all values are one short line.
    line = "".join(map(_BYTES.__getitem__, text.encode("utf-8")))
    if 0 < len(line) <= _LONGEST and "\n" not in text and "\r" not in text and line[-1] not in " \t" and line[0] != ".":
        return line.encode("ascii")
    return encode_without_shortcut(text)


def encode_without_shortcut(text: str) -> bytes:
    """Encode `text` as `encode_quoted_printable` does, a text of any length."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8")
    # Three columns are left free: two for the `=2E` that a dot at a line's start becomes, one for a soft break.
    quoted = body_encode(lines.decode("latin-1"), maxlinelen=_LONGEST, eol="\r\n")
    return _FIRST_DOT.sub("=2E", quoted).encode("ascii")
