"""Processes with limits of time and memory, for reading files that strangers made.

A file of some kilobytes can keep a reader busy for hours or fill the memory, whatever the library that reads it counts.
The system ends a process of its own for certain, and the program that started it goes on.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

MOST_MEMORY = 1_500_000_000  # bytes of address space, which Linux alone limits
_PATIENCE = 4  # seconds that may go by for each of computing, since the machine has other work too
_CHILD = "from newsletter.limited_process import answer_parent; answer_parent()"

_Result = TypeVar("_Result")


class LimitReached(Exception):
    """A function took more time or memory than it may, or its process broke down."""


def run_limited(function: Callable[..., _Result], *args: Any, seconds: int) -> _Result:
    """Call a function of a module in a process of its own for some seconds of computing; return or raise what it does.

    Arguments, result and errors are pickled on their way. Raises LimitReached.
    """
    # The child has this process's modules, and none of the folder that it is started in.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(  # noqa: S603  # no shell, and no word of a stranger's among the arguments
            [sys.executable, "-P", "-c", _CHILD],
            input=pickle.dumps((function, args, seconds)),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=seconds * _PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LimitReached(f"no answer after {seconds * _PATIENCE} s") from error
    if done.returncode:
        raise LimitReached(f"ended with status {done.returncode}")
    result, failure = pickle.loads(done.stdout)  # noqa: S301  # made by our own code in the child
    if isinstance(failure, MemoryError):
        raise LimitReached("out of memory") from failure
    if failure is not None:
        raise failure
    return result  # type: ignore[no-any-return]  # it is what the function returned


def answer_parent() -> None:
    """Read a function with its arguments from stdin, call it within the limits, and write its result to stdout."""
    function, args, seconds = pickle.load(sys.stdin.buffer)  # noqa: S301  # made by the parent
    with os.fdopen(os.dup(1), "wb") as out, Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # what a library prints is no part of the answer
        limit_process(seconds)
        _answer(out, function, args)


def _answer(out: BinaryIO, function: Callable[..., Any], args: Any) -> None:
    answer: tuple[Any, Exception | None]
    try:
        answer = (function(*args), None)
    except Exception as error:  # noqa: BLE001  # which is the parent's to judge
        error.__traceback__ = None
        answer = (None, error)
    pickle.dump(answer, out)


def limit_process(seconds: int, *, file_bytes: int | None = None, files: int | None = None) -> None:
    """Limit this process; where the system knows no limits, the parent's patience alone ends it.

    `seconds` are those of computing, `file_bytes` how long a file may become, `files` how many may be open.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        if file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        if files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
