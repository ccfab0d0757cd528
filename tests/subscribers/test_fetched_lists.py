"""A long list of another system is fetched, compared and read in memory that does not grow with it."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from page_server import PageServer, page
from postgres import Postgres

TESTS = Path(__file__).parent.parent
ROWS = {"short": 500, "long": 50_000}
SCRIPT = """if True:
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from memory import peak
    from newsletter.config import SubscriberListSettings
    from newsletter.subscribers.fetched_source import FetchedSource
    from newsletter.subscribers.sql_query import SqlQuery
    from newsletter.subscribers.web_list import WebList
    def read(url, length):
        origin = WebList(f"{url}{length}")
        if not url.startswith("http"):
            origin = SqlQuery(url=url, query=f"SELECT address AS email, note FROM {length}_list", root=Path.cwd())
        settings = SubscriberListSettings(id="digest.example.org", unsubscribe="mailto:leave@example.org")
        source = FetchedSource(Path.cwd() / f"{length}.csv", origin, settings)
        source.refresh()
        source.note_frozen()
        return sum(1 for row in source.read_subscribers()), source.find_difference().before
    read(sys.argv[2], "short")
    before = peak()
    print(*read(sys.argv[2], "long"), peak() - before)
"""


def _rows(length: str) -> Iterator[tuple[str, str]]:
    return ((f"reader{number:06}@example.org", f"{number} {'a word or two ' * 25}") for number in range(ROWS[length]))


@pytest.fixture(params=["sqlite", "postgresql", "address"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield where a short and a long list are."""
    match request.param:
        case "sqlite":
            with closing(sqlite3.connect(tmp_path / "members.db")) as database, database:
                for length in ROWS:
                    database.execute(f"CREATE TABLE {length}_list (address TEXT, note TEXT)")
                    database.executemany(f"INSERT INTO {length}_list VALUES (?, ?)", _rows(length))
            yield "sqlite:///members.db"
        case "postgresql":
            import psycopg

            server: Postgres = request.getfixturevalue("postgres")
            address = server.emptied()
            with psycopg.connect(address) as connection:
                for length in ROWS:
                    connection.execute(f"CREATE TABLE {length}_list (address TEXT, note TEXT)")
                    with connection.cursor().copy(f"COPY {length}_list FROM STDIN") as copy:
                        for row in _rows(length):
                            copy.write_row(row)
            yield address
        case _:
            with PageServer() as pages:
                for length in ROWS:
                    text = "\n".join(["email,note", *map(",".join, _rows(length))])
                    pages.pages[f"/{length}"] = page(text, kind="text/csv")
                yield pages.address("/")


@pytest.mark.slow
def test_a_hundredfold_list_takes_no_more_memory(url: str, tmp_path: Path) -> None:
    asked = [sys.executable, "-c", SCRIPT, TESTS, url]
    done = subprocess.run(asked, check=True, capture_output=True, text=True, cwd=tmp_path)
    read, compared, kilobytes = map(int, done.stdout.split())
    assert read == compared == ROWS["long"]
    assert kilobytes < 10_000  # the list itself has 19 MB
