"""Values of a directory's attributes as cells of a list. Anybody in the directory may have written them."""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from newsletter.address import normalise_address, subscriber_key
from newsletter.errors import ListError
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.temporary_database import open_temporary_database

_LONGEST = 10_000  # bytes of a value, far over what a row may hold
# The first part of a distinguished name, and that another follows (RFC 4514).
_GROUP = re.compile(r"[A-Za-z][A-Za-z0-9-]*=((?:\\.|[^\\,+])*)[,+]\s*[A-Za-z][A-Za-z0-9-]*=", re.DOTALL)
_ESCAPED = re.compile(rb"\\(?:([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_BETWEEN_TAGS = re.compile(r"[,;|]+")


class KeptAddresses:
    """The addresses on the list as it was fetched last, read when the first of them is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None

    def __contains__(self, address: str) -> bool:
        if self._database is None:
            self._database = open_temporary_database()
            self._database.execute("CREATE TABLE kept (subscriber TEXT PRIMARY KEY) WITHOUT ROWID")
            self._database.executemany("INSERT OR IGNORE INTO kept VALUES (?)", self._read_keys())
        try:
            key = subscriber_key(normalise_address(address))
        except ValueError:
            return False
        return self._database.execute("SELECT 1 FROM kept WHERE subscriber = ?", (key,)).fetchone() is not None

    def _read_keys(self) -> Iterator[tuple[str]]:
        # A kept file that somebody has damaged is only replaced.
        with suppress(ListError):
            yield from ((row.key,) for row in CsvSource(self._path).read_rows() if isinstance(row, Subscriber))

    def close(self) -> None:
        if self._database is not None:
            self._database.close()


def read_text(value: bytes) -> str:
    """Return a value's text; of a picture or a certificate the beginning, with a sign for what is none.

    A row with control characters is named, and is mailed to nobody.
    """
    return value[:_LONGEST].decode("utf-8", "replace")


def choose_address(values: Sequence[str], kept: KeptAddresses) -> str:
    """Return the one of somebody's addresses that is mailed: the one of last time, or else the first.

    A directory has no order of values (RFC 4511, section 4.1.7), and who left by one address must not come back by
    another.
    """
    if len(values) > 1:
        return next((value for value in values if value in kept), values[0])
    return next(iter(values), "")


def read_group_names(values: Iterable[str]) -> Iterator[str]:
    """Yield tags: of a group's distinguished name its first part, and else each word of a value."""
    for value in values:
        named = _GROUP.match(value)
        parts = [_BETWEEN_TAGS.sub(" ", _unescape(named[1]))] if named else _BETWEEN_TAGS.split(value)
        yield from filter(None, ("-".join(part.split()) for part in parts))


def _unescape(text: str) -> str:
    """Return a part of a distinguished name without its escapes (RFC 4514, section 2.4)."""
    octets = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()) if found[1] else found[2], text.encode())
    return octets.decode("utf-8", "replace")
