"""Removal of secrets from a peer's replies, since a peer may quote what it was given.

A mail server may answer a login with the login's own command, and that answer would be in the ledger and in reports
that are passed around. A secret is found as it is, escaped or encoded as logs and protocols write it, and at any place
within base64, as in the messages of SASL PLAIN, LOGIN and XOAUTH2 (RFC 4616, RFC 7628).
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"
_SHORTEST = 4  # characters of base64, 3 octets: fewer would hide innocent words
_SHORTEST_OF_NAMES = 6  # a name is no secret, so that its pieces may be longer
_ENCODED = "[A-Za-z0-9+/_=-]*"  # base64 in either alphabet


class Redactor:
    """A function that replaces secrets in text. `user` logs in with them: what follows it in a login is hidden, too."""

    def __init__(self, secrets: Iterable[str] = (), user: str = "") -> None:
        plain: set[str] = set()
        encoded: set[str] = set()
        for secret in secrets:
            plain.update(_list_spellings(secret))
            for octets in _list_encodings(secret):
                encoded.update(piece for piece in _find_base64_pieces(octets) if len(piece) >= _SHORTEST)
        if user:
            # The beginnings of PLAIN and XOAUTH2, of which a server may quote less than the whole.
            for login in (f"\0{user}\0", f"user={user}\x01auth="):
                encoded.update(
                    piece for piece in _find_base64_pieces(login.encode()) if len(piece) >= _SHORTEST_OF_NAMES
                )
        # CRAM-MD5's answer (RFC 2195), the name and 32 digits, lets passwords of a dictionary be tried.
        digests = [rf"{re.escape(user)}\s+[0-9a-f]{{32}}"] if user else []
        answer = _find_base64_pieces(f"{user} ".encode())[0] if user else ""
        if len(answer) >= _SHORTEST_OF_NAMES:
            encoded.add(answer)
        self._plain = _compile_pattern(plain, digests, re.IGNORECASE)
        self._encoded = _compile_pattern(encoded, [], 0)
        self._marks = {_squeeze(form).casefold() for form in (*plain, *encoded)} - {""}
        self._digest = re.compile(digests[0], re.IGNORECASE) if digests else None

    def __call__(self, text: str) -> str:
        """Return the text with `[hidden]` in the place of each secret, whatever white space a peer puts into it."""
        if not self._marks and self._digest is None:
            return text
        squeezed = _squeeze(text).casefold()
        if not any(mark in squeezed for mark in self._marks) and not (self._digest and self._digest.search(text)):
            return text
        if self._encoded is not None:
            text = self._without_encoded(text, self._encoded)
        return self._plain.sub(HIDDEN, text) if self._plain else text

    def cleanse(self, error: BaseException) -> None:
        """Take the secrets out of an exception and its causes, since a traceback shows all of them."""
        seen: set[int] = set()
        cause: BaseException | None = error
        while cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            cause.args = tuple(self._cleanse_value(value) for value in cause.args)
            # Some exceptions make their message of attributes of their own.
            vars(cause).update({name: self._cleanse_value(value) for name, value in vars(cause).items()})
            cause = cause.__cause__ or cause.__context__

    def _cleanse_value(self, value: object) -> object:
        if isinstance(value, bytes):
            text = value.decode("utf-8", "surrogateescape")
            return self(text).encode("utf-8", "surrogateescape")
        if isinstance(value, list):
            return [self._cleanse_value(one) for one in value]
        if type(value) is tuple:
            return tuple(self._cleanse_value(one) for one in value)
        return self(value) if isinstance(value, str) else value

    @staticmethod
    def _without_encoded(text: str, pattern: re.Pattern[str]) -> str:
        """Hide the whole run of base64 that a secret stands in: its edges hold parts of the secret."""
        pieces: list[str] = []
        done = 0
        for match in pattern.finditer(text):
            if match.start() < done:
                continue
            before = re.search(rf"{_ENCODED}\Z", text[done : match.start()])
            after = re.compile(_ENCODED).match(text, match.end())
            pieces += (text[done : done + before.start() if before else match.start()], HIDDEN)
            done = after.end() if after else match.end()
        return "".join([*pieces, text[done:]])


def _list_spellings(secret: str) -> Iterator[str]:
    """Yield the secret as it is, and escaped for what may quote it; nothing of an empty one."""
    if not secret.strip():
        return
    yield secret
    yield secret.replace("\\", "\\\\").replace('"', '\\"')  # a quoted string of IMAP, SMTP or a shell
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (repr(secret)[1:-1], repr(secret.encode("utf-8", "surrogateescape"))[2:-1])
    yield from (quote(secret, safe="", errors="replace"), quote(secret, errors="replace"))
    yield from (quote_plus(secret, errors="replace"), escape(secret), escape(secret, quote=False))
    for octets in _list_encodings(secret):
        yield octets.hex()
        yield from (octets.decode("latin-1"), octets.decode("utf-8", "replace"))
        yield octets.decode("utf-8", "surrogateescape")


def _list_encodings(secret: str) -> Iterator[bytes]:
    if secret.strip():
        yield secret.encode("utf-8", "surrogateescape")
        # Only where Latin-1 has all its letters: what was left of others would hide single letters anywhere.
        if not secret.isascii() and all(ord(letter) < 256 for letter in secret):
            yield secret.encode("latin-1")


def _find_base64_pieces(octets: bytes) -> list[str]:
    """Return the characters of base64 that depend on the octets alone, for each of the 3 offsets they may have."""
    pieces = []
    for offset in range(3):
        encoded = b64encode(b"\0" * offset + octets).decode("ascii")
        whole = (offset + len(octets)) * 8 // 6  # characters whose bits are all there
        piece = encoded[(0, 2, 3)[offset] : whole]
        pieces += [piece, piece.translate(str.maketrans("+/", "-_"))]
    return pieces


def _squeeze(text: str) -> str:
    return "".join(text.split())


def _compile_pattern(forms: Iterable[str], others: Iterable[str], flags: int) -> re.Pattern[str] | None:
    """Return a pattern with the longest form first, so that nothing of it is left, and white space anywhere."""
    ordered = sorted({_squeeze(form) for form in forms} - {""}, key=lambda form: (-len(form), form))
    patterns = [*(r"\s*".join(map(re.escape, form)) for form in ordered), *others]
    return re.compile("|".join(patterns), flags) if patterns else None
