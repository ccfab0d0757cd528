"""Stores of earlier versions, as their programs left them."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from postgres import Postgres

_FOLDER = Path(__file__).with_name("store")
VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5 = (
    (_FOLDER / f"version{number}.sql").read_text() for number in (1, 2, 3, 4, 5)
)
# PostgreSQL's counters, which know nothing of numbers that are given.
COUNTERS_3 = "; ".join(
    f"SELECT setval('{table}_id_seq', {highest})"
    for table, highest in {"tests": 1, "templates": 4, "deliveries": 30, "events": 11}.items()
)
COUNTERS_4 = f"{COUNTERS_3}; SELECT setval('events_id_seq', 13); SELECT setval('consents_id_seq', 1)"
COUNTERS_5 = f"{COUNTERS_4}; " + "; ".join(
    f"SELECT setval('{table}_id_seq', {highest})"
    for table, highest in {"events": 14, "consents": 3, "reader_requests": 2, "transactional_mails": 2}.items()
)


def lay_store(place: Path | str, script: str, request: pytest.FixtureRequest, numbers: str) -> Path | str:
    """Write such a store to a place; `numbers` sets PostgreSQL's counters."""
    if isinstance(place, Path):
        with closing(sqlite3.connect(place)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(script)
    else:
        server: Postgres = request.getfixturevalue("postgres")
        script = re.sub(r"X'([0-9A-F]+)'", r"'\\x\1'", script).replace("BLOB", "BYTEA")
        script = script.replace("id INTEGER NOT NULL", "id SERIAL NOT NULL")
        server.execute(f"{script} {numbers}", place.rpartition("/")[2])
    return place
