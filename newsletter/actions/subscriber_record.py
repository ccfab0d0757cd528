"""Everything that is known of one subscriber, for a person who asks what is kept of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from newsletter.address import SubscriberKey
from newsletter.clock import Instant
from newsletter.ledger.campaigns import find_campaign
from newsletter.ledger.deliveries import Delivery, list_deliveries
from newsletter.ledger.erasure import count_mentions
from newsletter.publication import OpenPublication
from newsletter.store import Store
from newsletter.store.events import StoredEvent, list_events
from newsletter.store.publications import list_publications
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.moved_addresses import list_addresses_of_person
from newsletter.subscribers.preferences import Preferences, read_preferences
from newsletter.subscribers.reader_requests import ReaderRequest, list_requests_of
from newsletter.subscribers.source import ListRow
from newsletter.subscribers.stored_subscribers import find_subscribers, list_consents
from newsletter.subscribers.suppression_status import SuppressionStatus, read_suppression_statuses
from newsletter.transactional.queue import SentMail, list_mails_to
from newsletter.workspace import PublicationId

_NOTHING_CHOSEN = Preferences()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordElsewhere:
    """What another publication of the database has of a subscriber; `is_listed` by its list in the store."""

    publication: PublicationId
    is_listed: bool
    consents: Sequence[Consent]
    status: SuppressionStatus
    events: Sequence[StoredEvent]
    deliveries: Sequence[Delivery]
    finished_at: Mapping[str, Instant | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberRecord:
    """Rows of the list, consents, events, suppressions and deliveries of one subscriber.

    `key` is their address in its one spelling, `finished_at` says by issue when its sending had come to its end.
    `other_lines` are lines of the list about others in which the address is found, `other_rows` counts such rows of the
    store. `other_addresses` are those that they had before, or have since.
    """

    key: SubscriberKey
    rows: Sequence[ListRow]
    other_lines: Sequence[int]
    consents: Sequence[Consent]
    status: SuppressionStatus
    events: Sequence[StoredEvent]
    deliveries: Sequence[Delivery]
    finished_at: Mapping[str, Instant | None]
    other_rows: int
    chosen: Preferences = _NOTHING_CHOSEN
    requests: Sequence[ReaderRequest] = ()
    mails: Sequence[SentMail] = ()
    other_addresses: Sequence[SubscriberKey] = ()
    elsewhere: Sequence[RecordElsewhere] = ()

    @property
    def is_known(self) -> bool:
        """Whether this publication keeps anything of them, a keyed hash left aside."""
        theirs = (self.rows, self.consents, self.status.suppressions, self.events, self.deliveries)
        return any(theirs) or bool(self.requests or self.mails) or not self.chosen.is_empty


def read_subscriber_record(publication: OpenPublication, key: SubscriberKey) -> SubscriberRecord:
    """Return what the list and the store have of a subscriber. Raises ListError when the list can't be read."""
    store = publication.known_store
    found = publication.subscriber_source().find_rows(key)
    (status,) = read_suppression_statuses(store, publication.keys, [key])
    events: Sequence[StoredEvent] = ()
    chosen, requests, mails, addresses = _NOTHING_CHOSEN, list[ReaderRequest](), list[SentMail](), list[SubscriberKey]()
    if store:
        with store.reading() as connection:
            events = list_events(connection, key)
            chosen = read_preferences(connection, key)
            requests = list_requests_of(connection, key)
            mails = list_mails_to(connection, key)
            addresses = list_addresses_of_person(connection, key)[1:]
    deliveries = [*list_deliveries(store, key)][::-1] if store else []
    return SubscriberRecord(
        key=key,
        rows=found.rows,
        other_lines=found.other_lines,
        consents=found.consents,
        status=status,
        events=events,
        deliveries=deliveries,
        finished_at=_list_finished(store, deliveries) if store else {},
        other_rows=count_mentions(store, key) if store else 0,
        chosen=chosen,
        requests=requests,
        mails=mails,
        other_addresses=addresses,
        elsewhere=list(_read_elsewhere(store, key)) if store else (),
    )


def _read_elsewhere(store: Store, key: SubscriberKey) -> Iterator[RecordElsewhere]:
    """Yield what other publications know that is their own: what is about all is this one's to say."""
    with store.reading() as connection:
        names = [name for name in list_publications(connection) if name != store.publication]
    for name in names:
        other = store.of(name)
        deliveries = [*list_deliveries(other, key)][::-1]
        (status,) = read_suppression_statuses(other, None, [key])
        with other.reading() as connection:
            found = RecordElsewhere(
                publication=name,
                is_listed=key in find_subscribers(connection, [key]),
                consents=list_consents(connection, key),
                status=replace(
                    status, suppressions=[one for one in status.suppressions if not (one.everywhere or one.elsewhere)]
                ),
                events=list_events(connection, key, own=True),
                deliveries=deliveries,
                finished_at=_list_finished(other, deliveries),
            )
        if found.is_listed or found.consents or found.events or found.deliveries or found.status.suppressions:
            yield found


def _list_finished(store: Store, deliveries: Sequence[Delivery]) -> dict[str, Instant | None]:
    campaigns = (find_campaign(store, delivery.issue) for delivery in deliveries)
    return {campaign.issue: campaign.finished_at for campaign in campaigns if campaign}
