"""The subscribers on the list with what is known of each, all of them or those that are looked for."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from newsletter.errors import Problem
from newsletter.publication import OpenPublication
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.suppression_status import SuppressionStatus, with_suppression_status


@dataclass(frozen=True, kw_only=True)
class SubscriberFilter:
    """Whom to list: everybody who has the tag and all of the words in their row.

    `mailable` is True for those who get the next issue, False for those who must not be mailed, None for both.
    """

    words: Sequence[str] = ()
    tag: str = ""
    mailable: bool | None = None

    def matches(self, subscriber: Subscriber, status: SuppressionStatus) -> bool:
        """Return whether a subscriber is looked for."""
        if self.tag and self.tag.casefold() not in subscriber.tags:
            return False
        if self.mailable is not None and status.mailable is not self.mailable:
            return False
        if not self.words:
            return True
        text = "\n".join((subscriber.address, *subscriber.fields.values(), *subscriber.tags)).casefold()
        return all(word.casefold() in text for word in self.words)


@dataclass(kw_only=True)
class SubscriberListing:
    """A walk along the list; `passed` counts the rows it could not show, as "unusable" and "duplicate"."""

    publication: OpenPublication
    wanted: SubscriberFilter
    passed: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[tuple[Subscriber, SuppressionStatus]]:
        """Yield each subscriber who is looked for. Raises ListError when there is no list, or it can't be read."""
        publication = self.publication
        source = publication.require_subscribers()
        rows = with_suppression_status(
            publication.known_store, publication.keys, source.read_subscribers(), source.read_statuses()
        )
        for row, status in rows:
            if isinstance(row, Problem):
                self.passed["duplicate" if row.code == "duplicate" else "unusable"] += 1
            elif self.wanted.matches(row, status):
                yield row, status


def list_subscribers(publication: OpenPublication, wanted: SubscriberFilter | None = None) -> SubscriberListing:
    """Return the subscribers who are looked for, to be iterated over; a list of a million needs no memory.

    Raises ConfigError when nobody can tell who was erased.
    """
    publication.refuse_without_erasure_keys()
    return SubscriberListing(publication=publication, wanted=wanted or SubscriberFilter())
