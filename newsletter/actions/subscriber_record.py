"""Everything that is known of one subscriber, for a person who asks what is kept of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsletter.address import SubscriberKey
from newsletter.clock import Instant
from newsletter.ledger.campaigns import find_campaign
from newsletter.ledger.deliveries import Delivery, list_deliveries
from newsletter.ledger.erasure import count_mentions
from newsletter.publication import OpenPublication
from newsletter.store import Store
from newsletter.store.events import StoredEvent, list_events
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.source import ListRow
from newsletter.subscribers.suppression_status import SuppressionStatus, read_suppression_statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberRecord:
    """Rows of the list, consents, events, suppressions and deliveries of one subscriber.

    `key` is their address in its one spelling, `finished_at` says by issue when its sending had come to its end.
    `other_lines` are lines of the list about others in which the address
    is found, `other_rows` counts such rows of the store.
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

    @property
    def is_known(self) -> bool:
        """Whether anything is kept of them, a keyed hash left aside."""
        return bool(self.rows or self.consents or self.status.suppressions or self.events or self.deliveries)


def read_subscriber_record(publication: OpenPublication, key: SubscriberKey) -> SubscriberRecord:
    """Return what the list and the store have of a subscriber. Raises ListError when the list can't be read."""
    store = publication.known_store
    found = publication.subscriber_source().find_rows(key)
    (status,) = read_suppression_statuses(store, publication.keys, [key])
    events: Sequence[StoredEvent] = ()
    if store:
        with store.reading() as connection:
            events = list_events(connection, key)
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
    )


def _list_finished(store: Store, deliveries: Sequence[Delivery]) -> dict[str, Instant | None]:
    campaigns = (find_campaign(store, delivery.issue) for delivery in deliveries)
    return {campaign.issue: campaign.finished_at for campaign in campaigns if campaign}
