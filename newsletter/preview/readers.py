"""The list, for choosing whose mail is shown. A reader is named by a hash, since addresses don't belong into a URL."""

from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path

from newsletter.audience.subscribers import Subscriber, read_subscribers

_SHOWN = 20
_SEARCHED = 50_000  # rows: some seconds' worth; whoever has more types more of the address


def reader_id(reader: Subscriber) -> str:
    return sha256(reader.reader.encode()).hexdigest()[:16]


def search(path: Path, words: str) -> list[Subscriber]:
    """The first readers of the list whose name, address or tags hold `words`. Raises ListError."""
    wanted = words.casefold().split()
    found = (reader for reader in islice(_readers(path), _SEARCHED) if _matches(reader, wanted))
    return list(islice(found, _SHOWN))


def find(path: Path, id_: str) -> Subscriber | None:
    """The reader of that id; None when the list has none. Raises ListError."""
    status = path.stat() if path.is_file() else None
    return _find(path, status.st_mtime_ns, id_) if status else None


@lru_cache(maxsize=16)
def _find(path: Path, _changed: int, id_: str) -> Subscriber | None:
    return next((reader for reader in _readers(path) if reader_id(reader) == id_), None)


def _readers(path: Path) -> Iterator[Subscriber]:
    return (row for row in read_subscribers(path) if isinstance(row, Subscriber))


def _matches(reader: Subscriber, wanted: list[str]) -> bool:
    text = " ".join([*reader.fields.values(), *sorted(reader.tags)]).casefold()
    return all(word in text for word in wanted)
