"""What bringing a long list into the store takes, beside what reading the same file takes elsewhere.

    python benchmarks/imports.py [--rows 1000000] [--kinds csv,mailchimp] [--databases sqlite,postgresql]

It wants Debian's postgresql and sqlite3. Each list is imported, and the import undone, by a process of its own: a CSV
with a consent in each row, and a Mailchimp archive of which 30% left and 10% were cleaned. Beside it the same text is
read by Python's csv, and brought into a table by sqlite3's own .import, which understands nothing of it.
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from secrets import token_urlsafe

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from table import machine

KINDS, DATABASES = ("csv", "mailchimp"), ("sqlite", "postgresql")
_HEAD = "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,LEID,EUID,TAGS"
_LEFT = "Email Address,First Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,{}_TIME,{}_REASON,LEID,EUID"
_TIMES = "2019-02-03 10:00:00,2019-02-03 10:05:00"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--kinds", default=",".join(KINDS))
    options.add_argument("--databases", default=",".join(DATABASES))
    options.add_argument("--one", nargs=2, metavar=("FILE", "PLACE"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.one:
        print(json.dumps(import_one(*chosen.one)))
        return
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        for kind in chosen.kinds.split(","):
            path = write_list(Path(folder), kind, chosen.rows)
            print(f"\n{kind}, {chosen.rows:,} rows, {path.stat().st_size / 1e6:.0f} MB")
            alone = read_alone(path, Path(folder))
            for name, took in alone.items():
                print(f"  {name:22}{took:8.1f} s")
            for database in chosen.databases.split(","):
                with database_of(database, Path(folder) / kind) as place:
                    show(database, measure(path, place), min(alone.values()))


def write_list(folder: Path, kind: str, rows: int) -> Path:
    if kind == "csv":
        path = folder / "list.csv"
        with path.open("w", encoding="utf-8") as file:
            file.write("email,name,tags,city,consent_at,consent_source\n")
            for number in range(rows):
                file.write(
                    f"reader{number}@example.org,Reader {number},press;t{number % 7},Riga,"
                    f"2024-03-0{number % 9 + 1}T10:00:00Z,form\n"
                )
        return path
    path = folder / "audience.zip"
    left, cleaned = rows * 3 // 10, rows // 10
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, lines in (
            ("subscribed", subscribed_lines(rows - left - cleaned)),
            ("unsubscribed", left_lines("UNSUB", left)),
            ("cleaned", left_lines("CLEAN", cleaned)),
        ):
            with archive.open(f"{name}_members_export.csv", "w") as file:
                for line in lines:
                    file.write(line.encode())
    return path


def subscribed_lines(rows: int) -> Iterator[str]:
    yield f"{_HEAD}\n"
    for number in range(rows):
        yield f'reader{number}@example.org,Re,Ader{number},2,{_TIMES},{number},{number},"""press"""\n'


def left_lines(word: str, rows: int) -> Iterator[str]:
    yield _LEFT.format(word, word) + "\n"
    for number in range(rows):
        yield f"{word.lower()}{number}@example.org,Re,2,{_TIMES},2021-04-05 06:07:08,NO,{number},{number}\n"


def read_alone(path: Path, folder: Path) -> dict[str, float]:
    """Return how long others take to read the same text: Python's csv, and sqlite3's .import."""
    texts = [path]
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            texts = [Path(archive.extract(name, folder)) for name in archive.namelist()]
    start = time.perf_counter()
    for text in texts:
        with text.open(encoding="utf-8", newline="") as file:
            for _row in csv.reader(file):
                pass
    taken = {"Python's csv": time.perf_counter() - start}
    program = shutil.which("sqlite3")
    if program is None:
        raise SystemExit("sqlite3 is missing (Debian: apt-get install sqlite3).")
    database = folder / "alone.db"
    script = "".join(f".import --csv {text} t{number}\n" for number, text in enumerate(texts))
    start = time.perf_counter()
    subprocess.run([program, str(database)], input=script, text=True, check=True)
    taken["sqlite3's .import"] = time.perf_counter() - start
    database.unlink()
    return taken


@contextmanager
def database_of(kind: str, stem: Path) -> Iterator[str]:
    """Hold a place for a new store."""
    with ExitStack() as held:
        if kind == "sqlite":
            yield str(stem.with_suffix(".state.db"))
            return
        from postgres import running_postgres

        yield held.enter_context(running_postgres()).fresh()


def measure(path: Path, place: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", str(path), place]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    measured: dict[str, float] = json.loads(said)
    return measured


def import_one(file: str, place: str) -> dict[str, float]:
    """Import a list into a new store, and undo it; return seconds by stage, and the peak of memory in MB."""
    from memory import peak

    from newsletter.config import SubscriberListSettings
    from newsletter.store import open_store
    from newsletter.subscribers.csv_source import CsvSource
    from newsletter.subscribers.import_changes import list_imports
    from newsletter.subscribers.import_plan import ImportableList
    from newsletter.subscribers.import_undo import ImportUndo
    from newsletter.subscribers.list_formats.export_source import opening_export
    from newsletter.subscribers.secret_keys import SecretKeys
    from newsletter.subscribers.subscriber_import import SubscriberImport

    settings = SubscriberListSettings.model_validate(
        {"id": "digest.example.org", "unsubscribe": "mailto:leave@example.org", "file": "none.csv"}
    )
    keys = SecretKeys((token_urlsafe(),), token_urlsafe())
    laps = {}
    path, cpu = Path(file), time.process_time()
    with (
        closing(open_store(place if "://" in place else Path(place))) as store,
        opening_export(path, settings) as export,
    ):
        laps["before"] = peak() / 1000
        source: ImportableList = export or CsvSource(path, settings)
        start = time.perf_counter()
        one = SubscriberImport(store, keys, source, suppresses=bool(export))
        laps["reading"] = time.perf_counter() - start
        plan = one.plan()
        laps["comparing"] = time.perf_counter() - start - laps["reading"]
        one.apply()
        laps["writing"] = time.perf_counter() - start - laps["reading"] - laps["comparing"]
        laps |= {"rows": plan.new, "cpu": time.process_time() - cpu}
        with store.reading() as connection:
            (newest,) = list_imports(connection)
        start = time.perf_counter()
        undone = ImportUndo(store, newest).apply()
        laps["undoing"] = time.perf_counter() - start
        if undone.removed != plan.new:
            raise SystemExit(f"{undone.removed:,} of {plan.new:,} were removed")
    return laps | {"peak": peak() / 1000}


def show(database: str, laps: dict[str, float], alone: float) -> None:
    whole = laps["reading"] + laps["comparing"] + laps["writing"]
    times = f"{laps['rows'] / whole:,.0f} rows/s; {whole / alone:.0f} times the fastest above"
    print(f"  into {database:17}{whole:8.1f} s  ({times})")
    print(f"    reading {laps['reading']:.0f} s, comparing {laps['comparing']:.0f} s, writing {laps['writing']:.0f} s; "
          f"undone in {laps['undoing']:.0f} s; computed for {laps['cpu']:.0f} s until then")  # fmt: skip
    print(f"    memory: {laps['peak']:.0f} MB at most, {laps['before']:.0f} MB before the first row")


if __name__ == "__main__":
    main()
