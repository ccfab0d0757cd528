"""Changes between two images of an SQLite database, page by page: a slice of a campaign touches few of its pages."""

from hashlib import sha256

from newsletter.carried_state.sealing import NotOurs

_PAGE = 4096  # bytes; it need not be the database's own
_NUMBER = 4  # bytes of a page's number
_DIGEST = 32


def find_changes(old: bytes, new: bytes) -> bytes:
    """Return what makes `new` of `old`: a digest of the new image, its size, and each page that differs."""
    parts = [sha256(new).digest(), len(new).to_bytes(8, "big")]
    ours, theirs = memoryview(old), memoryview(new)
    for number, start in enumerate(range(0, len(new), _PAGE)):
        page = theirs[start : start + _PAGE]
        if page != ours[start : start + _PAGE]:
            parts += [number.to_bytes(_NUMBER, "big"), bytes(page)]
    return b"".join(parts)


def apply_changes(old: bytes, changes: bytes) -> bytes:
    """Return the new image. Raises NotOurs for changes that were made from another one."""
    size = int.from_bytes(changes[_DIGEST : _DIGEST + 8], "big")
    image = bytearray(old[:size].ljust(min(size, len(old) + len(changes)), b"\0"))
    at = _DIGEST + 8
    while at < len(changes):
        start = int.from_bytes(changes[at : at + _NUMBER], "big") * _PAGE
        at += _NUMBER
        length = min(_PAGE, size - start)
        if length <= 0:
            break
        image[start : start + length] = changes[at : at + length]
        at += length
    if sha256(image).digest() != changes[:_DIGEST]:
        raise NotOurs("its changes do not fit together")
    return bytes(image)
