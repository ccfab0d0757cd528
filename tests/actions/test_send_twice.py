"""Two who send one issue though the lock of the first is gone while its editor is asked: nobody gets two copies."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

import pytest
from conftest import Publication
from frozen import Frozen, Pigeons
from postgres import Postgres

from newsletter.actions.cancel import cancel
from newsletter.actions.freeze_plan import SendTime, freeze_plan
from newsletter.actions.send import SendResult, send
from newsletter.actions.send_request import make_send_request
from newsletter.backends import Feed, Limits
from newsletter.campaigns.options import Changes, SendOptions
from newsletter.campaigns.plan import plan_send
from newsletter.clock import parse_instant
from newsletter.errors import DecisionNeeded
from newsletter.ledger import workers
from newsletter.ledger.campaigns import cancel_campaign
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.staging import stage_recipients
from newsletter.ledger.states import State
from newsletter.ledger.workers import register_worker
from newsletter.mail.message import Message, Outcome, Result
from newsletter.publication import OpenPublication
from newsletter.store import open_store

READERS = 25
UNLUCKY = ("reader0000@example.org", "reader0002@example.org")
SENT_MEANWHILE = r"Somebody else has sent or changed 2\.10 while you looked at this"


@dataclass
class Senders:
    """Processes of one publication, each with connections of its own, and how many copies each reader got."""

    publication: Publication
    unlucky: Outcome | None = None  # what becomes of the first two
    copies: Counter[str] = field(default_factory=Counter)

    def open(self) -> OpenPublication:
        async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
            if self.unlucky and message.key in UNLUCKY:
                feed.answer(Result(key=message.key, outcome=self.unlucky, stage="rcpt", code=550, reply="no"))
                return
            self.copies[message.key] += 1
            feed.answer(Result(key=message.key, outcome=Outcome.ACCEPTED, stage="text", code=250, reply="ok"))

        return OpenPublication(self.publication.workspace, backend=Pigeons(carry, Limits(connections=1, window=4)))

    def send(
        self, meanwhile: Callable[[], object] = lambda: None, options: SendOptions | None = None, **how: SendTime
    ) -> SendResult:
        """Send, and let something happen while the editor is asked, who then agrees."""
        with self.open() as opened:
            draft = opened.draft("2.10")
            return send(opened, draft, options or SendOptions(), confirm=lambda _: meanwhile() is not False, **how)

    @property
    def most(self) -> int:
        return max(self.copies.values(), default=0)


@pytest.fixture
def senders(publication: Publication) -> Senders:
    publication.readers(READERS)
    return Senders(publication)


@pytest.fixture
def on_postgresql(senders: Senders, postgres: Postgres) -> Callable[[], None]:
    """Move the state to PostgreSQL; return what frees every lock, as a restart of the server does."""
    senders.publication.environ["NEWSLETTER_STORE__URL"] = postgres.fresh()
    held = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
    return lambda: bool(postgres.execute(held))


def test_after_a_takeover_from_one_who_goes_on_a_third_may_have_sent(
    senders: Senders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "LEASE_S", 0.2)
    with closing(open_store(senders.publication.workspace.database)) as store, ExitStack() as first:
        Frozen(senders.publication, store, READERS)
        first.enter_context(store.sole("2.10"))
        register_worker(store, "2.10", "stopped before its first claim", lease_s=-1)

        def meanwhile() -> None:
            first.close()  # it goes on, finds its lease lost, and ends
            assert senders.send().counts[State.ACCEPTED] == READERS

        with pytest.raises(DecisionNeeded, match=SENT_MEANWHILE):
            senders.send(meanwhile)
    assert (len(senders.copies), senders.most) == (READERS, 1)


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [False, True])
def test_a_lock_that_postgresql_lost_lets_another_send(
    senders: Senders, on_postgresql: Callable[[], None], frozen: bool
) -> None:
    if frozen:
        with senders.open() as opened:
            Frozen(senders.publication, opened.store, READERS)

    def meanwhile() -> None:
        on_postgresql()
        assert senders.send().counts[State.ACCEPTED] == READERS

    with pytest.raises(DecisionNeeded, match=SENT_MEANWHILE):
        senders.send(meanwhile)
    assert (len(senders.copies), senders.most) == (READERS, 1)


@pytest.mark.slow
def test_what_another_put_into_the_outbox_meanwhile_stays_in_it(
    senders: Senders, on_postgresql: Callable[[], None]
) -> None:
    time = SendTime(due=parse_instant("2100-01-01"), expires=parse_instant("2100-01-02"))

    def meanwhile() -> None:
        on_postgresql()
        senders.send(time=time)

    with pytest.raises(DecisionNeeded, match=SENT_MEANWHILE):
        senders.send(meanwhile)
    assert not senders.copies


@pytest.mark.slow
def test_a_further_batch_is_not_added_to_what_was_cancelled_meanwhile(
    senders: Senders, on_postgresql: Callable[[], None]
) -> None:
    senders.send(options=SendOptions(tag="even"))

    def meanwhile() -> None:
        on_postgresql()
        with senders.open() as opened:
            assert cancel(opened, "2.10", lambda _counts: True) == 0

    with pytest.raises(DecisionNeeded, match=SENT_MEANWHILE):
        senders.send(meanwhile, SendOptions(tag="odd"))
    assert (len(senders.copies), senders.most) == (13, 1)


@pytest.mark.parametrize("state", [state for state in State if state not in (State.REFUSED, State.DEFERRED)])
def test_who_may_have_it_is_not_tried_again_by_any_caller(senders: Senders, state: State) -> None:
    senders.send()
    with pytest.raises(ValueError, match="refused or deferred"):
        senders.send(options=SendOptions(retried=[State.REFUSED, state]))
    assert senders.most == 1


def _send_in_vain(senders: Senders, outcome: Outcome) -> None:
    senders.publication.environ["NEWSLETTER_SEND__RETRIES"] = ""
    senders.unlucky = outcome
    senders.send()
    senders.unlucky = None


@pytest.mark.slow
def test_none_is_tried_again_of_what_was_cancelled_meanwhile(
    senders: Senders, on_postgresql: Callable[[], None]
) -> None:
    _send_in_vain(senders, Outcome.REFUSED)

    def meanwhile() -> None:
        on_postgresql()
        with senders.open() as opened:
            cancel_campaign(opened.store, "2.10")

    with pytest.raises(DecisionNeeded, match=SENT_MEANWHILE):
        senders.send(meanwhile, SendOptions(retried=[State.REFUSED]))
    with senders.open() as opened:
        assert count_deliveries(opened.store, "2.10").by_state == {State.REFUSED: 2, State.ACCEPTED: READERS - 2}
    assert (len(senders.copies), senders.most) == (READERS - 2, 1)


@pytest.mark.slow
def test_what_waits_is_not_sent_at_once_when_another_put_it_into_the_outbox(
    senders: Senders, on_postgresql: Callable[[], None]
) -> None:
    _send_in_vain(senders, Outcome.DEFERRED)
    time = SendTime(due=parse_instant("2100-01-01"), expires=parse_instant("2100-01-02"))

    def meanwhile() -> None:
        on_postgresql()
        senders.send(time=time)

    with pytest.raises(DecisionNeeded, match=SENT_MEANWHILE):
        senders.send(meanwhile)
    assert (len(senders.copies), senders.most) == (READERS - 2, 1)


@pytest.mark.slow
def test_a_text_that_another_has_taken_over_meanwhile_is_not_written_over(
    senders: Senders, on_postgresql: Callable[[], None]
) -> None:
    _send_in_vain(senders, Outcome.DEFERRED)
    draft = senders.publication.root / "drafts" / "2.10.yaml"
    changed = draft.read_text().replace("Leaders align", "Leaders agree")
    draft.write_text(changed)

    def meanwhile() -> None:
        on_postgresql()
        with senders.open() as opened:
            replace = opened.draft("2.10")
            with stage_recipients(opened.store) as staged:
                options = SendOptions(changes=Changes.TAKE_OVER)
                plan = plan_send(
                    opened.store, opened.record("2.10"), make_send_request(opened, replace, options, staged)
                )
                freeze_plan(staged, plan)  # and it crashes before its first claim

    with pytest.raises(DecisionNeeded, match=SENT_MEANWHILE):
        senders.send(meanwhile, SendOptions(changes=Changes.CONTINUE))
    assert (len(senders.copies), senders.most) == (READERS - 2, 1)
