"""Erasure of one person: what the store has of them is found, and taken out so that every report still balances."""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Select,
    and_,
    column,
    inspect,
    select,
    table,
    union,
    update,
)

from newsletter.address import SubscriberKey
from newsletter.errors import DeliveryError
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import close_when_done
from newsletter.ledger.deliveries import list_deliveries
from newsletter.ledger.states import OPEN, State
from newsletter.store import Store
from newsletter.store.engine import is_of, is_ours
from newsletter.store.erased import add_erased, hold_off_writing
from newsletter.store.events import remove_events
from newsletter.store.publication_facts import note_erasing_key
from newsletter.store.publications import has_other_publications, is_known_here
from newsletter.store.schema import (
    campaigns,
    consents,
    deliveries,
    events,
    handovers,
    import_changes,
    learned_limits,
    preferences,
    reader_requests,
    reader_tasks,
    send_samples,
    subscribers,
    suppressions,
    transactional_mails,
    workers,
)
from newsletter.store.suppressions import list_causes, remove_suppressions
from newsletter.subscribers.address_in_text import contains_address, replace_address
from newsletter.subscribers.moved_addresses import list_addresses_of_person
from newsletter.subscribers.stored_subscribers import erase_subscriber_rows

TABLES = (
    deliveries, events, suppressions, workers, subscribers, consents, reader_requests, transactional_mails, preferences,
    import_changes, reader_tasks,
)  # fmt: skip
# What becomes of a copy that has not come to its end: who waits gets none, as everyone whom nothing may be sent to.
# Whether an unknown copy arrived can't be found out once its Message-ID, made from the address, is gone: that this is
# given up is a person's decision, as cancelling is.
_ENDS = {
    **dict.fromkeys(OPEN, State.SUPPRESSED),
    **dict.fromkeys((State.SENDING, State.UNKNOWN, State.REFUSED), State.CANCELLED),
}
# Other readers' rows in which an address may be: a server's words name whom it forwards to.
_JSON: Sequence[Column[str]] = (
    deliveries.c.fields,
    events.c.evidence,
    subscribers.c.fields,
    consents.c.evidence,
    reader_requests.c.fields,
    preferences.c.chosen,
    import_changes.c.before,
    import_changes.c.after,
    reader_tasks.c.payload,
    learned_limits.c.limits,
    send_samples.c.hold,
)
_WORDS: Sequence[Column[str]] = (
    deliveries.c.reply, suppressions.c.words, workers.c.why, handovers.c.why, transactional_mails.c.reply, *_JSON,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedRows:
    """Numbers of what was taken out; `issues` are those whose counts have changed."""

    events: int
    causes: int
    deliveries: int
    mentions: int
    issues: Sequence[IssueName]


class AddressesChanged(Exception):
    """Error for a person who has got another address since theirs were looked up: they are to be looked up again."""


def list_issues_in_hand(store: Store, subscriber: SubscriberKey) -> list[IssueName]:
    """Return the issues of which a delivery to this subscriber is claimed, by a run that lives or by one that died."""
    return [one.issue for one in list_deliveries(store, subscriber) if one.state is State.SENDING]


def make_in_hand_error(issue: IssueName) -> DeliveryError:
    """Return the error that says why nobody is erased now."""
    return DeliveryError(
        f"{issue} is under way to this reader right now.",
        next_step="Nothing was erased. Wait until its sending has ended. Then run the same command again.",
    )


def erase_from_store(
    store: Store,
    subscriber: SubscriberKey,
    pseudonym: Callable[[int], str],
    digest: str,
    mark: str,
    addresses: Collection[SubscriberKey] = (),
) -> ErasedRows:
    """Take a subscriber out of the store, and leave `digest`, made with the key of this `mark`, in their place: as one.

    `addresses` are others of theirs that are erased with this one: raises AddressesChanged where they have
    another by now, since nothing would lead to that once this one is gone.

    Deliveries keep their states under a pseudonym; `pseudonym(n)` gives the n-th, should the first be taken: somebody
    who came back can be erased again. What keeps all publications from mailing them stays while there are others, see
    `erase_what_is_about_all`. Raises DeliveryError while a copy is under way to them.
    """
    with store.erasing() as connection:
        hold_off_writing(connection)
        if not {*list_addresses_of_person(connection, subscriber)} <= {subscriber, *addresses}:
            raise AddressesChanged
        for row in connection.execute(_deliveries_of(connection, subscriber).with_for_update()):
            if row.state == State.SENDING:
                raise make_in_hand_error(row.issue)
        return erase_rows_within(connection, subscriber, pseudonym, digest, mark)


def erase_rows_within(
    connection: Connection, subscriber: SubscriberKey, pseudonym: Callable[[int], str], digest: str, mark: str
) -> ErasedRows:
    """Erase as `erase_from_store` does, within a transaction in which nobody else writes of people or sends."""
    found = connection.execute(_deliveries_of(connection, subscriber)).all()
    for row in found:
        connection.execute(
            update(deliveries)
            .where(deliveries.c.id == row.id)
            .values(
                **dict.fromkeys(("subscriber", "address"), _free(connection, row.issue, pseudonym)),
                fields="{}",
                tags="[]",
                reply=None,
                provider_id=None,
                lease_until=None,
                state=_ENDS.get(State(row.state), State(row.state)),
            )
        )
    changed = [row.issue for row in found if State(row.state) in _ENDS]
    for issue in changed:
        close_when_done(connection, issue)
    erased = ErasedRows(
        events=remove_events(connection, subscriber),
        causes=len(list_causes(connection, subscriber)),
        deliveries=len(found),
        mentions=_replace_mentions(connection, subscriber, pseudonym(1)),
        issues=changed,
    )
    remove_suppressions(connection, subscriber)
    erase_subscriber_rows(connection, subscriber)
    add_erased(connection, digest)
    note_erasing_key(connection, mark)
    if not has_other_publications(connection):
        _remove_what_is_about_all(connection, subscriber)
    return erased


def erase_what_is_about_all(store: Store, subscriber: SubscriberKey) -> None:
    """Take out the rows that keep all publications of the database from mailing a subscriber.

    Each publication has their hash by then, or another one would mail them again.
    """
    with store.erasing() as connection:
        hold_off_writing(connection)
        _remove_what_is_about_all(connection, subscriber)


def _remove_what_is_about_all(connection: Connection, subscriber: SubscriberKey) -> None:
    remove_suppressions(connection, subscriber, about_all=True)
    remove_events(connection, subscriber, about_all=True)


def list_known_subscribers(connection: Connection) -> list[SubscriberKey]:
    """Return everybody of whom there is a row, be it a pseudonym."""
    known = (table for table in TABLES if table is not workers)  # which have no subscriber
    theirs = (select(one.c.subscriber).where(is_known_here(connection, one)) for one in known)
    return list(connection.scalars(union(*theirs)))


def count_mentions(store: Store, subscriber: SubscriberKey) -> int:
    """Return how many rows about others have the address in them."""
    with store.reading() as connection:
        return sum(1 for words in _WORDS for _ in _mentions(connection, words, subscriber))


def list_table_copies(store: Store, subscriber: SubscriberKey) -> list[str]:
    """Return the copies of tables, left by an update of the state, that have the subscriber."""
    with store.reading() as connection:
        names = [name for name in inspect(connection).get_table_names() if "_backup" in name]
        return [name for name in names if _has(connection, name, subscriber)]


def _has(connection: Connection, name: str, subscriber: SubscriberKey) -> bool:
    # The first until version 3, and the other since.
    known = {found["name"] for found in inspect(connection).get_columns(name)} & {"reader", "subscriber"}
    for one in known:
        theirs: Column[str] = column(one)  # type: ignore[assignment]
        rows = select(theirs).select_from(table(name)).where(theirs == subscriber).limit(1)
        if connection.scalar(rows) is not None:
            return True
    return False


def _deliveries_of(connection: Connection, subscriber: SubscriberKey) -> Select[Any]:
    # Issue by issue: the index knows a subscriber within one, and a scan would read every delivery there ever was.
    return (
        select(deliveries)
        .where(
            is_ours(connection, deliveries),
            deliveries.c.issue.in_(select(campaigns.c.issue).where(is_ours(connection, campaigns))),
            deliveries.c.subscriber == subscriber,
        )
        .order_by(deliveries.c.id)
    )


def _free(connection: Connection, issue: IssueName, pseudonym: Callable[[int], str]) -> str:
    """Return the first pseudonym that the issue does not have."""
    for name in map(pseudonym, count(1)):
        taken = select(deliveries.c.id).where(is_of(connection, deliveries, issue), deliveries.c.subscriber == name)
        if connection.scalar(taken) is None:
            return name
    raise AssertionError("count has no end")


def _replace_mentions(connection: Connection, subscriber: SubscriberKey, pseudonym: str) -> int:
    changed = 0
    for words in _WORDS:
        for key, text in list(_mentions(connection, words, subscriber)):
            mine = and_(*(known == value for known, value in zip(words.table.primary_key, key, strict=True)))
            connection.execute(
                update(words.table).where(mine).values({words: _replace_subscriber(words, text, subscriber, pseudonym)})
            )
            changed += 1
    return changed


def _mentions(
    connection: Connection, words: Column[str], subscriber: SubscriberKey
) -> Iterator[tuple[Sequence[Any], str]]:
    """Yield the keys and the words of the rows about others that have the address in them."""
    of_others = [is_known_here(connection, words.table)]
    of_others += [words.table.c.subscriber != subscriber] if "subscriber" in words.table.c else []
    # The domain has several spellings, and what is before it one.
    like = f"{subscriber.partition('@')[0]}@"
    rows = select(*words.table.primary_key, words).where(words.icontains(like, autoescape=True), *of_others)
    for *key, text in connection.execute(rows, execution_options={"yield_per": 1000}):
        if any(contains_address(one, subscriber) for one in _texts(words, text)):
            yield key, text


def _texts(words: Column[str], text: str) -> Iterator[str]:
    yield from _list_strings(json.loads(text)) if words in _JSON else (text,)


def _list_strings(value: Any) -> Iterator[str]:  # whatever JSON holds
    match value:
        case str():
            yield value
        case dict():
            yield from (one for each in value.values() for one in _list_strings(each))
        case list():
            yield from (one for each in value for one in _list_strings(each))


def _replace_subscriber(words: Column[str], text: str, subscriber: SubscriberKey, pseudonym: str) -> str:
    def replace_within(value: Any) -> Any:  # whatever JSON holds
        match value:
            case str():
                return replace_address(value, subscriber, pseudonym)
            case dict():
                return {name: replace_within(each) for name, each in value.items()}
            case list():
                return [replace_within(each) for each in value]
        return value

    return json.dumps(replace_within(json.loads(text))) if words in _JSON else replace_within(text)
