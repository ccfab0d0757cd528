"""Measure a list of another system: time and memory of fetching it, of comparing it with last time, of reading it.

    .venv/bin/python benchmarks/fetched_lists.py [--rows 1000000] [--short 100000]

It wants Debian's postgresql. Each list is fetched by a process of its own: from SQLite, from PostgreSQL, and from an
address on this machine. Times are given as multiples of what reading the same list out of a file takes, and memory as a
multiple of what the short list takes.
"""

import json
import sqlite3
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from table import machine

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))
QUERY = "SELECT address AS email, name, groups AS tags FROM members"
KINDS = ("sqlite", "postgresql", "address")


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--short", type=int, default=100_000)
    parser.add_argument("--fetch", nargs=2, metavar=("KIND", "URL"), help="the process that is measured")
    given = parser.parse_args()
    if given.fetch:
        print(json.dumps(fetch(*given.fetch)))
        return
    print(machine())
    print(f"{'':12}{'rows':>11}{'fetching':>10}{'again':>8}{'comparing':>11}{'reading':>9}{'MB':>7}{'memory':>9}")
    for kind in KINDS:
        peaks = []
        for rows in (given.short, given.rows):
            with TemporaryDirectory() as folder, MAKERS[kind](Path(folder), rows) as url:
                asked = [sys.executable, __file__, "--fetch", kind, url]
                done = subprocess.run(asked, check=True, capture_output=True, text=True, cwd=folder)
            found = json.loads(done.stdout)
            if found["count"] != rows:
                raise SystemExit(f"{found['count']} of {rows} rows came from {kind}")
            peaks.append(found["peak"])
            times = [found[name] / found["file"] for name in ("fetching", "again", "comparing", "reading")]
            print(f"{kind:12}{rows:11,}{times[0]:9.2f}x{times[1]:7.2f}x{times[2]:10.2f}x{times[3]:8.2f}x"
                  f"{peaks[-1]:7.0f}{peaks[-1] / peaks[0]:8.2f}x")  # fmt: skip


def fetch(kind: str, url: str) -> dict[str, float]:
    """Fetch, compare and read the list in this very process; return seconds, rows, and the most MB it held."""
    from memory import peak

    from newsletter.config import SubscriberListSettings
    from newsletter.subscribers.csv_source import CsvSource
    from newsletter.subscribers.fetched_source import FetchedSource
    from newsletter.subscribers.sql_query import SqlQuery
    from newsletter.subscribers.subscriber import Subscriber
    from newsletter.subscribers.web_list import WebList

    folder = Path.cwd()
    settings = SubscriberListSettings(id="digest.example.org", unsubscribe="mailto:leave@example.org")
    origin = WebList(url=url) if kind == "address" else SqlQuery(url=url, query=QUERY, root=folder)
    source = FetchedSource(folder / "kept" / "list.csv", origin, settings)
    found: dict[str, float] = {}

    def measure(name: str, step: Callable[[], object]) -> object:
        began = perf_counter()
        value = step()
        found[name] = perf_counter() - began
        return value

    def count(rows: Iterator[object]) -> int:
        return sum(isinstance(row, Subscriber) for row in rows)

    measure("fetching", source.refresh)
    source.note_frozen()
    measure("again", source.refresh)
    measure("comparing", source.find_difference)
    found["count"] = measure("reading", lambda: count(source.read_subscribers()))  # type: ignore[assignment]
    found["peak"] = peak() / 1000
    measure("file", lambda: count(CsvSource(source.path).read_subscribers()))
    return found


def write_rows(rows: int) -> Iterator[tuple[str, str, str]]:
    for number in range(rows):
        yield f"reader{number:07}@example.org", f"Reader {number}", "board;press" if number % 7 else ""


@contextmanager
def make_sqlite(folder: Path, rows: int) -> Iterator[str]:
    with closing(sqlite3.connect(folder / "members.db")) as database, database:
        database.execute("CREATE TABLE members (address TEXT, name TEXT, groups TEXT)")
        database.executemany("INSERT INTO members VALUES (?, ?, ?)", write_rows(rows))
    yield "sqlite:///members.db"


@contextmanager
def make_postgresql(folder: Path, rows: int) -> Iterator[str]:
    import psycopg
    from postgres import running_postgres

    del folder
    with running_postgres() as server:
        url = server.fresh()
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE members (address TEXT, name TEXT, groups TEXT)")
            with connection.cursor().copy("COPY members FROM STDIN") as copy:
                for row in write_rows(rows):
                    copy.write_row(row)
        yield url


@contextmanager
def make_address(folder: Path, rows: int) -> Iterator[str]:
    from page_server import PageServer, page

    del folder
    lines = ["email,name,tags", *(f'{address},{name},"{tags}"' for address, name, tags in write_rows(rows))]
    with PageServer({"/readers.csv": page("\n".join(lines), kind="text/csv")}) as server:
        yield server.address("/readers.csv")


MAKERS = {"sqlite": make_sqlite, "postgresql": make_postgresql, "address": make_address}

if __name__ == "__main__":
    main()
