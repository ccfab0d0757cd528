"""Processes for what strangers sent: no network, no programs, none of this process's secrets, and limits to all else.

They are for text that is read by code which was not written against attackers: whatever a draft makes of it, it finds
nothing to take away and no way to send it. A process hands back bytes, which its parent reads as data.
"""

import ctypes
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from newsletter.limited_process import LimitReached, limit_process

MOST_BYTES = 250_000_000  # of what comes back
_LARGEST_FILE = 50_000_000  # bytes of a file that is written
_MOST_FILES = 512  # open at once
_PATIENCE = 3  # seconds that may go by for each of computing, since the machine has other work too
_CHILD = "from newsletter.confined_process import answer_parent; answer_parent()"
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SystemRoot", "PYTHONDONTWRITEBYTECODE")
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # unshare(2)
_OUT_OF_MEMORY, _TOO_LONG, _BROKEN = 71, 72, 73
_STATUSES = {_OUT_OF_MEMORY: "it takes more memory than it may", _TOO_LONG: "it makes more bytes than it may"}
# What Python tells before it does it (sys.addaudithook): networks, other programs and other people's processes.
_REFUSED = (
    "socket.", "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile",
    "os.kill", "pty.spawn", "webbrowser.", "urllib.Request", "os.link", "os.symlink", "os.chmod", "os.chown",
)  # fmt: skip
_SYSTEM_FILES = ("/usr/share/zoneinfo", "/etc/localtime", "/etc/timezone", os.devnull)


def run_confined(function: Callable[..., bytes], *args: Any, readable: Sequence[Path], seconds: int) -> bytes:
    """Return the bytes that a function of a module returns, called in a process of its own with nothing but its task.

    It may read what is in the folders `readable` and what the program consists of, and write into a temporary folder
    that is gone afterwards. Raises LimitReached when it takes too long or too much memory, or breaks down.
    """
    with TemporaryDirectory(prefix="newsletter-confined-") as home:
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        # The child has this process's modules, and none of the folder that it is started in. Each thread would have an
        # arena of its own, which is address space.
        environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": home, "TMPDIR": home}
        environment |= {"MALLOC_ARENA_MAX": "2", "RAYON_NUM_THREADS": "2"}
        roots = [home, *map(str, readable)]
        try:
            done = subprocess.run(  # noqa: S603  # no shell, and no word of a stranger's among the arguments
                [sys.executable, "-P", "-c", _CHILD],
                input=pickle.dumps((roots, function, args, seconds)),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd=home,
                timeout=seconds * _PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise LimitReached(f"there is no answer after {seconds * _PATIENCE} s") from error
    if done.returncode < 0:
        raise LimitReached(f"it takes more than {seconds} s of computing, or breaks down")
    if done.returncode:
        raise LimitReached(_STATUSES.get(done.returncode, "the program breaks down on it"))
    return done.stdout


def answer_parent() -> None:
    """Read a function with its arguments from stdin, call it with all doors closed, and write its bytes to stdout."""
    roots, function, args, seconds = pickle.load(sys.stdin.buffer)  # noqa: S301  # made by the parent
    with os.fdopen(os.dup(1), "wb") as out, Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # what a library prints is no part of the answer
        _leave_network()
        limit_process(seconds, file_bytes=_LARGEST_FILE, files=_MOST_FILES)
        _close_doors(roots)
        try:
            answer = function(*args)
        except MemoryError:
            os._exit(_OUT_OF_MEMORY)
        except BaseException:  # noqa: BLE001  # its words may be a stranger's
            os._exit(_BROKEN)
        if len(answer) > MOST_BYTES:
            os._exit(_TOO_LONG)
        out.write(answer)


def _leave_network() -> None:
    """Move this process into a network of its own, in which there is nothing, where the kernel lets a user do that.

    Where it does not, Python's own sockets are refused all the same.
    """
    user, group = os.getuid(), os.getgid()
    with suppress(OSError, AttributeError):
        if ctypes.CDLL(None, use_errno=True).unshare(_NEW_USER | _NEW_NETWORK) == 0:
            # So that files still belong to whom they belong (user_namespaces(7)).
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
            Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def _close_doors(roots: Sequence[str]) -> None:
    """Refuse all later sockets, programs, and files outside of the `roots` and the program; it can't be taken back."""
    own = [os.path.realpath(root) for root in (*roots, *filter(None, sys.path), sys.prefix, sys.base_prefix)]
    readable = tuple(f"{root}/" for root in (*own, *_SYSTEM_FILES))
    writable = f"{os.path.realpath(roots[0])}/"

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event.startswith(_REFUSED):
            raise PermissionError(f"{event} is refused here")
        if event == "open" and not isinstance(args[0], int):
            place = f"{os.path.realpath(os.fsdecode(args[0]))}/"
            flags = args[2] or 0
            allowed = (writable, f"{os.devnull}/") if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) else readable
            if not place.startswith(allowed):
                raise PermissionError("this file is refused here")

    sys.addaudithook(watch)
