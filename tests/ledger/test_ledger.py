"""The table of states, held by a machine: every reader in one state, claims bounded, nobody claimed twice."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from leases import crash_workers
from sqlalchemy import delete, select, update

from newsletter.clock import make_instant, parse_instant
from newsletter.errors import DeliveryError
from newsletter.ledger.campaigns import (
    Campaign,
    cancel_campaign,
    close_campaign,
    find_campaign,
    list_issues,
    reopen_deliveries,
)
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.deliveries import NEVER, Delivery, count_deliveries, stream_deliveries
from newsletter.ledger.freeze import freeze_batch, replace_templates
from newsletter.ledger.issue_tests import list_tested_texts, record_test
from newsletter.ledger.recorded_results import MAX_RETURNS
from newsletter.ledger.schedule import hold_campaign, list_scheduled, schedule_campaign, unschedule_campaign
from newsletter.ledger.staging import Recipient, stage_recipients
from newsletter.ledger.states import OPEN, State
from newsletter.ledger.templates import FrozenTemplate, list_current_templates, read_template
from newsletter.ledger.unknown import settle_unknown
from newsletter.ledger.workers import end_worker, find_last_sent, register_worker
from newsletter.mail.message import Outcome, Result
from newsletter.store import Store, open_store, suppressions
from newsletter.store.schema import deliveries, meta, metadata, workers

CAMPAIGN = Campaign(
    issue="1.1", id="c", subject="s", draft_sha256="d", rules=[[]], created_at=make_instant(datetime.now(UTC))
)
TEXT = FrozenTemplate("1", b"{}")


def _entries(numbers: Iterable[int], tags: frozenset[str] = frozenset()) -> list[Recipient]:
    return [
        Recipient(subscriber=f"r{n}@example.org", address=f"R{n}@example.org", fields={"email": f"R{n}@example.org"},
              tags=tags, template=0)
        for n in numbers
    ]  # fmt: skip


def _freeze(
    store: Store,
    entries: Iterable[Recipient],
    wave: str = "",
    texts: Sequence[FrozenTemplate] = (TEXT,),
    *,
    replaces_campaign: bool = False,
) -> int:
    with stage_recipients(store) as staged:
        duplicates = staged.fill(entries, None if replaces_campaign else "1.1")
        known = find_campaign(store, "1.1")
        with staged.durable() as connection:
            freeze_batch(connection, staged, CAMPAIGN, wave, texts, known=known, replaces_campaign=replaces_campaign)
    return duplicates


def _claim(store: Store, want: int, run: str = "run", moment: float | None = None) -> list[Delivery]:
    return list(record_and_claim(store, "1.1", run, want=want, moment=moment).deliveries)


def _answer(claim: Delivery, outcome: Outcome = Outcome.ACCEPTED, reply: str = "", due: float = NEVER) -> Delivery:
    result = Result(key=claim.subscriber, outcome=outcome, stage="rcpt", code=250, reply=reply)
    return claim.with_result(result, took=3, due=due)


def _states(store: Store) -> dict[str, State]:
    with store.reading() as connection:
        rows = connection.execute(select(deliveries.c.subscriber, deliveries.c.state).order_by(deliveries.c.id)).all()
    return {reader: State(state) for reader, state in rows}


def _suppress(store: Store, reader: str) -> None:
    with store.transaction() as connection:
        suppressions.suppress(connection, reader, "unsubscribed")


def _not_accepted(store: Store) -> list[Delivery]:
    return list(stream_deliveries(store, "1.1", but=State.ACCEPTED))


def _campaign(store: Store) -> Campaign:
    campaign = find_campaign(store, "1.1")
    assert campaign is not None
    return campaign


def test_the_issue_sent_last_is_the_one_whose_run_began_last(store: Store) -> None:
    for issue, at in (("1.1", "2026-11-01"), ("1.2", "2026-11-02"), ("1.3", "2026-11-03")):
        with stage_recipients(store) as staged:
            staged.fill(_entries([1]), None)
            with staged.durable() as connection:
                freeze_batch(
                    connection,
                    staged,
                    replace(CAMPAIGN, issue=issue, id=issue, created_at=parse_instant(at)),
                    "",
                    (TEXT,),
                )
    assert find_last_sent(store) is None
    register_worker(store, "1.2", "first")
    assert find_last_sent(store) == "1.2", "1.3 was only put into the outbox"
    with store.transaction() as connection:
        connection.execute(update(workers).values(started_at="2026-01-04T09:00:00.000+00:00"))
    register_worker(store, "1.1", "second")
    assert find_last_sent(store) == "1.1"


@pytest.fixture
def frozen(store: Store) -> Store:
    """Ten readers, and a run that has begun."""
    _freeze(store, _entries(range(10)))
    register_worker(store, "1.1", "run")
    return store


def test_frozen_readers_wait_in_the_lists_order(store: Store) -> None:
    numbers = [4, 0, 9, 2, 7]
    assert _freeze(store, _entries(numbers)) == 0
    register_worker(store, "1.1", "run")
    assert count_deliveries(store, "1.1").by_state == {State.PENDING: 5}
    assert [claim.subscriber for claim in _claim(store, 3)] == ["r4@example.org", "r0@example.org", "r9@example.org"]
    (next_one,) = _claim(store, 1)
    assert next_one.address == "R2@example.org"
    assert next_one.fields == {"email": "R2@example.org"}


def test_of_rows_with_one_address_the_first_is_frozen(store: Store) -> None:
    again = Recipient(subscriber="r0@example.org", address="again@example.org", fields={}, tags=frozenset(), template=0)
    assert _freeze(store, [*_entries(range(3)), again, again]) == 2
    register_worker(store, "1.1", "run")
    assert [claim.address for claim in _claim(store, 9)] == ["R0@example.org", "R1@example.org", "R2@example.org"]


def test_the_suppressed_are_frozen_as_such(store: Store) -> None:
    _suppress(store, "r1@example.org")
    _freeze(store, _entries(range(3)))
    assert count_deliveries(store, "1.1").by_state == {State.PENDING: 2, State.SUPPRESSED: 1}


def test_a_freeze_that_fails_leaves_nothing(store: Store) -> None:
    with stage_recipients(store) as staged:
        staged.fill(_entries(range(3)), None)
        no_text = [FrozenTemplate("1", None)]  # type: ignore[arg-type]  # which the store refuses
        with pytest.raises(DeliveryError), staged.durable() as connection:
            freeze_batch(connection, staged, CAMPAIGN, "", no_text)
    assert list_issues(store) == []
    assert count_deliveries(store, "1.1").total == 0


def test_what_has_served_nobody_can_be_frozen_anew(store: Store) -> None:
    _freeze(store, _entries(range(5)))
    _freeze(store, _entries(range(3, 9)), replaces_campaign=True)
    assert set(_states(store)) == {f"r{n}@example.org" for n in range(3, 9)}
    assert len(list_current_templates(store, "1.1")) == 1


def test_nobody_is_claimed_twice(frozen: Store) -> None:
    first = {claim.subscriber for claim in _claim(frozen, 6)}
    second = {claim.subscriber for claim in _claim(frozen, 100)}
    assert len(first) == 6
    assert len(second) == 4
    assert not first & second
    assert _claim(frozen, 100) == []


def test_nobody_is_claimed_twice_by_claims_at_the_same_time(store: Store, place: Path | str) -> None:
    _freeze(store, _entries(range(200)))
    register_worker(store, "1.1", "run")
    start = threading.Barrier(3)
    claimed: Counter[str] = Counter()

    def claim_all() -> None:
        with closing(open_store(place)) as own:
            start.wait(timeout=60)
            while claims := _claim(own, 7):
                claimed.update(claim.subscriber for claim in claims)

    threads = [threading.Thread(target=claim_all) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert claimed == Counter(f"r{n}@example.org" for n in range(200))


def test_a_claim_is_durable_before_it_is_handed_out(frozen: Store, place: Path | str) -> None:
    _claim(frozen, 2)
    with closing(open_store(place)) as another:
        assert count_deliveries(another, "1.1")[State.SENDING] == 2


def test_a_run_that_died_leaves_unknowns(frozen: Store) -> None:
    _claim(frozen, 2)
    crash_workers(frozen, "1.1")
    counts = count_deliveries(frozen, "1.1")
    assert (counts[State.UNKNOWN], counts[State.PENDING]) == (2, 8)
    register_worker(frozen, "1.1", "next")
    assert len(_claim(frozen, 100, "next")) == 8


def test_the_suppressed_are_set_aside_at_the_claim_and_others_taken(frozen: Store) -> None:
    for number in (0, 1, 3):
        _suppress(frozen, f"r{number}@example.org")
    assert [claim.subscriber for claim in _claim(frozen, 3)] == ["r2@example.org", "r4@example.org", "r5@example.org"]
    assert count_deliveries(frozen, "1.1")[State.SUPPRESSED] == 3


def test_the_deferred_are_tried_again_when_they_are_due(frozen: Store) -> None:
    first, second = _claim(frozen, 2)
    answers = [_answer(first, Outcome.DEFERRED, due=200.0), _answer(second, Outcome.DEFERRED, due=100.0)]
    taken = record_and_claim(frozen, "1.1", "run", results=answers, want=1, moment=50.0)
    assert taken.next_due == 100.0
    assert [claim.subscriber for claim in taken.deliveries] == ["r2@example.org"]
    taken = record_and_claim(frozen, "1.1", "run", want=2, moment=100.0)
    assert [(claim.subscriber, claim.tries) for claim in taken.deliveries] == [
        ("r1@example.org", 1),
        ("r3@example.org", 0),
    ]
    assert taken.next_due == 200.0
    taken = record_and_claim(frozen, "1.1", "run", want=100, moment=999.0)
    assert (taken.next_due, len(taken.deliveries)) == (None, 7)


def test_those_given_up_for_this_run_wait_for_another(frozen: Store) -> None:
    (claim,) = _claim(frozen, 1)
    taken = record_and_claim(
        frozen, "1.1", "run", results=[_answer(claim, Outcome.DEFERRED, "later")], want=100, moment=1e12
    )
    assert len(taken.deliveries) == 9
    assert taken.next_due is None
    assert _not_accepted(frozen)[0].reply == "later"
    register_worker(frozen, "1.1", "next")
    (again,) = _claim(frozen, 100, "next", moment=0.0)
    assert (again.subscriber, again.tries) == (claim.subscriber, 0)


def test_one_that_always_comes_back_waits_for_another_run(frozen: Store) -> None:
    for _ in range(MAX_RETURNS):
        (claim,) = _claim(frozen, 1)
        assert claim.subscriber == "r0@example.org"
        record_and_claim(frozen, "1.1", "run", returned={claim.id: "the connection broke"})
    assert count_deliveries(frozen, "1.1")[State.DEFERRED] == 1
    assert _not_accepted(frozen)[0].reply == "the connection broke"
    assert len(_claim(frozen, 100, moment=1e12)) == 9


def test_the_released_wait_as_they_did_before(frozen: Store) -> None:
    first, second = _claim(frozen, 2)
    record_and_claim(frozen, "1.1", "run", results=[_answer(first, Outcome.DEFERRED, "451 later", due=5.0)])
    (again,) = _claim(frozen, 1, moment=5.0)
    record_and_claim(frozen, "1.1", "run", released=[again.id, second.id])
    assert count_deliveries(frozen, "1.1").by_state == {State.PENDING: 9, State.DEFERRED: 1}
    assert _not_accepted(frozen)[0].reply == "451 later"


def test_a_wave_adds_only_new_readers_and_opens_the_campaign_again(frozen: Store) -> None:
    record_and_claim(frozen, "1.1", "run", results=[_answer(claim) for claim in _claim(frozen, 100)])
    end_worker(frozen, "1.1", "run")
    assert _campaign(frozen).finished_at
    _freeze(frozen, _entries(range(8, 12)), "late")
    assert count_deliveries(frozen, "1.1").by_state == {State.ACCEPTED: 10, State.PENDING: 2}
    assert _campaign(frozen).finished_at is None
    assert _campaign(frozen).batches == {"", "late"}


def test_a_new_text_is_for_those_who_have_had_none(store: Store) -> None:
    _freeze(store, [*_entries(range(3), frozenset({"members"})), *_entries(range(3, 6))])
    register_worker(store, "1.1", "run")
    (claim,) = _claim(store, 1)
    record_and_claim(store, "1.1", "run", results=[_answer(claim)])
    whose = {(frozenset({"members"}), ""): 1, (frozenset[str](), ""): 0}
    texts = [FrozenTemplate("1", b"everyone's"), FrozenTemplate("2", b"members'")]
    with store.transaction() as connection:
        replace_templates(connection, CAMPAIGN, texts, whose)
    given = [read_template(store, claim.template) for claim in _claim(store, 100)]
    assert given == [b"members'"] * 2 + [b"everyone's"] * 3


def test_cancelling_leaves_nobody_waiting(frozen: Store) -> None:
    _claim(frozen, 2)
    crash_workers(frozen, "1.1")
    assert cancel_campaign(frozen, "1.1") == 10
    assert count_deliveries(frozen, "1.1").by_state == {State.CANCELLED: 10}
    register_worker(frozen, "1.1", "next")
    assert _claim(frozen, 10, "next") == []
    assert _campaign(frozen).cancelled_at


def test_a_campaign_is_finished_when_it_has_the_whole_list_and_nobody_waits(store: Store) -> None:
    _freeze(store, _entries(range(2)), "members")
    register_worker(store, "1.1", "run")
    record_and_claim(store, "1.1", "run", results=[_answer(claim) for claim in _claim(store, 2)])
    end_worker(store, "1.1", "run")
    assert _campaign(store).finished_at is None
    _freeze(store, _entries(range(3)))
    close_campaign(store, "1.1")
    assert _campaign(store).finished_at is None
    register_worker(store, "1.1", "next")
    answers = [_answer(claim, Outcome.REFUSED) for claim in _claim(store, 1, "next")]
    record_and_claim(store, "1.1", "next", results=answers)
    close_campaign(store, "1.1")
    assert _campaign(store).finished_at


def test_the_refused_wait_again_when_a_person_says_so(frozen: Store) -> None:
    record_and_claim(frozen, "1.1", "run", results=[_answer(claim, Outcome.REFUSED) for claim in _claim(frozen, 10)])
    end_worker(frozen, "1.1", "run")
    with frozen.transaction() as connection:
        assert reopen_deliveries(connection, "1.1", [State.REFUSED]) == 10
    assert _campaign(frozen).finished_at is None
    register_worker(frozen, "1.1", "next")
    assert len(_claim(frozen, 10, "next")) == 10


def test_a_person_says_what_became_of_the_unknown(frozen: Store) -> None:
    _claim(frozen, 3)
    crash_workers(frozen, "1.1")
    verdicts = {"r0@example.org": State.ACCEPTED, "r1@example.org": State.PENDING, "r9@example.org": State.ACCEPTED}
    settle_unknown(frozen, "1.1", verdicts, "by hand")
    assert count_deliveries(frozen, "1.1").by_state == {State.ACCEPTED: 1, State.UNKNOWN: 1, State.PENDING: 8}
    register_worker(frozen, "1.1", "next")
    assert [claim.subscriber for claim in _claim(frozen, 2, "next")] == ["r1@example.org", "r3@example.org"]


def test_what_is_in_the_outbox_is_told_by_its_moments(frozen: Store) -> None:
    assert list_scheduled(frozen) == []
    with frozen.transaction() as connection:
        schedule_campaign(connection, "1.1", parse_instant("2030-01-01T09:00"), parse_instant("2030-01-01T11:00"))
    assert list_scheduled(frozen) == ["1.1"]
    hold_campaign(frozen, "1.1")
    assert (_campaign(frozen).due_at, list_scheduled(frozen)) == (None, ["1.1"])
    unschedule_campaign(frozen, "1.1")
    assert list_scheduled(frozen) == []


def test_a_tested_text_is_known(store: Store) -> None:
    for text in ("one", "two", "one"):
        record_test(store, "1.1", text)
    assert list(list_tested_texts(store, "1.1")) == ["two", "one"]
    assert list_tested_texts(store, "1.2") == {}


@pytest.mark.parametrize(
    ("words", "beginning"),
    [
        ("550 Empf\udce4nger " + "x" * 5000, "550 Empf\\udce4nger xxx"),
        ("550 \0 nul", "550 \\x00 nul"),
        ("550 退会 \U0001f389", "550 退会 \U0001f389"),
    ],
)
def test_any_words_of_a_server_can_be_kept(frozen: Store, words: str, beginning: str) -> None:
    claims = _claim(frozen, 2)
    record_and_claim(
        frozen,
        "1.1",
        "run",
        results=[_answer(claims[0], Outcome.REFUSED, words)],
        returned={claims[1].id: words},
    )
    end_worker(frozen, "1.1", "run", words)
    kept = [row.reply for row in _not_accepted(frozen)[:2]]
    assert kept[0] == kept[1]
    assert kept[0] is not None
    assert kept[0].startswith(beginning)
    assert len(kept[0]) <= 1000


class LedgerMachine(RuleBasedStateMachine):
    """Any order of claims, answers, crashes and departures: a model beside the ledger must agree with it.

    `truth` is what a reader's mailbox holds, which the ledger can't see.
    """

    store: Store

    def __init__(self) -> None:
        super().__init__()
        with self.store.transaction() as connection:
            for table in reversed(metadata.sorted_tables):
                if table is not meta:
                    connection.execute(delete(table))
        self.states: dict[str, State] = {}
        self.due: dict[str, float] = {}
        self.truth: Counter[str] = Counter()
        self.left: set[str] = set()
        self.in_hand: list[Delivery] = []
        self.answered: list[Delivery] = []  # in this run
        self.lost: list[tuple[str, Delivery]] = []  # in the hand of a run that died
        self.clock = 0.0
        self.behind: dict[str, int] = {}  # given back, in this order
        self.run = 0
        self._add(range(12))
        self._begin()

    def _add(self, numbers: Iterable[int]) -> None:
        entries = _entries(numbers)
        _freeze(self.store, entries, f"wave {len(self.states)}")
        for entry in entries:
            self.states.setdefault(
                entry.subscriber, State.SUPPRESSED if entry.subscriber in self.left else State.PENDING
            )

    def _begin(self) -> None:
        self.behind = {}
        self.run += 1
        self.answered = []
        register_worker(self.store, "1.1", str(self.run))
        self.due = dict.fromkeys(self.due, 0.0)

    def _waiting(self) -> Iterator[str]:
        """Whom a claim may take now, in the order of the list."""
        for reader, state in self.states.items():
            due = state is State.DEFERRED and self.due[reader] <= self.clock
            if (due or state is State.PENDING) and reader not in self.left:
                yield reader

    @rule(want=st.integers(1, 6), later=st.sampled_from([0.0, 1.0, 10.0]))
    def claim(self, want: int, later: float) -> None:
        self.clock += later
        waiting = list(self._waiting())
        claims = record_and_claim(self.store, "1.1", str(self.run), want=want, moment=self.clock).deliveries
        taken = [claim.subscriber for claim in claims]
        assert len(taken) == min(want, len(waiting))
        assert set(taken) <= set(waiting)
        fresh = [reader for reader in waiting if self.states[reader] is State.PENDING]
        fresh.sort(key=lambda reader: self.behind.get(reader, 0))
        taken_fresh = set(taken) & set(fresh)
        assert taken_fresh == set(fresh[: len(taken_fresh)])
        self.in_hand += claims
        after = _states(self.store)
        for reader in self.left:
            if self.states.get(reader) in OPEN and after[reader] is State.SUPPRESSED:
                self.states[reader] = State.SUPPRESSED
        self.states |= dict.fromkeys(taken, State.SENDING)
        self.behind = {reader: place for reader, place in self.behind.items() if reader not in taken}

    @precondition(lambda self: self.in_hand)
    @rule(
        outcomes=st.lists(
            st.tuples(st.sampled_from(list(Outcome)), st.sampled_from([0.0, 5.0, NEVER])), min_size=1, max_size=4
        )
    )
    def answer(self, outcomes: list[tuple[Outcome, float]]) -> None:
        answers = []
        for (outcome, wait), claim in zip(outcomes, self.in_hand, strict=False):
            self.truth[claim.subscriber] += outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)
            self.states[claim.subscriber] = State(outcome.value)
            self.due[claim.subscriber] = self.clock + wait
            answers.append(_answer(claim, outcome, due=self.clock + wait))
        self.answered += self.in_hand[: len(answers)]
        del self.in_hand[: len(answers)]
        record_and_claim(self.store, "1.1", str(self.run), results=answers)

    @precondition(lambda self: self.answered or self.lost)
    @rule(outcome=st.sampled_from(list(Outcome)))
    def answer_again_or_too_late(self, outcome: Outcome) -> None:
        for claim in self.answered:
            if claim.id not in {other.id for other in self.in_hand}:
                record_and_claim(self.store, "1.1", str(self.run), results=[_answer(claim, outcome)])
        for run, claim in self.lost[:1]:
            with pytest.raises(DeliveryError, match="has taken over"):
                record_and_claim(self.store, "1.1", run, results=[_answer(claim, outcome)])

    @precondition(lambda self: self.in_hand)
    @rule(fault=st.booleans())
    def come_back_untouched(self, fault: bool) -> None:
        claim = self.in_hand.pop()
        if fault:
            record_and_claim(self.store, "1.1", str(self.run), returned={claim.id: "broke"})
            self.states[claim.subscriber] = _states(self.store)[claim.subscriber]
            assert self.states[claim.subscriber] in OPEN
            self.due[claim.subscriber] = NEVER if self.states[claim.subscriber] is State.DEFERRED else 0.0
        else:
            record_and_claim(self.store, "1.1", str(self.run), released=[claim.id])
            self.states[claim.subscriber] = State.DEFERRED if claim.tries else State.PENDING
            if not claim.tries:
                self.behind[claim.subscriber] = max(self.behind.values(), default=0) + 1

    @rule(
        event=st.sampled_from(["crash", "crash", "leave", "leave", "join", "look", "retry"]), number=st.integers(0, 15)
    )
    def something_else_happens(self, event: str, number: int) -> None:
        match event:
            case "crash":
                self._crash(sent=number % 2)
            case "leave":
                self._leave_or_come_again(f"r{number}@example.org")
            case "join":
                self._add(range(number, 16))
            case "look":
                self._find_out()
            case "retry":
                self._ask_for_another_try()

    def _crash(self, sent: int) -> None:
        for claim in self.in_hand:
            self.truth[claim.subscriber] += sent
            self.states[claim.subscriber] = State.UNKNOWN
        self.lost += [(str(self.run), claim) for claim in self.in_hand]
        self.in_hand = []
        crash_workers(self.store, "1.1")
        self._begin()

    def _leave_or_come_again(self, reader: str) -> None:
        if reader in self.left:
            with self.store.transaction() as connection:
                suppressions.unsuppress(connection, reader)
        else:
            _suppress(self.store, reader)
        self.left ^= {reader}

    def _find_out(self) -> None:
        verdicts = {
            reader: State.ACCEPTED if self.truth[reader] else State.PENDING
            for reader, state in self.states.items()
            if state is State.UNKNOWN
        }
        settle_unknown(self.store, "1.1", verdicts, "looked")
        self.states |= verdicts

    def _ask_for_another_try(self) -> None:
        with self.store.transaction() as connection:
            reopen_deliveries(connection, "1.1", [State.REFUSED, State.DEFERRED])
        for reader, state in self.states.items():
            if state in (State.REFUSED, State.DEFERRED):
                self.states[reader] = State.PENDING

    @invariant()
    def nobody_has_two_copies_and_the_ledger_knows_everyone(self) -> None:
        assert all(copies <= 1 for copies in self.truth.values())
        assert _states(self.store) == self.states
        assert {reader for reader, state in self.states.items() if state is State.ACCEPTED} <= set(+self.truth)

    def teardown(self) -> None:
        counts = count_deliveries(self.store, "1.1")
        assert counts.by_state == Counter(self.states.values())
        assert counts[State.SENDING] == len(self.in_hand)


@pytest.mark.parametrize("examples", [8, pytest.param(60, marks=pytest.mark.slow)])
def test_in_any_order_of_events_nobody_has_two_copies(store: Store, examples: int) -> None:
    run_state_machine_as_test(
        type("Machine", (LedgerMachine,), {"store": store}),
        settings=settings(max_examples=examples, stateful_step_count=30, deadline=None),
    )
