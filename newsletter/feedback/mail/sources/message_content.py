"""Content of a message as it is read: its beginning, and a key made of all of it, without having it in memory."""

import hashlib
from typing import BinaryIO

from newsletter.feedback.mail.sources.mail_source import MOST

_CHUNK = 1 << 18


class MessageContent:
    """Beginning and key of a message that is added piece by piece; `key` depends on all that is not `volatile`."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._data = bytearray()
        self.cut_off = False

    def add(self, octets: bytes, *, volatile: bool = False) -> None:
        """Add the next octets of the message."""
        if not volatile:
            self._digest.update(octets)
        room = MOST - len(self._data)
        self._data += octets[:room]
        self.cut_off = self.cut_off or len(octets) > room

    @property
    def data(self) -> bytes:
        """The first octets, as many as are looked at."""
        return bytes(self._data)

    @property
    def key(self) -> str:
        """The message's key: `sha256:` and a digest."""
        return f"sha256:{self._digest.hexdigest()}"


def read_content(file: BinaryIO, size: int) -> MessageContent:
    """Read the next `size` octets, or what there is of them: a file may grow faster than it is read."""
    content = MessageContent()
    while size > 0 and (octets := file.read(min(_CHUNK, size))):
        content.add(octets)
        size -= len(octets)
    return content
