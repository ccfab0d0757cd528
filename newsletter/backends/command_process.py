"""A process of the backend `command`: started out of reach of Ctrl-C, waited for, and killed when it takes too long."""

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, cast

_KEPT_OCTETS = 8192  # of what a program says: a secret has to be whole to be found in it
_PIPE_OCTETS = 65536
# A killed program is gone at once, unless it runs as another user (by sudo, say) or hangs in the kernel.
_KILLED_S = 5.0


@contextmanager
def block_ctrl_c() -> Iterator[None]:
    """Keep Ctrl-C from a program that is started meanwhile: it asks for what is in hand to be finished.

    The terminal sends it to every process of its group. A program leaves that group by a session of its own; until
    then it has this mask, inherited from us, and keeps it (a shell takes it off, and may still be hit in that moment).
    Our own handler is called all the same: the signal waits, or is delivered to another thread.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


class CommandProcess:
    """A program that was started: whether it has ended, and the first of its output on stderr.

    asyncio's own subprocesses won't do: they wait for the end of stderr as well, which a mail server left in the
    background keeps open.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.output = b""
        self.ended = asyncio.Event()
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._stderr = cast("IO[bytes]", process.stderr)
        os.set_blocking(self._stderr.fileno(), False)
        self._loop.add_reader(self._stderr, self._listen)
        threading.Thread(target=self._wait, name="command", daemon=True).start()

    @property
    def status(self) -> int | None:
        """Return the exit status as Popen has it: less than 0 is the signal that ended it, None: it has not ended."""
        return self._process.returncode

    async def kill(self) -> None:
        """Kill the program and whatever it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(_KILLED_S):
                await self.ended.wait()

    def close(self) -> None:
        """Read the rest of its output, without waiting for what another process may still write there."""
        while len(self.output) < _KEPT_OCTETS and self._listen():
            pass
        self._loop.remove_reader(self._stderr)
        self._stderr.close()

    def _listen(self) -> bool:
        try:
            output = os.read(self._stderr.fileno(), _PIPE_OCTETS)
        except BlockingIOError:
            return False
        self.output = (self.output + output)[:_KEPT_OCTETS]
        if not output:
            self._loop.remove_reader(self._stderr)
        return bool(output)

    def _wait(self) -> None:
        self._process.wait()
        with suppress(RuntimeError):  # the loop is gone: nobody waits any more for one that could not be killed
            self._loop.call_soon_threadsafe(self.ended.set)
