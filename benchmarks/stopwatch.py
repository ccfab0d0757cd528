"""What a measured process says of itself: how long each of its steps took, as a line of JSON for editions.py."""

import json
import sys
from collections.abc import Callable
from time import perf_counter


class Stopwatch:
    """Laps with names. Moments are those of perf_counter, whose clock all processes of a machine share."""

    def __init__(self) -> None:
        self.began = self.last = perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """All since the last lap was `name`."""
        now = perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + now - self.last
        self.last = now

    def report(self) -> None:
        print(json.dumps({"began": self.began, "ended": self.last, "laps": self.laps}), flush=True)


def serve(build: Callable[[Stopwatch], object]) -> None:
    """Build once for each line on stdin: the warm process. An empty report says that it is ready."""
    Stopwatch().report()
    for _line in sys.stdin:
        watch = Stopwatch()
        build(watch)
        watch.report()
