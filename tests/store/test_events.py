"""Events in the store, on both databases."""

from newsletter.address import SubscriberKey
from newsletter.store import Store
from newsletter.store.events import StoredEvent, add_events, find_last_said_by
from newsletter.workspace import PublicationId

ANN, BEN, CY = (SubscriberKey(f"{name}@example.org") for name in ("ann", "ben", "cy"))


def _event(subscriber: SubscriberKey, kind: str, day: int) -> StoredEvent:
    moment = f"2026-11-{day:02}T10:00:00+00:00"
    return StoredEvent(subscriber, kind, "editor", None, {}, moment, moment)


def test_the_last_moment_is_each_subscriber_s_own(store: Store) -> None:
    with store.transaction() as connection:
        rows = [
            _event(ANN, "returned", 3),
            _event(ANN, "returned", 9),
            _event(BEN, "returned", 5),
            _event(CY, "left", 7),
        ]
        add_events(connection, rows)
    with store.of(PublicationId("weekly")).transaction() as connection:
        add_events(connection, [_event(BEN, "returned", 20)])
    with store.reading() as connection:
        found = find_last_said_by(connection, [ANN, BEN, CY], ["returned", "added"])
    assert found == {ANN: "2026-11-09T10:00:00+00:00", BEN: "2026-11-05T10:00:00+00:00"}
