"""Whether a subscriber may be mailed, and if not, why not and since when."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

from sqlalchemy import Connection

from newsletter.clock import Instant, format_instant, parse_instant
from newsletter.errors import Problem
from newsletter.store import Store, suppressions
from newsletter.store.engine import publication_of
from newsletter.store.erased import find_erased
from newsletter.store.events import find_told
from newsletter.store.publications import EVERY
from newsletter.store.suppressions import StoredSuppression
from newsletter.subscribers.feedback_events import SUPPRESSING
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.subscriber import Subscriber

MAILABLE, ERASED = "mailable", "erased"
UNTIL = "until "  # before the moment at which a suppression ends by itself, in a file
_GROUP = 500  # rows looked up at once: few enough for either database's parameters


@dataclass(frozen=True, slots=True)
class Suppression:
    """One reason not to mail somebody; `since` is None where a list does not say when.

    `everywhere`: it keeps every publication of the database from it. `elsewhere`: it is known from another one alone.
    `until` is when it ends by itself.
    """

    kind: str
    words: str
    since: Instant | None
    everywhere: bool = False
    elsewhere: bool = False
    until: Instant | None = None

    @property
    def noted(self) -> str:
        """Return what was noted with it, as a file may have it: when it ends, or else its words."""
        return f"{UNTIL}{format_instant(self.until)}" if self.until else self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionStatus:
    """All that keeps a subscriber from being mailed; since `erased` nothing is kept of them."""

    suppressions: Sequence[Suppression] = ()
    erased: Instant | None = None

    @property
    def mailable(self) -> bool:
        return not self.suppressions and self.erased is None

    @property
    def state(self) -> str:
        """`mailable`, `erased`, or the kinds of suppression: `bounced, unsubscribed`."""
        if self.mailable:
            return MAILABLE
        return ", ".join([*([ERASED] if self.erased else []), *(each.kind for each in self.suppressions)])

    @property
    def since(self) -> Instant | None:
        """The earliest moment from which on nothing was to be sent, None where none is known."""
        known = (since for since in (self.erased, *(each.since for each in self.suppressions)) if since)
        return min(known, default=None)

    @property
    def words(self) -> str:
        """What was noted with the suppressions."""
        return "; ".join(each.noted for each in self.suppressions if each.noted)


_MAILABLE = SuppressionStatus()


class OwnStatuses(Protocol):
    """Whom a list itself keeps from being mailed, whatever is known of them elsewhere."""

    @property
    def questions(self) -> Sequence[Problem]:
        """Columns of which nobody has said what they mean."""
        ...

    @property
    def count(self) -> int:
        """How many subscribers the list keeps from being mailed."""
        ...

    def find(self, subscriber: Subscriber) -> Suppression | None:
        """Return why the list keeps this subscriber from being mailed; None when it does not."""
        ...

    def describe(self, subscriber: Subscriber) -> str:
        """Return the words by which it does, empty when it does not."""
        ...

    def require_answers(self) -> None:
        """Raise DecisionNeeded while there is a question."""
        ...


def find_end(words: str) -> Instant | None:
    """Return when a suppression ends by itself, as an export writes it into its words; None where they don't say."""
    with suppress(ValueError, OverflowError):  # a zone may lead out of the calendar
        return parse_instant(words.removeprefix(UNTIL)) if words.startswith(UNTIL) else None
    return None


def read_suppression_statuses(
    store: Store | None, keys: SecretKeys | None, wanted: Sequence[str]
) -> list[SuppressionStatus]:
    """Return the status of each subscriber, in their order.

    Without a store nothing is known against anybody, without keys no erasure.
    """
    if store is None:
        return [_MAILABLE] * len(wanted)
    digests = {key: keys.digest(key) for key in wanted} if keys else {}
    held = defaultdict[str, list[Suppression]](list)
    with store.reading() as connection:
        rows = suppressions.find_suppressions(connection, wanted)
        own = _find_own(connection, rows)
        for row in rows:
            held[row.subscriber].append(
                Suppression(
                    row.cause,
                    row.words,
                    parse_instant(row.at),
                    everywhere=row.publication == EVERY,
                    elsewhere=(row.subscriber, row.cause) not in own,
                    until=parse_instant(row.until) if row.until else None,
                )
            )
        erased = find_erased(connection, list(digests.values())) if digests else {}
    return [
        SuppressionStatus(suppressions=held.get(key, ()), erased=erased.get(digests.get(key, ""))) for key in wanted
    ]


def _find_own(connection: Connection, rows: Sequence[StoredSuppression]) -> set[tuple[str, str]]:
    """Return which of these rows, by subscriber and cause, follow from what this publication was told."""
    ours = publication_of(connection)
    shared = [row for row in rows if row.publication != ours]
    told = find_told(connection, [row.subscriber for row in shared]) if shared else set()
    by_event = {(subscriber, SUPPRESSING[kind]) for subscriber, kind in told if kind in SUPPRESSING}
    return {(row.subscriber, row.cause) for row in rows if row.publication == ours} | by_event


def with_suppression_status(
    store: Store | None,
    keys: SecretKeys | None,
    rows: Iterable[Subscriber | Problem],
    own: OwnStatuses | None = None,
) -> Iterator[tuple[Subscriber | Problem, SuppressionStatus]]:
    """Yield each row of the list with what is known of its subscriber. Streams: a list may have a million rows.

    `own` is what the list itself says.
    """
    rest = iter(rows)
    while group := list(islice(rest, _GROUP)):
        wanted = [row.key for row in group if isinstance(row, Subscriber)]
        found = iter(read_suppression_statuses(store, keys, wanted))
        for row in group:
            status = next(found) if isinstance(row, Subscriber) else _MAILABLE
            listed = own.find(row) if own and isinstance(row, Subscriber) else None
            if listed and listed.kind not in {known.kind for known in status.suppressions}:
                status = replace(status, suppressions=[*status.suppressions, listed])
            yield row, status
