"""Measure why claims and results are recorded in groups: rows a second that SQLite changes, by the rows in one commit.

    .venv/bin/python benchmarks/commits.py [FOLDER]

The file is in WAL mode with `synchronous = FULL`, as the store is, in FOLDER or the folder for temporary files: the
figures are those of its disk.
"""

import sqlite3
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from table import machine

AMOUNTS = {1: 2_000, 10: 20_000, 100: 100_000, 500: 200_000}  # rows in all, by the rows in one commit


def main() -> None:
    print(machine())
    for group, rows in AMOUNTS.items():
        with TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as folder:
            print(f"{measure(Path(folder), group, rows):10,.0f} rows a second, {group:3} in one commit")


def measure(folder: Path, group: int, rows: int) -> float:
    """Return how many rows a second change their state."""
    database = sqlite3.connect(folder / "rows.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE deliveries (id INTEGER PRIMARY KEY, state TEXT)")
    database.execute("BEGIN")
    database.executemany("INSERT INTO deliveries VALUES (?, 'sending')", ((number,) for number in range(rows)))
    database.execute("COMMIT")
    began = perf_counter()
    for first in range(0, rows, group):
        numbers = range(first, min(rows, first + group))
        database.execute("BEGIN IMMEDIATE")
        database.executemany("UPDATE deliveries SET state = 'accepted' WHERE id = ?", ((number,) for number in numbers))
        database.execute("COMMIT")
    took = perf_counter() - began
    database.close()
    return rows / took


if __name__ == "__main__":
    main()
