"""The progress of a sending says how far it is, how long it takes and what holds it: on a terminal and in a pipe."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from newsletter.cli.send_progress import ProgressLines, SendProgress, describe_pause
from newsletter.issue_name import IssueName
from newsletter.mail.message import Outcome
from newsletter.sending.rules import WorkerProgress
from newsletter.throttle.holds import Hold, HoldKind

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
LOW = Hold(kind=HoldKind.RATE, words="the server takes 14 messages a second", limit=14.0)


def _progress(done: int = 0, deferred: int = 0, **known: object) -> WorkerProgress:
    tally = Counter({Outcome.ACCEPTED: done, Outcome.DEFERRED: deferred})
    return WorkerProgress(tally=tally, **{"left": 100 - done, **known})


def _run(seconds: int, progress: WorkerProgress, lines: ProgressLines, start: int = 0) -> list[tuple[int, str]]:
    noted = ((second, lines.note(progress, float(second), NOW)) for second in range(start, start + seconds))
    return [(second, line) for second, line in noted if line]


@pytest.fixture(autouse=True)
def zone() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def test_a_pipe_gets_a_line_now_and_then_and_fewer_as_time_goes_on() -> None:
    said = _run(3600, _progress(20, rate=14.0, hold=LOW, eta=190.0), ProgressLines(100, 0.0))
    assert {line for _, line in said} == {
        "20 of 100 readers, 14 a second, 3 min 10 s to go. The server takes 14 messages a second."
    }
    moments = [second for second, _ in said]
    assert moments[:4] == [10, 20, 30, 45]
    assert len(moments) < 20


def test_a_short_run_gets_none() -> None:
    assert _run(10, _progress(20), ProgressLines(100, 0.0)) == []


def test_a_pause_is_told_when_it_begins_and_what_to_do_about_it() -> None:
    lines = ProgressLines(100, 0.0)
    outage = Hold(kind=HoldKind.OUTAGE, words="the server takes nothing", until=NOW.timestamp() + 90)
    quota = Hold(kind=HoldKind.QUOTA, words="the server takes 20 messages an hour", until=NOW.timestamp() + 3000)
    begun = _run(3, _progress(20, hold=outage), lines)
    gone_on = _run(5, _progress(20, rate=14.0, eta=6.0), lines, start=3)
    held = _run(20, _progress(20, hold=quota, eta=13_800.0), lines, start=11)
    assert begun == [
        (
            0,
            "20 of 100 readers, the time left is not known. The server takes nothing; it is tried again at 18:01:30. "
            "Ctrl-C leaves the others to a later send.",
        )
    ]
    assert gone_on == []
    assert held[0] == (
        11,
        "20 of 100 readers, 3 h 50 min to go. The server takes 20 messages an hour; the next leave at 18:50. "
        "Ctrl-C leaves the others to a later send.",
    )


def test_short_rests_of_a_low_rate_are_no_news() -> None:
    lines = ProgressLines(100, 0.0)
    said = [
        line
        for second in range(60)
        if (line := lines.note(_progress(second, resting_until=NOW.timestamp() + 2), float(second), NOW))
    ]
    assert len(said) <= 5


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"deferred": 3, "resting_until": 30.0}, "3 put off by the server: again at 18:00:30"),
        ({"resting_until": 86_400.0}, "the limit that is set allows more on 2026-12-01 at 18:00"),
        (
            {"resting_until": 5.0, "leased": 2},
            "2 messages in hand of an earlier send that broke off: it can't go on after 18:00:05",
        ),
        ({"hold": LOW}, "the server takes 14 messages a second"),
        (
            {"hold": Hold(kind=HoldKind.OUTAGE, words="450 ada@example.org \x1b[2J", until=float("inf"))},
            "450 … \\x1b[2J",
        ),
        ({}, ""),
    ],
)
def test_what_holds_it_is_a_sentence(known: dict[str, object], words: str) -> None:
    if isinstance(seconds := known.get("resting_until"), float):
        known = {**known, "resting_until": NOW.timestamp() + seconds}
    assert describe_pause(_progress(**known), NOW)[1] == words


def test_a_terminal_has_it_below_the_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "100"}.items():
        monkeypatch.setenv(name, value)
    progress = SendProgress()
    progress.begin(IssueName("2.10"), 100)
    hostile = Hold(kind=HoldKind.RATE, words="14 a second \x1b]0;owned\x07", limit=14.0)
    progress.progress(_progress(20, rate=14.0, hold=hostile, eta=190.0))
    progress.end(IssueName("2.10"), None)
    shown = capsys.readouterr().err
    assert "20/100" in shown
    assert "14 a second, 3 min 10 s to go" in shown
    assert "14 a second \\x1b]0;owned\\x07." in shown
    assert "\x1b]0;owned" not in shown
