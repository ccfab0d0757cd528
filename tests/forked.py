"""Runs of the command line, each a process forked from one that has loaded the program already.

A run has its own environment, folder, streams and exit status, and can be sent signals. It saves the half a second of
imports that `python -m newsletter` begins with, which is most of what a command takes.
"""

import atexit
import faulthandler
import gc
import json
import os
import pty
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import IO, Any

# What the program imports only where it needs it.
_LATE = ("babel.dates", "cryptography.hazmat.primitives.asymmetric.rsa", "encodings.punycode", "flufl.bounce",
         "humanize", "idna.uts46data", "mjml", "PIL.ImageCms", "PIL.ImageOps", "premailer", "psycopg", "tinycss2",
         "typst", "uniseg.linebreak",
         "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite")  # fmt: skip


class Run:
    """A run under way, with what subprocess.Popen offers its callers."""

    def __init__(self, args: Sequence[str], status: socket.socket, streams: Sequence[IO[str]] = ()) -> None:
        self.args = list(args)
        self.stdout, self.stderr = streams or (None, None)
        self.returncode: int | None = None
        number, (self._pidfd, *_), _, _ = socket.recv_fds(status, 16, 1)
        self.pid = int(number)
        self._status = status.detach()
        self._lock = threading.Lock()
        self._readers: list[threading.Thread] = []
        self._texts = ["", ""]

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while it runs."""
        with self._lock:
            if self.returncode is None and select.select([self._status], [], [], 0)[0]:
                self.returncode = int(os.read(self._status, 16))
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status. Raises subprocess.TimeoutExpired after so many seconds."""
        select.select([self._status], [], [], timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Return what it printed until its end. Raises subprocess.TimeoutExpired; then it may be called again."""
        if not self._readers:
            self._readers = [threading.Thread(target=self._read, args=[number], daemon=True) for number in range(2)]
            for reader in self._readers:
                reader.start()
        self.wait(timeout)
        for reader in self._readers:
            reader.join()
        return self._texts[0], self._texts[1]

    def _read(self, number: int) -> None:
        stream = (self.stdout, self.stderr)[number]
        assert stream is not None
        with stream:
            self._texts[number] = stream.read()

    def send_signal(self, sign: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, sign)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr):
            if stream:
                stream.close()
        self.wait()

    def __del__(self) -> None:
        os.close(self._status)  # whereupon a run that nobody waited for is killed
        os.close(self._pidfd)


def start(
    args: Sequence[str], *, cwd: Path, env: Mapping[str, str], program: Path | None = None, pass_fds: Sequence[int] = ()
) -> Run:
    """Start `newsletter` with `args`, reading nothing; what it prints is there as streams.

    `program` is a script to be run instead. It has `pass_fds` as its files from number 3.
    """
    with open(os.devnull) as nothing:  # noqa: PTH123  # a stream, as in the next lines
        (out, their_out), (err, their_err) = os.pipe(), os.pipe()
        files = (nothing.fileno(), their_out, their_err, *pass_fds)
        status = _request(files, {"args": list(args), "cwd": str(cwd), "env": dict(env), "program": str(program or "")})
    os.close(their_out)
    os.close(their_err)
    return Run(args, status, [open(end, encoding="utf-8") for end in (out, err)])  # noqa: PTH123  # closed by Run


def run(
    args: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: str, timeout: float
) -> "subprocess.CompletedProcess[str]":
    """Run `newsletter` with `args`, and return its exit status and what it printed.

    Raises subprocess.TimeoutExpired, after the process was killed, when it took longer than `timeout` seconds.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        request = {"args": list(args), "cwd": str(cwd), "env": dict(env), "program": ""}
        process = Run(args, _request([file.fileno() for file in (given, out, err)], request))
        with process:
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.wait(), _text(out), _text(err))


def run_on_terminal(
    args: Sequence[str], *, cwd: Path, env: Mapping[str, str], typed: str, timeout: float
) -> "subprocess.CompletedProcess[str]":
    """Run `newsletter` on a terminal where somebody has `typed` ahead; its stdout is all that was shown there.

    Raises subprocess.TimeoutExpired, after the process was killed, when it took longer than `timeout` seconds.
    """
    ours, theirs = pty.openpty()
    process = Run(args, _request([theirs] * 3, {"args": list(args), "cwd": str(cwd), "env": dict(env), "program": ""}))
    os.close(theirs)
    killing = threading.Timer(timeout, process.kill)
    killing.start()
    shown = b""
    try:
        os.write(ours, typed.encode())
        with suppress(OSError):  # how Linux says that a terminal has ended
            while block := os.read(ours, 65_536):
                shown += block
    finally:
        os.close(ours)
        killing.cancel()
    if process.wait() == -signal.SIGKILL:
        raise subprocess.TimeoutExpired(process.args, timeout, shown)
    return subprocess.CompletedProcess(process.args, process.wait(), shown.decode().replace("\r\n", "\n"), "")


def _request(files: Sequence[int], request: Mapping[str, Any]) -> socket.socket:
    """Ask for a run with these files; returns the socket that tells of its process and of its end."""
    status, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(_parent(), [json.dumps(request).encode()], [*files, theirs.fileno()])
    return status


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


@dataclass(frozen=True)
class _Forked:
    """A run as the process sees it that has forked it: its pidfd, and the socket that tells of it."""

    pid: int
    ended: int
    status: socket.socket

    def report(self) -> None:
        """Send the exit status as subprocess would give it, once the process has ended."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        with suppress(BrokenPipeError):
            self.status.send(str(code).encode())
        self.close()

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.report()

    def close(self) -> None:
        os.close(self.ended)
        self.status.close()


def _requested(requests: socket.socket) -> Mapping[str, Any] | None:
    """Fork a process for each request. Returns the request in that process, and None at the end here."""
    runs: list[_Forked] = []
    while True:
        watched = [requests, *(end for run in runs for end in (run.ended, run.status))]
        ready, _, _ = select.select(watched, [], [])
        # Whose status nobody waits for any more is killed.
        for run in [run for run in runs if run.ended in ready or run.status in ready]:
            runs.remove(run)
            run.report() if run.ended in ready else run.end()
        if requests not in ready:
            continue
        message, files, _, _ = socket.recv_fds(requests, 1 << 20, 8)
        if not message:
            for run in runs:
                run.end()
            return None
        *streams, status = files
        pid = os.fork()
        if pid == 0:
            for run in runs:
                run.close()
            requests.close()
            os.close(status)
            request: Mapping[str, Any] = json.loads(message)
            _enter(request, streams)
            return request
        runs.append(run := _Forked(pid, os.pidfd_open(pid), socket.socket(fileno=status)))
        socket.send_fds(run.status, [str(pid).encode()], [run.ended])
        for file in streams:
            os.close(file)


def _enter(request: Mapping[str, Any], files: Sequence[int]) -> None:
    """Take on the request's files, environment and folder."""
    for wanted, file in enumerate(files):
        os.dup2(file, wanted)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["env"])
    if "PYTHONFAULTHANDLER" in os.environ:
        faulthandler.enable()
    time.tzset()
    os.chdir(request["cwd"])


def _render_sample() -> None:
    """Fill the caches that the first email and its check fill: patterns, styles, templates, the spelling's dictionary.

    The first PDF stays for each run, since its compiler starts threads, which a fork would lose.
    """
    from newsletter.checks.prose import check_prose
    from newsletter.editions import EditionContext, place_beside, render_html, render_text, render_web, write_default
    from newsletter.issue.draft import read_draft
    from newsletter.issue.draft_source import DraftSource
    from newsletter.workspace import Workspace

    workspace = Workspace(Path(__file__).parent.parent, {})
    context = EditionContext.from_workspace(workspace)
    draft = read_draft(workspace.find_draft("2.10"))
    list(check_prose(workspace, DraftSource(draft.path, draft.source), draft.issue))
    issue = draft.issue.seen_by(frozenset())
    render_html(context, issue, write_default, place_beside)
    render_text(context, issue, write_default)
    render_web(context, issue, b"")


class Ending:
    """The end of a run without the interpreter's clearing away of all that is loaded: six sevenths of `--help`."""

    status: int | None = None

    def leave(self) -> None:
        """Do what the interpreter does after it has waited for threads and called what is registered with atexit."""
        if self.status is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.status)


if __name__ == "__main__":
    ending = Ending()
    atexit.register(ending.leave)  # what is registered first is called last
    import_module("offline").stay_offline()
    sys.path.pop(0)  # this folder, whose modules are the tests'
    import newsletter

    for module in walk_packages(newsletter.__path__, "newsletter."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in _LATE:
        import_module(name)
    # A crashed run's lease is waited for, and a machine of its own has no need of seconds.
    sys.modules["newsletter.ledger.workers"].LEASE_S = 1.0  # type: ignore[attr-defined]  # of a module, not known by name
    _render_sample()
    gc.freeze()
    wanted = _requested(socket.socket(fileno=int(sys.argv[1])))
    if wanted is not None:
        sys.argv = [wanted["program"] or "newsletter", *wanted["args"]]
        try:
            if wanted["program"]:
                runpy.run_path(wanted["program"], run_name="__main__")
            else:
                runpy.run_module("newsletter", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            ending.status = end.code if isinstance(end.code, int) else None
            raise
