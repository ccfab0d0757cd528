"""Lookup of the subscriber whom an address means: by the list, or by what was ever sent."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property, lru_cache

from newsletter.address import domain_of, normalise_address, subscriber_key
from newsletter.errors import ListError
from newsletter.issue_name import IssueName
from newsletter.ledger.deliveries import count_domains, list_deliveries
from newsletter.store import Store
from newsletter.subscribers.moved_addresses import find_next_addresses
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.subscriber import Subscriber


class SubscriberLookup:
    """Lookup that reads the list once, so that a thousand strangers' mails don't have it read a thousand times."""

    def __init__(self, store: Store, source: SubscriberSource) -> None:
        self._store = store
        self._source = source
        self.find = lru_cache(maxsize=1000)(self._find)

    def _find(self, address: str) -> str | None:
        """Return the key of the subscriber whom an address is or was on the list as, or was sent anything as."""
        try:
            key = subscriber_key(normalise_address(address))
        except ValueError:
            return None
        if any(list_deliveries(self._store, key)):
            return key
        with self._store.reading() as connection:
            if find_next_addresses(connection, [key]):
                return key
        # Two subscribers may share a hash: the list is asked for sure.
        return key if hash(key) in self._listed and key in self._source.find([key]) else None

    def count_by_domain(self, issue: IssueName) -> Mapping[str, int]:
        """Return how many subscribers each domain has by the list, or without one by an issue's deliveries."""
        with suppress(ListError):
            if counts := Counter(domain_of(key) for key in self._read_keys()):
                return counts
        return count_domains(self._store, issue)

    @cached_property
    def _listed(self) -> frozenset[int]:
        with suppress(ListError):  # a machine that only reads mail may have no list
            return frozenset(hash(key) for key in self._read_keys())
        return frozenset()

    def _read_keys(self) -> Iterator[str]:
        return (row.key for row in self._source.read_rows() if isinstance(row, Subscriber))
