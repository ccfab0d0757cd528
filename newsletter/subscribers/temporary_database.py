"""Temporary SQLite databases, for what is compared of a list that is too long for memory."""

import sqlite3


def open_temporary_database() -> sqlite3.Connection:
    """Open a database that is gone once it is closed; it commits nothing by itself.

    A dict of a million addresses takes 140 MB. SQLite keeps what is over its cache in a file that has no name, which
    nobody else can open.
    """
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA cache_size = -16000")
    return database
