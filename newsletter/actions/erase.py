"""The erasure of one person from the list and the store, with a keyed hash kept of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from newsletter.address import SubscriberKey
from newsletter.campaigns.sent_record import write_record
from newsletter.errors import ConfigError
from newsletter.issue_name import IssueName
from newsletter.ledger import erasure
from newsletter.ledger.campaigns import list_unfinished
from newsletter.ledger.deliveries import list_deliveries
from newsletter.ledger.states import State
from newsletter.ledger.workers import is_being_sent, wait_for_leases
from newsletter.publication import OpenPublication
from newsletter.sending.takeover import lock_campaign
from newsletter.store import Busy, Store
from newsletter.store.publication_facts import read_erasing_key
from newsletter.store.publications import list_publications as list_stored_publications
from newsletter.subscribers.list_changes import sole_editor
from newsletter.subscribers.moved_addresses import list_addresses_of_person
from newsletter.subscribers.secret_keys import SecretKeys, require_secret_keys
from newsletter.workspace import PublicationId
from newsletter.workspace_search import list_publications

_T = TypeVar("_T")
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

    So is each address that they had before, or have since. The store comes first, since from then on nothing is sent to
    them whatever the list says, and the list shows them as erased until their rows are gone too. Whatever stops it
    between: running it again does the rest. `on_wait` is told for how many seconds the lease of a crashed send, which
    had them in hand, is waited for. Raises ConfigError without keys, DeliveryError while a copy is under way to them,
    and ListError when the list can't be written (nothing is erased then).
    """
    keys, store = require_secret_keys(publication.workspace), publication.store
    publication.refuse_without_erasure_keys()
    erased = _erase_addresses(
        store, key, lambda each, addresses: _erase_address(publication, keys, each, addresses, on_wait)
    )
    rows = [each.store_rows for each in erased]
    together = erasure.ErasedRows(
        events=sum(each.events for each in rows),
        causes=sum(each.causes for each in rows),
        deliveries=sum(each.deliveries for each in rows),
        mentions=sum(each.mentions for each in rows),
        issues=[issue for each in rows for issue in each.issues],
    )
    return Erasure(list_rows=sum(each.list_rows for each in erased), store_rows=together, swept=_sweep(store))


def _erase_addresses(
    store: Store, key: SubscriberKey, erase: Callable[[SubscriberKey, Sequence[SubscriberKey]], _T]
) -> list[_T]:
    """Call `erase` for each address of a person, given all of them, and again for those that they take meanwhile.

    The farthest comes first: stopped between, what is left is still known to be theirs.
    """
    erased: dict[SubscriberKey, _T] = {}
    while key not in erased:
        addresses = _list_addresses(store, key)
        with suppress(erasure.AddressesChanged):
            for each in reversed(addresses):
                erased[each] = erase(each, addresses)
    return [*erased.values()]


def _list_addresses(store: Store, key: SubscriberKey) -> list[SubscriberKey]:
    with store.reading() as connection:
        return list_addresses_of_person(connection, key)


def _erase_address(
    publication: OpenPublication,
    keys: SecretKeys,
    key: SubscriberKey,
    addresses: Sequence[SubscriberKey],
    on_wait: Callable[[float], None],
) -> Erasure:
    store, source = publication.store, publication.subscriber_source()
    for issue in erasure.list_issues_in_hand(store, key):
        try:
            with lock_campaign(store, issue, may_take_over=False):
                wait_for_leases(store, issue, on_wait)  # of a run that has died, or of one that took over from it
        except Busy as error:
            raise erasure.make_in_hand_error(issue) from error
    digest = keys.digest(key)
    with sole_editor(store), source.removing(key) as edit:
        erased = erasure.erase_from_store(store, key, pseudonyms(digest), digest, keys.fingerprint, addresses)
        edit.put()
    for issue in _list_changed_issues(store, digest, erased.issues):
        if (record := publication.record(issue)).exists():
            write_record(record, store, issue)
    return Erasure(list_rows=len(edit.rows), store_rows=erased, swept=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureEverywhere:
    """The erasures of one person by publication, and those publications whose lists are in no folder here."""

    by_publication: Mapping[PublicationId, Erasure]
    unlisted: Sequence[PublicationId]

    @property
    def swept(self) -> bool:
        """Whether the database's files have no trace of them, as far as the program can see to it."""
        return all(each.swept for each in self.by_publication.values())


def erase_everywhere(
    publication: OpenPublication, key: SubscriberKey, on_wait: Callable[[float], None] = lambda _seconds: None
) -> ErasureEverywhere:
    """Erase a subscriber from every publication of the database, and from the lists of those in this workspace.

    What keeps all of them from being mailed goes last: by then each publication has their hash. Raises what
    `erase_subscriber` does, and ConfigError where a publication of another folder has other keys; whatever stops it
    between, running it again does the rest.
    """
    keys, store = require_secret_keys(publication.workspace), publication.store
    here = {one.publication_id: one for one in list_publications(publication.workspace)}
    with store.reading() as connection:
        unlisted = [name for name in list_stored_publications(connection) if name not in here]
    for name in unlisted:
        _refuse_other_keys(store.of(name), keys)
    addresses = {
        each for name in {store.publication, *here, *unlisted} for each in _list_addresses(store.of(name), key)
    }
    erased = {}
    for name, workspace in here.items():
        with OpenPublication(workspace, store=store.of(name)) as opened:
            erased[name] = erase_subscriber(opened, key, on_wait)
    for name in unlisted:
        rows = _erase_addresses(store.of(name), key, partial(_erase_unlisted, store.of(name), keys))
        erased[name] = Erasure(list_rows=0, store_rows=rows[-1], swept=True)
    for each in addresses:
        erasure.erase_what_is_about_all(store, each)
    last = erased[publication.workspace.publication_id]
    erased[publication.workspace.publication_id] = replace(last, swept=_sweep(store))
    return ErasureEverywhere(by_publication=erased, unlisted=unlisted)


def _erase_unlisted(
    store: Store, keys: SecretKeys, key: SubscriberKey, addresses: Sequence[SubscriberKey]
) -> erasure.ErasedRows:
    digest = keys.digest(key)
    return erasure.erase_from_store(store, key, pseudonyms(digest), digest, keys.fingerprint, addresses)


def _refuse_other_keys(store: Store, keys: SecretKeys) -> None:
    with store.reading() as connection:
        mark = read_erasing_key(connection)
    if mark not in (None, keys.fingerprint):
        raise ConfigError(
            f"Those who were erased from {store.publication} are known by other keys than those here.",
            next_step="Nobody was erased. In each folder: newsletter subscribers forget ADDRESS, without --everywhere.",
        )


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
