"""The queue of messages that may leave, where domains have limits: one at its limit never keeps others waiting."""

from asyncio import AbstractEventLoop
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from math import inf
from time import time

from newsletter.address import domain_of
from newsletter.config.domain_settings import EVERY_OTHER
from newsletter.issue_name import IssueName
from newsletter.ledger.deliveries import Delivery
from newsletter.ledger.delivery_domain import SkippedDomains, count_waiting_domains, list_recent_departures
from newsletter.mail.message import Message
from newsletter.store import Store
from newsletter.throttle.domains import HOUR_S, DomainLimit, DomainThrottle, describe_domain_limit
from newsletter.throttle.holds import Hold, HoldKind

Item = tuple[Delivery, Message]
AHEAD = 4  # messages of one domain that are kept here; its others are not claimed meanwhile
MOST_AHEAD = 500  # of all domains


def open_domain_queue(
    store: Store, issue: IssueName, limits: Mapping[str, DomainLimit], loop: AbstractEventLoop
) -> "DomainQueue":
    """Return the queue of an issue's messages under limits of domains, which knows what left within the hour.

    The limits are by domain, "*" for each other one.
    """
    recent: dict[str, list[float]] = {}
    if any(limit.per_hour for limit in limits.values()):
        shift = loop.time() - time()
        departures = list_recent_departures(store, HOUR_S)
        recent = {domain: [moment + shift for moment in moments] for domain, moments in departures.items()}
    throttle = DomainThrottle(limits, limits.get(EVERY_OTHER), recent)
    waiting = {
        domain: count for domain, count in count_waiting_domains(store, issue).items() if throttle.find_limit(domain)
    }
    return DomainQueue(throttle, loop.time, loop.call_at, Counter(waiting))


class DomainQueue:
    """A queue with the methods of a deque that the dispatcher calls. It is false while nothing in it may leave.

    `call_at` calls a function at a moment of `clock`; `wake` is called when a domain may have messages again.
    """

    def __init__(
        self,
        throttle: DomainThrottle,
        clock: Callable[[], float],
        call_at: Callable[[float, Callable[[], None]], object],
        waiting: Counter[str],
    ) -> None:
        self.wake: Callable[[], None] = lambda: None
        self._throttle = throttle
        self._clock = clock
        self._call_at = call_at
        self._waiting = waiting  # readers by domain, of those that have a limit
        self._free: deque[Item] = deque()
        self._held: dict[str, deque[Item]] = {}
        self._next: list[tuple[float, str]] = []  # of domains with messages here, each once unless it is in the way
        self._listed: set[str] = set()
        self._held_count = 0
        self._full: frozenset[str] = frozenset()
        self._passed = 0
        self._alarm_at = inf

    def __bool__(self) -> bool:
        if self._free:
            return True
        at = self._find_next()
        now = self._clock()
        if at > now and at < self._alarm_at:
            self._alarm_at = at
            self._call_at(at, self._ring)
        return at <= now

    def __len__(self) -> int:
        """Return how many may leave now, or a few less."""
        now = self._clock()
        return len(self._free) + sum(at <= now for at, _ in self._next)

    def __iter__(self) -> Iterator[Item]:
        yield from self._free
        for held in self._held.values():
            yield from held

    @property
    def held(self) -> int:
        """Return how many messages of domains with a limit are here."""
        return self._held_count

    def share(self, workers: int) -> None:
        """Divide the limits of domains among so many workers."""
        self._throttle.share(workers)

    def choose_skipped(self) -> SkippedDomains | None:
        """Return the domains of which enough messages are here, so that no more are claimed; None without any."""
        full = frozenset(domain for domain, held in self._held.items() if len(held) >= AHEAD)
        if full != self._full:
            self._full, self._passed = full, 0
        return SkippedDomains(domains=full, after=self._passed) if full else None

    def note_claimed(self, claimed: Sequence[Delivery]) -> None:
        """Take in who was claimed: up to there nobody is left but those of the domains that are skipped."""
        if self._full and claimed:
            self._passed = max(self._passed, claimed[-1].id)

    def extend(self, items: Iterable[Item]) -> None:
        """Add messages, each behind the others of its domain."""
        for item in items:
            domain = domain_of(item[0].subscriber)
            if self._throttle.find_limit(domain) is None:
                self._free.append(item)
            else:
                self._held.setdefault(domain, deque()).append(item)
                self._held_count += 1
                self._list(domain)

    def popleft(self) -> Item:
        """Take a message that may leave: those of domains with a limit first, since they have waited longest."""
        now = self._clock()
        if self._find_next() <= now:
            _, domain = heappop(self._next)
            self._listed.discard(domain)
            held = self._held[domain]
            item = held.popleft()
            self._held_count -= 1
            self._throttle.record_departure(domain, now)
            self._waiting[domain] -= 1
            if held:
                self._list(domain)
            else:
                del self._held[domain]
            return item
        return self._free.popleft()

    def clear(self) -> None:
        """Take all messages out."""
        self._free.clear()
        self._held.clear()
        self._next.clear()
        self._listed.clear()
        self._held_count = 0

    def end(self, delivery: Delivery, *, waits: bool) -> None:
        """Take in that a message is answered, or given back and `waits` again."""
        domain = domain_of(delivery.subscriber)
        if self._throttle.find_limit(domain) is None:
            return
        self._throttle.record_end(domain)
        self._waiting[domain] += waits
        if domain in self._held and domain not in self._listed:
            self._list(domain)
            self.wake()

    def describe_hold(self) -> Hold | None:
        """Return which domain's limit holds the send most; None while others leave, or nothing is held."""
        if self._free or not self._held:
            return None
        now = self._clock()
        domain = max(self._held, key=lambda one: self._throttle.estimate(one, now, self._waiting[one]))
        limit = self._throttle.find_limit(domain)
        at = self._throttle.find_next_departure(domain, now)
        if limit is None:
            return None
        words = describe_domain_limit(domain, limit)
        return Hold(kind=HoldKind.RATE, words=words, limit=limit.per_second, until=at if now < at < inf else None)

    def estimate(self) -> float:
        """Return how many seconds it takes, by the limits of domains alone, until the last message has left."""
        now = self._clock()
        most = self._waiting.most_common(50)
        return max((self._throttle.estimate(domain, now, left) for domain, left in most), default=0.0)

    def _list(self, domain: str) -> None:
        """Note when a domain's next message may leave, unless one of its messages has to be answered first."""
        if domain in self._listed:
            return
        at = self._throttle.find_next_departure(domain, self._clock())
        if at < inf:
            heappush(self._next, (at, domain))
            self._listed.add(domain)

    def _find_next(self) -> float:
        return self._next[0][0] if self._next else inf

    def _ring(self) -> None:
        self._alarm_at = inf
        self.wake()
