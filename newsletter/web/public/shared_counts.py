"""Counts and used challenges that several processes of one service share, in a file of this machine.

It is an SQLite file in a folder that only this user may enter and that goes with the service. It survives the death of
any process, and nothing in it is synced, since after a power cut there is nothing to count on. Names are kept as keyed
digests: who has the file learns no network and no reader from it.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from time import monotonic

_PATIENCE_S = 1.0  # for another process that writes: each takes a fraction of a millisecond
_CLEAR_EVERY_S = 600.0
_TABLES = """
CREATE TABLE IF NOT EXISTS counted (kind TEXT NOT NULL, name BLOB NOT NULL, at REAL NOT NULL, until REAL NOT NULL);
CREATE INDEX IF NOT EXISTS counted_by_name ON counted (kind, name, at);
CREATE INDEX IF NOT EXISTS counted_by_end ON counted (until);
CREATE TABLE IF NOT EXISTS used (name BLOB PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
"""


class SharedCounts:
    """The counts of one service, opened anew by each process. `clock` is one that all processes of a machine share.

    `key` is a secret of this run of the service.
    """

    def __init__(self, path: Path, key: bytes, clock: Callable[[], float] = monotonic) -> None:
        self._key = key
        self._clock = clock
        self._lock = Lock()
        self._clear_from = clock() + _CLEAR_EVERY_S
        self._file = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = OFF")
        with closing(self._file.cursor()) as cursor:
            cursor.executescript(_TABLES)

    def take(self, kind: str, name: str, most: int, seconds: float) -> bool:
        """Count one time of a name if that makes at most `most` within `seconds`; return whether it was counted."""
        now = self._clock()
        self._clear(now)
        hidden = self._hide(name)
        with self._lock:
            taken = self._file.execute(
                "INSERT INTO counted SELECT ?, ?, ?, ? WHERE "
                "(SELECT COUNT(*) FROM counted WHERE kind = ? AND name = ? AND at > ?) < ?",
                (kind, hidden, now, now + seconds, kind, hidden, now - seconds, most),
            )
            return taken.rowcount == 1

    def count(self, kind: str, name: str, seconds: float) -> int:
        """Return how often a name was counted within `seconds`."""
        query = "SELECT COUNT(*) FROM counted WHERE kind = ? AND name = ? AND at > ?"
        with self._lock:
            found = self._file.execute(query, (kind, self._hide(name), self._clock() - seconds)).fetchone()
        return int(found[0])

    def give_back(self, kind: str, name: str) -> None:
        """Take back the last time that a name was counted."""
        with self._lock:
            self._file.execute(
                "DELETE FROM counted WHERE rowid = "
                "(SELECT rowid FROM counted WHERE kind = ? AND name = ? ORDER BY at DESC LIMIT 1)",
                (kind, self._hide(name)),
            )

    def use_up(self, name: str, seconds: float) -> bool:
        """Note what may be used once within `seconds`; return False when any process has noted it before."""
        with self._lock:
            used = self._file.execute(
                "INSERT OR IGNORE INTO used VALUES (?, ?)", (self._hide(name), self._clock() + seconds)
            )
            return used.rowcount == 1

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _hide(self, name: str) -> bytes:
        return blake2b(name.encode("utf-8", "replace"), key=self._key, digest_size=16).digest()

    def _clear(self, now: float) -> None:
        if now < self._clear_from:
            return
        self._clear_from = now + _CLEAR_EVERY_S
        with self._lock:
            self._file.execute("DELETE FROM counted WHERE until <= ?", (now,))
            self._file.execute("DELETE FROM used WHERE until <= ?", (now,))


class SharedKind:
    """The shared counts of one kind within `seconds`, as a process by itself has them in memory."""

    def __init__(self, shared: SharedCounts, kind: str, seconds: float) -> None:
        self._shared = shared
        self._kind = kind
        self._seconds = seconds

    def count(self, name: str) -> int:
        """Return how often a name was counted within that time."""
        return self._shared.count(self._kind, name, self._seconds)

    def take(self, name: str, most: int) -> bool:
        """Count one time, unless that makes more than `most`. Return whether it was counted."""
        return self._shared.take(self._kind, name, most, self._seconds)

    def give_back(self, name: str) -> None:
        """Take back one time that was counted, and then could not be written down."""
        self._shared.give_back(self._kind, name)
