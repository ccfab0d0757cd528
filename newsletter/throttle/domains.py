"""Limits on what goes to single domains, such as the mailboxes of one provider: pure, as all of the throttle is."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainLimit:
    """A limit on messages to one domain: a second, an hour, and under way at once. None: no limit."""

    per_second: float | None = None
    per_hour: int | None = None
    at_once: int | None = None


class DomainThrottle:
    """Limits by domain, and what left for each. Times are seconds of one clock that only goes forward.

    `limits` are those of single domains, `default` that of each other one; `recent` are times within the last hour at
    which messages left, by domain.
    """

    def __init__(
        self,
        limits: Mapping[str, DomainLimit],
        default: DomainLimit | None = None,
        recent: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        self._limits = limits
        self._default = default
        self._slots: dict[str, float] = {}
        self._hours: dict[str, deque[float]] = {}
        self._under_way: Counter[str] = Counter()
        self._workers = 1  # among whom the limits are divided
        for domain, times in (recent or {}).items():
            limit = self.find_limit(domain)
            if limit is not None and limit.per_hour is not None:
                self._hours[domain] = deque(times, maxlen=limit.per_hour)

    def share(self, workers: int) -> None:
        """Divide the limits among so many workers; of a count, each has one at least."""
        self._workers = workers

    def find_limit(self, domain: str) -> DomainLimit | None:
        """Return the limit on a domain; None when it has none."""
        return self._limits.get(domain, self._default)

    def find_next_departure(self, domain: str, now: float) -> float:
        """Return when the next message to a domain may leave; infinity until one that is under way is answered."""
        limit = self.find_limit(domain)
        if limit is None:
            return now
        if limit.at_once is not None and self._under_way[domain] >= max(1, limit.at_once // self._workers):
            return inf
        at = max(now, self._slots.get(domain, now))
        hour = self._hours.get(domain)
        if hour is not None and limit.per_hour is not None:
            most = max(1, limit.per_hour // self._workers)
            if len(hour) >= most:
                at = max(at, hour[-most] + HOUR_S)
        return at

    def record_departure(self, domain: str, now: float) -> None:
        """Count a message to a domain that was handed over."""
        limit = self.find_limit(domain)
        if limit is None:
            return
        if limit.per_second is not None:
            self._slots[domain] = max(self._slots.get(domain, now), now) + self._workers / limit.per_second
        if limit.per_hour is not None:
            self._hours.setdefault(domain, deque(maxlen=limit.per_hour)).append(now)
        if limit.at_once is not None:
            self._under_way[domain] += 1

    def record_end(self, domain: str) -> None:
        """Count a message to a domain that is answered or given back."""
        if self._under_way[domain] > 0:
            self._under_way[domain] -= 1

    def estimate(self, domain: str, now: float, left: int) -> float:
        """Return how many seconds it takes, by its limit alone, until `left` messages to a domain have left."""
        limit = self.find_limit(domain)
        if limit is None or left <= 0:
            return 0.0
        at = self.find_next_departure(domain, now)
        seconds = 0.0 if at == inf else at - now
        if limit.per_second is not None:
            seconds += (left - 1) / limit.per_second
        if limit.per_hour is not None:
            hour = self._hours.get(domain, ())
            room = limit.per_hour - sum(moment > now - HOUR_S for moment in hour)
            if left > room:
                seconds = max(seconds, HOUR_S * ((left - room - 1) // limit.per_hour + 1) - self._find_age(hour, now))
        return seconds

    @staticmethod
    def _find_age(hour: Sequence[float], now: float) -> float:
        """Return for how long the present hour has been going on."""
        return min(HOUR_S, now - hour[0]) if hour else 0.0


def describe_domain_limit(domain: str, limit: DomainLimit) -> str:
    """Return a limit as a sentence without its full stop."""
    parts = []
    if limit.per_second is not None:
        slow = limit.per_second < 1
        parts.append(f"{limit.per_second * (60 if slow else 1):,.3g} messages a {'minute' if slow else 'second'}")
    if limit.per_hour is not None:
        parts.append(f"{limit.per_hour:,} an hour" if parts else f"{limit.per_hour:,} messages an hour")
    if limit.at_once is not None:
        parts.append(f"{limit.at_once:,} at once")
    return f"{domain} gets no more than {' and '.join(parts)}, as the settings say"
