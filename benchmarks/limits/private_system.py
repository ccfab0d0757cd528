"""A program that finds files and folders of its own at the paths that are built into it.

Debian's OpenSMTPD and Exim want users of their own in /etc/passwd, and OpenSMTPD its queue at /var/spool. They run in a
mount namespace of their own (unshare, of util-linux), so that nothing is changed outside of it.
"""

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from row import Unavailable, find_command

PATIENCE_S = 20


def write_users(folder: Path, names: Sequence[str]) -> Mapping[str, Path]:
    """Write /etc/passwd and /etc/group with further users and groups; return which file is to be at which path."""
    users, groups = Path("/etc/passwd").read_text(encoding="utf-8"), Path("/etc/group").read_text(encoding="utf-8")
    taken = {int(line.split(":")[2]) for line in (users + groups).splitlines() if line.count(":") >= 3}
    free = (number for number in range(900, 1_000) if number not in taken)
    for name, number in zip(names, free, strict=False):
        users += f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"
        groups += f"{name}:x:{number}:\n"
    found = {"/etc/passwd": folder / "passwd", "/etc/group": folder / "group"}
    for (_, path), text in zip(found.items(), (users, groups), strict=True):
        path.write_text(text, encoding="utf-8")
    return found


def read_user(users: Path, name: str) -> int:
    """Return the number of a user."""
    lines = (line.split(":") for line in users.read_text(encoding="utf-8").splitlines())
    return next(int(fields[2]) for fields in lines if fields[0] == name)


@contextmanager
def running_privately(command: Sequence[str], paths: Mapping[str, Path], log: Path, port: int) -> Iterator[None]:
    """Run a server in the foreground with files and folders bound to paths; what it prints goes to the log.

    Raises Unavailable when it does not answer.
    """
    if os.geteuid() != 0:
        raise Unavailable(f"{Path(command[0]).name} can be started by root alone")
    binds = [shlex.join(["mount", "--bind", str(source), path]) for path, source in paths.items()]
    script = " && ".join(["mount --make-rprivate /", *binds, f"exec {shlex.join(command)}"])
    with log.open("ab") as file:
        process = subprocess.Popen(
            [find_command("unshare"), "--mount", "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    try:
        wait_for(port, process, log)
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=PATIENCE_S)
        process.kill()
        process.wait()


def wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as trial:
            if trial.recv(3) == b"220":
                return
        time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace")[-500:].strip()
    raise Unavailable(f"it does not start in a mount namespace of its own: {said}")
