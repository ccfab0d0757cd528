"""Processes that answer at one listening socket: each that dies is started again, and all end with the one above them.

The operating system gives each connection to one of them. The process above answers nothing and has no threads, so that
a fork of it is a good beginning at any time.
"""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from time import monotonic, sleep

from newsletter.errors import NewsletterError
from newsletter.web.public.error_line import error_line

_ENDING_S = 25.0  # for requests and a mail under way; less than what systemd waits
_SOON_S = 2.0  # before a process is started again that lived no longer
_LOG = logging.getLogger(__name__)
_Work = Callable[[int, Callable[[], None]], None]  # the process's number, and what it calls once it listens


def run_workers(count: int, work: _Work, on_started: Callable[[], None]) -> None:
    """Do `work` in so many processes until this one is told to end; call `on_started` once each has begun.

    SIGTERM and SIGINT have to be KeyboardInterrupt here, which is raised when all have ended.
    """
    workers = _Workers(work)
    try:
        workers.keep(count, on_started)
    finally:
        workers.end()


class _Workers:
    def __init__(self, work: _Work) -> None:
        self._work = work
        self._context = multiprocessing.get_context("fork")
        self._ready, self._ready_end = self._context.Pipe(duplex=False)
        self._alive_end, self._alive = self._context.Pipe(duplex=False)  # closed when this process is no more
        self._processes: dict[int, ForkProcess] = {}
        self._since: dict[int, float] = {}

    def keep(self, count: int, on_started: Callable[[], None]) -> None:
        for number in range(count):
            self._start(number)
        waited_for = set(range(count))
        while True:
            happened = wait([*(process.sentinel for process in self._processes.values()), self._ready])
            if self._ready in happened:
                was_waiting = bool(waited_for)
                waited_for.discard(self._ready.recv())
                if was_waiting and not waited_for:
                    on_started()
            for number, process in list(self._processes.items()):
                if process.sentinel in happened:
                    process.join()
                    _LOG.error("Process %d of the service ended (%s) and is started again", process.pid,
                               process.exitcode)  # fmt: skip
                    if monotonic() - self._since[number] < _SOON_S:
                        sleep(_SOON_S)
                    self._start(number)

    def end(self) -> None:
        """End all: what is under way is answered first, and who hangs is killed."""
        for process in self._processes.values():
            process.terminate()
        until = monotonic() + _ENDING_S
        for process in self._processes.values():
            process.join(max(0.0, until - monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def _start(self, number: int) -> None:
        process = self._context.Process(target=self._run, args=(number,))
        process.start()
        self._processes[number] = process
        self._since[number] = monotonic()

    def _run(self, number: int) -> None:
        """Do the work in the new process, whose exit status is 1 when it could not be done."""
        self._alive.close()
        threading.Thread(target=_end_with, args=(self._alive_end,), daemon=True).start()
        status = 0
        try:
            with suppress(KeyboardInterrupt):
                self._work(number, lambda: self._ready_end.send(number))
        except NewsletterError as error:
            _LOG.error("%s", error_line(error))
            status = 1
        except Exception as error:  # noqa: BLE001  # its traceback may hold addresses
            _LOG.error("A process of the service failed: %s", type(error).__name__)
            status = 1
        os._exit(status)  # threads may wait for a database that is gone


def _end_with(alive: Connection) -> None:
    """End this process when the one above has gone, whatever became of it."""
    with suppress(EOFError, OSError):
        alive.recv()
    os.kill(os.getpid(), signal.SIGTERM)
