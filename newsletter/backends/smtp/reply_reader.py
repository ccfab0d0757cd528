"""Replies of an SMTP server, read from the bytes that arrive (RFC 5321, section 4.2)."""

from collections.abc import Iterator

LONGEST_REPLY = 8192  # section 4.5.3.1.5 has 512 octets for a line; more than this is no reply, and is not kept
GARBLED = 0  # in a code's place: what came can't be understood, nor anything after it


class ReplyReader:
    """A reader of replies that arrive in pieces of any length; it keeps the piece that is not whole yet."""

    def __init__(self) -> None:
        self._partial = b""
        self._lines: list[bytes] = []  # of a reply of several lines: its code, then their texts
        self._size = 0  # of those lines

    @property
    def unfinished(self) -> bool:
        """Return whether a reply has begun and its end is still to come."""
        return bool(self._partial or self._lines)

    def read(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield each reply that is whole now, as its code and its text; a code of GARBLED is the last."""
        if self._partial:
            data = self._partial + data
            self._partial = b""
        start = 0
        while end := data.find(b"\n", start) + 1:
            line = data[start:end]
            start = end
            code, mark = line[:3], line[3:4]
            self._size += len(line)
            # Section 4.2.1: the first digit is 2 to 5, and 1 has no meaning in SMTP; all lines have one code.
            good = code.isdigit() and b"2" <= code < b"6" and mark in b" -\t\r\n"
            if not good or self._size > LONGEST_REPLY or (self._lines and self._lines[0] != code):
                yield GARBLED, line[:LONGEST_REPLY]
                return
            if mark == b"-":
                self._lines += (line[4:],) if self._lines else (code, line[4:])
                continue
            text = line[4:]
            if self._lines:
                text = b"".join([*self._lines[1:], text])
                self._lines = []
            self._size = 0
            yield int(code), text
        self._partial = data[start:]
        if self._size + len(self._partial) > LONGEST_REPLY:
            yield GARBLED, self._partial[:LONGEST_REPLY]


def decode_reply(text: bytes) -> str:
    """Return a reply's text on one line. Bytes that are not UTF-8 are kept as lone surrogates."""
    return " ".join(text.decode("utf-8", "surrogateescape").split())
