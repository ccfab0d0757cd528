"""A row of the table: a server with its limits, so many readers, and the ideal time that follows from the limits."""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from observation import Observation

CONNECTIONS = 10


class Unavailable(Exception):
    """A server that can't be had on this machine; it says why."""


def find_command(name: str) -> str:
    """Return a command's path. Raises Unavailable."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise Unavailable(f"{name} is not there")
    return found


@dataclass(frozen=True)
class Standing:
    """A server that stands: its port, what it sees, and the settings that `newsletter` needs for it."""

    port: int
    observation: Observation
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One server of the table. `start` starts it, given a folder of its own.

    `ideal` returns the seconds that the limit costs a number of readers, and `reason` says why. Where the server's own
    pace depends on this machine, it is measured by the row named `yardstick`, and the time for `at_pace` of the readers
    (all, unless said) at that pace is added. `unreachable` returns whether an address can't be reached at all.
    """

    name: str
    server: str
    readers: int
    quick: int
    reason: str
    start: Callable[[Path], AbstractContextManager[Standing]]
    ideal: Callable[[int], float] = lambda readers: 0.0 * readers
    yardstick: str = ""
    at_pace: Callable[[int], int] = lambda readers: readers
    environ: Mapping[str, str] = field(default_factory=dict)
    unreachable: Callable[[str], bool] | None = None
    again: int = 0  # readers of a second send, which begins with what the first has learned
    nobody: bool = False  # the send has to stop before the first reader, and everybody stays pending

    @property
    def measures_pace(self) -> bool:
        """Return whether the row has no limit, and is there for others to be compared with."""
        return self.yardstick == self.name

    def is_unreachable(self, address: str) -> bool:
        """Return whether an address can't be reached at all."""
        return self.unreachable is not None and self.unreachable(address)

    def ideal_seconds(self, readers: int, pace: float) -> float:
        """Return the ideal time; `pace` is that of the yardstick, in messages a second."""
        at_pace = self.at_pace(readers) / pace if self.yardstick else 0.0
        return self.ideal(readers) + at_pace
