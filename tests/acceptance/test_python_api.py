"""The Python API as docs/python.md shows it: every example runs, in this process and in a fresh environment."""

import ast
import inspect
import mailbox
import os
import re
import signal
import subprocess
import sys
import typing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import smtp_server
from conftest import ROOT, Publication
from several import add_publication, fill
from wheel import install_wheel

import newsletter
from newsletter import SendOptions, SendOutcome
from newsletter.subscribers.secret_keys import create_secret_keys

PAGE = (ROOT / "docs/python.md").read_text()
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`(digest/[\w./]+)`:\s*\Z")


def write_files(folder: Path) -> str:
    """Write the page's files into a publication's folder; return its Python, whose first example makes the folder."""
    code = []
    for block in _BLOCK.finditer(PAGE):
        language, text = block.groups()
        named = _FILE.search(PAGE[: block.start()])
        if language == "python":
            code.append(text)
        elif named:
            code.append(f"__import__('pathlib').Path({named[1]!r}).write_text({text!r})\n")
    assert (len(code), sum("write_text" in one for one in code)) == (12, 3)
    program = "\n".join(code)
    (folder / "program.py").write_text(program)
    return program


def _settings(server: smtp_server.Server) -> dict[str, str]:
    return {
        "NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(server.port),
        "NEWSLETTER_SMTP__SECURITY": "none", "NEWSLETTER_SMTP__USERNAME": "",
    }  # fmt: skip


def _judge(out: str, server: smtp_server.Server, folder: Path) -> None:
    """Judge what the page's program printed, wrote and sent."""
    assert "to 1 subscribers" in out
    assert "nothing left" in out
    assert "2 of 2" in out
    assert "There is no draft '9.9'." in out
    assert server.copies() == Counter({"ada@example.org": 2, "grace@example.org": 1}), "one of Ada's is the test"
    messages = [message_from_bytes(data, policy=policy.default) for _, data in server.stored]
    assert sorted(message["Subject"].startswith("[TEST]") for message in messages) == [False, False, True]
    (grace,) = [message for message in messages if "grace" in message["To"]]
    assert "Dear Grace, the first ship is in." in grace.get_body(("plain",)).get_content()
    assert (folder / "build/1.1.pdf").read_bytes().startswith(b"%PDF-")
    assert "ada@example.org ['board']\nalan@example.org ['board']" in out, "Grace has left"
    assert "alan@example.org" not in (folder / "digest/subscribers.csv").read_text(), "he was erased"


def test_the_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: smtp_server.Server, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in _settings(server).items():
        monkeypatch.setenv(name, value)
    exec(compile(write_files(tmp_path), "docs/python.md", "exec"), {"__name__": "__main__"})
    _judge(capsys.readouterr().out, server, tmp_path)


@pytest.mark.slow
def test_the_examples_run_in_a_fresh_environment(tmp_path: Path, server: smtp_server.Server) -> None:
    python = install_wheel(tmp_path / "env")
    write_files(tmp_path)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "NEWSLETTER"))}
    done = subprocess.run(
        [python, "program.py"], cwd=tmp_path, env={**environ, **_settings(server), "PYTHONPATH": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    _judge(done.stdout, server, tmp_path)


@pytest.mark.slow
def test_the_examples_are_typed(tmp_path: Path) -> None:
    write_files(tmp_path)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "program.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


def test_what_is_public_is_there_and_documented() -> None:
    for name in newsletter.__all__:
        assert getattr(newsletter, name) is getattr(newsletter, name)
        assert name in dir(newsletter)
    assert re.fullmatch(r"\d+\.\d+\.\d+", newsletter.__version__)
    for name, method in inspect.getmembers(newsletter.Publication, inspect.isfunction):
        assert name.startswith("_") or method.__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'Ledger'"):
        _ = newsletter.Ledger


def _list_members() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the methods of the class that a program works with, and of nothing that it may have inherited."""
    for name in dir(newsletter.Publication):
        member = inspect.getattr_static(newsletter.Publication, name)
        method = member.__func__ if isinstance(member, classmethod) else member
        if not name.startswith("_") and not isinstance(method, type):
            yield name, method.fget if isinstance(method, property) else method


def _list_classes(annotation: Any) -> Iterator[type]:
    """Yield the classes that an annotation is made of: int and Issue for Callable[[Issue], int | None]."""
    if isinstance(annotation, list):
        for one in annotation:
            yield from _list_classes(one)
    elif arguments := typing.get_args(annotation):
        for one in arguments:
            yield from _list_classes(one)
    elif isinstance(annotation, type):
        yield annotation


@pytest.mark.parametrize(
    ("name", "method"), [*_list_members()], ids=lambda value: value if isinstance(value, str) else ""
)
def test_whatever_a_method_takes_and_returns_has_a_public_name(name: str, method: Callable[..., Any]) -> None:
    public = {getattr(newsletter, word) for word in newsletter.__all__}
    hints = typing.get_type_hints(method, {**vars(sys.modules[method.__module__]), "Self": newsletter.Publication})
    private = {
        one for hint in hints.values() for one in _list_classes(hint)
        if one.__module__.partition(".")[0] == "newsletter" and one not in public
    }  # fmt: skip
    assert not private, f"{name} needs names that are not in newsletter.__all__"
    for error in re.findall(r"\b[A-Z]\w+(?:Error|Needed|Lost|Refused)\b", method.__doc__ or ""):
        assert error in newsletter.__all__


def test_what_is_public_is_told_apart_by_its_names() -> None:
    """A method of the package's own that `Publication` inherits would look public, and be relied on."""
    assert {name for name, _ in _list_members()} <= {*vars(newsletter.Publication)}


def test_each_name_is_typed_as_it_is_imported() -> None:
    """A type checker reads the imports under TYPE_CHECKING, and Python the table beside them: both say the same."""
    tree = ast.parse((ROOT / "newsletter/__init__.py").read_text())
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {
        name.name: node.module for node in checked.body if isinstance(node, ast.ImportFrom) for name in node.names
    }
    assert imported == newsletter._MODULES
    assert {*imported, "__version__"} == {*newsletter.__all__}


def test_importing_it_loads_nothing() -> None:
    code = "import sys, newsletter; print([name for name in sys.modules if name.startswith('newsletter.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.fixture
def opened(digest: Publication) -> Any:
    digest.readers(2)
    with newsletter.Publication.open(digest.root, {**os.environ, **digest.environ}) as opened:
        yield opened


def test_nothing_is_sent_that_nobody_agreed_to(opened: newsletter.Publication, server: smtp_server.Server) -> None:
    declined = opened.send("2.10", confirm=lambda _proposal: False)
    assert (declined.outcome, declined.counts.total, server.stored) == (SendOutcome.DECLINED, 0, [])


def test_an_issue_whose_draft_was_saved_again_is_not_sent(
    opened: newsletter.Publication, server: smtp_server.Server
) -> None:
    issue = opened.issue("2.10")
    issue.path.write_text(issue.path.read_text().replace("Leaders align", "LEADERS ALIGN"))
    with pytest.raises(newsletter.DecisionNeeded, match="saved again"):
        opened.send(issue, confirm=lambda _proposal: True)
    assert server.stored == []


def test_a_draft_with_problems_is_not_sent_by_a_program_that_agrees_to_everything(
    opened: newsletter.Publication, server: smtp_server.Server
) -> None:
    path = opened.issue("2.10").path
    path.write_text(path.read_text().replace("Leaders align", "TODO: Leaders align"))
    with pytest.raises(newsletter.DecisionNeeded, match="finds 1 problem"):
        opened.send("2.10", confirm=lambda _proposal: True)
    assert server.stored == []
    sent = opened.send("2.10", SendOptions(despite_problems=True), confirm=lambda proposal: proposal.problems == 1)
    assert (sent.outcome, sent.complete, len(server.stored)) == (SendOutcome.DELIVERED, True, 2)


def test_the_callers_own_handlers_of_signals_are_put_back(
    opened: newsletter.Publication, server: smtp_server.Server
) -> None:
    def own(_number: int, _frame: object) -> None:
        pass

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, own) for number in numbers}
    try:
        opened.send("2.10", confirm=lambda _proposal: True)
        assert [signal.getsignal(number) for number in numbers] == [own, own]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert len(server.stored) == 2


def test_a_server_that_turns_recipients_away_is_in_the_result(
    opened: newsletter.Publication, server: smtp_server.Server
) -> None:
    server.refuse["reader0001@example.org"] = "550 5.1.1 no such user"
    sent = opened.send("2.10", confirm=lambda _proposal: True)
    assert (sent.complete, sent.counts[newsletter.State.REFUSED]) == (False, 1)
    server.refuse.clear()
    again = opened.retry("2.10", confirm=lambda _proposal: True)
    assert (again.complete, len(server.stored)) == (True, 2)


def test_a_mail_to_leave_is_acted_on(opened: newsletter.Publication, tmp_path: Path) -> None:
    opened.send("2.10", confirm=lambda _proposal: True)
    box = mailbox.Maildir(tmp_path / "Maildir")
    box.add(
        b"From: reader0001@example.org\nTo: leave@example.org\nSubject: unsubscribe\n"
        b"Authentication-Results: mx.example.org; dkim=pass header.d=example.org\n\nunsubscribe\n"
    )
    (left,) = opened.process_feedback(newsletter.FeedbackOptions(mailbox=str(tmp_path / "Maildir"), dry_run=True))
    assert left.decision.kind == "unsubscribe"
    assert [subscriber.address for subscriber, _ in opened.subscribers()] == [
        "reader0000@example.org", "reader0001@example.org"
    ]  # fmt: skip


def test_one_newsletter_or_each_of_the_database_is_left(publication: Publication) -> None:
    publication.readers(2)
    fill(add_publication(publication, "weekly"), ["reader0000@example.org", "reader0001@example.org"])
    create_secret_keys(publication.root)
    with (
        newsletter.Publication.open(publication.root, publication.environ, "main") as digest,
        newsletter.Publication.open(publication.root, publication.environ, "weekly") as weekly,
    ):
        digest.suppress("reader0000@example.org")
        digest.suppress("reader0001@example.org", everywhere=True)
        assert [found.address for found, _ in weekly.subscribers(mailable=True)] == ["reader0000@example.org"]
        assert digest.unsuppress("reader0001@example.org", everywhere=True)
        assert len(list(weekly.subscribers(mailable=True))) == 2
        erased = digest.erase_everywhere("reader0001@example.org")
        assert {name: erasure.list_rows for name, erasure in erased.by_publication.items()} == {"main": 1, "weekly": 1}
        assert [found.address for found, _ in weekly.subscribers()] == ["reader0000@example.org"]


def test_a_backup_is_written_over_nothing(opened: newsletter.Publication, tmp_path: Path) -> None:
    with pytest.raises(newsletter.DecisionNeeded, match="There is no state yet"):
        opened.back_up(tmp_path / "backup.db")
    opened.suppress("reader0001@example.org")
    opened.back_up(tmp_path / "backup.db")
    with pytest.raises(newsletter.DecisionNeeded, match="is there already"):
        opened.back_up(tmp_path / "backup.db")


def test_a_backup_is_put_back_as_agreed(opened: newsletter.Publication, tmp_path: Path) -> None:
    opened.suppress("early@example.org")
    opened.back_up(tmp_path / "state.db")
    opened.suppress("late@example.org")
    assert opened.unsuppress("early@example.org")
    assert opened.restore(tmp_path / "state.db", confirm=lambda: False) is None
    assert not opened.unsuppress("early@example.org"), "nothing was put back"
    restored = opened.restore(tmp_path / "state.db", confirm=lambda: True)
    assert restored is not None
    assert restored.left == 1, "who left since the backup stays out"
    assert opened.unsuppress("early@example.org")
    assert opened.unsuppress("late@example.org")


def test_the_outbox_takes_an_issue_and_gives_it_back(
    opened: newsletter.Publication, server: smtp_server.Server
) -> None:
    due = datetime.now(UTC) + timedelta(days=1)
    time = newsletter.SendTime(due=due, expires=due + timedelta(hours=1))
    scheduled = opened.send("2.10", confirm=lambda proposal: proposal.time == time, time=time)
    assert (scheduled.outcome, server.stored) == (SendOutcome.SCHEDULED, [])
    status = opened.status("2.10")
    assert status is not None
    assert status.stage == "scheduled"
    opened.cancel_schedule("2.10")
    assert opened.send("2.10", confirm=lambda _proposal: True).complete


def test_the_outbox_sends_what_is_due(opened: newsletter.Publication, server: smtp_server.Server) -> None:
    now = datetime.now(UTC)
    opened.send(
        "2.10", confirm=lambda _proposal: True, time=newsletter.SendTime(due=now, expires=now + timedelta(hours=1))
    )
    results: list[tuple[str, newsletter.ScheduleResult, newsletter.NewsletterError | None]] = []
    before = signal.getsignal(signal.SIGTERM)
    assert opened.run_outbox(lambda *result: results.append(result))
    assert (results, len(server.stored)) == ([("2.10", newsletter.ScheduleResult.SENT, None)], 2)
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_outbox_runs_in_a_thread(opened: newsletter.Publication, digest: Publication) -> None:
    """Only the main thread may set handlers of signals."""

    def run() -> bool:
        with newsletter.Publication.open(digest.root, {**os.environ, **digest.environ}) as own:
            return own.run_outbox()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run).result()


def test_the_unknown_are_settled(opened: newsletter.Publication, server: smtp_server.Server) -> None:
    with pytest.raises(newsletter.DraftError, match="has not been sent from here"):
        opened.reconcile("2.10", newsletter.Evidence(), confirm=lambda _found: True)
    dropped: list[str] = []

    def drop_one(_count: int, text: str) -> str | None:
        """Keep the answer to the first text, so that nobody knows whether it arrived."""
        if server.stored and not dropped:
            dropped.append(text)
            return "drop"
        return None

    server.on_reply = drop_one
    sent = opened.send("2.10", confirm=lambda _proposal: True)
    assert sent.counts[newsletter.State.UNKNOWN] == 1
    evidence = newsletter.Evidence(arrived=[server.stored[0][0]])
    for agreed, unknown in ((False, 1), (True, 0)):
        found = opened.reconcile("2.10", evidence, confirm=lambda _found, agreed=agreed: agreed)
        assert (found.unknown, found.sides[newsletter.State.ACCEPTED]) == (1, 1)
        assert opened.report("2.10").counts[newsletter.State.UNKNOWN] == unknown
    assert opened.report("2.10").counts[newsletter.State.ACCEPTED] == 2
