"""The outbox: what is due leaves once, what has expired never does, whatever happens to the process or the clock."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import ROOT, Publication
from postgres import Postgres
from smtp_server import POLITE, Server, kill_at, scripted

from newsletter import backends
from newsletter.delivery import ledger
from newsletter.delivery.campaign import carry_out, schedule, sole_sender
from newsletter.delivery.ledger import Campaign, Entry, Text
from newsletter.delivery.outbox import Clock, Fate, Outbox, Standing, Stop, Upcoming, standing
from newsletter.delivery.plan import Wish, plan_send
from newsletter.delivery.run import Rules
from newsletter.errors import DeliveryError, NewsletterError
from newsletter.issue.draft import read_draft
from newsletter.store import Store, open_store

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PATIENCE = 60  # seconds: far more than anything takes


@pytest.fixture
def digest(publication: Publication, server: Server) -> Publication:
    publication.through(server)
    return publication


@pytest.fixture
def opened(publication: Publication) -> Iterator[Store]:
    with closing(open_store(publication.workspace.database)) as store:
        yield store


def _put_in(
    publication: Publication, store: Store, due: datetime, expires: datetime, name: str = "2.10", tag: str = ""
) -> None:
    """As `send --at` does, but for a moment that may be past already."""
    workspace = publication.workspace
    draft = read_draft(workspace.find_draft(name))
    record = workspace.record(name)
    with sole_sender(store, name), ledger.staged_list(store) as staged:
        plan = plan_send(
            store, staged, publication.press, draft, record=record, list_path=workspace.subscribers, wish=Wish(tag=tag)
        )
        schedule(store, staged, plan, record, due, expires)


def _put_in_now(publication: Publication, store: Store, name: str = "2.10") -> None:
    now = datetime.now(UTC)
    _put_in(publication, store, now - MINUTE, now + HOUR, name)


def _put_in_too_late(publication: Publication, store: Store, name: str = "2.10") -> None:
    now = datetime.now(UTC)
    _put_in(publication, store, now - 2 * HOUR, now - HOUR, name)


def _states(publication: Publication, name: str = "2.10") -> dict[str, int]:
    (status,) = json.loads(publication.run("status", name, "--json").stdout)
    return {state: count for state, count in status["readers"].items() if count}


def _listed(publication: Publication) -> dict[str, str]:
    return {one["issue"]: one["state"] for one in json.loads(publication.run("outbox", "list", "--json").stdout)}


# In the store, on both databases.


def _freeze(store: Store, issue: str = "1.1", readers: int = 3) -> None:
    campaign = Campaign(
        issue=issue, id=issue, subject="s", draft_sha256="d", rules=[[]], created_at=NOON.isoformat(timespec="seconds")
    )
    names = [f"r{number}@example.org" for number in range(readers)]
    entries = (Entry(reader=name, address=name, fields={"email": name}, tags=frozenset(), text=0) for name in names)
    with ledger.staged_list(store) as staged:
        staged.fill(entries, None)
        ledger.freeze(staged, campaign, "", [Text("1", b"{}")])


def _schedule(store: Store, due: datetime, expires: datetime, issue: str = "1.1") -> None:
    ledger.schedule(store, issue, due.isoformat(timespec="seconds"), expires.isoformat(timespec="seconds"))


def _stands(store: Store, now: datetime, issue: str = "1.1") -> Standing | None:
    campaign = ledger.find_campaign(store, issue)
    assert campaign is not None
    return standing(store, campaign, now)


def test_what_is_in_the_outbox_stands_in_the_order_in_which_it_leaves(store: Store) -> None:
    for issue, hours in (("1.1", 3), ("1.2", 1), ("1.3", 2), ("1.4", 0)):
        _freeze(store, issue)
        if hours:
            _schedule(store, NOON + hours * HOUR, NOON + 9 * HOUR, issue)
    assert ledger.scheduled(store) == ["1.2", "1.3", "1.1"]
    ledger.unschedule(store, "1.3")
    assert ledger.scheduled(store) == ["1.2", "1.1"]


def test_it_waits_is_due_and_expires(store: Store) -> None:
    _freeze(store)
    assert _stands(store, NOON) is None
    _schedule(store, NOON, NOON + HOUR)
    assert _stands(store, NOON - MINUTE) is Standing.WAITING
    assert _stands(store, NOON) is Standing.DUE
    assert _stands(store, NOON + HOUR - timedelta(seconds=1)) is Standing.DUE
    assert _stands(store, NOON + HOUR) is Standing.EXPIRED


def test_what_somebody_has_got_from_the_outbox_does_not_expire_nor_wait_again(store: Store) -> None:
    past = datetime.now(UTC) - HOUR
    _freeze(store)
    _schedule(store, past, past + MINUTE)
    ledger.begin_run(store, "1.1", "run")
    assert _stands(store, past + HOUR) is Standing.EXPIRED, "a run that has reached nobody has not begun"
    ledger.step(store, "1.1", "run", want=1)
    assert _stands(store, past + HOUR) is Standing.BEGUN
    assert _stands(store, past - HOUR) is Standing.BEGUN, "the clock was set back"


def test_what_was_sent_by_hand_before_is_no_beginning(store: Store) -> None:
    _freeze(store)
    ledger.begin_run(store, "1.1", "by hand")
    ledger.step(store, "1.1", "by hand", want=1)
    later = datetime.now(UTC) + HOUR
    _schedule(store, later, later + HOUR)
    assert _stands(store, later - MINUTE) is Standing.WAITING
    assert _stands(store, later + HOUR) is Standing.EXPIRED


def test_what_is_held_is_in_the_outbox_until_a_person_has_seen_to_it(store: Store) -> None:
    _freeze(store)
    _schedule(store, NOON, NOON + HOUR)
    ledger.hold(store, "1.1")
    assert _stands(store, NOON) is Standing.HELD
    assert ledger.scheduled(store) == ["1.1"]
    ledger.begin_run(store, "1.1", "by hand")
    assert ledger.scheduled(store) == []
    ledger.hold(store, "1.1")
    assert ledger.scheduled(store) == [], "what is in the outbox no more is not put back by a failure"


@pytest.mark.parametrize("end", [ledger.cancel, ledger.finish_run])
def test_what_is_at_its_end_is_not_in_the_outbox(store: Store, end: Callable[[Store, str], object]) -> None:
    _freeze(store, readers=0)
    _schedule(store, NOON, NOON + HOUR)
    end(store, "1.1")
    assert ledger.scheduled(store) == []


# With a clock of the test's own.


@dataclass
class FakeClock:
    """Each pause brings the next moment; after the last the outbox is asked to end."""

    now: datetime
    later: list[datetime | Callable[[], object]] = field(default_factory=list)
    stop: Stop = field(default_factory=Stop)

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
    told: list[tuple[str, Fate, str]] = field(default_factory=list)
    awaited: list[Upcoming | None] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = Clock(now=lambda: self.clock.now, pause=self.clock.pause)
        workspace = self.publication.workspace
        self.outbox = Outbox(self.store, workspace.record, self.carry, self.tell, clock, self.clock.stop)

    def carry(self, campaign: Campaign) -> None:
        workspace = self.publication.workspace
        backend = backends.load("smtp", workspace.config, workspace.root)
        record = workspace.record(campaign.issue)
        carry_out(self.store, campaign.issue, backend, record, Rules(), lambda _: None, lambda: None)

    def tell(self, issue: str, fate: Fate, error: NewsletterError | None) -> None:
        self.told.append((issue, fate, error.message if error else ""))

    def watch(self, *later: datetime | Callable[[], object]) -> None:
        self.clock.later = [*later]
        self.clock.stop.asked = False
        self.outbox.watch(self._waits)

    def _waits(self, upcoming: Upcoming | None, trouble: NewsletterError | None) -> None:
        self.awaited.append(upcoming)
        self.troubles += [trouble.message] if trouble else []

    @property
    def fates(self) -> list[tuple[str, Fate]]:
        return [(issue, fate) for issue, fate, _ in self.told]


@pytest.fixture
def office(digest: Publication, opened: Store) -> Office:
    digest.readers(5)
    return Office(digest, opened, FakeClock(datetime.now(UTC).replace(microsecond=0) - 24 * HOUR))


def test_it_leaves_at_its_moment_and_is_told_once(office: Office, server: Server) -> None:
    noon = office.clock.now
    _put_in(office.publication, office.store, noon + 2 * MINUTE, noon + HOUR)
    office.watch(noon + MINUTE, noon + 2 * MINUTE, noon + 3 * MINUTE)
    assert office.fates == [("2.10", Fate.SENT)]
    assert len(server.stored) == 5
    assert office.awaited[:2] == [Upcoming(noon + 2 * MINUTE, "2.10")] * 2
    assert office.awaited[2:] == [None] * 2
    assert ledger.scheduled(office.store) == []


def test_after_a_sleep_of_days_what_is_due_leaves_and_what_has_expired_never_does(
    office: Office, server: Server
) -> None:
    noon = office.clock.now
    _put_in(office.publication, office.store, noon + HOUR, noon + 2 * HOUR, "1.4")
    _put_in(office.publication, office.store, noon + HOUR, noon + 90 * HOUR)
    office.watch(noon + 72 * HOUR, noon + 72 * HOUR + MINUTE)
    assert office.fates == [("1.4", Fate.EXPIRED), ("2.10", Fate.SENT)]
    assert len(server.stored) == 5
    assert ledger.scheduled(office.store) == ["1.4"]


def test_a_clock_that_is_set_back_lets_it_wait_longer(office: Office, server: Server) -> None:
    noon = office.clock.now
    _put_in(office.publication, office.store, noon + HOUR, noon + 2 * HOUR)
    office.watch(noon - 24 * HOUR, noon)
    assert office.fates == []
    assert server.stored == []
    office.watch(noon + HOUR)
    assert office.fates == [("2.10", Fate.SENT)]


def test_an_expiry_by_a_clock_that_was_wrong_is_undone_by_the_right_one(office: Office, server: Server) -> None:
    noon = office.clock.now
    _put_in(office.publication, office.store, noon + HOUR, noon + 2 * HOUR)
    office.watch(noon + 240 * HOUR, noon)
    assert office.fates == [("2.10", Fate.EXPIRED)]
    office.watch(noon + HOUR)
    assert office.fates[1:] == [("2.10", Fate.SENT)]
    assert len(server.stored) == 5


def test_it_expires_while_it_waits_for_its_turn(office: Office, server: Server) -> None:
    noon = office.clock.now
    _put_in(office.publication, office.store, noon - HOUR, noon + HOUR, "1.4")
    _put_in(office.publication, office.store, noon - MINUTE, noon + HOUR)
    carry = office.carry

    def slowly(campaign: Campaign) -> None:
        carry(campaign)
        office.clock.now += 2 * HOUR

    office.outbox._carry = slowly
    office.watch()
    assert office.fates == [("1.4", Fate.SENT), ("2.10", Fate.EXPIRED)]
    assert len(server.stored) == 5


def test_it_stands_still_between_looking_and_sending(office: Office, server: Server) -> None:
    noon = office.clock.now
    _put_in(office.publication, office.store, noon - MINUTE, noon + HOUR)
    sole = office.store.sole

    def late(name: str) -> object:
        office.clock.now += 72 * HOUR
        return sole(name)

    office.store.sole = late  # type: ignore[method-assign]  # as if the lid was closed just here
    office.watch()
    assert office.fates == [("2.10", Fate.EXPIRED)]
    assert server.stored == []


def test_what_is_put_in_while_it_watches_leaves_too(office: Office, server: Server) -> None:
    noon = office.clock.now
    office.watch(lambda: _put_in(office.publication, office.store, noon - MINUTE, noon + HOUR), noon + MINUTE)
    assert office.fates == [("2.10", Fate.SENT)]
    assert len(server.stored) == 5


def test_a_server_out_of_reach_is_tried_again_after_growing_rests(office: Office, server: Server) -> None:
    noon = office.clock.now
    port = office.publication.environ["NEWSLETTER_SMTP__PORT"]
    office.publication.environ["NEWSLETTER_SMTP__PORT"] = "1"
    _put_in(office.publication, office.store, noon, noon + HOUR)
    tries = 0
    carry = office.carry

    def counted(campaign: Campaign) -> None:
        nonlocal tries
        tries += 1
        carry(campaign)

    office.outbox._carry = counted
    office.watch(*(noon + timedelta(seconds=second) for second in range(10, 600, 10)))
    assert tries == 4, "at once, and after 1, 2 and 4 minutes more"
    assert office.fates == [("2.10", Fate.LATER)], "it is told once"
    office.publication.environ["NEWSLETTER_SMTP__PORT"] = port
    office.watch(noon + 20 * MINUTE)
    assert office.fates[1:] == [("2.10", Fate.SENT)]
    assert len(server.stored) == 5


def test_a_clock_that_is_set_back_does_not_make_a_rest_last_for_hours(office: Office, server: Server) -> None:
    noon = office.clock.now
    port = office.publication.environ["NEWSLETTER_SMTP__PORT"]
    office.publication.environ["NEWSLETTER_SMTP__PORT"] = "1"
    _put_in(office.publication, office.store, noon - 5 * HOUR, noon + HOUR)
    office.watch()
    office.publication.environ["NEWSLETTER_SMTP__PORT"] = port
    office.clock.now = noon - 4 * HOUR
    office.watch()
    assert office.fates == [("2.10", Fate.LATER), ("2.10", Fate.SENT)]


def test_what_could_not_begin_in_time_expires(office: Office, server: Server) -> None:
    noon = office.clock.now
    port = office.publication.environ["NEWSLETTER_SMTP__PORT"]
    office.publication.environ["NEWSLETTER_SMTP__PORT"] = "1"
    _put_in(office.publication, office.store, noon, noon + HOUR)
    office.watch(noon + MINUTE)
    office.publication.environ["NEWSLETTER_SMTP__PORT"] = port
    office.watch(noon + HOUR)
    assert office.fates == [("2.10", Fate.LATER), ("2.10", Fate.EXPIRED)]
    assert server.stored == []


def test_a_fault_in_the_middle_is_for_a_person(office: Office, server: Server) -> None:
    noon = office.clock.now
    _put_in(office.publication, office.store, noon, noon + HOUR)

    def failing(campaign: Campaign) -> None:
        ledger.begin_run(office.store, campaign.issue, "run")
        ledger.step(office.store, campaign.issue, "run", want=1)
        ledger.settle_crash(office.store, campaign.issue)
        raise ZeroDivisionError("in a plug-in")

    office.outbox._carry = failing
    office.watch(noon + MINUTE, noon + 2 * MINUTE)
    ((issue, fate, why),) = office.told
    assert (issue, fate) == ("2.10", Fate.HELD)
    assert "in a plug-in" in why
    assert ledger.counts(office.store, "2.10")["unknown"] == 1


def test_a_store_out_of_reach_may_come_back(office: Office, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = office.clock.now
    _put_in(office.publication, office.store, noon, noon + HOUR)

    def gone(_store: Store) -> list[str]:
        raise DeliveryError("The state can't be reached.")

    monkeypatch.setattr(ledger, "scheduled", gone)
    office.watch(noon + MINUTE, monkeypatch.undo, noon + 2 * MINUTE)
    assert set(office.troubles) == {"The state can't be reached."}
    assert office.fates == [("2.10", Fate.SENT)]


def test_a_signal_that_comes_just_before_a_run_is_heard_by_it(office: Office, server: Server) -> None:
    noon, stop = office.clock.now, office.clock.stop
    office.publication.readers(300)
    _put_in(office.publication, office.store, noon, noon + HOUR)

    def carry(campaign: Campaign) -> None:
        signal.raise_signal(signal.SIGTERM)
        workspace = office.publication.workspace
        backend = backends.load("smtp", workspace.config, workspace.root)
        record = workspace.record(campaign.issue)
        carry_out(office.store, campaign.issue, backend, record, Rules(), lambda _: stop.pass_on(), lambda: None)

    office.outbox._carry = carry
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        stop.listen()
        office.watch()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert office.fates == [("2.10", Fate.STOPPED)]
    assert len(server.stored) < 300
    assert ledger.scheduled(office.store) == ["2.10"]


# The command line.


def test_send_at_freezes_records_and_exits(digest: Publication, server: Server) -> None:
    asked = digest.run("send", "2.10", "--at", "tomorrow 09:00", stdin="n\n")
    assert asked.returncode == 1
    assert re.search(r"  At        .* 09:00 .* in \d+ (hour|day)", asked.stdout)
    assert _listed(digest) == {}
    done = digest.run("send", "2.10", "--at", "tomorrow 09:00", "--expires", "2h", stdin="y\n")
    assert done.returncode == 0, done.stderr
    assert server.stored == []
    (one,) = json.loads(digest.run("outbox", "list", "--json").stdout)
    assert (one["issue"], one["state"], one["readers"], one["draft_changed"]) == ("2.10", "waiting", 25, False)
    due, expires = (datetime.fromisoformat(one[key]) for key in ("due", "expires"))
    assert expires - due == 2 * HOUR
    listed = digest.run("outbox", "list").stdout.splitlines()[1].split("\t")
    assert listed[:2] == ["2.10", "waiting"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\d 09:00 America/New_York", listed[2])
    assert listed[3].startswith("in ")
    record = (digest.root / "drafts/2.10.sent.toml").read_text()
    assert "runs = 0" in record
    assert f'due_at = "{one["due"]}"' in record


def test_nothing_is_done_and_said_before_the_moment(digest: Publication, server: Server) -> None:
    digest.run("send", "2.10", "--at", "tomorrow 09:00", "--yes")
    done = digest.run("outbox", "run")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert server.stored == []


def test_an_outbox_that_nobody_used_is_empty_and_leaves_no_trace(digest: Publication) -> None:
    assert digest.run("outbox", "list").stdout == "The outbox is empty.\n"
    assert digest.run("outbox", "list", "--json").stdout == "[]\n"
    assert digest.run("outbox", "run").returncode == 0
    assert not (digest.root / ".newsletter").exists()
    refused = digest.run("outbox", "cancel", "2.10")
    assert refused.returncode == 1
    assert "2.10 is not in the outbox" in refused.stderr


def test_what_is_due_is_sent_and_reported(digest: Publication, opened: Store, server: Server) -> None:
    _put_in_now(digest, opened)
    done = digest.run("outbox", "run")
    assert done.returncode == 0, done.stderr
    assert "25 on the list = 25 accepted" in done.stdout
    assert len(server.stored) == 25
    assert _listed(digest) == {}
    assert "finished_at" in (digest.root / "drafts/2.10.sent.toml").read_text()
    assert digest.run("outbox", "run").stdout == ""
    assert "has been sent already" in digest.run("send", "2.10", "--yes").stdout
    assert len(server.stored) == 25


def test_on_postgresql_too(digest: Publication, postgres: Postgres, server: Server) -> None:
    digest.environ["NEWSLETTER_STORE__URL"] = postgres.fresh()
    digest.run("send", "2.10", "--at", "tomorrow 09:00", "--yes")
    assert _listed(digest) == {"2.10": "waiting"}
    with closing(open_store(digest.environ["NEWSLETTER_STORE__URL"])) as store:
        now = datetime.now(UTC)
        _schedule(store, now - MINUTE, now + HOUR, "2.10")
    done = digest.run("outbox", "run")
    assert done.returncode == 0, done.stderr
    assert len(server.stored) == 25
    assert _listed(digest) == {}


def test_what_has_expired_is_reported_each_time_and_never_sent(
    digest: Publication, opened: Store, server: Server
) -> None:
    _put_in_too_late(digest, opened)
    for _ in range(2):
        done = digest.run("outbox", "run")
        assert done.returncode == 1
        assert re.search(r"2\.10 was to leave before .* America/New_York, and has expired", done.stderr)
        assert "newsletter outbox cancel 2.10" in done.stderr
    assert _listed(digest) == {"2.10": "expired"}
    assert "newsletter outbox cancel 2.10" in digest.run("send", "2.10", "--yes").stderr
    assert digest.run("outbox", "cancel", "2.10").returncode == 0
    assert digest.run("outbox", "run").returncode == 0
    assert server.stored == []
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert len(server.stored) == 25


def test_ones_failure_does_not_keep_the_others_back(digest: Publication, opened: Store, server: Server) -> None:
    _put_in_too_late(digest, opened, "1.4")
    _put_in_now(digest, opened, "2.10")
    _put_in_now(digest, opened, "3.7")
    (digest.root / "drafts/2.10.sent.toml").write_text('campaign = "of another machine"\nruns = 1\n')
    done = digest.run("outbox", "run")
    assert done.returncode == 1
    assert "1.4 was to leave before" in done.stderr
    assert "2.10: This issue has been sent from elsewhere" in done.stderr
    assert _states(digest, "3.7") == {"accepted": 25}
    assert len(server.stored) == 25
    assert _listed(digest) == {"1.4": "expired", "2.10": "due"}


def test_the_frozen_text_leaves_though_the_draft_has_changed(
    digest: Publication, opened: Store, server: Server
) -> None:
    _put_in_now(digest, opened)
    draft = digest.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("Leaders align", "LEADERS ALIGN"))
    listed = digest.run("outbox", "list").stdout
    assert "The draft of 2.10 has changed since. What leaves is the text as it was then." in listed
    assert digest.run("outbox", "run").returncode == 0
    assert len(server.stored) == 25
    assert not any(b"LEADERS" in data for _, data in server.stored)


def test_while_it_is_in_the_outbox_it_can_not_be_sent_or_put_in_again_by_hand(
    digest: Publication, server: Server
) -> None:
    digest.run("send", "2.10", "--at", "tomorrow 09:00", "--yes")
    for more in ([], ["--at", "tomorrow 10:00"]):
        refused = digest.run("send", "2.10", "--yes", *more)
        assert refused.returncode == 1
        assert "2.10 is in the outbox" in refused.stderr
        assert "newsletter outbox cancel 2.10" in refused.stderr
    assert server.stored == []


def test_taken_out_it_begins_anew_and_keeps_nobody_from_sending_it(digest: Publication, server: Server) -> None:
    digest.run("send", "2.10", "--at", "tomorrow 09:00", "--yes")
    record = digest.root / "drafts/2.10.sent.toml"
    assert record.exists()
    done = digest.run("outbox", "cancel", "2.10")
    assert done.returncode == 0
    assert "drafts/2.10.sent.toml is removed" in done.stdout
    assert not record.exists()
    readers = digest.readers(3)
    draft = digest.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("Leaders align", "LEADERS ALIGN"))
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert server.copies() == Counter(readers)
    assert all(b"LEADERS" in data for _, data in server.stored)


def test_another_machine_is_told_in_whose_outbox_it_is(digest: Publication, server: Server) -> None:
    digest.run("send", "2.10", "--at", "tomorrow 09:00", "--yes")
    state = digest.root / ".newsletter"
    state.rename(digest.root / "on another machine")
    refused = digest.run("send", "2.10", "--yes")
    assert refused.returncode == 1
    assert "2.10 is in another machine's outbox: 2.10.sent.toml names the campaign" in refused.stderr
    assert "newsletter outbox cancel 2.10" in refused.stderr
    shutil.rmtree(state)
    (digest.root / "on another machine").rename(state)
    digest.run("outbox", "cancel", "2.10")
    shutil.rmtree(state)
    assert digest.run("send", "2.10", "--yes").returncode == 0


def test_the_record_of_what_some_have_got_stays(digest: Publication, server: Server) -> None:
    digest.readers(10)
    digest.run("send", "2.10", "--yes", "--tag", "even")
    digest.run("send", "2.10", "--yes", "--at", "tomorrow 09:00")
    done = digest.run("outbox", "cancel", "2.10")
    assert done.returncode == 0
    assert "5 readers still without it. To send it: newsletter send 2.10" in done.stdout
    record = (digest.root / "drafts/2.10.sent.toml").read_text()
    assert "accepted = 5" in record
    assert "pending = 5" in record


def test_what_is_put_in_to_go_on_with_those_who_wait_leaves(digest: Publication, opened: Store, server: Server) -> None:
    readers = digest.readers(4)
    server.refuse[readers[1]] = "451 4.3.0 later"
    assert digest.run("send", "2.10", "--yes").returncode == 1
    server.refuse.clear()
    assert digest.run("send", "2.10", "--yes", "--at", "tomorrow 09:00").returncode == 0
    assert _listed(digest) == {"2.10": "waiting"}
    _schedule(opened, datetime.now(UTC) - MINUTE, datetime.now(UTC) + HOUR, "2.10")
    assert digest.run("outbox", "run").returncode == 0
    assert server.copies() == Counter(readers)


def test_who_is_put_off_to_the_end_is_left_to_a_later_send(digest: Publication, opened: Store, server: Server) -> None:
    readers = digest.readers(4)
    server.refuse[readers[1]] = "451 4.3.0 later"
    _put_in_now(digest, opened)
    done = digest.run("outbox", "run")
    assert done.returncode == 1
    assert "newsletter send 2.10" in done.stdout
    assert _listed(digest) == {}
    server.refuse.clear()
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert server.copies() == Counter(readers)


def test_a_tags_wave_is_done_when_everyone_in_it_was_tried(digest: Publication, opened: Store, server: Server) -> None:
    digest.readers(4)
    now = datetime.now(UTC)
    _put_in(digest, opened, now - MINUTE, now + HOUR, tag="even")
    assert digest.run("outbox", "run").returncode == 0
    assert len(server.stored) == 2
    assert _listed(digest) == {}
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert len(server.stored) == 4


def test_what_was_cancelled_for_good_is_not_sent(digest: Publication, opened: Store, server: Server) -> None:
    _put_in_now(digest, opened)
    assert digest.run("cancel", "2.10", "--yes").returncode == 0
    done = digest.run("outbox", "run")
    assert (done.returncode, done.stdout) == (0, "")
    assert server.stored == []


# When it stops.


def test_a_wrong_password_is_tried_once_and_then_left_to_a_person(publication: Publication, opened: Store) -> None:
    answers = {**POLITE, "EHLO": b"250-localhost\r\n250 AUTH PLAIN\r\n", "AUTH": b"535 5.7.8 Wrong password\r\n"}
    logins = 0

    def answer(command: str) -> bytes:
        nonlocal logins
        logins += command == "AUTH"
        return answers[command]

    with scripted(answer) as (port, texts):
        publication.through(Server(port=port))
        publication.environ |= {"NEWSLETTER_SMTP__USERNAME": "digest", "NEWSLETTER_SMTP__PASSWORD": "of yesterday"}
        _put_in_now(publication, opened)
        for _ in range(2):
            done = publication.run("outbox", "run")
            assert done.returncode == 1
            assert re.search("2.10 was stopped: .*5.7.8 Wrong password", done.stderr)
            assert "newsletter send 2.10" in done.stderr
        assert logins == 1
        assert _listed(publication) == {"2.10": "held"}
        answers["AUTH"] = b"235 2.7.0 welcome\r\n"
        assert publication.run("send", "2.10", "--yes").returncode == 0
        assert len(texts) == 25
    assert _listed(publication) == {}
    assert publication.run("outbox", "run").returncode == 0


def test_too_many_refusals_stop_it_until_a_person_has_looked(
    digest: Publication, opened: Store, server: Server
) -> None:
    readers = digest.readers(150)
    server.refuse |= dict.fromkeys(readers, "550 5.1.1 No such mailbox")
    _put_in_now(digest, opened)
    done = digest.run("outbox", "run")
    assert done.returncode == 1
    assert "were refused" in done.stderr
    states = _states(digest)
    assert digest.run("outbox", "run").returncode == 1
    assert _states(digest) == states
    assert _listed(digest) == {"2.10": "held"}
    assert digest.run("outbox", "cancel", "2.10").returncode == 0
    assert digest.run("outbox", "run").returncode == 0
    assert _states(digest) == states


def test_killed_in_the_middle_the_next_run_goes_on_though_it_has_expired(
    digest: Publication, opened: Store, server: Server
) -> None:
    readers = digest.readers(300)
    _put_in_now(digest, opened)
    running: list[subprocess.Popen[str]] = []
    kill_at(server, 301, lambda: running[0].pid)
    running.append(digest.start("outbox", "run"))
    running[0].communicate(timeout=PATIENCE)
    assert running[0].returncode == -signal.SIGKILL
    assert 0 < len(server.stored) < 300
    assert _listed(digest) == {"2.10": "half sent"}
    assert "newsletter outbox cancel 2.10" in digest.run("send", "2.10", "--yes").stderr
    campaign = ledger.find_campaign(opened, "2.10")
    assert campaign is not None
    assert campaign.due_at is not None
    _schedule(opened, datetime.fromisoformat(campaign.due_at), datetime.fromisoformat(campaign.due_at), "2.10")
    digest.run("outbox", "run")
    assert _listed(digest) == {}
    states = _states(digest)
    assert states.keys() <= {"accepted", "unknown"}
    assert states.get("unknown", 0) <= 4 * 2 * 2  # connections x window x 2
    assert sum(states.values()) == 300
    assert all(count == 1 for count in server.copies().values())
    assert len(set(readers) - server.copies().keys()) <= states.get("unknown", 0)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_finishes_what_is_in_hand_and_the_next_run_goes_on(
    digest: Publication, opened: Store, server: Server, sign: signal.Signals
) -> None:
    readers = digest.readers(200)
    _put_in_now(digest, opened)
    running: list[subprocess.Popen[str]] = []
    kill_at(server, 301, lambda: running[0].pid, sign)
    running.append(digest.start("outbox", "run"))
    out, err = running[0].communicate(timeout=PATIENCE)
    assert running[0].returncode == 1
    assert "Traceback" not in err
    assert "2.10 stays in the outbox" in out
    states = _states(digest)
    assert states.keys() == {"accepted", "pending"}
    assert states["accepted"] == len(server.stored)
    assert digest.run("outbox", "run").returncode == 0
    assert server.copies() == Counter(readers)


def test_of_two_runs_at_once_the_second_leaves_it_to_the_first(
    digest: Publication, opened: Store, server: Server
) -> None:
    readers = digest.readers(20)
    _put_in_now(digest, opened)
    reached, go_on = threading.Event(), threading.Event()

    def hold(number: int, _text: str) -> None:
        if number == 40:
            reached.set()
            assert go_on.wait(PATIENCE)

    server.on_reply = hold
    first = digest.start("outbox", "run")
    assert reached.wait(PATIENCE)
    second = digest.run("outbox", "run")
    assert second.returncode == 0
    assert second.stdout == "2.10 is being sent by another process.\n"
    taken_out = digest.run("outbox", "cancel", "2.10")
    assert taken_out.returncode == 1
    assert "Another process is sending 2.10" in taken_out.stderr
    go_on.set()
    first.communicate(timeout=PATIENCE)
    assert first.returncode == 0
    assert server.copies() == Counter(readers)


# Staying with --wait.


class Watching:
    """`outbox run --wait` as a process; its lines are read as they come."""

    def __init__(self, publication: Publication) -> None:
        self.process = publication.start("outbox", "run", "--wait")
        self.lines: list[str] = []

    def until(self, words: str) -> None:
        assert self.process.stdout is not None
        while not self.lines or words not in self.lines[-1]:
            line = self.process.stdout.readline()
            assert line, f"It ended without {words!r}: {self.lines}"
            self.lines.append(line)

    def end(self, sign: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit status and what it said on the error stream."""
        self.process.send_signal(sign)
        out, err = self.process.communicate(timeout=PATIENCE)
        self.lines += out.splitlines()
        return self.process.returncode, err


@pytest.fixture
def watching(digest: Publication, opened: Store) -> Iterator[Watching]:
    digest.run("send", "2.10", "--at", "tomorrow 09:00", "--yes")
    watching = Watching(digest)
    watching.until("Waiting for 2.10, 20")
    yield watching
    if watching.process.poll() is None:
        watching.process.kill()
        watching.process.communicate()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_while_it_waits_it_ends_well(watching: Watching, server: Server, sign: int) -> None:
    assert watching.end(sign) == (0, "")
    assert watching.lines[-1] == "The outbox is not watched any more."
    assert server.stored == []


def test_after_standing_still_over_the_moment_it_sends_at_once(
    watching: Watching, opened: Store, server: Server
) -> None:
    watching.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, watching.process.pid, os.WSTOPPED | os.WNOWAIT)
    _schedule(opened, datetime.now(UTC) - HOUR, datetime.now(UTC) + HOUR, "2.10")
    watching.process.send_signal(signal.SIGCONT)
    watching.until("25 on the list = 25 accepted")
    assert len(server.stored) == 25
    watching.until("Waiting: nothing is in the outbox")
    assert watching.end() == (0, "")


def test_after_standing_still_over_the_expiry_it_does_not_send(
    watching: Watching, digest: Publication, opened: Store, server: Server
) -> None:
    watching.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, watching.process.pid, os.WSTOPPED | os.WNOWAIT)
    _schedule(opened, datetime.now(UTC) - 2 * HOUR, datetime.now(UTC) - HOUR, "2.10")
    watching.process.send_signal(signal.SIGCONT)
    watching.until("Waiting: nothing is in the outbox that can leave")
    status, err = watching.end()
    assert status == 0
    assert err.count("2.10 was to leave before") == 1
    assert server.stored == []
    assert _listed(digest) == {"2.10": "expired"}


def test_it_sees_what_comes_into_the_outbox_and_what_is_taken_out(
    watching: Watching, digest: Publication, server: Server
) -> None:
    digest.run("send", "1.4", "--at", "today 23:59:59 Etc/GMT+12", "--yes")  # the last place where it is today
    watching.until("Waiting for 1.4")
    digest.run("outbox", "cancel", "1.4")
    watching.until("Waiting for 2.10")
    digest.run("outbox", "cancel", "2.10")
    watching.until("Waiting: nothing")
    assert watching.end()[0] == 0
    assert server.stored == []


def test_asked_to_end_while_it_sends_it_leaves_the_rest_to_the_next(
    watching: Watching, digest: Publication, opened: Store, server: Server
) -> None:
    kill_at(server, 41, lambda: watching.process.pid, signal.SIGTERM)
    _schedule(opened, datetime.now(UTC) - HOUR, datetime.now(UTC) + HOUR, "2.10")
    watching.until("2.10 stays in the outbox")
    out, err = watching.process.communicate(timeout=PATIENCE)
    assert watching.process.returncode == 0
    assert "Finishing the messages in hand" in err
    assert "not watched any more" in out
    assert 0 < len(server.stored) < 25
    server.on_reply = lambda *_: None
    assert digest.run("outbox", "run").returncode == 0
    assert server.copies() == Counter({recipient: 1 for recipient, _ in server.stored})
    assert len(server.stored) == 25


def test_on_a_terminal_a_line_counts_down(digest: Publication, opened: Store) -> None:
    _put_in(digest, opened, datetime.now(UTC) + 50 * MINUTE, datetime.now(UTC) + 2 * HOUR)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        digest.command("outbox", "run", "--wait"), cwd=digest.root, env={**digest.environment(), "TERM": "xterm"},
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = ""
    lefts: set[str] = set()
    with os.fdopen(ours, encoding="utf-8", errors="replace") as terminal:
        while len(lefts) < 2:
            shown += terminal.read(1)
            lefts = set(
                re.findall(r"Waiting for 2\.10, 20[^:]*:\d\d America/New_York: in (4\d minutes \d+ seconds?)\.", shown)
            )
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE) == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_units_in_the_docs_are_sound(tmp_path: Path) -> None:
    page = (ROOT / "docs/scheduling.md").read_text()
    units = re.findall(r"`/etc/systemd/system/([\w.-]+)`:\n\n```ini\n(.*?)```", page, re.DOTALL)
    assert [name for name, _ in units] == ["digest-outbox.service", "digest-outbox.timer"]
    for name, text in units:
        # It asks whether the program is there; everything else is as a reader copies it.
        (tmp_path / name).write_text(text.replace("/opt/newsletter/bin/newsletter", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(map(str, tmp_path.iterdir()))],
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
