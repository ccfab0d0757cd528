"""The outbox: what is due leaves once, what has expired never does, whatever happens to the process or the clock."""

import json
import os
import pty
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import smtp_server
from conftest import Publication
from postgres import Postgres
from smtp_server import Server, kill_at

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
    entries = (
        Entry(reader=name, address=name, fields={"email": name}, tags=frozenset(), text=0) for name in names
    )
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
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON))
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
    # Runs are dated by the real clock; the moments of these tests lie just around it.
    global NOON
    NOON = datetime.now(UTC).replace(microsecond=0) - 24 * HOUR
    digest.readers(5)
    return Office(digest, opened)
