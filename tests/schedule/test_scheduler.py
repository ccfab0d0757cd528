"""The outbox in the store and by the clock: what is due leaves once, and what has expired never does."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Publication
from frozen import send_frozen
from leases import crash_workers
from scheduling import HOUR, MINUTE, put_in, set_moments
from smtp_server import Server

from newsletter import backends
from newsletter.clock import make_instant
from newsletter.errors import DeliveryError, NewsletterError
from newsletter.ledger.campaigns import Campaign, cancel_campaign, close_campaign, find_campaign
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.freeze import freeze_batch
from newsletter.ledger.schedule import hold_campaign, list_scheduled, unschedule_campaign
from newsletter.ledger.staging import Recipient, stage_recipients
from newsletter.ledger.templates import FrozenTemplate
from newsletter.ledger.workers import LeaseLost, register_worker
from newsletter.schedule import scheduler
from newsletter.schedule.schedule_state import ScheduleState, find_schedule_state
from newsletter.schedule.scheduler import NextDeparture, Scheduler, ScheduleResult, WallClock
from newsletter.schedule.stop_signals import StopSignals
from newsletter.sending.rules import SendingRules
from newsletter.store import Store

pytestmark = pytest.mark.slow

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


# In the store, on both databases.


def _freeze(store: Store, issue: str = "1.1", readers: int = 3) -> None:
    campaign = Campaign(issue=issue, id=issue, subject="s", draft_sha256="d", rules=[[]], created_at=make_instant(NOON))
    names = [f"r{number}@example.org" for number in range(readers)]
    entries = (
        Recipient(subscriber=name, address=name, fields={"email": name}, tags=frozenset(), template=0) for name in names
    )
    with stage_recipients(store) as staged:
        staged.fill(entries, None)
        with staged.durable() as connection:
            freeze_batch(connection, staged, campaign, "", [FrozenTemplate("1", b"{}")])


def _stands(store: Store, now: datetime, issue: str = "1.1") -> ScheduleState | None:
    campaign = find_campaign(store, issue)
    assert campaign is not None
    return find_schedule_state(store, campaign, now)


def test_what_is_in_the_outbox_stands_in_the_order_in_which_it_leaves(store: Store) -> None:
    for issue, hours in (("1.1", 3), ("1.2", 1), ("1.3", 2), ("1.4", 0)):
        _freeze(store, issue)
        if hours:
            set_moments(store, NOON + hours * HOUR, NOON + 9 * HOUR, issue)
    assert list_scheduled(store) == ["1.2", "1.3", "1.1"]
    unschedule_campaign(store, "1.3")
    assert list_scheduled(store) == ["1.2", "1.1"]


def test_it_waits_is_due_and_expires(store: Store) -> None:
    _freeze(store)
    assert _stands(store, NOON) is None
    set_moments(store, NOON, NOON + HOUR)
    assert _stands(store, NOON - MINUTE) is ScheduleState.WAITING
    assert _stands(store, NOON) is ScheduleState.DUE
    assert _stands(store, NOON + HOUR - timedelta(seconds=1)) is ScheduleState.DUE
    assert _stands(store, NOON + HOUR) is ScheduleState.EXPIRED


def test_what_somebody_has_got_from_the_outbox_does_not_expire_nor_wait_again(store: Store) -> None:
    past = datetime.now(UTC) - HOUR
    _freeze(store)
    set_moments(store, past, past + MINUTE)
    register_worker(store, "1.1", "run")
    assert _stands(store, past + HOUR) is ScheduleState.EXPIRED, "a run that has reached nobody has not begun"
    record_and_claim(store, "1.1", "run", want=1)
    assert _stands(store, past + HOUR) is ScheduleState.BEGUN
    assert _stands(store, past - HOUR) is ScheduleState.BEGUN, "the clock was set back"


def test_what_was_sent_by_hand_before_is_no_beginning(store: Store) -> None:
    _freeze(store)
    register_worker(store, "1.1", "by hand")
    record_and_claim(store, "1.1", "by hand", want=1)
    later = datetime.now(UTC) + HOUR
    set_moments(store, later, later + HOUR)
    assert _stands(store, later - MINUTE) is ScheduleState.WAITING
    assert _stands(store, later + HOUR) is ScheduleState.EXPIRED


def test_what_nothing_has_moved_for_an_hour_is_late(store: Store) -> None:
    past = datetime.now(UTC) - 30 * HOUR
    _freeze(store)
    set_moments(store, past, past + 90 * HOUR)
    assert _stands(store, past + 59 * MINUTE) is ScheduleState.DUE
    assert _stands(store, past + 61 * MINUTE) is ScheduleState.LATE
    register_worker(store, "1.1", "run")
    assert _stands(store, datetime.now(UTC) + 59 * MINUTE) is ScheduleState.DUE, "it was tried just now, in vain"
    record_and_claim(store, "1.1", "run", want=1)
    assert _stands(store, datetime.now(UTC) + 59 * MINUTE) is ScheduleState.BEGUN
    assert _stands(store, datetime.now(UTC) + 61 * MINUTE) is ScheduleState.LATE
    set_moments(store, past, past + 2 * HOUR)
    assert _stands(store, datetime.now(UTC) + 61 * MINUTE) is ScheduleState.LATE, "what some have does not expire"


def test_what_is_held_is_in_the_outbox_until_a_person_has_seen_to_it(store: Store) -> None:
    _freeze(store)
    set_moments(store, NOON, NOON + HOUR)
    hold_campaign(store, "1.1")
    assert _stands(store, NOON) is ScheduleState.HELD
    assert list_scheduled(store) == ["1.1"]
    register_worker(store, "1.1", "by hand")
    assert list_scheduled(store) == []
    hold_campaign(store, "1.1")
    assert list_scheduled(store) == [], "what is in the outbox no more is not put back by a failure"


@pytest.mark.parametrize("end", [cancel_campaign, close_campaign])
def test_what_is_at_its_end_is_not_in_the_outbox(store: Store, end: Callable[[Store, str], object]) -> None:
    _freeze(store, readers=0)
    set_moments(store, NOON, NOON + HOUR)
    end(store, "1.1")
    assert list_scheduled(store) == []


# With a clock of the test's own.


@dataclass
class FakeClock:
    """Each pause brings the next moment; after the last the outbox is asked to end."""

    now: datetime
    later: list[datetime | Callable[[], object]] = field(default_factory=list)
    stop: StopSignals = field(default_factory=StopSignals)

    def pause(self, seconds: float) -> None:
        assert 0 < seconds <= 1, "no long sleep is trusted"
        if not self.later:
            self.stop.asked = True
            return
        coming = self.later.pop(0)
        if isinstance(coming, datetime):
            self.now = coming
        else:
            coming()


@dataclass
class Office:
    """An outbox over a real store and a real server; its clock is the test's."""

    publication: Publication
    store: Store
    clock: FakeClock
    told: list[tuple[str, ScheduleResult, str]] = field(default_factory=list)
    awaited: list[NextDeparture | None] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = WallClock(now=lambda: self.clock.now, pause=self.clock.pause)
        workspace = self.publication.workspace
        self.outbox = Scheduler(self.store, workspace.record, self.carry, self.tell, clock, self.clock.stop)

    def carry(self, campaign: Campaign) -> None:
        workspace = self.publication.workspace
        backend = backends.load_backend("smtp", workspace.config, workspace.root)
        record = workspace.record(campaign.issue)
        send_frozen(self.store, campaign.issue, backend, record, SendingRules())

    def tell(self, issue: str, result: ScheduleResult, error: NewsletterError | None) -> None:
        self.told.append((issue, result, error.message if error else ""))

    def watch(self, *later: datetime | Callable[[], object]) -> None:
        self.clock.later = [*later]
        self.clock.stop.asked = False
        self.outbox.watch(self._waits)

    def _waits(self, upcoming: NextDeparture | None, trouble: NewsletterError | None) -> None:
        self.awaited.append(upcoming)
        self.troubles += [trouble.message] if trouble else []

    @property
    def results(self) -> list[tuple[str, ScheduleResult]]:
        return [(issue, result) for issue, result, _ in self.told]


@pytest.fixture
def office(digest: Publication, opened: Store) -> Office:
    digest.readers(5)
    return Office(digest, opened, FakeClock(datetime.now(UTC).replace(microsecond=0) - 24 * HOUR))


def test_it_leaves_at_its_moment_and_is_told_once(office: Office, server: Server) -> None:
    noon = office.clock.now
    put_in(office.publication, office.store, noon + 2 * MINUTE, noon + HOUR)
    office.watch(noon + MINUTE, noon + 2 * MINUTE, noon + 3 * MINUTE)
    assert office.results == [("2.10", ScheduleResult.SENT)]
    assert len(server.stored) == 5
    assert office.awaited[:2] == [NextDeparture(noon + 2 * MINUTE, "2.10")] * 2
    assert office.awaited[2:] == [None] * 2
    assert list_scheduled(office.store) == []


def test_after_a_sleep_of_days_what_is_due_is_held_and_what_has_expired_never_leaves(
    office: Office, server: Server
) -> None:
    noon = office.clock.now
    put_in(office.publication, office.store, noon + HOUR, noon + 2 * HOUR, "1.4")
    put_in(office.publication, office.store, noon + HOUR, noon + 90 * HOUR)
    office.watch(noon + 72 * HOUR, noon + 72 * HOUR + MINUTE)
    assert office.results == [("1.4", ScheduleResult.EXPIRED), ("2.10", ScheduleResult.HELD)]
    assert server.stored == []
    assert sorted(list_scheduled(office.store)) == ["1.4", "2.10"]


@pytest.mark.parametrize("answer", [True, False])
def test_a_late_issue_leaves_when_a_person_says_so(office: Office, server: Server, answer: bool) -> None:
    noon = office.clock.now
    put_in(office.publication, office.store, noon + HOUR, noon + 90 * HOUR)
    office.outbox._confirm = lambda campaign: answer and campaign.issue == "2.10"
    office.watch(noon + 72 * HOUR)
    assert office.results == [("2.10", ScheduleResult.SENT if answer else ScheduleResult.HELD)]
    assert len(server.stored) == (5 if answer else 0)


def test_a_clock_that_is_set_back_lets_it_wait_longer(office: Office, server: Server) -> None:
    noon = office.clock.now
    put_in(office.publication, office.store, noon + HOUR, noon + 2 * HOUR)
    office.watch(noon - 24 * HOUR, noon)
    assert office.results == []
    assert server.stored == []
    office.watch(noon + HOUR)
    assert office.results == [("2.10", ScheduleResult.SENT)]


def test_an_expiry_by_a_clock_that_was_wrong_is_undone_by_the_right_one(office: Office, server: Server) -> None:
    noon = office.clock.now
    put_in(office.publication, office.store, noon + HOUR, noon + 2 * HOUR)
    office.watch(noon + 240 * HOUR, noon)
    assert office.results == [("2.10", ScheduleResult.EXPIRED)]
    office.watch(noon + HOUR)
    assert office.results[1:] == [("2.10", ScheduleResult.SENT)]
    assert len(server.stored) == 5


def test_it_expires_while_it_waits_for_its_turn(office: Office, server: Server) -> None:
    noon = office.clock.now
    put_in(office.publication, office.store, noon - 2 * MINUTE, noon + HOUR, "1.4")
    put_in(office.publication, office.store, noon - MINUTE, noon + HOUR)
    carry = office.carry

    def slowly(campaign: Campaign) -> None:
        carry(campaign)
        office.clock.now += 2 * HOUR

    office.outbox._carry = slowly
    office.watch()
    assert office.results == [("1.4", ScheduleResult.SENT), ("2.10", ScheduleResult.EXPIRED)]
    assert len(server.stored) == 5


def test_it_stands_still_between_looking_and_sending(office: Office, server: Server) -> None:
    noon = office.clock.now
    put_in(office.publication, office.store, noon - MINUTE, noon + HOUR)
    sole = office.store.sole

    def late(name: str) -> object:
        office.clock.now += 72 * HOUR
        return sole(name)

    office.store.sole = late  # type: ignore[method-assign]  # as if the lid was closed just here
    office.watch()
    assert office.results == [("2.10", ScheduleResult.EXPIRED)]
    assert server.stored == []


def test_what_is_put_in_while_it_watches_leaves_too(office: Office, server: Server) -> None:
    noon = office.clock.now
    office.watch(lambda: put_in(office.publication, office.store, noon - MINUTE, noon + HOUR), noon + MINUTE)
    assert office.results == [("2.10", ScheduleResult.SENT)]
    assert len(server.stored) == 5


def test_a_server_out_of_reach_is_tried_again_after_growing_rests(office: Office, server: Server) -> None:
    noon = office.clock.now
    port = office.publication.environ["NEWSLETTER_SMTP__PORT"]
    office.publication.environ["NEWSLETTER_SMTP__PORT"] = "1"
    put_in(office.publication, office.store, noon, noon + HOUR)
    tries = 0
    carry = office.carry

    def counted(campaign: Campaign) -> None:
        nonlocal tries
        tries += 1
        carry(campaign)

    office.outbox._carry = counted
    office.watch(*(noon + timedelta(seconds=second) for second in range(10, 600, 10)))
    assert tries == 4, "at once, and after 1, 2 and 4 minutes more"
    assert office.results == [("2.10", ScheduleResult.LATER)], "it is told once"
    office.publication.environ["NEWSLETTER_SMTP__PORT"] = port
    office.watch(noon + 20 * MINUTE)
    assert office.results[1:] == [("2.10", ScheduleResult.SENT)]
    assert len(server.stored) == 5


@pytest.mark.parametrize("accepted", [0, 2])
def test_what_a_quota_stops_goes_on_by_itself_when_that_is_open_again(
    office: Office, server: Server, accepted: int
) -> None:
    """Neither an hour without a delivery nor an expiry that has passed meanwhile leaves it to a person."""
    office.clock.now = began = datetime.now(UTC)
    put_in(office.publication, office.store, began - MINUTE, began + 5 * MINUTE)
    is_open = [False]
    named: list[str] = []

    def is_over_quota(recipient: str) -> bool:
        named.append(recipient)
        return len(named) > accepted and not is_open[0]

    server.refuse_when = is_over_quota
    reply = "451 Daily limit of messages reached, try again in 3 hours"
    server.refuse = {f"reader{number:04}@example.org": reply for number in range(5)}
    office.outbox.look()
    opens = began + 3 * HOUR
    assert office.results == [("2.10", ScheduleResult.LATER)]
    campaign = find_campaign(office.store, "2.10")
    assert campaign is not None
    assert campaign.due_at is not None
    assert opens <= campaign.due_at <= opens + MINUTE
    assert len(server.stored) == accepted
    office.clock.now = opens - MINUTE
    office.outbox.look()
    assert office.outbox.upcoming == NextDeparture(campaign.due_at, "2.10")
    is_open[0] = True
    office.clock.now = opens + 2 * MINUTE
    office.outbox.look()
    if accepted:
        assert office.results[1:] == [("2.10", ScheduleResult.SENT)]
        assert len(server.stored) == 5
        assert list_scheduled(office.store) == []
    else:  # nobody has it, and its time is over
        assert office.results[1:] == [("2.10", ScheduleResult.EXPIRED)]
        assert server.stored == []


def test_a_clock_that_is_set_back_does_not_make_a_rest_last_for_hours(office: Office, server: Server) -> None:
    noon = office.clock.now
    port = office.publication.environ["NEWSLETTER_SMTP__PORT"]
    office.publication.environ["NEWSLETTER_SMTP__PORT"] = "1"
    put_in(office.publication, office.store, noon - 50 * MINUTE, noon + HOUR)
    office.watch()
    office.publication.environ["NEWSLETTER_SMTP__PORT"] = port
    office.clock.now = noon - 45 * MINUTE
    office.watch()
    assert office.results == [("2.10", ScheduleResult.LATER), ("2.10", ScheduleResult.SENT)]


def test_what_could_not_begin_in_time_expires(office: Office, server: Server) -> None:
    noon = office.clock.now
    port = office.publication.environ["NEWSLETTER_SMTP__PORT"]
    office.publication.environ["NEWSLETTER_SMTP__PORT"] = "1"
    put_in(office.publication, office.store, noon, noon + HOUR)
    office.watch(noon + MINUTE)
    office.publication.environ["NEWSLETTER_SMTP__PORT"] = port
    office.watch(noon + HOUR)
    assert office.results == [("2.10", ScheduleResult.LATER), ("2.10", ScheduleResult.EXPIRED)]
    assert server.stored == []


def test_a_fault_in_the_middle_is_for_a_person(office: Office, server: Server) -> None:
    noon = office.clock.now
    put_in(office.publication, office.store, noon, noon + HOUR)

    def failing(campaign: Campaign) -> None:
        register_worker(office.store, campaign.issue, "run")
        record_and_claim(office.store, campaign.issue, "run", want=1)
        crash_workers(office.store, campaign.issue)
        raise ZeroDivisionError("in a plug-in")

    office.outbox._carry = failing
    office.watch(noon + MINUTE, noon + 2 * MINUTE)
    ((issue, result, why),) = office.told
    assert (issue, result) == ("2.10", ScheduleResult.HELD)
    assert "in a plug-in" in why
    assert count_deliveries(office.store, "2.10")["unknown"] == 1


def test_a_store_out_of_reach_may_come_back(office: Office, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = office.clock.now
    put_in(office.publication, office.store, noon, noon + HOUR)

    def gone(_store: Store) -> list[str]:
        raise DeliveryError("The state can't be reached.")

    monkeypatch.setattr(scheduler, "list_scheduled", gone)
    office.watch(noon + MINUTE, monkeypatch.undo, noon + 2 * MINUTE)
    assert set(office.troubles) == {"The state can't be reached."}
    assert office.results == [("2.10", ScheduleResult.SENT)]


def test_a_signal_that_comes_just_before_a_run_is_heard_by_it(office: Office, server: Server) -> None:
    noon, stop = office.clock.now, office.clock.stop
    office.publication.readers(300)
    put_in(office.publication, office.store, noon, noon + HOUR)

    def carry(campaign: Campaign) -> None:
        signal.raise_signal(signal.SIGTERM)
        workspace = office.publication.workspace
        backend = backends.load_backend("smtp", workspace.config, workspace.root)
        record = workspace.record(campaign.issue)
        send_frozen(office.store, campaign.issue, backend, record, SendingRules(), lambda _: stop.pass_on())

    office.outbox._carry = carry
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        stop.listen()
        office.watch()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert office.results == [("2.10", ScheduleResult.STOPPED)]
    assert len(server.stored) < 300
    assert list_scheduled(office.store) == ["2.10"]


def test_an_issue_that_only_waits_is_not_on_the_website_yet(publication: Publication) -> None:
    publication.readers(3)
    put_in = publication.run("send", "2.10", "--at", "tomorrow 09:00", "--yes")
    assert put_in.returncode == 0, put_in.stderr
    assert "no issue to publish yet" in publication.run("export", "site", "--sent-only").stderr
    assert not (publication.root / "build/site/2.10.html").exists()


def test_a_campaign_that_another_process_has_taken_over_is_not_held(office: Office) -> None:
    noon = office.clock.now
    put_in(office.publication, office.store, noon - MINUTE, noon + HOUR)

    def overtaken(_campaign: Campaign) -> None:
        register_worker(office.store, "2.10", "another")
        record_and_claim(office.store, "2.10", "another", want=2)
        crash_workers(office.store, "2.10")  # two are unknown now, so that something has moved
        raise LeaseLost("Another process has taken over the sending of 2.10.")

    office.outbox._carry = overtaken
    assert office.outbox.look()
    assert office.results == [("2.10", ScheduleResult.BUSY)]
    campaign = find_campaign(office.store, "2.10")
    assert campaign is not None
    assert campaign.due_at == noon - MINUTE
