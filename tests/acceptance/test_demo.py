"""The demonstration: one command, and a real issue is in a real mailbox."""

import mailbox
import sys
from collections import Counter
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from conftest import ROOT, Publication

from newsletter.demo import demonstrate
from newsletter.errors import DecisionNeeded
from newsletter.subscribers.csv_rows import read_subscribers
from newsletter.subscribers.subscriber import Subscriber


def _files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def test_every_deliverable_reader_has_exactly_one_message(tmp_path: Path) -> None:
    for _ in range(2):
        done = Publication(tmp_path).run("demo")
        assert done.returncode == 0, done.stderr
        assert "25 on the list = 25 accepted" in done.stdout
    readers = [row for row in read_subscribers(ROOT / "subscribers.example.csv") if isinstance(row, Subscriber)]
    names = {reader.address: reader.fields["name"] for reader in readers}
    box = mailbox.Maildir(tmp_path / "build/demo/mailbox", create=False)
    copies: Counter[str] = Counter()
    for key in box.keys():  # noqa: SIM118  # a mailbox iterates over messages
        message = BytesParser(policy=policy.default).parsebytes(box.get_bytes(key))
        assert all(part.defects == [] for part in message.walk())
        (to,) = message["To"].addresses
        copies[to.addr_spec] += 1
        plain = message.get_body(("plain",)).get_content()
        html = message.get_body(("html",)).get_content()
        name = names[to.addr_spec] or "reader"
        assert f"Dear {name}, the second half" in plain
        assert "the second half" in html
        assert to.addr_spec in plain
        assert message["List-Unsubscribe"] == "<mailto:leave@example.org?subject=unsubscribe>"
    assert copies == Counter(list(names))


@pytest.mark.slow
def test_it_leaves_no_trace_outside_its_folder(tmp_path: Path) -> None:
    Publication(tmp_path).run("demo")
    assert {path.parts[:2] for path in _files(tmp_path) if len(path.parts) > 1} == {("build", "demo")}


def test_without_its_mail_server_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiosmtpd.smtp", None)  # the documented way to forbid an import
    monkeypatch.delitem(sys.modules, "newsletter.demo.server", raising=False)
    with pytest.raises(DecisionNeeded, match="mail server is not installed") as raised:
        demonstrate(tmp_path)
    assert raised.value.next_step == 'Install it: pip install "newsletter-press[demo]"'
    assert list(tmp_path.iterdir()) == []


def test_it_clears_no_folder_of_anyone_elses(tmp_path: Path) -> None:
    precious = tmp_path / "build/demo/thesis.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    done = Publication(tmp_path).run("demo")
    assert done.returncode == 1
    assert "not an earlier demonstration" in done.stderr
    assert precious.read_text() == "years of work"
