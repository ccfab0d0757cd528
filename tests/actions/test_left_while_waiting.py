"""Who leaves the list, or is taken off it, while an issue waits: nobody of them is mailed, and everyone else once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import smtp_server
from conftest import Publication, copy_sample
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from leases import crash_workers
from postgres import Postgres
from scheduling import HOUR, MINUTE
from smtp_server import Server, kill_at

from newsletter.actions.freeze_plan import SendTime
from newsletter.actions.report import summarize_campaign
from newsletter.actions.run_outbox import run_outbox
from newsletter.actions.send import SendResult, send
from newsletter.campaigns.list_comparison import ListChanged
from newsletter.campaigns.options import Changes, SendOptions
from newsletter.errors import DecisionNeeded, ListError, NewsletterError
from newsletter.issue_name import IssueName
from newsletter.ledger.deliveries import count_deliveries, stream_deliveries
from newsletter.ledger.states import State
from newsletter.publication import OpenPublication
from newsletter.schedule.scheduler import ScheduleResult
from newsletter.sending import claim_loop
from newsletter.store.publication_facts import remove_facts
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.stored_subscribers import (
    StoredSubscriber,
    delete_subscriber,
    save_subscribers,
    stream_subscribers,
)
from newsletter.subscribers.subscriber import SubscriberStatus

ISSUE = IssueName("2.10")
READERS = [f"reader{number:02}@example.org" for number in range(30)]
LATER = "450 4.2.1 later"
NO = "550 5.1.1 no"


@dataclass
class Desk:
    """An editor's desk: a publication with its list, in a file or in the store."""

    publication: Publication
    kind: str
    rows: dict[str, str] = field(default_factory=dict)  # address -> status

    def __post_init__(self) -> None:
        settings = self.publication.root / "newsletter.toml"
        how = 'source = "store"' if self.kind == "store" else 'honour = ["status"]'
        settings.write_text(settings.read_text().replace("[list]\n", f"[list]\n{how}\n"))
        self.write(dict.fromkeys(READERS, "active"))

    def open(self) -> OpenPublication:
        return OpenPublication(self.publication.workspace)

    def write(self, rows: Mapping[str, str]) -> None:
        """Have exactly these on the list."""
        self.rows = dict(rows)
        if self.kind == "csv":
            lines = ["email,status", *(f"{address},{status}" for address, status in rows.items())]
            self.file.write_text("\n".join(lines) + "\n")
            return
        with self.open() as opened, opened.store.transaction() as connection:
            for one in list(stream_subscribers(connection)):
                if one.key not in rows:
                    delete_subscriber(connection, one.key)
            as_words = {"unsubscribed": "left"}
            changed = [
                StoredSubscriber(address=address, status=SubscriberStatus(as_words.get(status, status)))
                for address, status in rows.items()
            ]
            save_subscribers(connection, changed)

    def edit(self, *, left: str, gone: str, new: str = "new@example.org") -> None:
        """Let one leave, take one off the list, and put another on it."""
        rows = {address: status for address, status in self.rows.items() if address != gone}
        self.write({**rows, left: "unsubscribed", new: "active"})

    @property
    def file(self) -> Path:
        return self.publication.root / "subscribers.csv"

    def send(self, options: SendOptions | None = None, **how: SendTime) -> SendResult:
        with self.open() as opened:
            return send(opened, opened.draft(ISSUE), options or SendOptions(), confirm=lambda _: True, **how)

    def put_in_outbox(self) -> None:
        now = datetime.now(UTC)
        self.send(time=SendTime(due=now - MINUTE, expires=now + HOUR))

    def run_outbox(self) -> list[tuple[ScheduleResult, NewsletterError | None]]:
        told: list[tuple[ScheduleResult, NewsletterError | None]] = []
        with self.open() as opened:
            run_outbox(opened, lambda _issue, result, error: told.append((result, error)))
        return told

    def states(self) -> dict[str, tuple[State, str | None]]:
        with self.open() as opened:
            return {one.subscriber: (one.state, one.reply) for one in stream_deliveries(opened.store, ISSUE)}


@pytest.fixture(params=["csv-sqlite", "store-sqlite", "csv-postgresql", "store-postgresql"])
def desk(request: pytest.FixtureRequest, publication: Publication, server: Server) -> Desk:
    publication.through(server)
    publication.environ["NEWSLETTER_SEND__RETRIES"] = ""
    publication.environ["NEWSLETTER_SEND__REFUSALS"] = "100"
    kind, _, database = request.param.partition("-")
    if database == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        publication.environ["NEWSLETTER_STORE__URL"] = postgres.cleared()
    return Desk(publication, kind)


@pytest.fixture
def files(publication: Publication, server: Server) -> Desk:
    """Return a desk with its list in a file."""
    publication.through(server)
    publication.environ["NEWSLETTER_SEND__RETRIES"] = ""
    return Desk(publication, "csv")


LEFT, GONE, *OTHERS = READERS
IS_GONE = (State.SUPPRESSED, "is no longer on the list")


def _has_left(desk: Desk) -> tuple[State, str]:
    word = "status: unsubscribed" if desk.kind == "csv" else "left"
    return State.SUPPRESSED, f"left the list since: {word}"


def test_what_waited_in_the_outbox_goes_to_nobody_who_left(desk: Desk, server: Server) -> None:
    desk.put_in_outbox()
    desk.edit(left=LEFT, gone=GONE)
    assert [result for result, _ in desk.run_outbox()] == [ScheduleResult.SENT]
    assert server.copies() == dict.fromkeys(OTHERS, 1)
    states = desk.states()
    assert states[LEFT] == _has_left(desk)
    assert states[GONE] == IS_GONE
    with desk.open() as opened:
        summary = summarize_campaign(opened, ISSUE)
    assert (summary.counts.total, summary.counts.due, summary.complete) == (30, 28, True)
    assert {(one.words, one.readers) for one in summary.replies} == {(_has_left(desk)[1], 1), (IS_GONE[1], 1)}


@pytest.mark.slow
def test_a_killed_send_goes_on_to_nobody_who_left(desk: Desk, server: Server) -> None:
    running = []
    kill_at(server, 40, lambda: running[0].pid)
    running.append(desk.publication.start("send", ISSUE, "--yes"))
    running[0].communicate(timeout=60)
    server.on_reply = lambda _number, _text: None
    with desk.open() as opened:
        crash_workers(opened.store, ISSUE)
    waiting = [one for one, (state, _) in desk.states().items() if state is State.PENDING]
    got = server.copies()
    assert len(waiting) > 3
    desk.edit(left=waiting[-1], gone=waiting[-2])
    desk.send(SendOptions(changes=Changes.CONTINUE))
    assert server.copies() == {**got, **dict.fromkeys(waiting[:-2], 1)}
    states = desk.states()
    assert (states[waiting[-1]], states[waiting[-2]]) == (_has_left(desk), IS_GONE)


@pytest.mark.slow
@pytest.mark.parametrize(("state", "reply"), [(State.DEFERRED, LATER), (State.REFUSED, NO)])
def test_a_retry_goes_to_nobody_who_left(desk: Desk, server: Server, state: State, reply: str) -> None:
    server.refuse |= dict.fromkeys(READERS[:5], reply)
    assert desk.send().counts[state] == 5
    server.refuse.clear()
    desk.edit(left=LEFT, gone=GONE)
    done = desk.send(SendOptions(retried=[state]))
    assert server.copies() == dict.fromkeys(OTHERS, 1)
    assert (done.counts[State.SUPPRESSED], done.counts[State.ACCEPTED], done.complete) == (2, 28, True)


@pytest.mark.slow
def test_who_leaves_during_a_long_wait_is_not_tried_again(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_loop, "_COMPARE_EVERY_S", 0.0)
    monkeypatch.setattr(claim_loop, "_COMPARE_SHARE", 0)
    desk.publication.environ["NEWSLETTER_SEND__RETRIES"] = "0.01"
    server.refuse[LEFT] = LATER

    def on_reply(_number: int, text: str) -> None:
        if text == LATER:
            del server.refuse[LEFT]
            desk.write({**desk.rows, LEFT: "unsubscribed"})

    server.on_reply = on_reply
    desk.send()
    assert server.copies() == dict.fromkeys([GONE, *OTHERS], 1)
    assert desk.states()[LEFT] == _has_left(desk)


@pytest.mark.slow
def test_a_list_that_is_away_keeps_everybody_waiting_and_loses_nobody(files: Desk, server: Server) -> None:
    files.put_in_outbox()
    files.file.rename(files.file.with_suffix(".bak"))
    ((result, error),) = files.run_outbox()
    assert result is ScheduleResult.LATER
    assert isinstance(error, ListError)
    assert f"{files.file} can't be read" in error.message
    assert "Nothing leaves, and nobody is lost" in error.next_step
    assert server.stored == []
    files.file.with_suffix(".bak").rename(files.file)
    assert [one for one, _ in files.run_outbox()] == [ScheduleResult.SENT]
    assert server.copies() == dict.fromkeys(READERS, 1)


def _cut(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:15]))


def _break_quotes(path: Path) -> None:
    path.write_text(path.read_text().replace(f"{LEFT},", f'"{LEFT},'))


def _spoil_one(path: Path) -> None:
    path.write_text(path.read_text().replace(LEFT, "reader00 at example.org"))


BROKEN: dict[str, tuple[Callable[[Path], object], type[NewsletterError]]] = {
    "empty": (lambda path: path.write_text(""), ListError),
    "only the columns' names": (lambda path: path.write_text("email,status\n"), ListChanged),
    "the first half": (_cut, ListChanged),
    "an open quote": (_break_quotes, NewsletterError),
    "a workbook": (lambda path: path.write_bytes(b"PK\3\4"), ListError),
    "not UTF-8": (lambda path: path.write_bytes(path.read_bytes() + b"\xe9@example.org,active\n"), ListError),
    "a row that can't be read": (_spoil_one, NewsletterError),
    "without its honoured column": (lambda path: path.write_text("\n".join(["email", *READERS])), ListError),
    "a column to be asked about": (
        lambda path: path.write_text(
            "email,status,notes\n" + "".join(f"{one},active,unsubscribed\n" for one in READERS)
        ),
        DecisionNeeded,
    ),
}


@pytest.mark.parametrize(
    "how", ["not UTF-8", *(pytest.param(how, marks=pytest.mark.slow) for how in BROKEN if how != "not UTF-8")]
)
def test_a_broken_list_stops_a_send_until_it_is_mended(files: Desk, server: Server, how: str) -> None:
    server.refuse |= dict.fromkeys(READERS, LATER)
    files.send()
    server.refuse.clear()
    whole = files.file.read_bytes()
    spoil, kind = BROKEN[how]
    spoil(files.file)
    with pytest.raises(kind) as stopped:
        files.send()
    assert stopped.value.next_step
    assert server.stored == []
    files.file.write_bytes(whole)
    assert files.send().complete
    assert server.copies() == dict.fromkeys(READERS, 1)


@pytest.mark.slow
def test_who_may_be_in_a_row_that_can_not_be_used_is_not_taken_for_gone(files: Desk, server: Server) -> None:
    settings = files.publication.root / "newsletter.toml"
    settings.write_text(settings.read_text().replace("unusable = 2 ", "unusable = 50 "))
    files.put_in_outbox()
    _spoil_one(files.file)
    ((result, error),) = files.run_outbox()
    assert result is ScheduleResult.LATER
    assert isinstance(error, ListChanged)
    assert "1 of 30 readers who still wait for 2.10 is no longer on subscribers.csv, and 1 row of it" in error.message
    assert server.stored == []


@pytest.mark.slow
def test_a_person_may_say_that_all_who_are_missing_are_to_get_nothing(desk: Desk, server: Server) -> None:
    server.refuse |= dict.fromkeys(READERS, LATER)
    desk.send()
    server.refuse.clear()
    desk.write(dict.fromkeys(OTHERS[:3], "active"))
    with pytest.raises(ListChanged, match=r"27 of 30 readers who still wait for 2\.10 are no longer on") as stopped:
        desk.send()
    assert "newsletter send 2.10 --list-is-right" in stopped.value.next_step
    assert desk.send(SendOptions(list_is_right=True)).counts[State.SUPPRESSED] == 27
    assert server.copies() == dict.fromkeys(OTHERS[:3], 1)


def test_an_unchanged_list_is_not_read_again(files: Desk, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    files.put_in_outbox()

    def never(_source: CsvSource) -> None:
        raise AssertionError("the list is read")

    monkeypatch.setattr(CsvSource, "read_rows", never)
    monkeypatch.setattr(CsvSource, "read_statuses", never)
    monkeypatch.setattr(CsvSource, "read_list", never)
    files.file.touch()
    assert [one for one, _ in files.run_outbox()] == [ScheduleResult.SENT]
    assert len(server.stored) == len(READERS)


def test_a_change_that_keeps_size_and_time_is_seen(files: Desk, server: Server) -> None:
    import os

    files.write({**files.rows, GONE: "0", LEFT: "1"})
    settings = files.publication.root / "newsletter.toml"
    settings.write_text(settings.read_text().replace('honour = ["status"]', 'honour = ["subscribed"]'))
    files.file.write_text(files.file.read_text().replace("email,status", "email,subscribed").replace("active", "1"))
    files.send(time=SendTime(due=datetime.now(UTC) - MINUTE, expires=datetime.now(UTC) + HOUR))
    stat = files.file.stat()
    files.file.write_text(files.file.read_text().replace(f"{LEFT},1", f"{LEFT},0"))
    os.utime(files.file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert files.file.stat().st_size == stat.st_size
    files.run_outbox()
    assert server.copies() == dict.fromkeys(OTHERS, 1)


def test_a_column_that_is_honoured_since_counts_though_the_file_is_the_same(files: Desk, server: Server) -> None:
    settings = files.publication.root / "newsletter.toml"
    honouring = settings.read_text()
    settings.write_text(honouring.replace("honour =", "ignore ="))
    files.write({**files.rows, LEFT: "unsubscribed"})
    files.put_in_outbox()
    settings.write_text(honouring)
    files.run_outbox()
    assert server.copies() == dict.fromkeys([GONE, *OTHERS], 1)


def test_another_list_is_compared_with_its_own_file(files: Desk, server: Server) -> None:
    other = files.publication.root / "board.csv"
    other.write_text("email,status\nboard1@example.org,active\nboard2@example.org,active\n")
    server.refuse |= dict.fromkeys(["board1@example.org", "board2@example.org"], LATER)
    files.send(SendOptions(list_file=other))
    server.refuse.clear()
    other.write_text("email,status\nboard1@example.org,active\nboard2@example.org,unsubscribed\n")
    files.send()
    assert server.copies() == {"board1@example.org": 1}


@pytest.mark.slow
def test_of_a_campaign_of_an_earlier_version_only_who_left_is_known(files: Desk, server: Server) -> None:
    """Which list it was frozen from was not noted then: it may be another one than the publication's own."""
    server.refuse |= dict.fromkeys(READERS[:5], LATER)
    files.send()
    server.refuse.clear()
    with files.open() as opened, opened.store.transaction() as connection:
        remove_facts(connection, [f"frozen_from:{ISSUE}", f"list_compared:{ISSUE}"])
    files.edit(left=LEFT, gone=GONE)
    files.send(SendOptions(to_new=True))
    assert server.copies() == dict.fromkeys([GONE, *OTHERS, "new@example.org"], 1)


@pytest.mark.slow
def test_an_editor_is_told_why_they_got_nothing(files: Desk, server: Server) -> None:
    files.put_in_outbox()
    files.edit(left=LEFT, gone=GONE)
    files.run_outbox()
    run = files.publication.run
    assert "2 suppressed\n  1 suppressed: is no longer on the list" in run("status", ISSUE).stdout
    assert "left the list since: status: unsubscribed" in run("subscribers", "show", LEFT).stdout
    assert "not sent: is no longer on the list" in run("subscribers", "show", GONE).stdout
    table = run("report", ISSUE, "--csv", "-").stdout
    assert f"{GONE},suppressed,list,,,is no longer on the list" in table


STATUSES = st.sampled_from(["active", "unsubscribed", "bounced", "complained", None])
EDITS = st.lists(STATUSES, min_size=10, max_size=10)


@dataclass
class Repeated:
    """Desks of one database, each example's with a store of its own."""

    folder: Path
    server: Server
    count: int = 0

    def desk(self, kind: str) -> Desk:
        self.count += 1
        publication = copy_sample(self.folder / str(self.count))
        publication.through(self.server)
        publication.environ["NEWSLETTER_SEND__RETRIES"] = ""
        self.server.stored.clear()
        self.server.refuse.clear()
        return Desk(publication, kind)


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repeated]:
    with smtp_server.running() as server:
        yield Repeated(tmp_path_factory.mktemp("desks"), server)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["csv", "store"]), before=EDITS, between=EDITS, late=st.integers(0, 9))
@pytest.mark.slow
def test_whatever_is_edited_nobody_who_left_gets_it_and_everyone_else_one(
    repeated: Repeated, kind: str, before: list[str | None], between: list[str | None], late: int
) -> None:
    desk = repeated.desk(kind)
    server, readers = repeated.server, READERS[:10]

    def edit(statuses: list[str | None]) -> set[str]:
        words = {one: status for one, status in zip(readers, statuses, strict=True) if status}
        if kind == "store":
            words = {one: "active" if status == "active" else "left" for one, status in words.items()}
        desk.write({**words, READERS[20]: "active"})
        return {one for one, status in words.items() if status == "active"}

    desk.write(dict.fromkeys([*readers, READERS[20]], "active"))
    put_off = set(readers[late:])
    server.refuse |= dict.fromkeys(put_off, LATER)
    desk.put_in_outbox()
    first = edit(before)
    desk.run_outbox()
    server.refuse.clear()
    second = edit(between)
    with desk.open() as opened:
        waits = count_deliveries(opened.store, ISSUE).waiting
    if waits:
        desk.send()
    expected = (first - put_off) | (first & second & put_off) | {READERS[20]}
    assert server.copies() == dict.fromkeys(expected, 1)
    with desk.open() as opened:
        counts = count_deliveries(opened.store, ISSUE)
    assert (counts.total, counts[State.ACCEPTED], counts[State.SUPPRESSED]) == (11, len(expected), 11 - len(expected))
