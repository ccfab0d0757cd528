"""A model of lists that one machine is too small for: from what was measured to hours, processors, disks and lines.

    python benchmarks/scale_model.py --help

It multiplies, and knows no more than that: each figure of it is one that scale.py or send.py has measured on one
machine, times the readers. What it leaves out (other users of the database, backups, a slower disk) makes it larger.
"""

from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import ceil

READERS = (1_000_000, 10_000_000, 100_000_000)
HOURS = (1, 6)  # in which an issue is to be with everybody
SPARE = 0.7  # of a database's processors: beyond, everything that waits for it waits longer and longer


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one machine was measured to take, of one processor each."""

    worker_us: float = 250.0
    """microseconds of a worker's processor for one message of 36 KB by SMTP, make bench-send"""
    database_us: float = 100.0
    """microseconds of the database's processors to claim and record one delivery, make bench-scale"""
    freeze_us: float = 60.0
    """microseconds to freeze one reader, make bench-scale"""
    row_bytes: float = 700.0
    """bytes of one delivery on the database's disk, indexes included, make bench-scale"""
    message_bytes: float = 36_000.0
    """bytes of one message, make bench-send"""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a list of so many readers takes, when an issue is to be with everybody within so many hours."""

    readers: int
    hours: int
    rate: float  # messages a second
    workers: int  # processes that send, a processor each
    database: int  # processors of the database
    mbit: float  # a second, to the mail servers
    freezing_minutes: float
    disk_gb: float  # of one issue's deliveries


def compute_need(measured: Measured, readers: int, hours: int) -> Need:
    """Return what a list takes."""
    rate = readers / (hours * 3600)
    return Need(
        readers=readers,
        hours=hours,
        rate=rate,
        workers=max(1, ceil(rate * measured.worker_us / 1e6)),
        database=max(1, ceil(rate * measured.database_us / 1e6 / SPARE)),
        mbit=rate * measured.message_bytes * 8 / 1e6,
        freezing_minutes=readers * measured.freeze_us / 1e6 / 60,
        disk_gb=readers * measured.row_bytes / 1e9,
    )


def print_model(measured: Measured, lists: Sequence[int] = READERS) -> None:
    """Print the table, which is Markdown, since docs/operators/scaling.md has it."""
    print("| readers | within | a second | workers | database | to the servers | freezing | an issue on disk |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for readers in lists:
        for hours in HOURS:
            need = compute_need(measured, readers, hours)
            print(
                f"| {readers:,} | {hours} h | {need.rate:,.0f} | {need.workers} | {need.database} cores | "
                f"{need.mbit:,.0f} Mbit/s | {need.freezing_minutes:,.0f} min | {need.disk_gb:,.1f} GB |"
            )


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0], formatter_class=ArgumentDefaultsHelpFormatter)
    for field in fields(Measured):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    print_model(Measured(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
