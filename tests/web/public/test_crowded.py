"""However many connections somebody holds, a reader gets in."""

import resource
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_server import FORM, HOST, ONE_CLICK, PATIENCE, Service, ask, made, serving, token

from newsletter.subscribers.feedback_events import EventKind
from newsletter.web.public.fair_shares import ConnectionPhase, RequestShares, client_of, connection_to_close
from newsletter.web.public.return_limit import MOST_A_DAY, ReturnLimit

MANY = 1_000  # more than the service keeps open


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One with few files to open, as most systems give a process: 1,024."""
    with _files(1_024), serving(made(tmp_path_factory.mktemp("crowded") / "digest")) as running:
        yield running


@contextmanager
def _files(most: int) -> Iterator[None]:
    """How many files this process, and those that it starts, may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _connected(service: Service, client: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE, source_address=(client, 0))


SLOW = f"POST /u/x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 26\r\n\r\nList"
KEPT = f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
ATTACKS = {
    "idle": (["127.0.0.2"], ""),
    "from ten": ([f"127.0.0.{last}" for last in range(10, 20)], ""),
    "half a head": (["127.0.0.2"], "GET / HTTP/1.1\r\nHost: news.exa"),
    "half a body": (["127.0.0.2"], SLOW),
    "kept after an answer": (["127.0.0.2"], KEPT),
}
SLOWER = ("half a head", "half a body", "from ten", "kept after an answer")


@pytest.mark.parametrize(
    "attack",
    ["idle", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOWER)],
)
def test_a_reader_gets_in_whoever_holds_how_many_connections(service: Service, reader: str, attack: str) -> None:
    clients, said = ATTACKS[attack]
    with _files(4_096), ExitStack() as held:
        for number in range(MANY):
            connection = held.enter_context(_connected(service, clients[number % len(clients)]))
            connection.sendall(said.encode())
        # One at a time, from an address of their own, and then kept open as browsers do.
        for last in range(100, 105):
            own = HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE, source_address=(f"127.0.0.{last}", 0))
            held.callback(own.close)
            path = f"/u/{token(service.publication, f'{last}.{reader}')}"
            assert ask(own, path)[0] == 200
            assert ask(own, path, "POST", ONE_CLICK, FORM)[0] == 200
        # Behind a web server everybody comes from one address, the same as the crowd's.
        behind = HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE, source_address=(clients[0], 0))
        held.callback(behind.close)
        assert ask(behind, "/healthz")[0] == 200
        assert ask(own, "/healthz")[0] == 200
    assert service.process.poll() is None


def test_a_connection_carries_so_many_requests_and_says_when_it_ends(service: Service) -> None:
    connection = service.connect()
    ends = [number for number in range(1, 1_002) if ask(connection, "/x")[1].get("connection") == "close"]
    connection.close()
    assert ends == [1_000]


@dataclass(frozen=True)
class Open:
    client_name: str
    stage: ConnectionPhase
    since: float


STAGES = st.sampled_from([ConnectionPhase.IDLE, ConnectionPhase.RECEIVING, ConnectionPhase.ANSWERING])
OPEN = st.builds(Open, st.sampled_from("abc"), STAGES, st.floats(0, 10))


@given(OPEN, st.lists(OPEN, min_size=1, max_size=20))
def test_who_has_to_leave(newcomer: Open, others: list[Open]) -> None:
    counts = Counter(one.client_name for one in (newcomer, *others))
    left = connection_to_close(newcomer, others, counts)
    assert left in (newcomer, *others)
    if left is newcomer:
        # Everyone is being answered, and nobody who holds more than this one can be found.
        assert {one.stage for one in others} == {ConnectionPhase.ANSWERING}
        assert counts[newcomer.client_name] == max(counts.values())
        return
    assert left.stage == min(one.stage for one in others)
    assert counts[left.client_name] == max(counts[one.client_name] for one in others if one.stage is left.stage)


@pytest.mark.parametrize(
    ("address", "client"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("::ffff:192.0.2.7", 1), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::"),
        (("2001:db8:1:2::", 1), "2001:db8:1:2::"),
        (("2001:db8:1:3::", 1), "2001:db8:1:3::"),
        (("fe80::1%eth0", 1), "fe80::"),
        (("", 1), ""),
        (None, ""),
    ],
)
def test_a_line_of_ipv6_is_one_client(address: tuple[str, int] | None, client: str) -> None:
    assert client_of(address) == client


def test_requests_at_once_are_shared_when_there_are_too_many() -> None:
    shares = RequestShares(10)
    with ExitStack() as working:
        assert [working.enter_context(shares.place("a")) for _ in range(12)] == [True] * 10 + [False] * 2
        assert [working.enter_context(shares.place("b")) for _ in range(7)] == [True] * 5 + [False] * 2
        assert not working.enter_context(shares.place("a"))
        assert working.enter_context(shares.place("c"))
    with shares.place("b") as has_room:
        assert has_room


def test_a_day_later_a_reader_may_come_back_again() -> None:
    now = 0.0
    returns = ReturnLimit(lambda: now)
    assert [returns.take("a", EventKind.RETURNED) for _ in range(MOST_A_DAY + 1)] == [True] * MOST_A_DAY + [False]
    returns.give_back("a", EventKind.RETURNED)
    assert returns.take("a", EventKind.RETURNED)
    assert all(returns.take("a", EventKind.UNSUBSCRIBED) for _ in range(1_000))
    now = 86_400.0
    assert returns.take("a", EventKind.RETURNED)
