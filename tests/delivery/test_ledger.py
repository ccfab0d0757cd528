"""The table of states, held by a machine: every reader in one state, claims bounded, nobody claimed twice."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from newsletter.delivery import ledger
from newsletter.delivery.ledger import Campaign, Entry, Text
from newsletter.delivery.ledger.run import MAX_RETURNS
from newsletter.delivery.states import State
from newsletter.errors import DeliveryError
from newsletter.mail.message import Outcome, Receipt
from newsletter.store import Store, open_store, suppressions

CAMPAIGN = Campaign(
    issue="1.1", id="c", subject="s", draft_sha256="d", rules=[[]], created_at=datetime.now(UTC).isoformat()
)


def _entries(count: int, first: int = 0) -> list[Entry]:
    return [
        Entry(reader=f"r{n}@example.org", address=f"R{n}@example.org", fields={"email": f"R{n}@example.org"},
              tags=frozenset(), template=0)
        for n in range(first, first + count)
    ]  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "state.db")) as store:
        ledger.freeze(store, CAMPAIGN, "", [Text("1", b"{}")], _entries(10))
        yield store


def _accepted(reader: str) -> Receipt:
    return Receipt(key=reader, outcome=Outcome.ACCEPTED, stage="text", code=250)


def test_frozen_readers_wait_in_the_lists_order(store: Store) -> None:
    assert ledger.counts(store, "1.1").by_state == {State.PENDING: 10}
    claims = ledger.step(store, "1.1", "run", want=3)
    assert sorted(claim.reader for claim in claims) == ["r0@example.org", "r1@example.org", "r2@example.org"]
    assert claims[0].address.startswith("R")


def test_nobody_is_claimed_twice(store: Store) -> None:
    first = {claim.reader for claim in ledger.step(store, "1.1", "run", want=6)}
    second = {claim.reader for claim in ledger.step(store, "1.1", "run", want=100)}
    assert len(first) == 6
    assert len(second) == 4
    assert not first & second
    assert ledger.step(store, "1.1", "other", want=100) == []


def test_a_claim_is_durable_before_it_is_handed_out(store: Store, tmp_path: Path) -> None:
    ledger.step(store, "1.1", "run", want=2)
    with closing(open_store(tmp_path / "state.db")) as another:
        assert ledger.counts(another, "1.1")[State.SENDING] == 2


def test_a_run_that_died_leaves_unknowns(store: Store) -> None:
    ledger.step(store, "1.1", "run", want=2)
    ledger.settle_crash(store, "1.1")
    counts = ledger.counts(store, "1.1")
    assert (counts[State.UNKNOWN], counts[State.PENDING]) == (2, 8)
    claims = ledger.step(store, "1.1", "next", want=100)
    assert len(claims) == 8


def test_the_suppressed_are_set_aside_at_the_claim(store: Store) -> None:
    with store.transaction() as connection:
        suppressions.suppress(connection, "r1@example.org", "unsubscribed")
    claims = ledger.step(store, "1.1", "run", want=100)
    assert len(claims) == 9
    assert ledger.counts(store, "1.1")[State.SUPPRESSED] == 1


def test_the_deferred_wait_for_another_run(store: Store) -> None:
    (claim,) = ledger.step(store, "1.1", "run", want=1)
    deferred = Receipt(key=claim.reader, outcome=Outcome.DEFERRED, stage="rcpt", code=451, reply="later")
    claims = ledger.step(store, "1.1", "run", receipts=[deferred], want=100)
    assert claim.reader not in {other.reader for other in claims}
    assert ledger.step(store, "1.1", "run", receipts=[_accepted(c.reader) for c in claims], want=100) == []
    ledger.settle_crash(store, "1.1")
    assert [again.reader for again in ledger.step(store, "1.1", "next", want=100)] == [claim.reader]


def test_one_that_always_comes_back_is_deferred(store: Store) -> None:
    for _ in range(MAX_RETURNS):
        ledger.step(store, "1.1", "run", want=1)
        ledger.step(store, "1.1", "run", returned={"r0@example.org": "the connection broke"})
    assert ledger.counts(store, "1.1")[State.DEFERRED] == 1
    assert ledger.outstanding(store, "1.1")[0].reply == "the connection broke"


def test_a_late_receipt_changes_nothing(store: Store) -> None:
    ledger.step(store, "1.1", "run", want=1)
    ledger.settle_crash(store, "1.1")
    ledger.step(store, "1.1", "next", receipts=[_accepted("r0@example.org")])
    assert ledger.counts(store, "1.1")[State.UNKNOWN] == 1


def test_a_wave_adds_only_new_readers(store: Store) -> None:
    claims = ledger.step(store, "1.1", "run", want=100)
    ledger.step(store, "1.1", "run", receipts=[_accepted(claim.reader) for claim in claims])
    ledger.finish_run(store, "1.1")
    assert ledger.find_campaign(store, "1.1").finished_at  # type: ignore[union-attr]  # it is there
    ledger.freeze(store, CAMPAIGN, "late", [Text("1", b"{}")], _entries(4, first=8))
    counts = ledger.counts(store, "1.1")
    assert (counts[State.ACCEPTED], counts[State.PENDING]) == (10, 2)
    assert ledger.find_campaign(store, "1.1").finished_at is None  # type: ignore[union-attr]  # it is there


def test_cancelling_leaves_nobody_waiting(store: Store) -> None:
    ledger.step(store, "1.1", "run", want=2)
    ledger.settle_crash(store, "1.1")
    assert ledger.cancel(store, "1.1") == 10
    assert ledger.counts(store, "1.1").by_state == {State.CANCELLED: 10}
    assert ledger.step(store, "1.1", "next", want=10) == []


def test_any_words_of_a_server_can_be_kept(store: Store) -> None:
    ledger.step(store, "1.1", "run", want=1)
    words = "550 Empf\udce4nger " + "x" * 5000
    receipt = Receipt(key="r0@example.org", outcome=Outcome.REFUSED, stage="rcpt", code=550, reply=words)
    ledger.step(store, "1.1", "run", receipts=[receipt])
    (row,) = [row for row in ledger.outstanding(store, "1.1") if row.state == State.REFUSED]
    assert row.reply is not None
    assert row.reply.startswith("550 Empf\\udce4nger xxx")
    assert len(row.reply) == 1000


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state.db")
    with store.transaction() as connection:
        connection.exec_driver_sql("UPDATE meta SET value = '999'")
    store.close()
    with pytest.raises(DeliveryError, match="version 999"):
        open_store(tmp_path / "state.db")


def test_a_file_that_is_no_database_is_answered(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"not a database" * 100)
    with pytest.raises(DeliveryError, match="is damaged"):
        open_store(tmp_path / "state.db")


class LedgerMachine(RuleBasedStateMachine):
    """Any order of claims, answers, crashes and departures: a model beside the ledger must agree with it."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self._folder = tempfile.TemporaryDirectory()
        self.store = open_store(Path(self._folder.name) / "state.db")
        self.entries = 6
        ledger.freeze(self.store, CAMPAIGN, "", [Text("1", b"{}")], _entries(self.entries))
        self.in_hand: list[str] = []
        self.delivered: dict[str, int] = {}
        self.run_number = 0

    def teardown(self) -> None:
        self.store.close()
        self._folder.cleanup()

    @rule(want=st.integers(0, 4))
    def claim(self, want: int) -> None:
        claims = ledger.step(self.store, "1.1", str(self.run_number), want=want)
        assert len(claims) <= want
        assert not {claim.reader for claim in claims} & set(self.in_hand)
        self.in_hand += [claim.reader for claim in claims]

    @precondition(lambda self: self.in_hand)
    @rule(outcome=st.sampled_from(list(Outcome)))
    def answer(self, outcome: Outcome) -> None:
        reader = self.in_hand.pop(0)
        if outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            self.delivered[reader] = self.delivered.get(reader, 0) + 1
        ledger.step(self.store, "1.1", str(self.run_number),
                    receipts=[Receipt(key=reader, outcome=outcome, stage="text")])  # fmt: skip

    @precondition(lambda self: self.in_hand)
    @rule()
    def come_back_untouched(self) -> None:
        ledger.step(self.store, "1.1", str(self.run_number), returned={self.in_hand.pop(): "broke"})

    @rule(sent=st.booleans())
    def crash(self, sent: bool) -> None:
        for reader in self.in_hand:
            self.delivered[reader] = self.delivered.get(reader, 0) + sent
        self.in_hand = []
        self.run_number += 1
        ledger.settle_crash(self.store, "1.1")

    @rule(number=st.integers(0, 5))
    def leave(self, number: int) -> None:
        with self.store.transaction() as connection:
            suppressions.suppress(connection, f"r{number}@example.org", "unsubscribed")

    @invariant()
    def nobody_has_two_copies_and_the_report_balances(self) -> None:
        assert all(count <= 1 for count in self.delivered.values())
        counts = ledger.counts(self.store, "1.1")
        assert counts.total == self.entries
        assert counts[State.SENDING] == len(self.in_hand)


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
