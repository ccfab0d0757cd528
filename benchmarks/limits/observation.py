"""What a server saw of a send: connections, messages accepted, refusals, each with its time."""

import threading
import time
from collections import Counter
from dataclasses import dataclass

LEARNING = 0.1  # the share of the messages by which a limit has to be learned
LEARNING_S = 3.0  # and at least so long after the first refusal: a server may take a lot before it
LINE_LENGTH = 110


@dataclass(frozen=True)
class Event:
    """Something that happened at a server, at a time of the monotonic clock.

    `kind` is connect, close, accept or refuse; `what` the address or the refusal. An `expected` refusal is one that no
    sender can avoid.
    """

    at: float
    kind: str
    session: int
    what: str = ""
    expected: bool = False


class Observation:
    """The events of a server during one send; added in one thread, read in another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.restart()

    def restart(self) -> None:
        """Forget everything, for a second send."""
        with self._lock:
            self.events: list[Event] = []
            self.accepted: Counter[str] = Counter()
            self.accepted_at = 0.0
            self._first: float | None = None

    def add(self, event: Event) -> None:
        with self._lock:
            if self._first is None:
                self._first = event.at
            self.events.append(event)
            if event.kind == "accept":
                self.accepted[event.what] += 1
                self.accepted_at = max(self.accepted_at, event.at)

    @property
    def began(self) -> float | None:
        """Return the time of the first connection; None before it."""
        return self._first

    def since_first(self, at: float) -> float:
        """Return seconds since the first connection."""
        return at - self._first if self._first is not None else 0.0

    @property
    def count(self) -> int:
        """Return how many messages were accepted."""
        with self._lock:
            return self.accepted.total()

    @property
    def seconds(self) -> float:
        """Return the time from the first connection to the last message accepted."""
        return self.since_first(self.accepted_at) if self.accepted else 0.0

    def count_refusals(self) -> int:
        """Return how many refusals there were that a sender could have avoided."""
        return sum(event.kind == "refuse" and not event.expected for event in self.events)

    def share_of_refusals(self) -> float:
        """Return refusals for each message accepted, once the limit has to be learned."""
        events = sorted(self.events, key=lambda each: each.at)
        refusals = [event.at for event in events if event.kind == "refuse" and not event.expected]
        accepted = [event.at for event in events if event.kind == "accept"]
        if not refusals or not accepted:
            return 0.0
        learned_at = max(accepted[int(len(accepted) * LEARNING)], refusals[0] + LEARNING_S)
        later = sum(at >= learned_at for at in accepted)
        return sum(at >= learned_at for at in refusals) / later if later else 0.0

    def trace(self, step: float = 1.0) -> list[str]:
        """Return one line for each second: accepted, refused, connections opened, closed and open, and one refusal."""
        lines, began, open_now = [], self._first or time.monotonic(), 0
        by_step: dict[int, list[Event]] = {}
        for event in self.events:
            by_step.setdefault(int((event.at - began) / step), []).append(event)
        for number in sorted(by_step):
            kinds = Counter(event.kind for event in by_step[number])
            open_now += kinds["connect"] - kinds["close"]
            words = Counter(event.what for event in by_step[number] if event.kind == "refuse")
            said = words.most_common(1)[0][0] if words else ""
            line = (
                f"{number * step:7.1f} s  accepted {kinds['accept']:4}  refused {kinds['refuse']:4}  "
                f"opened {kinds['connect']:3}  closed {kinds['close']:3}  open {open_now:3}  {said}"
            )
            lines.append(line[: LINE_LENGTH + 40].rstrip())
        return lines
