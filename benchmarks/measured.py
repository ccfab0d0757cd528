"""Runs a program that sends, and tells from outside when its messages went, and what they cost it.

When is read off the receiver: how many bytes have come there by now. What it costs is read off Linux's /proc at
those moments, so that neither a program's start nor its end is counted as sending.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

BETWEEN_LOOKS_S = 0.005
A_TEXT = 8 * 1024  # bytes at the receiver that no greeting and no commands come to: a text is under way
ENDING = 2 * 1024  # the last bytes, which are commands, replies and the end of the last text
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
HIGH_WATER = re.compile(rb"^VmHWM:\s+(\d+) kB", re.MULTILINE)


class Failed(Exception):
    """A program that did not do what was to be measured."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One process: seconds, bytes at the receiver, MB (10^6) held at most."""

    whole: float
    whole_cpu: float
    until_text: float  # from the start of the process until the first text was under way
    cpu_until_text: float
    peak_at_text: float
    sending: float  # from then until the last one was
    cpu_sending: float
    received: int
    received_sending: int
    peak: float
    libraries: frozenset[str]  # of those asked for, which were loaded

    def messages(self, size: float) -> float:
        """How many messages of that many bytes went while it was sending."""
        return self.received_sending / size


class Look(NamedTuple):
    moment: float
    received: int
    cpu: float
    peak: float


def measured(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    received: Callable[[], int],
    *,
    stop_at: float = float("inf"),
    look_for: Sequence[str] = (),
    statuses: Sequence[int] = (0,),
    patience: float = 900,
) -> Run:
    """Run a command to its end; SIGTERM once `stop_at` bytes have been received."""
    before = received()
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        looks: list[Look] = []
        loaded: frozenset[str] = frozenset()
        children: list[int] = []
        stopped = False
        try:
            while not ended(process.pid):
                cpu = sum(map(cpu_so_far, [process.pid, *children]))
                look = Look(time.perf_counter(), received() - before, cpu, high_water(process.pid))
                if look.received >= A_TEXT:
                    if not looks:
                        children = children_of(process.pid)
                        look = look._replace(cpu=cpu + sum(map(cpu_so_far, children)))
                        loaded = frozenset(name for name in look_for if name in mapped(process.pid))
                    looks.append(look)
                if look.received >= stop_at and not stopped:
                    process.send_signal(signal.SIGTERM)
                    stopped = True
                if look.moment - began > patience:
                    process.kill()
                time.sleep(BETWEEN_LOOKS_S)
        except BaseException:
            process.kill()
            process.wait()
            raise
        took = time.perf_counter() - began
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if took > patience:
            raise Failed(f"{name_of(command)} had not ended after {patience:.0f} s.")
        if process.returncode not in statuses or not looks:
            output.seek(0)
            said = output.read().decode("utf-8", "replace")[-2000:]
            raise Failed(f"{name_of(command)} ended with {process.returncode}, and sent nothing or too little:\n{said}")
    total = received() - before
    first = looks[0]
    last = next((look for look in looks if look.received >= total - ENDING), looks[-1])
    return Run(
        whole=took,
        whole_cpu=usage.ru_utime + usage.ru_stime,
        until_text=first.moment - began,
        cpu_until_text=first.cpu,
        peak_at_text=first.peak,
        sending=last.moment - first.moment,
        cpu_sending=last.cpu - first.cpu,
        received=total,
        received_sending=last.received - first.received,
        peak=max(look.peak for look in looks),
        libraries=loaded,
    )


def name_of(command: Sequence[str]) -> str:
    return " ".join(Path(word).name for word in command[:5])


def ended(pid: int) -> bool:
    """Whether it has, without taking its status away from wait4."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def cpu_so_far(pid: int) -> float:
    """Seconds of all its threads, in user and system mode. The name before them may hold spaces."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:  # it has ended in this moment
        return 0.0
    return (int(fields[11]) + int(fields[12])) * TICK_S


def children_of(pid: int) -> list[int]:
    """Return the processes that it has started and that are there now, such as those that sign for it."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # one that has just ended
            if int(stat.read_bytes().rpartition(b")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def high_water(pid: int) -> float:
    """MB that it has held of memory at most, by now. What wait4 tells includes what its parent held when it began."""
    told = HIGH_WATER.search(Path(f"/proc/{pid}/status").read_bytes())
    return int(told[1]) * 1024 / 1e6 if told else 0.0  # one that has ended holds nothing


def mapped(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
