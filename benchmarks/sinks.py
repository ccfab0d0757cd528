"""The receivers of send.py, which throw away what they take: Postfix's smtp-sink, and a faster one of our own."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = "/usr/sbin:/usr/lib/postfix/sbin:/usr/libexec/postfix"  # Debian keeps them off a user's PATH
PATIENCE_S = 20


class Missing(Exception):
    """A program that is not installed, or a server that does not start here."""


@dataclass(frozen=True)
class Sink:
    port: int
    received: Callable[[], int]  # bytes read so far from all its clients, and about nothing else
    pid: int


def smtp_sink() -> AbstractContextManager[Sink]:
    port = free_port()
    user = ["-u", "root"] if os.geteuid() == 0 else []  # root has to say whom to become
    return running([program("smtp-sink"), *user, f"127.0.0.1:{port}", "256"], port)


def fast_sink() -> AbstractContextManager[Sink]:
    port = free_port()
    return running([sys.executable, str(Path(__file__).with_name("fast_sink.py")), str(port)], port)


SINKS = {"smtp-sink": smtp_sink, "fast": fast_sink}


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[Sink]:
    process = subprocess.Popen(command)
    counters = Path(f"/proc/{process.pid}/io")

    def received() -> int:
        return int(counters.read_bytes().split()[1])  # rchar: what it has asked read(2) for, sockets included

    try:
        wait_for(port)
        yield Sink(port, received, process.pid)
    finally:
        process.terminate()
        process.wait()


def program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{PROGRAMS}")
    if found is None:
        raise Missing(f"{name} is not there: apt-get install postfix")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
                connection.recv(512)
                connection.sendall(b"QUIT\r\n")
        except OSError as error:
            if time.monotonic() > until:
                raise Missing(f"nothing answers on port {port}: {error}") from error
            time.sleep(0.05)
        else:
            return
