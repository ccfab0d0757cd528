"""Promise: a confined process hands back bytes, reaches no network, program, foreign file or secret, and is ended."""

import ctypes
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter.confined_process import run_confined
from newsletter.limited_process import MOST_MEMORY, LimitReached


def _read(path: Path) -> bytes:
    os.write(1, b"words of a library")
    return path.read_bytes()


def _try_doors(secret: Path, ours: Path, port: int) -> bytes:
    """Return the names of the doors that stand open."""
    doors: dict[str, Callable[[], object]] = {
        "socket": lambda: socket.create_connection(("127.0.0.1", port)),
        "name": lambda: socket.getaddrinfo("localhost", port),
        "program": lambda: subprocess.run(["/bin/true"], check=False),
        "shell": lambda: os.system("true"),  # which has to fail
        "fork": os.fork,
        "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
        "file": secret.read_bytes,
        "link": (ours / "link").read_bytes,
        "password": lambda: Path("/etc/passwd").read_bytes(),
        "write": lambda: (ours / "new").write_bytes(b"x"),
        "environment": lambda: os.environ["NEWSLETTER_SMTP__PASSWORD"],
    }
    opened = []
    for name, door in doors.items():
        try:
            door()
        except (OSError, KeyError):
            continue
        opened.append(name)
    return " ".join(opened).encode()


def _connect_without_python(port: int) -> bytes:
    """Connect as a library in C does, of which Python is not told."""
    libc = ctypes.CDLL(None, use_errno=True)
    address = (2).to_bytes(2, sys.byteorder) + port.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
    return b"%d" % libc.connect(libc.socket(2, 1, 0), address, len(address))


def _can_leave_network() -> bool:
    return not subprocess.run(
        [sys.executable, "-c", "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x50000000) != 0)"], check=False
    ).returncode


def _fill_memory() -> bytes:
    return bytes(len(bytearray(MOST_MEMORY)))


def _fill_disk() -> bytes:
    with Path("large").open("wb") as file:
        for _ in range(100):
            file.write(bytes(1_000_000))
    return b""


def _compute_without_end() -> bytes:
    while True:
        pass


def _sleep() -> bytes:
    time.sleep(60)
    return b""


def _break_down() -> bytes:
    raise RuntimeError("<b>words of a stranger</b>")


def test_bytes_come_back_whatever_is_printed(tmp_path: Path) -> None:
    (tmp_path / "draft").write_bytes(b"words")
    assert run_confined(_read, tmp_path / "draft", readable=[tmp_path], seconds=30) == b"words"


def test_every_door_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP__PASSWORD", "secret")
    ours, secret = tmp_path / "ours", tmp_path / "secret"
    ours.mkdir()
    secret.write_bytes(b"secret")
    (ours / "link").symlink_to(secret)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert run_confined(_try_doors, secret, ours, port, readable=[ours], seconds=30) == b""


@pytest.mark.skipif(not _can_leave_network(), reason="this kernel lets no user have a network of their own")
def test_libraries_reach_no_network_either() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert run_confined(_connect_without_python, port, readable=[], seconds=30) == b"-1"


@pytest.mark.parametrize("function", [_compute_without_end, _sleep, _break_down, _fill_disk])
def test_what_has_no_end_or_breaks_down_is_ended(function: Callable[[], bytes]) -> None:
    with pytest.raises(LimitReached) as raised:
        run_confined(function, readable=[], seconds=1)
    assert "stranger" not in str(raised.value)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't limit the address space")
def test_what_fills_the_memory_is_ended() -> None:
    with pytest.raises(LimitReached, match="memory"):
        run_confined(_fill_memory, readable=[], seconds=30)
