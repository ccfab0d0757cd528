"""A state that is new, or older than the records beside the drafts, does not mail whoever has left."""

import json
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import Publication, Run
from hypothesis import given
from hypothesis import strategies as st
from leases import crash_workers
from scheduling import HOUR, MINUTE, put_in, put_in_now, set_moments
from smtp_server import Server

from newsletter.actions.erase import pseudonyms
from newsletter.actions.move_state import move_rows
from newsletter.actions.restore_state import replace_state
from newsletter.campaigns.sent_record import read_record, write_record
from newsletter.campaigns.unknown_campaigns import list_unknown_campaigns, refuse_unknown_campaigns, vouch
from newsletter.cli import cli
from newsletter.clock import parse_instant
from newsletter.errors import DecisionNeeded
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.erasure import erase_from_store
from newsletter.ledger.freeze import freeze_batch
from newsletter.ledger.staging import Recipient, stage_recipients
from newsletter.ledger.templates import FrozenTemplate
from newsletter.ledger.workers import register_worker
from newsletter.store import Store, open_store
from newsletter.store.copying import back_up
from newsletter.subscribers import suppression
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.secret_keys import SecretKeys, create_secret_keys

READERS = [f"reader{number:04}@example.org" for number in range(4)]
LEFT = READERS[1]


@pytest.fixture
def cloned(digest: Publication) -> Publication:
    """Git's copy with the list and the keys: two issues went out from another machine, and a reader has left there."""
    digest.readers(4)
    create_secret_keys(digest.root)
    _record(digest.root / "drafts", "1.4", campaign="there", runs=1, finished_at="2026-01-01", suppressions=0)
    _record(digest.root / "drafts", "3.7", campaign="there, too", runs=1, finished_at="2026-03-01", suppressions=1)
    return digest


def _record(folder: Path, issue: str, **values: object) -> None:
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    (folder / f"{issue}.sent.toml").write_text("\n".join(lines) + "\n")


def _take_state_away(publication: Publication, to: str = "of the other machine") -> None:
    (publication.root / to).mkdir()
    for path in (publication.root / ".newsletter").glob("state.db*"):
        path.rename(publication.root / to / path.name)


@pytest.mark.parametrize(
    "command", [("send", "2.10", "--yes"), ("send", "2.10", "--yes", "--at", "tomorrow 09:00")], ids=" ".join
)
def test_a_fresh_state_mails_nobody_while_it_may_not_know_who_left(
    cloned: Publication, server: Server, run: Run, command: tuple[str, ...]
) -> None:
    done = run(*command)
    assert done.exit_code == 1
    assert isinstance(done.exception, DecisionNeeded)
    assert "This state does not know who left: 1.4, 3.7 went out from another state" in done.exception.message
    assert "1 suppression stood by then, and 0 are here" in done.exception.message
    for way in ("whole .newsletter folder", "suppress --from FILE", "--nobody-left"):
        assert way in done.exception.next_step
    assert server.stored == []


def test_who_came_since_and_who_was_refused_wait_for_it_too(cloned: Publication, server: Server, run: Run) -> None:
    run("send", "2.10", "--yes", "--nobody-left")
    server.stored.clear()
    (cloned.root / "drafts/1.4.sent.toml").write_text('campaign = "of another machine"\nruns = 3\n')
    for command in (("send", "2.10", "--to-new"), ("retry", "2.10", "--state", "refused")):
        done = run(*command, "--yes")
        assert isinstance(done.exception, DecisionNeeded)
        assert "does not know who left: 1.4 went out" in done.exception.message
    assert server.stored == []


def test_the_outbox_leaves_an_issue_until_the_others_are_known(cloned: Publication, server: Server, run: Run) -> None:
    drafts = cloned.root / "drafts"
    records = [path.rename(cloned.root / path.name) for path in drafts.glob("*.sent.toml")]
    with closing(open_store(cloned.workspace.database)) as store:
        put_in_now(cloned, store)
    for path in records:
        shutil.copy(path, drafts)
    refused = run("outbox", "run")
    assert refused.exit_code == 1
    assert "2.10: This state does not know who left: 1.4, 3.7" in refused.output
    assert server.stored == []
    done = run("outbox", "run", "--nobody-left")
    assert done.exit_code == 0, done.output
    assert len(server.stored) == 4


def test_suppressions_brought_along_are_enough(cloned: Publication, server: Server, run: Run) -> None:
    assert run("subscribers", "suppress", LEFT).exit_code == 0
    assert run("subscribers", "export", "left.csv", "--suppressed").exit_code == 0
    _take_state_away(cloned)
    assert run("subscribers", "suppress", "--from", "left.csv").exit_code == 0
    done = run("send", "2.10", "--yes")
    assert done.exit_code == 0, done.output
    assert sorted(server.copies()) == sorted({*READERS} - {LEFT})


@pytest.mark.parametrize("there", [False, True], ids=["no state", "a new state"])
def test_a_list_to_mail_waits_until_it_is_known_who_left(cloned: Publication, run: Run, there: bool) -> None:
    if there:
        open_store(cloned.workspace.database).close()
    refused = run("subscribers", "export", "next.csv", "--mailable")
    assert isinstance(refused.exception, DecisionNeeded)
    assert "This state does not know who left: 1.4, 3.7" in refused.exception.message
    assert not (cloned.root / "next.csv").exists()
    assert run("subscribers", "export", "all.csv").exit_code == 0
    assert run("subscribers", "export", "next.csv", "--mailable", "--nobody-left").exit_code == 0
    assert LEFT in (cloned.root / "next.csv").read_text()
    assert isinstance(run("send", "2.10", "--yes").exception, DecisionNeeded)  # nothing was noted


def test_a_list_that_is_no_whole_export_is_not_enough(cloned: Publication, server: Server, run: Run) -> None:
    (cloned.root / "some.csv").write_text(f"email\n{LEFT}\n")
    run("subscribers", "suppress", "--from", "some.csv")
    assert isinstance(run("send", "2.10", "--yes").exception, DecisionNeeded)
    (cloned.root / "short.csv").write_text("email,newsletter_state,newsletter_since,newsletter_words\n")
    with closing(open_store(cloned.workspace.database)) as store:
        suppression.unsuppress(store, None, LEFT)
        (cloned.root / "drafts/3.7.sent.toml").write_text('campaign = "x"\nruns = 1\nsuppressions = 3\n')
    told = run("subscribers", "suppress", "--from", "short.csv").output
    assert "3.7.sent.toml counts 2 suppressions more than are here" in told
    refused = run("send", "2.10", "--yes").exception
    assert isinstance(refused, DecisionNeeded)
    assert "who left: 3.7 went out" in refused.message
    assert server.stored == []


def test_the_word_that_nobody_left_is_given_once(cloned: Publication, server: Server, run: Run) -> None:
    assert run("send", "2.10", "--yes", "--tag", "even", "--nobody-left").exit_code == 0
    assert run("send", "2.10", "--yes").exit_code == 0
    assert len(server.stored) == 4
    (cloned.root / "drafts/1.1.sent.toml").write_text('campaign = "one more, from there"\nruns = 1\n')
    assert isinstance(run("send", "2.10", "--to-new", "--yes").exception, DecisionNeeded)


def test_an_older_copy_of_the_state_is_noticed_by_the_suppressions_that_stood(
    digest: Publication, server: Server, run: Run
) -> None:
    digest.readers(4)
    run("send", "1.4", "--yes")
    _take_state_away(digest, "before")
    for path in (digest.root / "before").iterdir():
        shutil.copy(path, digest.root / ".newsletter")
    run("subscribers", "suppress", LEFT)
    run("send", "1.4", "--yes")  # says that it has been sent, and puts the record right
    assert "suppressions = 1" in (digest.root / "drafts/1.4.sent.toml").read_text()
    _take_state_away(digest, "after")
    for path in (digest.root / "before").iterdir():
        shutil.copy(path, digest.root / ".newsletter")
    server.stored.clear()
    done = run("send", "2.10", "--yes")
    assert isinstance(done.exception, DecisionNeeded)
    assert "1.4 went out from another state, or from a newer copy of it" in done.exception.message
    assert server.stored == []


def test_readers_who_came_back_or_were_erased_make_no_state_seem_older(store: Store, tmp_path: Path) -> None:
    lifts = {
        EventKind.ALLOWED: EventKind.SUPPRESSED,
        EventKind.RETURNED: EventKind.UNSUBSCRIBED,
        EventKind.UNDONE: EventKind.HARD,
    }
    for lift, kind in lifts.items():
        reader = f"{kind[0]}@example.org"
        record_events(store, None, [Event(subscriber=reader, kind=kind, source=EventSource.PAGE)])
        record_events(store, None, [Event(subscriber=reader, kind=lift, source=EventSource.PAGE)])
    _record(tmp_path, "1.1", campaign="one", runs=1, suppressions=3)
    assert [one.lacking for one in list_unknown_campaigns(store, tmp_path)] == [0]
    vouch(store, tmp_path, complete=False)
    refuse_unknown_campaigns(store, tmp_path)


_NUMBERS = st.integers() | st.floats() | st.booleans()
_VALUES = _NUMBERS.map(lambda value: str(value).lower()) | st.text().map(json.dumps) | st.just("[" * 2000)


@given(values=st.dictionaries(st.sampled_from(["campaign", "runs", "suppressions", "finished_at", "due_at"]), _VALUES),
       accepted=_VALUES)  # fmt: skip
def test_a_record_in_any_shape_is_read_or_refused_with_its_name(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str], accepted: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.sent.toml"
    lines = [f"{name} = {value}" for name, value in values.items()]
    path.write_text("\n".join([*lines, "[readers]", f"accepted = {accepted}"]), encoding="utf-8")
    words = ""
    try:
        found = read_record(path)
    except DecisionNeeded as error:
        found, words = None, error.message
    assert found or str(path) in words


@pytest.mark.parametrize(
    ("values", "matters"),
    [
        ({"campaign": "x", "runs": 1}, True),  # as earlier versions wrote it
        ({"campaign": "x", "runs": 0, "due_at": "2026-01-01T00:00:00+00:00"}, False),
        ({"campaign": "x", "runs": 0, "due_at": "2026-01-01T00:00:00+00:00", "suppressions": 1}, True),
        ({"campaign": "x", "runs": 1, "suppressions": 0}, True),
    ],
)
def test_a_record_by_which_nobody_can_have_left_asks_for_nothing(
    store: Store, tmp_path: Path, values: dict[str, object], matters: bool
) -> None:
    _record(tmp_path, "1.1", **values)
    assert bool(list_unknown_campaigns(store, tmp_path)) is matters


def test_a_copy_that_knows_fewer_of_those_who_got_the_issue_is_older(digest: Publication, run: Run) -> None:
    digest.readers(4)
    run("send", "1.4", "--yes", "--tag", "even")
    path = digest.root / "drafts/1.4.sent.toml"
    path.write_text(path.read_text().replace("accepted = 2", "accepted = 4"))
    done = run("send", "1.4", "--yes")
    assert isinstance(done.exception, DecisionNeeded)
    assert "it knows of 2 readers who got this issue, and 4 have got it" in done.exception.message


def test_missing_keys_say_that_suppressions_belong_with_them(digest: Publication, run: Run) -> None:
    digest.environ["NEWSLETTER_SERVICE__URL"] = "https://news.example.org"
    done = CliRunner().invoke(cli, ["send", "2.10", "--yes"], env=digest.environ)
    assert done.exit_code == 1
    assert "subscribers suppress --from FILE" in getattr(done.exception, "next_step", "")


def test_a_colleagues_clone_calls_a_scheduled_issue_scheduled(digest: Publication, run: Run) -> None:
    run("send", "2.10", "--yes", "--at", "tomorrow 09:00")
    _take_state_away(digest)
    listed = {line.split("\t")[0]: line.split("\t")[2] for line in run("draft", "list").output.splitlines()}
    assert listed["2.10"] == "scheduled"


def _snapshot(publication: Publication) -> Path:
    """Return a server's copy, as a backup of the whole machine takes it: with the state and the drafts."""
    return Path(shutil.copytree(publication.root, publication.root.with_name("snapshot")))


def _put_back(publication: Publication, snapshot: Path) -> None:
    for name in (".newsletter", "drafts"):
        shutil.rmtree(publication.root / name)
        shutil.copytree(snapshot / name, publication.root / name)


def test_a_restored_snapshot_sends_nothing_that_was_due_long_ago(digest: Publication, server: Server, run: Run) -> None:
    digest.readers(4)
    with closing(open_store(digest.workspace.database)) as store:
        now = datetime.now(UTC)
        put_in(digest, store, now - 3 * HOUR, now + 9 * HOUR)
        store.sweep([])  # SQLite's log into the file, which is copied as it is
    snapshot = _snapshot(digest)
    with closing(open_store(digest.workspace.database)) as store:
        set_moments(store, now - MINUTE, now + HOUR, "2.10")
    assert run("outbox", "run").exit_code == 0
    assert len(server.stored) == 4
    _put_back(digest, snapshot)
    assert [line.split("\t")[1] for line in run("outbox", "list").output.splitlines()[1:2]] == ["late"]
    for _ in range(2):
        done = run("outbox", "run")
        assert done.exit_code == 1
        assert "2.10" in done.output
        assert "may have left" in done.output
        assert "newsletter outbox cancel 2.10" in done.output
    assert len(server.stored) == 4
    assert [line.split("\t")[1] for line in run("outbox", "list").output.splitlines()[1:2]] == ["held"]


def test_a_restored_snapshot_is_stopped_by_the_record_from_git_at_once(
    digest: Publication, server: Server, run: Run
) -> None:
    digest.readers(4)
    with closing(open_store(digest.workspace.database)) as store:
        put_in_now(digest, store)
        store.sweep([])
    snapshot = _snapshot(digest)
    assert run("outbox", "run").exit_code == 0
    committed = (digest.root / "drafts/2.10.sent.toml").read_bytes()
    _put_back(digest, snapshot)
    (digest.root / "drafts/2.10.sent.toml").write_bytes(committed)
    done = run("outbox", "run")
    assert done.exit_code == 1
    assert "state is older than 2.10.sent.toml" in done.output
    assert len(server.stored) == 4


@pytest.mark.slow
def test_others_who_leave_do_not_make_an_older_copy_of_the_state_seem_up_to_date(
    digest: Publication, server: Server, run: Run
) -> None:
    readers = digest.readers(8)
    run("send", "1.4", "--yes")
    with closing(open_store(digest.workspace.database)) as store:
        store.sweep([])  # SQLite's log into the file, which is copied as it is
    copy = shutil.copytree(digest.root / ".newsletter", digest.root.with_name("copy"))
    for reader in readers[:3]:
        run("subscribers", "suppress", reader)
    run("send", "1.4", "--yes")  # says that it has been sent, and puts the record right
    assert "suppressions = 3" in (digest.root / "drafts/1.4.sent.toml").read_text()
    shutil.rmtree(digest.root / ".newsletter")
    shutil.copytree(copy, digest.root / ".newsletter")
    server.stored.clear()
    assert isinstance(run("send", "2.10", "--yes").exception, DecisionNeeded)
    for reader in readers[3:6]:
        run("subscribers", "suppress", reader)
    run("send", "1.4", "--yes")
    run("cancel", "1.4", "--yes")
    for _ in range(2):
        assert isinstance(run("send", "2.10", "--yes").exception, DecisionNeeded)
    assert server.stored == []
    assert run("send", "2.10", "--yes", "--nobody-left").exit_code == 0
    assert len(server.stored) == 5
    assert run("send", "3.7", "--yes").exit_code == 0


@pytest.fixture
def noted(store: Store, tmp_path: Path) -> Path:
    """Return the record of an issue that went out from the store, after somebody had left."""
    at = parse_instant("2026-11-01")
    campaign = Campaign(issue="1.1", id="one", subject="", draft_sha256="d", rules=[], created_at=at)
    with stage_recipients(store) as staged:
        entries = [Recipient(subscriber=LEFT, address=LEFT, fields={}, tags=frozenset(), template=0)]
        staged.fill(iter(entries), None)
        with staged.durable() as connection:
            freeze_batch(connection, staged, campaign, "", [FrozenTemplate("1", b"")])
    register_worker(store, "1.1", "run")
    crash_workers(store, "1.1")
    _leave(store, "first@example.org")
    write_record(tmp_path / "1.1.sent.toml", store, "1.1")
    return tmp_path


def _leave(store: Store, reader: str) -> None:
    record_events(store, None, [Event(subscriber=reader, kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE)])


def test_a_copy_that_lacks_who_left_before_a_record_asks_until_it_is_answered(
    store: Store, noted: Path, tmp_path: Path
) -> None:
    back_up(store, tmp_path / "copy.db")
    _leave(store, "second@example.org")
    path = noted / "1.1.sent.toml"
    write_record(path, store, "1.1")
    with closing(open_store(tmp_path / "copy.db")) as copy:
        _leave(copy, "another@example.org")
        write_record(path, copy, "1.1")  # which keeps the mark
        with pytest.raises(DecisionNeeded, match=r"This state does not know who left: 1\.1 went out"):
            refuse_unknown_campaigns(copy, noted)
        vouch(copy, noted, complete=True)
        refuse_unknown_campaigns(copy, noted)
        write_record(path, copy, "1.1")
        refuse_unknown_campaigns(copy, noted)
    with pytest.raises(DecisionNeeded):  # and the other one does not know who left by the copy
        refuse_unknown_campaigns(store, noted)


def test_a_state_that_was_changed_restored_or_moved_still_knows_its_records(
    store: Store, place: Path | str, noted: Path, tmp_path: Path
) -> None:
    path, keys = noted / "1.1.sent.toml", SecretKeys(("token" * 8,), "forgotten" * 5)
    first = path.read_bytes()
    write_record(path, store, "1.1")
    assert path.read_bytes() == first, "nothing to commit when nothing has changed"
    back_up(store, tmp_path / "backup.db")
    digest = keys.digest(LEFT)
    erase_from_store(store, LEFT, pseudonyms(digest), digest, keys.fingerprint)
    record_events(store, keys, [Event(subscriber=LEFT, kind=EventKind.SIGNED_UP, source=EventSource.EDITOR)])
    suppression.unsuppress(store, keys, "first@example.org")
    write_record(path, store, "1.1")
    refuse_unknown_campaigns(store, noted)
    replace_state(tmp_path / "backup.db", place, None, tmp_path, keys)
    refuse_unknown_campaigns(store, noted)
    with closing(open_store(tmp_path / "moved.db")) as moved:
        move_rows(store, moved, "there", tmp_path / "kept.db")
        refuse_unknown_campaigns(moved, noted)
        path.write_bytes(first)
        refuse_unknown_campaigns(moved, noted)


def test_without_a_mark_who_signs_up_hides_nobody_and_the_question_stays(store: Store, tmp_path: Path) -> None:
    _record(tmp_path, "1.1", campaign="x", runs=1, suppressions=3)
    vouch(store, tmp_path, complete=True)
    _record(tmp_path, "1.1", campaign="x", runs=1, suppressions=6)
    for number in range(6):
        record_events(
            store,
            None,
            [Event(subscriber=f"n{number}@example.org", kind=EventKind.SIGNED_UP, source=EventSource.EDITOR)],
        )
    with pytest.raises(DecisionNeeded):
        refuse_unknown_campaigns(store, tmp_path)
    for number in range(6):
        _leave(store, f"l{number}@example.org")
    with pytest.raises(DecisionNeeded):
        refuse_unknown_campaigns(store, tmp_path)
    vouch(store, tmp_path, complete=True)
    refuse_unknown_campaigns(store, tmp_path)
