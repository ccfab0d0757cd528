"""What ten thousand sign-ups do to the service, and whether its answers' times tell who is on the list.

    make bench-sign-up
    python benchmarks/sign_up.py --help

A real service on SQLite, a real SMTP server on this machine, and forms sent over 16 kept connections.

- floods: 10,000 forms from one network, for one address from 10,000 networks, and for 10,000 addresses from as many.
  For each: the answers by status, the mails that left, the rows that stayed, the memory of the process, and how long
  somebody else waited for a page meanwhile, asked for ten times a second.
- times: 2,000 forms one after the other, every other one for an address that is on the list. The two halves are held
  against one another by Wilcoxon's rank sum (Mann and Whitney): a p below 0.01 says that they differ. How many
  different answers there were is without the date, and the end of a connection after a thousand requests.
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from math import erfc, sqrt
from pathlib import Path
from random import Random
from statistics import mean, median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from urllib.parse import urlencode

from table import machine

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))

import smtp_server  # noqa: E402  # the tests' own
from service_server import FORM, ask, serving  # noqa: E402  # the same
from sign_up_floods import (  # noqa: E402  # the same
    Sent,
    flood,
    for_one_address,
    from_everywhere,
    from_one_network,
    memory_of,
)
from sign_up_forms import Forms, joinable, stamp  # noqa: E402  # the same
from sqlalchemy import func, select  # noqa: E402  # behind the path

from newsletter.address import normalise_address  # noqa: E402  # the same
from newsletter.store.schema import reader_requests  # noqa: E402  # the same
from newsletter.subscribers.stored_subscribers import StoredSubscriber, save_subscribers  # noqa: E402  # the same

FLOODS: dict[str, Callable[[int], Iterator[Sent]]] = {
    "from one network": from_one_network,
    "for one address": for_one_address,
    "for as many addresses": from_everywhere,
}


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--forms", type=int, default=10_000, help="of each flood")
    parser.add_argument("--times", type=int, default=2_000, help="forms whose answers are timed")
    options = parser.parse_args()
    print(machine())
    with TemporaryDirectory(prefix="newsletter-bench-") as folder:
        for name, forms in FLOODS.items():
            measure_flood(Path(folder), name, forms, options.forms)
        measure_times(Path(folder), options.times)


def measure_flood(folder: Path, name: str, forms: Callable[[int], Iterator[Sent]], many: int) -> None:
    publication = joinable(folder / name.replace(" ", "-"))
    with smtp_server.running() as mail_server:
        publication.through(mail_server)
        with serving(publication) as service:
            service.says("The archive has 1 issue")
            Forms(service).join("first@example.org", "192.0.2.1")
            before, began = memory_of(service)[0], perf_counter()
            statuses, waits = flood(service, forms(many))
            took = perf_counter() - began
            states = count_settled(Forms(service))
            sleep(5)
            slowest = quantiles(waits, n=100, method="inclusive")[98]
            print(f"\n{many:,} forms {name}: {took:.1f} s, {many / took:,.0f} a second")
            print("  answers:", ", ".join(f"{count:,} × {status}" for status, count in sorted(statuses.items())))
            print("  rows:   ", ", ".join(f"{count:,} {state}" for state, count in sorted(states.items())))
            print(f"  mails:   {len(mail_server.stored):,} (of the one before, too)")
            print(f"  memory:  {before / 1000:.0f} MB before, {memory_of(service)[1] / 1000:.0f} MB at most")
            print(f"  others:  {1000 * median(waits):.0f} ms in the median, {1000 * slowest:.0f} ms of 99 in 100, "
                  f"{1000 * max(waits):.0f} ms at most, of {len(waits)}")  # fmt: skip


def count_settled(forms: Forms) -> Counter[str]:
    """Return how many requests there are in each state, once nothing changes for some seconds."""
    table, before = reader_requests.c, Counter({"new": -1})
    while True:
        with closing(forms.store()) as store, store.reading() as connection:
            rows = connection.execute(select(table.state, func.count()).group_by(table.state)).all()
        found = Counter({row[0]: row[1] for row in rows})
        if found == before:
            return found
        before = found
        sleep(5)


def measure_times(folder: Path, many: int) -> None:
    publication = joinable(folder / "times", hourly="100000")
    with smtp_server.running() as mail_server:
        publication.through(mail_server)
        with serving(publication) as service:
            service.says("The archive has 1 issue")
            forms = Forms(service)
            known = [f"person{number:05}@example.org" for number in range(many // 2)]
            unknown = [f"nobody{number:05}@example.org" for number in range(many // 2)]
            with closing(forms.store()) as store, store.transaction() as connection:
                save_subscribers(
                    connection, [StoredSubscriber(address=normalise_address(address)) for address in known]
                )
            order = [*zip(known, unknown, strict=True)]
            Random(1).shuffle(order)  # noqa: S311  # the same order each time, and no secret
            times: dict[bool, list[float]] = {True: [], False: []}
            own = {"words": forms.words, "stamp": stamp(publication), "language": "en", "source": "page"}
            answers = set()
            with closing(service.connect()) as connection:
                for number, pair in enumerate(order):
                    for place, address in enumerate(pair if number % 2 else reversed(pair)):
                        is_known = address.startswith("person")
                        body = urlencode({**own, "email": address})
                        network = f"10.{number >> 8 & 255}.{number & 255}.{place}"
                        began = perf_counter()
                        answer = ask(connection, "/subscribe", "POST", body, {**FORM, "X-Forwarded-For": network})
                        times[is_known].append(perf_counter() - began)
                        answers.add(repr((answer[0], {**answer[1], "date": "", "connection": ""}, answer[2])))
    print(f"\n{many:,} answers, {len(answers)} of them different")
    for is_known, name in ((True, "known"), (False, "unknown")):
        found = sorted(times[is_known])
        print(f"  {name:8} {1000 * median(found):.3f} ms in the median, {1000 * mean(found):.3f} ms on average, "
              f"{1000 * found[len(found) * 9 // 10]:.3f} ms of 9 in 10")  # fmt: skip
    print(f"  Wilcoxon's rank sum: p = {rank_sum(times[True], times[False]):.3f}")


def rank_sum(one: list[float], other: list[float]) -> float:
    """Return how probable so great a difference is by chance alone, in either direction (normal approximation)."""
    ranked = sorted([*((value, True) for value in one), *((value, False) for value in other)])
    total = sum(rank for rank, (_, is_one) in enumerate(ranked, start=1) if is_one)
    n, m = len(one), len(other)
    expected, deviation = n * (n + m + 1) / 2, sqrt(n * m * (n + m + 1) / 12)
    return erfc(abs(total - expected) / deviation / sqrt(2))


if __name__ == "__main__":
    main()
