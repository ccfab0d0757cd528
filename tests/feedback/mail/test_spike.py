"""Spikes of bounces, which may be a provider's fault: they wait until a person has decided, and can be undone."""

import json
import mailbox
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Publication
from hypothesis import given
from hypothesis import strategies as st
from sent_publication import SentPublication, send_once
from smtp_server import Server

from newsletter.clock import parse_instant
from newsletter.config.mail_settings import InboxSettings
from newsletter.feedback.mail import spike, suppression_batches
from newsletter.feedback.mail.decision import Action
from newsletter.feedback.mail.processing import FeedbackContext, defer_decision, process_mails
from newsletter.feedback.mail.recording import ProcessedMail
from newsletter.feedback.mail.sources import open_source
from newsletter.feedback.mail.spike import SpikeDecision, find_spike
from newsletter.store import Store, open_store, suppressions
from newsletter.store.events import list_events
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.event_recording import SoftRule, record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource, SuppressionKind
from newsletter.subscribers.secret_keys import find_secret_keys

BIG, SMALL = "big.example", "small.example"
READERS = [*(f"r{number:02}@{BIG}" for number in range(20)), *(f"s{number}@{SMALL}" for number in range(10))]
INBOX = InboxSettings()


@pytest.fixture(scope="module")
def sent_once(tmp_path_factory: pytest.TempPathFactory) -> SentPublication:
    """2.10 was sent to 30 readers of two providers."""
    root = tmp_path_factory.mktemp("sent") / "digest"
    return send_once(root, "email\n" + "\n".join(READERS) + "\n", lambda _publication: None)


@pytest.fixture
def sent(sent_once: SentPublication, server: Server, tmp_path: Path) -> Publication:
    """Return a copy of it for one test, whose mailbox is yet to come."""
    publication = sent_once.copy(tmp_path / "digest", server)
    publication.environ["NEWSLETTER_INBOX__SOURCE"] = str(publication.root / "Maildir")
    return publication


@pytest.fixture
def bounce(sent: Publication, server: Server) -> Callable[..., None]:
    """Deliver a hard bounce of each reader's copy."""
    box = mailbox.Maildir(sent.root / "Maildir")

    def deliver(*readers: str, note: str = "") -> None:
        for reader in readers:
            header = server.message(reader).partition(b"\r\n\r\n")[0].decode("ascii")
            box.add(
                f"From: MAILER-DAEMON@mx.example\nTo: bounces@example.org\nSubject: Undelivered {note}\n"
                'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
                f"--b\n\nIt failed.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
                f"Final-Recipient: rfc822; {reader}\nAction: failed\nStatus: 5.1.1\n"
                f"Diagnostic-Code: smtp; 550 5.1.1 no such user\n\n--b\nContent-Type: text/rfc822-headers\n\n"
                f"{header}\n--b--\n".encode()
            )

    return deliver


def _read(
    publication: Publication,
    answer: SpikeDecision = SpikeDecision.LATER,
    asked: list[str] | None = None,
    **options: bool,
) -> list[ProcessedMail]:
    """Read the inbox as the command does, with a person who gives this answer."""
    workspace = publication.workspace

    def decide(spike: spike.Spike) -> SpikeDecision:
        if asked is not None:
            asked.append(spike.why)
        return answer

    with (
        closing(open_store(workspace.database)) as store,
        open_source(str(publication.root / "Maildir"), after="leave", password=lambda *_: None) as source,
    ):
        context = FeedbackContext(
            store=store,
            keys=find_secret_keys(workspace),
            config=workspace.config,
            source=CsvSource(workspace.subscribers, workspace.config.subscriber_list),
        )
        return list(process_mails(context, source, decide=decide, **options))


def _suppressed(publication: Publication) -> set[str]:
    with closing(open_store(publication.workspace.database)) as store, store.reading() as connection:
        return {row[0] for row in suppressions.stream_suppressions(connection)}


def _actions(handled: list[ProcessedMail]) -> Counter[Action]:
    return Counter(one.decision.action for one in handled)


@pytest.mark.slow
def test_an_evening_s_bounces_of_nearly_everyone_are_held_back(sent: Publication, bounce: Callable[..., None]) -> None:
    bounce(*READERS[:27])
    asked: list[str] = []
    assert _actions(_read(sent, asked=asked)) == {Action.HOLD: 27}
    assert asked == ["27 of 30 readers of the list, 90% of them (the limit is 10%)"]
    assert _suppressed(sent) == set()
    # They are met again until somebody has decided.
    assert _actions(_read(sent, dry_run=True)) == {Action.HOLD: 27}
    assert _actions(_read(sent, SpikeDecision.SUPPRESS)) == {Action.SUPPRESS: 27}
    assert _suppressed(sent) == set(READERS[:27])
    assert _read(sent) == []


@pytest.mark.slow
def test_what_comes_over_hours_is_counted_together(sent: Publication, bounce: Callable[..., None]) -> None:
    """A mailbox that is read every ten minutes shows a few bounces of an outage at a time."""
    for start in (0, 2):
        bounce(*READERS[start : start + 2])
        _read(sent)
    assert len(_suppressed(sent)) == 2
    # Once a person has said that they are right, those don't count for later ones.
    assert _actions(_read(sent, SpikeDecision.SUPPRESS)) == {Action.SUPPRESS: 2}
    bounce(READERS[4])
    assert _actions(_read(sent)) == {Action.SUPPRESS: 1}


def test_one_domain_s_bounces_are_held_back_and_others_are_not(sent: Publication, bounce: Callable[..., None]) -> None:
    sent.environ["NEWSLETTER_INBOX__BOUNCES"] = "50"
    bounce(*READERS[20:23], READERS[0])
    asked: list[str] = []
    assert _actions(_read(sent, asked=asked)) == {Action.HOLD: 3, Action.SUPPRESS: 1}
    assert asked == [f"3 of 10 readers of {SMALL}, 30% of them (the limit is 25%)"]
    assert _suppressed(sent) == {READERS[0]}


@pytest.mark.slow
def test_bounces_that_nobody_believes_count_as_soft_ones(sent: Publication, bounce: Callable[..., None]) -> None:
    bounce(*READERS[:20])
    assert _actions(_read(sent, SpikeDecision.IGNORE)) == {Action.COUNT: 20}
    assert _suppressed(sent) == set()
    assert _read(sent) == []
    with closing(open_store(sent.workspace.database)) as store, store.reading() as connection:
        (event,) = list_events(connection, READERS[0])
    assert (event.kind, event.evidence["note"]) == (
        "soft bounce",
        "not believed: 20 of 30 readers of the list, 66.7% of them (the limit is 10%)",
    )


@pytest.mark.slow
def test_the_command_asks_nobody_who_is_not_there(sent: Publication, bounce: Callable[..., None]) -> None:
    bounce(*READERS[:27])
    done = sent.run("inbox", "read")
    assert done.returncode == 1
    assert "Too many bounced at once to believe it unasked: 27 of 30 readers of the list, 90%" in done.stdout
    assert "newsletter inbox read --no" in done.stdout
    assert f"Bounced, and are held back (27): {', '.join(READERS[:20])} and 7 more" in done.stdout
    # cron mails it once.
    again = sent.run("inbox", "read")
    assert (again.returncode, again.stdout) == (1, "")
    assert sent.run("inbox", "read", "--json").returncode == 1
    assert _suppressed(sent) == set()
    believed = sent.run("inbox", "read", "--yes")
    assert believed.returncode == 0
    assert "Should these bounces have been a provider's fault: newsletter inbox undo" in believed.stdout
    assert len(_suppressed(sent)) == 27
    undone = sent.run("inbox", "undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert "27 readers can get mail again." in undone.stdout
    assert _suppressed(sent) == set()
    assert "No reading has suppressed anybody" in sent.run("inbox", "undo").stdout
    assert "bounce undone" in sent.run("subscribers", "show", READERS[0]).stdout


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "status", "suppressed"), [("yes", 0, 27), ("no", 0, 0), ("later", 1, 0)])
def test_a_person_on_a_terminal_is_asked(
    sent: Publication, bounce: Callable[..., None], answer: str, status: int, suppressed: int
) -> None:
    bounce(*READERS[:27])
    done = sent.run_on_terminal("inbox", "read", typed=f"{answer}\n")
    assert done.returncode == status, done.stdout
    assert "yes, no, or later" in done.stdout
    assert "Many bounced at once: 27 of 30 readers of the list" in done.stdout
    assert "Are their mailboxes gone?" in done.stdout
    assert len(_suppressed(sent)) == suppressed


def test_a_reading_is_undone_as_one_and_what_readers_said_stays(sent: Publication, bounce: Callable[..., None]) -> None:
    bounce(READERS[0], READERS[1])
    _read(sent)
    with closing(open_store(sent.workspace.database)) as store:
        # One has left since, and one bounced before by another program's word.
        record_events(store, None, [Event(subscriber=READERS[0], kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE)])
        (reading,) = suppression_batches.list_batches(store)
        assert reading.subscribers == set(READERS[:2])
        assert suppression_batches.undo_batches(store, None, [reading]) == 2
        assert suppression_batches.list_batches(store) == []
        with store.reading() as connection:
            assert list(suppressions.list_causes(connection, READERS[0])) == [SuppressionKind.UNSUBSCRIBED]
            assert suppressions.list_causes(connection, READERS[1]) == {}
    # Its mails do nothing again; a new bounce does.
    _read(sent, again=True)
    assert _suppressed(sent) == {READERS[0]}
    bounce(READERS[1], note="anew")
    _read(sent)
    assert _suppressed(sent) == {READERS[0], READERS[1]}


@pytest.mark.slow
def test_without_a_list_the_share_is_of_those_who_got_the_issue(sent: Publication, bounce: Callable[..., None]) -> None:
    (sent.root / "subscribers.csv").unlink()
    bounce(*READERS[:3])
    assert _actions(_read(sent)) == {Action.SUPPRESS: 3}  # 10% of 30, and 15% of its domain
    bounce(READERS[3])
    assert _actions(_read(sent)) == {Action.HOLD: 1}


@pytest.mark.slow
def test_suppressions_of_long_ago_do_not_count(sent: Publication, bounce: Callable[..., None]) -> None:
    bounce(*READERS[:3])
    _read(sent)
    long_ago = (datetime.now(UTC) - timedelta(hours=spike.WINDOW_H + 1)).isoformat(timespec="milliseconds")
    with closing(sqlite3.connect(sent.root / ".newsletter/state.db")) as connection, connection:
        connection.execute("UPDATE suppressions SET at = ?", (long_ago,))
    bounce(*READERS[3:6])
    assert _actions(_read(sent)) == {Action.SUPPRESS: 3}


def test_only_one_reading_at_a_time(sent: Publication) -> None:
    with closing(open_store(sent.workspace.database)) as store, store.sole("inbox"):
        done = sent.run("inbox", "read")
    assert done.returncode == 1
    assert "Another reading of the inbox is under way." in done.stderr


def test_a_reading_s_suppressions_are_known_on_either_database(store: Store) -> None:
    name = suppression_batches.new_batch_name(store)
    soft = SoftRule(bounces=1, days=30)
    said = [
        Event(subscriber="hard@a.example", kind=EventKind.HARD, source=EventSource.MAIL, issue="2.10", batch=name),
        Event(subscriber="soft@a.example", kind=EventKind.SOFT, source=EventSource.MAIL, issue="2.10", batch=name),
        Event(subscriber="other@a.example", kind=EventKind.HARD, source=EventSource.MAIL, issue="2.10"),
        Event(subscriber="left@a.example", kind=EventKind.UNSUBSCRIBED, source=EventSource.MAIL, batch=name),
    ]
    record_events(store, None, said, soft)
    (reading,) = suppression_batches.list_batches(store)
    assert reading == suppression_batches.SuppressionBatch(name, frozenset({"hard@a.example", "soft@a.example"}))
    assert suppression_batches.undo_batches(store, None, [reading]) == 2
    # What bounced before the undoing is void, and what a reader wrote before it is not.
    early = parse_instant("2026-01-01T00:00:00+00:00")
    old = Event(subscriber="hard@a.example", kind=EventKind.HARD, source=EventSource.MAIL, issue="2.9", said_at=early)
    left = Event(subscriber="hard@a.example", kind=EventKind.UNSUBSCRIBED, source=EventSource.MAIL, said_at=early)
    assert record_events(store, None, [old, left]) == [False, True]


@given(
    st.sets(st.sampled_from(READERS), max_size=30),
    st.sets(st.sampled_from(READERS), max_size=30),
    st.floats(1, 100),
    st.floats(1, 100),
)
def test_whoever_is_let_through_is_no_spike(new: set[str], recent: set[str], whole: float, domain: float) -> None:
    listed = Counter(reader.rpartition("@")[2] for reader in READERS)
    limits = INBOX.model_copy(update={"bounces": whole, "domain_bounces": domain})
    found = find_spike(new, recent, listed, limits)
    assert found.subscribers <= new
    assert bool(found.subscribers) == bool(found.why)
    through = (new | recent) - found.subscribers
    if not found.subscribers and len(through) >= spike.FEWEST and new and whole < 100:
        assert 100 * len(through) <= whole * len(READERS)


@pytest.mark.slow
def test_a_stranger_can_not_have_everyone_asked(sent: Publication, server: Server) -> None:
    """A question to each reader of a forged mail would be a mailing by the stranger's hand."""
    box = mailbox.Maildir(sent.root / "Maildir")
    for reader in READERS[:15]:
        box.add(f"From: {reader}\nTo: leave@example.org\nSubject: unsubscribe\n\n".encode())
    server.stored.clear()
    done = sent.run("inbox", "read")
    assert done.returncode == 1
    assert "Too many mails at once, which may be forged, want somebody to leave: 15 of 30 readers" in done.stdout
    assert server.stored == []
    assert sent.run("inbox", "read", "--no").returncode == 0
    assert sent.run("inbox", "read").stdout == ""
    assert server.stored == []
    box.add(f"From: {READERS[20]}\nSubject: unsubscribe\n\n".encode())
    assert sent.run("inbox", "read").returncode == 0
    assert [reader for reader, _ in server.stored] == [READERS[20]]


def test_nobody_there_decides_nothing() -> None:
    assert defer_decision(spike.Spike(subscribers=frozenset({"a@b.example"}), why="")) is SpikeDecision.LATER


@pytest.mark.slow
def test_what_is_json_says_that_it_was_held_back(sent: Publication, bounce: Callable[..., None]) -> None:
    bounce(*READERS[:4])
    done = sent.run("inbox", "read", "--json")
    assert {one["action"] for one in json.loads(done.stdout)} == {"held back"}
    assert done.returncode == 1
