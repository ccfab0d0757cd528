"""Measure how long the growth of a long list is counted, and in how much memory, on both databases.

    .venv/bin/python benchmarks/growth.py [--rows 1000000] [--short 100000]

It wants Debian's postgresql. The list has as many subscribers, consents and events as there are rows. Times are given
as multiples of what counting the short list takes, as memory is.
"""

import json
import random
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from sqlalchemy import insert
from table import machine

from newsletter.store import open_store
from newsletter.store.schema import consents, events, subscribers
from newsletter.subscribers.growth import read_changes, read_joined

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))
GROUP = 10_000
KINDS = (("unsubscribed", "one-click"), ("unsubscribed", "page"), ("hard bounce", "mail"), ("returned", "page"))


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--short", type=int, default=100_000)
    parser.add_argument("--count", metavar="PLACE", help="the process that is measured")
    given = parser.parse_args()
    if given.count:
        print(json.dumps(count(given.count)))
        return
    print(machine())
    print(f"{'':12}{'rows':>11}{'seconds':>9}{'':>9}{'MB':>7}{'memory':>9}")
    for database in ("sqlite", "postgresql"):
        first = None
        for rows in (given.short, given.rows):
            with TemporaryDirectory() as folder, place_of(database, Path(folder)) as place:
                fill(place, rows)
                asked = [sys.executable, __file__, "--count", place]
                found = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
            first = first or found
            print(f"{database:12}{rows:11,}{found['seconds']:9.2f}{found['seconds'] / first['seconds']:8.1f}x"
                  f"{found['peak']:7.0f}{found['peak'] / first['peak']:8.2f}x")  # fmt: skip


@contextmanager
def place_of(database: str, folder: Path) -> Iterator[str]:
    """Yield where the store is: a file, or the URL of a server that runs meanwhile."""
    if database == "sqlite":
        yield str(folder / "state.db")
        return
    from postgres import running_postgres

    with running_postgres() as server:
        yield server.fresh()


def place(text: str) -> Path | str:
    return text if "://" in text else Path(text)


def fill(where: str, rows: int) -> None:
    chance = random.Random(1)  # noqa: S311  # no secret, but the same list each time
    with closing(open_store(place(where))) as store, store.transaction() as connection:
        for begin in range(0, rows, GROUP):
            people = [f"reader{number:07}@example.org" for number in range(begin, min(begin + GROUP, rows))]
            months = [
                f"20{chance.randrange(20, 26)}-{chance.randrange(1, 13):02}-03T09:30:00.000+00:00" for _ in people
            ]
            connection.execute(insert(subscribers), [
                {"publication": "main", "subscriber": key, "address": key, "status": "active", "fields": "{}",
                 "tags": "[]", "language": "", "time_zone": "", "created_at": at, "changed_at": at}
                for key, at in zip(people, months, strict=True)
            ])  # fmt: skip
            connection.execute(insert(consents), [
                {"publication": "main", "subscriber": key, "given_at": at, "source": "sign-up",
                 "evidence": '{"form": "page", "requested_at": "2026-01-01T00:00:00.000+00:00"}'}
                for key, at in zip(people, months, strict=True)
            ])  # fmt: skip
            said = [chance.choice(KINDS) for _ in people]
            connection.execute(insert(events), [
                {"publication": "main", "subscriber": key, "kind": kind, "reason": "", "stage": "", "source": source,
                 "batch": "", "evidence": "{}", "said_at": at, "at": at}
                for key, at, (kind, source) in zip(people, months, said, strict=True)
            ])  # fmt: skip


def count(where: str) -> dict[str, float]:
    from memory import peak

    with closing(open_store(place(where))) as store, store.reading() as connection:
        began = perf_counter()
        found = [*read_joined(connection), *read_changes(connection)]
        seconds = perf_counter() - began
    assert found  # noqa: S101  # an empty list would be quick
    return {"seconds": seconds, "peak": peak() / 1000}


if __name__ == "__main__":
    main()
