"""Bodies that a server sends packed, unpacked piece by piece and never beyond a limit.

A few kilobytes of gzip can hold gigabytes. httpx unpacks whole what it has received; here no more is unpacked than is
asked for.
"""

import zlib

ACCEPTED = "gzip, deflate"


class UndecodableBody(Exception):
    """A body that is damaged, or packed in a way that was not asked for."""


class BodyDecoder:
    """The unpacked beginning of a body, up to a limit in bytes."""

    def __init__(self, encoding: str, limit: int) -> None:
        """Prepare for a Content-Encoding (RFC 9110, section 8.4). Raises UndecodableBody for one that is not known."""
        names = [name.strip().lower() for name in encoding.split(",")]
        packed = [name for name in names if name not in ("", "identity")]
        if len(packed) > 1 or (packed and packed[0] not in ("gzip", "x-gzip", "deflate")):
            raise UndecodableBody(encoding)
        self._limit = limit
        self._unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32) if packed else None
        self._may_be_raw = packed == ["deflate"]
        self.body = bytearray()

    @property
    def full(self) -> bool:
        """Return whether there is more than the limit."""
        return len(self.body) > self._limit

    def take(self, data: bytes) -> None:
        """Add what has been received. Raises UndecodableBody."""
        room = self._limit + 1 - len(self.body)
        if self._unpack is None:
            self.body += data[:room]
        elif room > 0 and not self._unpack.eof:
            try:
                self.body += self._unpack.decompress(self._unpack.unconsumed_tail + data, room)
            except zlib.error as error:
                if not self._may_be_raw or self.body:
                    raise UndecodableBody(str(error)) from error
                # Some servers send deflate without the wrapper of zlib that RFC 9110, section 8.4.1.2 wants.
                self._may_be_raw, self._unpack = False, zlib.decompressobj(wbits=-zlib.MAX_WBITS)
                self.take(data)

    def read(self) -> bytes:
        """Return what was unpacked, not more than the limit."""
        return bytes(self.body[: self._limit])
