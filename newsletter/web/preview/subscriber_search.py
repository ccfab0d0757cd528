"""Finds subscribers, for choosing whose mail is shown. URLs name them by an id, never by their address."""

import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from threading import Lock

from newsletter.errors import ConfigError
from newsletter.subscribers.csv_records import Wanted, every_record
from newsletter.subscribers.csv_source import read_subscribers
from newsletter.subscribers.subscriber import Subscriber
from newsletter.workspace import Workspace

_SHOWN = 100
_ID = re.compile(r"([0-9]{1,9})-([0-9a-f]{16})")
_ONE_AT_A_TIME = Lock()


def find_list(workspace: Workspace) -> Path | None:
    """Return where the list is; None while newsletter.toml can't be read."""
    try:
        return workspace.subscribers
    except ConfigError:
        return None


def reader_id(reader: Subscriber) -> str:
    """Return a subscriber's id: the row's line, looked at first, and a hash of the address, for rows that moved."""
    return f"{reader.line}-{_hash(reader)}"


def search(path: Path, words: str, most: int | None = _SHOWN) -> Iterator[Subscriber]:
    """Yield the first subscribers of the list whose row holds all of the words. Raises ListError."""
    wanted = words.casefold().split()

    def holds_all(_number: int, line: str) -> bool:
        text = line.casefold()
        return all(word in text for word in wanted)

    return islice(_readers(path, holds_all), most)


def find(path: Path, id_: str) -> Subscriber | None:
    """Return the subscriber of that id; None when the list has none. Raises ListError."""
    if not _ID.fullmatch(id_) or not path.is_file():
        return None
    with _ONE_AT_A_TIME:
        return _find(path, path.stat().st_mtime_ns, id_)


@lru_cache(maxsize=16)
def _find(path: Path, _changed: int, id_: str) -> Subscriber | None:
    line, hash_ = id_.split("-")
    nearest = _readers(path, lambda number, _line: number == int(line))
    return next((reader for rows in (nearest, _readers(path)) for reader in rows if _hash(reader) == hash_), None)


def _readers(path: Path, wanted: Wanted = every_record) -> Iterator[Subscriber]:
    return (row for row in read_subscribers(path, wanted) if isinstance(row, Subscriber))


def _hash(reader: Subscriber) -> str:
    return sha256(reader.key.encode()).hexdigest()[:16]
