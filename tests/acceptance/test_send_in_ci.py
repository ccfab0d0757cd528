"""A merge sends what is approved, once: with real git, real signatures, a real mail server, and runners that die."""

import re
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import smtp_server
from conftest import Publication
from postgres import Postgres
from runners import Forge, approve, commit, copy_forge, git, make_forge
from smtp_server import Server

NewForge = Callable[[], Forge]


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Forge:
    """Return a remote with an approved issue, whose state is carried and has not begun."""
    return make_forge(tmp_path_factory.mktemp("forge") / "made")


@pytest.fixture
def forge(first: Forge, tmp_path: Path, server: Server) -> Forge:
    """Return a forge of one's own, with a state that has begun, and a mail server."""
    copied = copy_forge(first, tmp_path / "forge")
    copied.through(server)
    begun = copied.clone("laptop").run("state", "init-branch", "--yes")
    assert begun.returncode == 0, begun.stderr
    return copied


def _unknown(text: str) -> int:
    found = re.search(r"^unknown = (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def test_a_merge_sends_the_issue_once_and_its_record_is_in_git(forge: Forge, server: Server, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    runner = forge.clone("runner")
    runner.environ["GITHUB_STEP_SUMMARY"] = str(summary)
    done = forge.run(runner)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 on the list = 10 accepted" in done.stdout
    assert server.copies() == Counter({f"reader{number:04}@example.org": 1 for number in range(10)})
    record = forge.read("drafts/2.10.sent.toml")
    assert "accepted = 10" in record
    assert "finished_at" in record
    assert "reader0" not in done.stdout + done.stderr + record
    assert (runner.root / "build/2.10/report.html").exists()
    assert not (runner.root / ".newsletter/state.db").exists()
    assert git(runner.root, "status", "--porcelain") == ""
    assert "example.org" not in git(forge.remote, "log", "-1", "--format=%B", "main")
    assert "| 10 | accepted |" in summary.read_text()
    # And the next run, in another clone, has nothing to do.
    again = forge.run(forge.clone("next"))
    assert again.returncode == 0
    assert "Nothing is to be sent" in again.stdout
    assert sum(server.copies().values()) == 10


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 6, 7])
def test_a_runner_that_is_killed_at_a_push_is_gone_on_with(forge: Forge, server: Server, nth: int, when: str) -> None:
    """Pushes: taken, three slices of four, what became of the last, the record, given back: nobody gets it twice."""
    killed = forge.run(forge.clone("killed"), kill={"at": "push", "nth": nth, "when": when})
    assert killed.returncode == -9
    done = forge.run(forge.clone("next"))
    copies, record = server.copies(), forge.read("drafts/2.10.sent.toml")
    unknown = _unknown(record)
    assert max(copies.values()) == 1
    assert unknown <= 4
    assert len(copies) >= 10 - unknown
    assert done.returncode == (1 if unknown else 0), done.stdout + done.stderr
    assert forge.run(forge.clone("third")).returncode == 0
    assert server.copies() == copies


@pytest.mark.slow
@pytest.mark.parametrize("reply", [4, 9, 15, 22, 30])
def test_a_runner_that_is_killed_in_a_slice_leaves_at_most_the_slice_unknown(
    forge: Forge, server: Server, reply: int
) -> None:
    job = forge.start(forge.clone("killed"))
    smtp_server.kill_at(server, reply, lambda: job.pid)
    job.communicate(timeout=120)
    assert job.wait() == -9
    server.on_reply = lambda _number, _text: None
    done = forge.run(forge.clone("next"))
    record = forge.read("drafts/2.10.sent.toml")
    assert max(server.copies().values()) == 1
    assert 0 < _unknown(record) <= 4
    assert len(server.copies()) >= 10 - _unknown(record)
    assert done.returncode == 1
    assert "unknown" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("nth", [1, 4, 8, 12, 16, 20, 24])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_runner_that_is_killed_at_a_commit_of_the_store_is_gone_on_with(
    forge: Forge, server: Server, nth: int, when: str
) -> None:
    forge.run(forge.clone("killed"), kill={"at": "commit", "nth": nth, "when": when})
    forge.run(forge.clone("next"))
    copies, record = server.copies(), forge.read("drafts/2.10.sent.toml")
    assert max(copies.values()) == 1
    assert _unknown(record) <= 4
    assert len(copies) >= 10 - _unknown(record)


@pytest.mark.slow
def test_a_killed_runner_that_starts_again_in_its_own_folder_sends_to_nobody_twice(
    forge: Forge, server: Server
) -> None:
    runner = forge.clone("runner")
    assert forge.run(runner, kill={"at": "push", "nth": 4, "when": "after"}).returncode == -9
    again = forge.run(runner)
    assert server.copies(), again.stdout + again.stderr
    assert max(server.copies().values()) == 1
    assert len(server.copies()) >= 10 - _unknown(forge.read("drafts/2.10.sent.toml"))


@pytest.mark.slow
def test_two_runners_at_once_send_to_nobody_twice(forge: Forge, server: Server) -> None:
    forge.readers = 60
    jobs = [forge.start(forge.clone(name)) for name in ("one", "two")]
    ends = [job.communicate(timeout=120) for job in jobs]
    statuses = sorted(job.wait() for job in jobs)
    assert max(server.copies().values()) == 1, ends
    assert len(server.copies()) == 60
    assert statuses in ([0, 0], [0, 1])
    assert "accepted = 60" in forge.read("drafts/2.10.sent.toml")


@pytest.mark.slow
def test_what_is_not_approved_is_not_sent(forge: Forge, server: Server) -> None:
    editor = forge.folder / "editor"
    draft = editor / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("the", "teh", 1))
    git(editor, "commit", "--quiet", "--all", "--message", "One more thing")
    git(editor, "push", "--quiet", "origin", "HEAD:main")
    runner = forge.clone("runner")
    done = forge.run(runner)
    assert done.returncode == 1
    assert "2.10 is not sent: an approval of it is void: since then the HTML email" in done.stdout
    named = forge.run(runner, "2.10")
    assert named.returncode == 1
    assert "void" in named.stderr
    assert not server.stored


@pytest.mark.slow
def test_a_record_that_was_not_pushed_is_made_up_for(forge: Forge, server: Server) -> None:
    first = forge.run(forge.clone("runner"), "--record", "none")
    assert first.returncode == 0, first.stderr
    assert not forge.has("drafts/2.10.sent.toml")
    forge.run(forge.clone("next"))
    assert "accepted = 10" in forge.read("drafts/2.10.sent.toml")
    assert sum(server.copies().values()) == 10


@pytest.mark.slow
def test_the_record_goes_on_top_of_a_branch_that_moved_meanwhile(forge: Forge, server: Server) -> None:
    runner = forge.clone("runner")
    editor = forge.folder / "editor"
    (editor / "words.txt").write_text("Zürich\n")
    git(editor, "commit", "--quiet", "--all", "--message", "A word")
    git(editor, "push", "--quiet", "origin", "HEAD:main")
    assert forge.run(runner).returncode == 0
    assert "accepted = 10" in forge.read("drafts/2.10.sent.toml")
    assert forge.read("words.txt") == "Zürich"


@pytest.mark.slow
def test_the_record_may_be_a_patch(forge: Forge, server: Server, tmp_path: Path) -> None:
    patch = tmp_path / "record.patch"
    assert forge.run(forge.clone("runner"), "--record", f"patch={patch}").returncode == 0
    assert not forge.has("drafts/2.10.sent.toml")
    editor = forge.folder / "editor"
    git(editor, "am", "--quiet", str(patch))
    assert "accepted = 10" in (editor / "drafts/2.10.sent.toml").read_text()


def test_a_runner_without_gates_or_a_state_is_refused(forge: Forge, server: Server) -> None:
    runner = forge.clone("runner")
    runner.environ["NEWSLETTER_SEND__REQUIRE"] = "committed"
    done = forge.run(runner)
    assert done.returncode == 2
    assert "clean-checks and approved" in done.stderr
    del runner.environ["NEWSLETTER_SEND__REQUIRE"]
    path = runner.root / "newsletter.toml"
    path.write_text(path.read_text().replace('state = "branch"', ""))
    done = forge.run(runner)
    assert done.returncode == 2
    assert "The state is not reachable" in done.stderr
    assert not server.stored


@pytest.mark.slow
def test_nobody_sends_by_hand_who_does_not_hold_the_state(forge: Forge, server: Server) -> None:
    laptop = forge.clone("laptop")
    refused = laptop.run("send", "2.10", "--yes")
    assert refused.returncode == 1
    assert "newsletter state take" in refused.stderr
    assert laptop.run("state", "take").returncode == 0
    sent = laptop.run("send", "2.10", "--yes")
    assert sent.returncode == 0, sent.stderr
    assert laptop.run("state", "give").returncode == 0
    assert sum(server.copies().values()) == 10
    assert forge.run(forge.clone("runner")).returncode == 0
    assert sum(server.copies().values()) == 10


@pytest.mark.slow
def test_several_issues_are_not_chosen_among(forge: Forge, server: Server) -> None:
    editor = Publication(forge.folder / "editor")
    text = (editor.root / "drafts/2.10.yaml").read_text()
    editor.draft("2.11", text.replace("number: 10", "number: 11"))
    approve(editor, forge.home, "2.11")
    commit(editor, "Another")
    runner = forge.clone("runner")
    done = forge.run(runner)
    assert done.returncode == 1
    assert "2.10, 2.11" in done.stderr
    assert not server.stored
    assert forge.run(runner, "2.11").returncode == 0
    assert len(server.stored) == 10
    assert not (runner.root / ".newsletter/state.db").exists()


@pytest.mark.slow
def test_a_scheduled_issue_leaves_when_it_is_due_and_looking_in_vain_pushes_nothing(
    forge: Forge, server: Server
) -> None:
    put_in = forge.run(forge.clone("merge"), "2.10", "--at", "in 1 hour")
    assert put_in.returncode == 0, put_in.stderr
    assert "due_at" in forge.read("drafts/2.10.sent.toml")
    tip = git(forge.remote, "rev-parse", "newsletter-state")
    early = forge.run(forge.clone("early"), "--due")
    assert early.returncode == 0
    assert "Nothing is to be sent" in early.stdout
    assert git(forge.remote, "rev-parse", "newsletter-state") == tip
    laptop = forge.clone("laptop")
    assert laptop.run("state", "take").returncode == 0
    with closing(sqlite3.connect(laptop.root / ".newsletter/state.db")) as state:
        state.execute("UPDATE campaigns SET due_at = '2026-01-01T09:00:00+00:00'")  # an hour ago, and more
        state.commit()
    assert "other hands" in forge.run(forge.clone("early"), "--due").stdout
    assert laptop.run("state", "give").returncode == 0
    assert not server.stored
    done = forge.run(forge.clone("late"), "--due")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sum(server.copies().values()) == len(server.copies()) == 10
    assert "finished_at" in forge.read("drafts/2.10.sent.toml")


@pytest.mark.slow
def test_what_a_person_has_to_look_at_is_not_gone_on_with_by_itself(forge: Forge, server: Server) -> None:
    readers = [f"reader{number:04}@example.org" for number in range(10)]
    server.refuse = {reader: f"550 5.7.1 Blocked by our policy {reader}" for reader in readers}
    stopped = forge.run(forge.clone("runner"))
    assert stopped.returncode == 1
    assert "Blocked by our policy" in stopped.stderr
    assert "reader0" not in stopped.stdout + stopped.stderr
    server.refuse = {}
    for arguments in (["--due"], []):
        looked = forge.run(forge.clone("next"), *arguments)
        assert not server.stored, stopped.stdout + stopped.stderr + looked.stdout
        assert looked.returncode == 0
    assert "a person has to look first" in looked.stdout
    named = forge.run(forge.clone("named"), "2.10")
    assert len(server.stored) >= 7, named.stdout + named.stderr
    assert max(server.copies().values()) == 1


@pytest.mark.slow
def test_a_runner_that_stood_still_sends_nothing_more_once_another_has_the_state(forge: Forge, server: Server) -> None:
    job = forge.start(forge.clone("stopped"))
    smtp_server.kill_at(server, 15, lambda: job.pid, signal.SIGSTOP)
    deadline = time.monotonic() + 60
    while server.replies < 15 and time.monotonic() < deadline:
        time.sleep(0.05)
    server.on_reply = lambda _number, _text: None
    forge.run(forge.clone("next"))
    copies = len(server.stored)
    job.send_signal(signal.SIGCONT)
    out, err = job.communicate(timeout=120)
    assert job.wait() == 1, out + err
    # What it had given to the server before it stood still may be taken now; it is one of those that are unknown.
    assert len(server.stored) <= copies + 4
    assert max(server.copies().values()) == 1
    assert len(server.copies()) >= 10 - _unknown(forge.read("drafts/2.10.sent.toml"))


@pytest.fixture
def on_server(first: Forge, tmp_path: Path, server: Server, postgres: Postgres) -> Forge:
    """Return a forge of one's own whose state is in PostgreSQL."""
    copied = copy_forge(first, tmp_path / "forge")
    copied.through(server)
    copied.environ |= {"NEWSLETTER_STORE__URL": postgres.fresh(), "NEWSLETTER_CI__STATE": ""}
    return copied


@pytest.mark.slow
@pytest.mark.parametrize("reply", [4, 15, 30])
def test_with_a_database_a_killed_runner_is_gone_on_with(on_server: Forge, server: Server, reply: int) -> None:
    job = on_server.start(on_server.clone("killed"))
    smtp_server.kill_at(server, reply, lambda: job.pid)
    job.communicate(timeout=120)
    server.on_reply = lambda _number, _text: None
    on_server.run(on_server.clone("next"))
    record = on_server.read("drafts/2.10.sent.toml")
    assert max(server.copies().values(), default=1) == 1
    assert len(server.copies()) >= 10 - _unknown(record)
    assert not on_server.has("state.json", "main")
    assert on_server.run(on_server.clone("third")).returncode == 0


@pytest.mark.slow
def test_with_a_database_two_runners_at_once_send_to_nobody_twice(on_server: Forge, server: Server) -> None:
    on_server.readers = 60
    jobs = [on_server.start(on_server.clone(name)) for name in ("one", "two")]
    for job in jobs:
        job.communicate(timeout=120)
    assert max(server.copies().values()) == 1
    assert len(server.copies()) == 60
    assert "accepted = 60" in on_server.read("drafts/2.10.sent.toml")


@pytest.mark.slow
def test_with_a_database_a_run_on_the_clock_leaves_a_merge_alone_that_is_at_it(
    on_server: Forge, server: Server
) -> None:
    begun, over = threading.Event(), threading.Event()

    def stand_still(number: int, _text: str) -> None:
        if number == 12:
            begun.set()
            over.wait(60)

    server.on_reply = stand_still
    merge = on_server.start(on_server.clone("merge"))
    assert begun.wait(60)
    looked = on_server.run(on_server.clone("clock"), "--due")
    over.set()
    merge.communicate(timeout=120)
    assert (looked.returncode, merge.wait()) == (0, 0), looked.stdout + looked.stderr
    assert "in other hands" in looked.stdout
    assert sorted(server.copies().values()) == [1] * on_server.readers
