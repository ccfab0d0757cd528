"""Whoever changes their address while a campaign is under way gets the issue once: at the new one, or at the old."""

from collections.abc import Sequence

import pytest
from sqlalchemy import insert

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.clock import parse_instant
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.deliveries import Delivery, stream_deliveries
from newsletter.ledger.delivery_ranges import RangeCursor
from newsletter.ledger.departures import stage_list
from newsletter.ledger.freeze import freeze_batch
from newsletter.ledger.handovers import hand_over
from newsletter.ledger.moved_recipients import move_waiting_deliveries
from newsletter.ledger.staging import Recipient, StagedBatch, stage_recipients
from newsletter.ledger.states import State
from newsletter.ledger.templates import FrozenTemplate
from newsletter.ledger.workers import register_worker
from newsletter.mail.message import Outcome, Result
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.store.schema import reader_requests
from newsletter.subscribers.address_move import move_subscriber
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.stored_subscribers import StoredSubscriber, save_subscribers

OLD, NEW, OTHER = (SubscriberKey(f"{name}@example.org") for name in ("old", "new", "other"))
DEFERRED = Result(key="", outcome=Outcome.DEFERRED, stage="text", code=451, reply="Later")


@pytest.fixture
def listed(store: Store) -> Store:
    with store.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=EmailAddress(key)) for key in (OLD, OTHER)])
    return store


def _stage(staged: StagedBatch, keys: Sequence[SubscriberKey]) -> None:
    staged.fill(
        [
            Recipient(subscriber=key, address=EmailAddress(key), fields={"email": key}, tags=frozenset(), template=0)
            for key in keys
        ],
        None,
    )


def _freeze(staged: StagedBatch) -> None:
    campaign = Campaign(
        issue="1.1", id="c", subject="s", draft_sha256="d", rules=[[]], created_at=parse_instant("2026-11-30")
    )
    with staged.durable() as connection:
        freeze_batch(connection, staged, campaign, "", [FrozenTemplate("1", b"{}")])


def _begin(store: Store, *keys: SubscriberKey) -> None:
    with stage_recipients(store) as staged:
        _stage(staged, keys or (OLD,))
        _freeze(staged)
    register_worker(store, "1.1", "worker")


def _move(store: Store, *, is_noticed: bool = True) -> None:
    """Move the old address to the new one, as both its owners' confirmations do."""
    with store.transaction() as connection:
        assert move_subscriber(connection, None, OLD, EmailAddress("New@example.org"))
        connection.execute(
            insert(reader_requests).values(
                publication=store.publication, kind="change-address", subscriber=NEW, address="New@example.org",
                previous=OLD, fields="{}", tags="[]", language="", source="page", state="confirmed",
                requested_at=now(), confirmed_at=now(), previous_confirmed_at=now(),
            )
        )  # fmt: skip
        if is_noticed:
            move_waiting_deliveries(connection, OLD, EmailAddress("New@example.org"))


def _claim(store: Store, results: Sequence[Delivery] = (), cursor: RangeCursor | None = None) -> list[Delivery]:
    claimed = record_and_claim(store, "1.1", "worker", results=results, want=9, moment=5.0, cursor=cursor)
    return list(claimed.deliveries)


def _states(store: Store) -> dict[str, State]:
    return {one.subscriber: one.state for one in stream_deliveries(store, "1.1")}


def test_who_is_put_off_while_they_move_gets_it_at_the_new_address(listed: Store) -> None:
    _begin(listed)
    (in_hand,) = _claim(listed)
    _move(listed)
    assert _states(listed) == {OLD: State.SENDING}, "it may arrive there"
    (again,) = _claim(listed, [in_hand.with_result(DEFERRED, due=1.0)])
    assert (again.id, again.subscriber, again.address) == (in_hand.id, NEW, "New@example.org")
    assert again.fields["email"] == "New@example.org"
    assert (again.attempts, again.tries) == (1, 0)
    assert _claim(listed) == []


def test_who_moves_between_planning_and_freezing_gets_it_at_the_new_address(listed: Store) -> None:
    with stage_recipients(listed) as staged:
        _stage(staged, [OLD, OTHER])
        _move(listed)
        _freeze(staged)
    assert _states(listed) == {NEW: State.PENDING, OTHER: State.PENDING}


def test_who_was_frozen_at_both_addresses_gets_it_once(listed: Store) -> None:
    _begin(listed, OLD, NEW)
    (old, new) = _claim(listed)
    _move(listed)
    (again,) = _claim(listed, [old.with_result(DEFERRED, due=1.0), new.with_result(DEFERRED, due=1.0)])
    assert again.subscriber == NEW
    assert _states(listed) == {OLD: State.SUPPRESSED, NEW: State.SENDING}


def test_who_left_by_the_new_address_gets_it_at_neither(listed: Store) -> None:
    _begin(listed)
    (in_hand,) = _claim(listed)
    _move(listed)
    record_events(listed, None, [Event(subscriber=NEW, kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE)])
    assert _claim(listed, [in_hand.with_result(DEFERRED, due=1.0)]) == []
    assert _states(listed) == {OLD: State.SUPPRESSED}


def test_a_look_at_the_list_does_not_take_the_old_address_for_gone(listed: Store) -> None:
    _begin(listed)
    (in_hand,) = _claim(listed)
    _move(listed)
    record_and_claim(listed, "1.1", "worker", results=[in_hand.with_result(DEFERRED)])
    with stage_list(listed) as staged:
        staged.fill([(NEW, ""), (OTHER, "")])
        staged.suppress("1.1", gone=True, fingerprint=None)
    assert _states(listed) == {NEW: State.PENDING}


def test_workers_with_ranges_send_it_to_the_new_address(listed: Store) -> None:
    with stage_recipients(listed) as staged:
        _stage(staged, [OTHER, OLD])
        _freeze(staged)
    with listed.transaction() as connection:
        handover = hand_over(connection, "1.1")
    register_worker(listed, "1.1", "worker")
    _move(listed, is_noticed=False)
    cursor = RangeCursor(handover)
    claimed = [*_claim(listed, cursor=cursor), *_claim(listed, cursor=cursor)]
    assert [one.subscriber for one in claimed] == [OTHER, NEW]
