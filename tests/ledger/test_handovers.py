"""A campaign in the hands of several workers: ranges, turns, tallies, and how it ends."""

from collections import Counter

import pytest
from conftest import Publication
from frozen import Frozen
from leases import crash_workers

from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.delivery_ranges import RangeCursor
from newsletter.ledger.handovers import (
    Ending,
    end_all_handovers,
    end_handover,
    end_when_done,
    find_handover,
    find_waiting,
    hand_over,
    is_handed_over,
    list_handed_over,
    note_tally,
    sum_tallies,
    take_comparing_turn,
)
from newsletter.ledger.states import State
from newsletter.ledger.workers import end_worker, register_worker
from newsletter.mail.message import Outcome, Result
from newsletter.store import Store

ISSUE = "2.10"


@pytest.fixture
def campaign(publication: Publication, store: Store) -> Frozen:
    return Frozen(publication, store, 25)


def _hand_over(store: Store) -> str:
    with store.transaction() as connection:
        return hand_over(connection, ISSUE)


def _claim(store: Store, worker: str, cursor: RangeCursor, want: int) -> list[int]:
    return [one.id for one in record_and_claim(store, ISSUE, worker, want=want, cursor=cursor).deliveries]


def test_workers_claim_from_ranges_of_their_own_and_then_from_what_is_left(campaign: Frozen) -> None:
    store, handover = campaign.store, _hand_over(campaign.store)
    for worker in ("first", "second", "third"):
        register_worker(store, ISSUE, worker)
    first, second, third = (RangeCursor(handover, size=10) for _ in range(3))
    one = _claim(store, "first", first, 4)
    low = one[0]
    assert one == list(range(low, low + 4))
    assert _claim(store, "second", second, 4) == list(range(low + 10, low + 14))
    assert _claim(store, "first", first, 8) == [*range(low + 4, low + 10), *range(low + 20, low + 22)]
    assert not find_handover(store, ISSUE).has_ranges
    # Without a range of its own a worker takes what is left in the others'.
    assert _claim(store, "third", third, 100) == [*range(low + 14, low + 20), *range(low + 22, low + 25)]
    assert _claim(store, "second", second, 100) == []
    assert campaign.states() == {State.SENDING: 25}


def test_what_a_crashed_worker_leaves_of_its_range_is_claimed_by_another(campaign: Frozen) -> None:
    store, handover = campaign.store, _hand_over(campaign.store)
    register_worker(store, ISSUE, "first")
    _claim(store, "first", RangeCursor(handover, size=10), 3)
    crash_workers(store, ISSUE)
    register_worker(store, ISSUE, "second")
    assert len(_claim(store, "second", RangeCursor(handover, size=10), 100)) == 22
    assert campaign.states() == {State.UNKNOWN: 3, State.SENDING: 22}


def test_a_stopped_handover_gives_no_further_range(campaign: Frozen) -> None:
    store, handover = campaign.store, _hand_over(campaign.store)
    cursor = RangeCursor(handover, size=10)
    register_worker(store, ISSUE, "first")
    assert len(_claim(store, "first", cursor, 2)) == 2
    assert end_handover(store, ISSUE, handover, Ending.BLOCKED, "the server says no")
    assert not end_handover(store, ISSUE, handover, Ending.DONE)
    found = find_handover(store, ISSUE)
    assert (found.ending, found.why) == (Ending.BLOCKED, "the server says no")
    assert len(_claim(store, "first", cursor, 100)) == 8  # of the range that it has
    assert _claim(store, "first", cursor, 100) == []
    assert _claim(store, "first", RangeCursor(_hand_over(store), size=10), 100)


def test_ranges_hold_what_waits_and_not_the_campaigns_beside_it(campaign: Frozen) -> None:
    store = campaign.store
    register_worker(store, ISSUE, "alone")
    claimed = record_and_claim(store, ISSUE, "alone", want=20).deliveries
    accepted = [one.with_result(Result(key=one.subscriber, outcome=Outcome.ACCEPTED, stage="text")) for one in claimed]
    record_and_claim(store, ISSUE, "alone", results=accepted)
    cursor = RangeCursor(_hand_over(store), size=10)
    last = claimed[-1].id
    assert _claim(store, "alone", cursor, 2) == [last + 1, last + 2]
    assert not find_handover(store, ISSUE).has_ranges


def test_one_worker_at_a_time_compares_the_list(campaign: Frozen) -> None:
    store, handover = campaign.store, _hand_over(campaign.store)
    assert not take_comparing_turn(store, ISSUE, handover, 60.0)  # who handed over has compared it
    assert take_comparing_turn(store, ISSUE, handover, 0.0)
    assert not take_comparing_turn(store, ISSUE, handover, 60.0)
    assert not take_comparing_turn(store, ISSUE, "an earlier one", 0.0)


def test_each_worker_is_told_what_all_have_had_answered_and_how_it_ended(campaign: Frozen) -> None:
    store, handover = campaign.store, _hand_over(campaign.store)
    for worker in ("first", "second"):
        register_worker(store, ISSUE, worker)
        note_tally(store, ISSUE, handover, worker, {Outcome.ACCEPTED: 1})
    ending, tally = note_tally(store, ISSUE, handover, "second", {Outcome.ACCEPTED: 3, Outcome.REFUSED: 2})
    assert (ending, tally) == (None, Counter({Outcome.ACCEPTED: 4, Outcome.REFUSED: 2}))
    assert sum_tallies(store, ISSUE, handover) == tally
    end_handover(store, ISSUE, handover, Ending.REFUSED, "too many")
    assert note_tally(store, ISSUE, handover, "first", {})[0] is Ending.REFUSED
    assert note_tally(store, ISSUE, "an earlier one", "third", {})[0] is Ending.ASKED


def test_a_handover_ends_when_nobody_waits_whom_a_worker_could_try(campaign: Frozen) -> None:
    store, handover = campaign.store, _hand_over(campaign.store)
    assert (is_handed_over(store, ISSUE), list_handed_over(store)) == (True, [ISSUE])
    register_worker(store, ISSUE, "first")
    claimed = record_and_claim(store, ISSUE, "first", want=25, cursor=RangeCursor(handover, size=10)).deliveries
    outcomes = [Outcome.DEFERRED, Outcome.REFUSED, *[Outcome.ACCEPTED] * 23]
    results = [
        one.with_result(Result(key=one.subscriber, outcome=outcome, stage="text"), due=7.0)
        for one, outcome in zip(claimed, outcomes, strict=True)
    ]
    record_and_claim(store, ISSUE, "first", results=results)
    end_worker(store, ISSUE, "first")
    waiting = end_when_done(store, ISSUE, handover)
    assert (waiting.pending, waiting.next_due, waiting.has_worker) == (0, 7.0, False)
    assert is_handed_over(store, ISSUE)
    register_worker(store, ISSUE, "second", tries_anew=False)
    (again,) = record_and_claim(
        store, ISSUE, "second", want=5, moment=8.0, cursor=RangeCursor(handover, size=10)
    ).deliveries
    assert again.tries == 1  # another worker goes on counting where the first one was
    late = again.with_result(Result(key=again.subscriber, outcome=Outcome.DEFERRED, stage="text"))
    record_and_claim(store, ISSUE, "second", results=[late])
    assert find_waiting(store, ISSUE).has_worker
    end_worker(store, ISSUE, "second")
    assert end_when_done(store, ISSUE, handover).is_over  # who waits is for a person to try again
    assert find_handover(store, ISSUE).ending is Ending.DONE
    assert list_handed_over(store) == []


def test_a_state_that_is_put_back_leaves_nothing_in_the_hands_of_workers(campaign: Frozen) -> None:
    store, _ = campaign.store, _hand_over(campaign.store)
    with store.transaction() as connection:
        end_all_handovers(connection)
    assert find_handover(store, ISSUE).ending is Ending.REPLACED
