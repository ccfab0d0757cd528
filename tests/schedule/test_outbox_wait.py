"""`newsletter outbox run --wait`: it goes by the clock on the wall, whatever happened to the process meanwhile."""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import ROOT, Publication
from scheduling import HOUR, MINUTE, PATIENCE, in_outbox, put_in, set_moments
from smtp_server import Server, kill_at

from newsletter.store import Store

pytestmark = pytest.mark.slow


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


def _wait_until_stopped(pid: int) -> None:
    """Wait until a process, which need not be a child of this one, is stopped (proc_pid_stat(5))."""
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.01)


def test_after_standing_still_over_the_moment_it_sends_at_once(
    watching: Watching, opened: Store, server: Server
) -> None:
    watching.process.send_signal(signal.SIGSTOP)
    _wait_until_stopped(watching.process.pid)
    set_moments(opened, datetime.now(UTC) - 30 * MINUTE, datetime.now(UTC) + HOUR, "2.10")
    watching.process.send_signal(signal.SIGCONT)
    watching.until("25 on the list = 25 accepted")
    assert len(server.stored) == 25
    watching.until("Waiting: nothing is in the outbox")
    assert watching.end() == (0, "")


def test_after_standing_still_over_the_expiry_it_does_not_send(
    watching: Watching, digest: Publication, opened: Store, server: Server
) -> None:
    watching.process.send_signal(signal.SIGSTOP)
    _wait_until_stopped(watching.process.pid)
    set_moments(opened, datetime.now(UTC) - 2 * HOUR, datetime.now(UTC) - HOUR, "2.10")
    watching.process.send_signal(signal.SIGCONT)
    watching.until("Waiting: nothing is in the outbox that can leave")
    status, err = watching.end()
    assert status == 0
    assert err.count("2.10 was to leave before") == 1
    assert server.stored == []
    assert in_outbox(digest) == {"2.10": "expired"}


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
    set_moments(opened, datetime.now(UTC) - 30 * MINUTE, datetime.now(UTC) + HOUR, "2.10")
    watching.until("2.10 stays in the outbox")
    watching.until("not watched any more")
    _, err = watching.process.communicate(timeout=PATIENCE)
    assert watching.process.returncode == 0
    assert "Finishing the messages in hand" in err
    assert 0 < len(server.stored) < 25
    server.on_reply = lambda *_: None
    assert digest.run("outbox", "run").returncode == 0
    assert server.copies() == Counter({recipient: 1 for recipient, _ in server.stored})
    assert len(server.stored) == 25


def test_on_a_terminal_a_line_counts_down(digest: Publication, opened: Store) -> None:
    put_in(digest, opened, datetime.now(UTC) + 50 * MINUTE, datetime.now(UTC) + 2 * HOUR)
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
                re.findall(
                    r"Waiting for 2\.10, 20[^:]*:\d\d America/New_York: in (4\d minutes(?: and \d+ seconds?)?)\.", shown
                )
            )
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE) == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_units_in_the_docs_are_sound(tmp_path: Path) -> None:
    page = (ROOT / "docs/operators/outbox.md").read_text()
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
