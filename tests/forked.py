"""Runs of the command line, each a process forked from one that has loaded the program already.

Every run is a real process with its own environment, folder, standard streams and exit status. It saves the half a
second of imports that `python -m newsletter` begins with, most of what the tests of commands would take.
"""

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import IO, Any

# What the program imports only where it needs it.
_LATE = ("babel.dates", "cryptography.hazmat.primitives.asymmetric.rsa", "flufl.bounce", "mjml", "PIL.ImageCms",
         "PIL.ImageOps", "premailer", "psycopg", "tinycss2", "typst", "uniseg.linebreak",
         "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite")  # fmt: skip


def run(
    args: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: str, timeout: float
) -> "subprocess.CompletedProcess[str]":
    """Run `newsletter` with `args`, and return its exit status and what it printed.

    Raises subprocess.TimeoutExpired, after the process was killed, when it took longer than `timeout` seconds.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        request = json.dumps({"args": list(args), "cwd": str(cwd), "env": dict(env)}).encode()
        status, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with status:
            with theirs:
                socket.send_fds(_parent(), [request], [file.fileno() for file in (given, out, err, theirs)])
            status.settimeout(timeout)
            try:
                returncode = int(status.recv(16))
            except TimeoutError:
                status.send(b"kill")
                raise subprocess.TimeoutExpired(list(args), timeout) from None
        return subprocess.CompletedProcess(list(args), returncode, _text(out), _text(err))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


@cache
def _parent() -> socket.socket:
    """Start the process that every run is forked from; returns the socket that it takes requests on."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen([sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()])

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _requested(requests: socket.socket) -> list[str] | None:
    """Fork a process for each request. Returns the request's arguments in that process, and None at the end here."""
    while True:
        message, files, _, _ = socket.recv_fds(requests, 1 << 20, 4)
        if not message:
            return None
        # Each run has a supervisor, so that runs may overlap.
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            *streams, status = files
            pid = os.fork()
            if pid:
                _supervise(pid, socket.socket(fileno=status))
            os.close(status)
            return _entered(json.loads(message), streams)
        for file in files:
            os.close(file)


def _supervise(pid: int, status: socket.socket) -> None:
    """Report the exit status as subprocess would, or kill the run when told to."""
    ended = os.pidfd_open(pid)
    ready, _, _ = select.select([ended, status], [], [])
    if ended not in ready:
        os.kill(pid, signal.SIGKILL)
    status.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
    os._exit(0)


def _entered(request: Mapping[str, Any], streams: Sequence[int]) -> list[str]:
    """Take on the request's streams, environment and folder; returns its arguments."""
    for wanted, stream in enumerate(streams):
        os.dup2(stream, wanted)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    arguments: list[str] = request["args"]
    return arguments


if __name__ == "__main__":
    import newsletter

    for module in walk_packages(newsletter.__path__, "newsletter."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in _LATE:
        import_module(name)
    # Supervisors need no waiting for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    arguments = _requested(socket.socket(fileno=int(sys.argv[1])))
    if arguments is not None:
        sys.argv = ["newsletter", *arguments]
        runpy.run_module("newsletter", run_name="__main__", alter_sys=True)
