"""A process that makes DKIM signatures for another one, and how the two talk over a socket.

The other one gives the keys first, and then the header and the body's hash of one message after another; it gets the
signatures in the same order. It imports little, so that it starts quickly.
"""

import json
import socket
from collections.abc import Iterator, Sequence
from struct import Struct

from newsletter.mail.dkim_signature import DkimKey, load_dkim_key, make_signatures

_LENGTH = Struct("!I")
_PARTS = Struct("!II")  # the lengths of a head and of a body's hash
_READ = 256 * 1024


class Frames:
    """Bytes that arrive in any pieces, taken apart into the frames that were written."""

    def __init__(self) -> None:
        self._rest = b""

    def read(self, data: bytes) -> Iterator[bytes]:
        """Yield the frames that are whole by now."""
        data, at = self._rest + data, 0
        while len(data) >= at + _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, at)
            end = at + _LENGTH.size + length
            if len(data) < end:
                break
            yield data[at + _LENGTH.size : end]
            at = end
        self._rest = data[at:]


def frame(data: bytes) -> bytes:
    """Return data as one frame."""
    return _LENGTH.pack(len(data)) + data


def frame_keys(domain: str, keys: Sequence[DkimKey]) -> bytes:
    """Return the first frame: the keys to sign by."""
    pems = [[key.selector, key.pem.decode("ascii")] for key in keys]
    return frame(json.dumps({"domain": domain, "keys": pems}).encode())


def frame_message(head: bytes, body_hash: bytes) -> bytes:
    """Return the frame of a message that is to be signed."""
    return frame(_PARTS.pack(len(head), len(body_hash)) + head + body_hash)


def answer_parent() -> None:
    """Sign what comes over the socket that is stdin, until the other side closes it."""
    with socket.socket(fileno=0) as parent:
        frames = Frames()
        domain, keys = "", list[DkimKey]()
        while data := parent.recv(_READ):
            answers = []
            for each in frames.read(data):
                if not keys:
                    told = json.loads(each)
                    domain = told["domain"]
                    found = (load_dkim_key(selector, pem.encode("ascii")) for selector, pem in told["keys"])
                    keys = [key for key in found if key is not None]
                    continue
                head_length, hash_length = _PARTS.unpack_from(each)
                middle = _PARTS.size + head_length
                signatures = make_signatures(
                    domain, keys, each[_PARTS.size : middle], each[middle : middle + hash_length]
                )
                answers.append(frame(signatures))
            parent.sendall(b"".join(answers))
