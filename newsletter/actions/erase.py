"""The erasure of one person from the list and the store, with a keyed hash kept of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from newsletter.address import SubscriberKey
from newsletter.campaigns.sent_record import write_record
from newsletter.issue_name import IssueName
from newsletter.ledger import erasure
from newsletter.ledger.campaigns import list_unfinished
from newsletter.ledger.deliveries import list_deliveries
from newsletter.ledger.states import State
from newsletter.ledger.workers import is_being_sent, wait_for_leases
from newsletter.publication import OpenPublication
from newsletter.sending.takeover import lock_campaign
from newsletter.store import Busy, Store
from newsletter.subscribers.list_changes import sole_editor
from newsletter.subscribers.secret_keys import require_secret_keys

_NOWHERE = "forgotten.invalid"  # RFC 6761, section 6.4: no mail ever goes there


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The rows that were erased, of the list and of the store.

    `swept` says that the database's files have no trace of them, as far as the program can see to it.
    """

    list_rows: int
    store_rows: erasure.ErasedRows
    swept: bool


def erase_subscriber(
    publication: OpenPublication, key: SubscriberKey, on_wait: Callable[[float], None] = lambda _seconds: None
) -> Erasure:
    """Erase a subscriber from the list and the store, and keep their keyed hash, so that no list brings them back.

    The store comes first, since from then on nothing is sent to them whatever the list says, and the list shows them
    as erased until their rows are gone too. Whatever stops it between: running it again does the rest. `on_wait` is
    told for how many seconds the lease of a crashed send, which had them in hand, is waited for. Raises
    ConfigError without keys, DeliveryError while a copy is under way to them, and ListError when the list can't be
    written (nothing is erased then).
    """
    keys, store, source = require_secret_keys(publication.workspace), publication.store, publication.subscriber_source()
    publication.refuse_without_erasure_keys()
    for issue in erasure.list_issues_in_hand(store, key):
        try:
            with lock_campaign(store, issue, may_take_over=False):
                wait_for_leases(store, issue, on_wait)  # of a run that has died, or of one that took over from it
        except Busy as error:
            raise erasure.make_in_hand_error(issue) from error
    digest = keys.digest(key)
    with sole_editor(store), source.removing(key) as edit:
        erased = erasure.erase_from_store(store, key, pseudonyms(digest), digest, keys.fingerprint)
        edit.put()
    for issue in _list_changed_issues(store, digest, erased.issues):
        if (record := publication.record(issue)).exists():
            write_record(record, store, issue)
    return Erasure(list_rows=len(edit.rows), store_rows=erased, swept=_sweep(store))


def _list_changed_issues(store: Store, digest: str, issues: Sequence[IssueName]) -> Iterator[IssueName]:
    """Yield these issues, and those whose sent records an erasure that was stopped before may not have rewritten."""
    earlier = list_deliveries(store, pseudonyms(digest)(1))
    ended = (delivery.issue for delivery in earlier if delivery.state in (State.SUPPRESSED, State.CANCELLED))
    yield from dict.fromkeys([*issues, *ended])


def pseudonyms(digest: str) -> Callable[[int], SubscriberKey]:
    """Return a function that gives the n-th name that an erased person's deliveries may have, from 1 on."""
    return lambda number: SubscriberKey(f"{digest[:16]}{f'-{number}' if number > 1 else ''}@{_NOWHERE}")


def _sweep(store: Store) -> bool:
    """Rewrite the database's files without what was erased; return False while something is sent.

    A sender would wait too long for it.
    """
    with ExitStack() as held:
        for issue in list_unfinished(store):
            try:
                held.enter_context(lock_campaign(store, issue, may_take_over=False))
            except Busy:
                return False
            if is_being_sent(store, issue):  # by one that took over
                return False
        return store.sweep(erasure.TABLES)
