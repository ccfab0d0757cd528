"""Floods of forms to join: thousands over some kept connections, while somebody else wants a page."""

import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from time import perf_counter
from urllib.parse import urlencode

from service_server import FORM, Service, ask
from sign_up_forms import Forms, stamp

_CLIENTS = 16
Sent = tuple[str, str]  # an address, and the network that it is sent from


def from_one_network(many: int) -> Iterator[Sent]:
    return ((f"reader{number}@example.org", "203.0.113.7") for number in range(many))


def for_one_address(many: int) -> Iterator[Sent]:
    return (("victim@example.net", _network(number)) for number in range(many))


def from_everywhere(many: int) -> Iterator[Sent]:
    return ((f"anybody{number}@example.com", _network(number)) for number in range(many))


def _network(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def flood(service: Service, forms: Iterable[Sent]) -> tuple[Counter[int], list[float]]:
    """Send forms; return how often each status came, and how many seconds somebody else waited for a page each time."""
    own = {"words": Forms(service).words, "stamp": stamp(service.publication), "language": "en", "source": "page"}
    statuses: Counter[int] = Counter()
    waits: list[float] = []
    waiting, lock = iter(forms), threading.Lock()
    done = threading.Event()

    def client() -> None:
        with closing(service.connect()) as connection:
            while True:
                with lock:
                    mine = list(islice(waiting, 50))
                if not mine:
                    return
                for address, network in mine:
                    body = urlencode({**own, "email": address})
                    # A connection carries a thousand requests; http.client opens the next by itself.
                    status = ask(connection, "/subscribe", "POST", body, {**FORM, "X-Forwarded-For": network})[0]
                    with lock:
                        statuses[status] += 1

    def other() -> None:
        while not done.wait(0.1):
            began = perf_counter()
            assert service.ask("/subscribe", headers={"X-Forwarded-For": "198.51.100.1"})[0] == 200
            waits.append(perf_counter() - began)

    watcher = threading.Thread(target=other)
    clients = [threading.Thread(target=client) for _ in range(_CLIENTS)]
    for each in (watcher, *clients):
        each.start()
    for each in clients:
        each.join()
    done.set()
    watcher.join()
    return statuses, waits


def memory_of(service: Service) -> tuple[int, int]:
    """Return how many kB the service's process holds now, and held at most."""
    text = Path(f"/proc/{service.process.pid}/status").read_text()
    found = {name: int(size) for name, size in re.findall(r"(VmRSS|VmHWM):\s+(\d+)", text)}
    return found["VmRSS"], found["VmHWM"]
