"""May a reader be mailed, and if not, why not, and since when?"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import MappingProxyType

from newsletter.errors import Problem
from newsletter.store import Store, suppressions
from newsletter.store import events as log
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.subscriber import Subscriber

MAILABLE, ERASED = "mailable", "erased"
_GROUP = 500  # rows looked up at once: few enough for either database's parameters


@dataclass(frozen=True, slots=True)
class Suppression:
    """One cause why a reader must not be mailed; `since` is ISO 8601 in UTC, empty where a list does not say it."""

    cause: str
    words: str
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionStatus:
    """All that holds a reader back; `erased` is the moment from which on nothing is kept of them."""

    held: Sequence[Suppression] = ()
    erased: str | None = None

    @property
    def mailable(self) -> bool:
        return not self.held and self.erased is None

    @property
    def state(self) -> str:
        """`mailable`, `erased`, or the causes: `bounced, unsubscribed`."""
        return (
            MAILABLE
            if self.mailable
            else ", ".join([*([ERASED] if self.erased else []), *(h.cause for h in self.held)])
        )

    @property
    def since(self) -> str:
        known = (since for since in (self.erased, *(held.since for held in self.held)) if since)
        return min(known, default="")

    @property
    def words(self) -> str:
        return "; ".join(held.words for held in self.held if held.words)


_MAILABLE = SuppressionStatus()


def read_suppression_statuses(
    store: Store | None, keys: SecretKeys | None, readers: Sequence[str]
) -> list[SuppressionStatus]:
    """Of each reader, in their order. Without a store nothing is known against anybody, without keys no erasure."""
    if store is None:
        return [_MAILABLE] * len(readers)
    digests = {reader: keys.digest(reader) for reader in readers} if keys else {}
    held = defaultdict[str, list[Suppression]](list)
    with store.reading() as connection:
        for reader, *cause in suppressions.of_readers(connection, readers):
            held[reader].append(Suppression(*cause))
        erased = log.forgotten_since(connection, list(digests.values())) if digests else {}
    return [
        SuppressionStatus(held=held.get(reader, ()), erased=erased.get(digests.get(reader, ""))) for reader in readers
    ]


def with_suppression_status(
    store: Store | None,
    keys: SecretKeys | None,
    rows: Iterable[Subscriber | Problem],
    left: Mapping[str, Suppression] = MappingProxyType({}),
) -> Iterator[tuple[Subscriber | Problem, SuppressionStatus]]:
    """Each row of the list with what is known of its reader. Streams: a list may have a million rows.

    `left` is what the list itself says, by its columns.
    """
    rest = iter(rows)
    while group := list(islice(rest, _GROUP)):
        readers = [row.key for row in group if isinstance(row, Subscriber)]
        found = iter(read_suppression_statuses(store, keys, readers))
        for row in group:
            standing = next(found) if isinstance(row, Subscriber) else _MAILABLE
            held = left.get(row.key) if isinstance(row, Subscriber) else None
            if held and held.cause not in {known.cause for known in standing.held}:
                standing = replace(standing, held=[*standing.held, held])
            yield row, standing
