"""Suppressions that a list's own columns tell of, in a temporary database: of a million rows each may tell of one."""

import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from newsletter.clock import parse_instant
from newsletter.subscribers.suppression_status import Suppression
from newsletter.subscribers.temporary_database import open_temporary_database

_TABLE = """CREATE TABLE suppressed (subscriber TEXT PRIMARY KEY, kind TEXT, words BLOB, since TEXT, described BLOB)
    WITHOUT ROWID"""


class ListedSuppressions(Mapping[str, Suppression]):
    """Suppressions by subscriber key, each with the column and the word by which it was found. The last one counts."""

    def __init__(self) -> None:
        self._database = open_temporary_database()
        self._database.execute(_TABLE)
        self._database.execute("BEGIN")
        self._is_empty = True
        weakref.finalize(self, self._database.close)

    def add(self, key: str, suppression: Suppression, described: str) -> None:
        """Note why a subscriber must not be mailed, over what was noted of them before."""
        self._is_empty = False
        since = suppression.since.isoformat() if suppression.since else ""
        row = (key, suppression.kind, _to_bytes(suppression.words), since, _to_bytes(described))
        self._database.execute("INSERT OR REPLACE INTO suppressed VALUES (?, ?, ?, ?, ?)", row)

    def describe(self, key: str) -> str:
        """Return the column and the word by which somebody is suppressed, empty when they are not."""
        found = self._find("described", key)
        return _to_text(found[0]) if found else ""

    def __getitem__(self, key: str) -> Suppression:
        if (found := self._find("kind, words, since", key)) is None:
            raise KeyError(key)
        kind, words, since = found
        return Suppression(kind, _to_text(words), parse_instant(since) if since else None)

    def __bool__(self) -> bool:
        return not self._is_empty

    def __iter__(self) -> Iterator[str]:
        for (key,) in self._database.execute("SELECT subscriber FROM suppressed ORDER BY subscriber"):
            yield key

    def __len__(self) -> int:
        (count,) = self._database.execute("SELECT count(*) FROM suppressed").fetchone()
        return int(count)

    def _find(self, columns: str, key: str) -> tuple[Any, ...] | None:
        if self._is_empty:  # as for nearly every list
            return None
        query = f"SELECT {columns} FROM suppressed WHERE subscriber = ?"  # noqa: S608  # columns are this class's own
        found: tuple[Any, ...] | None = self._database.execute(query, (key,)).fetchone()
        return found


def _to_bytes(text: str) -> bytes:
    """Return text as SQLite keeps it whatever is in it: letters that are not UTF-8 come as surrogates."""
    return text.encode("utf-8", "surrogatepass")


def _to_text(kept: bytes) -> str:
    return kept.decode("utf-8", "surrogatepass")
