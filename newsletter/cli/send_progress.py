"""The progress of a sending, as `send` and the outbox show it: a bar on a terminal, else a line now and then."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from newsletter.actions.observer import SendObserver
from newsletter.cli.output import console, print_lease_wait, printable_lines
from newsletter.cli.report import show_summary
from newsletter.errors import DeliveryError
from newsletter.issue_name import IssueName
from newsletter.mail.message import Outcome
from newsletter.publication import OpenPublication
from newsletter.reports.formatting import format_rate
from newsletter.reports.throttle_formatting import format_hold, format_near_moment, format_time_left
from newsletter.sending.rules import OnProgress, WorkerProgress
from newsletter.text import format_count

_FIRST_LINE_S = 10.0  # a sending that is over sooner needs none
_BETWEEN_LINES_S = (10.0, 600.0)  # half of the time that it has taken, within these
_PAUSE_S = 1.0  # one that is shorter is not told of
_LEFT_TO_LATER = "Ctrl-C leaves the others to a later send."


class SendProgress(SendObserver):
    """Progress while a run goes on."""

    def __init__(self) -> None:
        self._shown = ExitStack()
        self._update: OnProgress = lambda _progress: None

    def begin(self, issue: IssueName, waiting: int) -> None:
        del issue
        self._update = self._shown.enter_context(_show_progress(waiting))

    def progress(self, progress: WorkerProgress) -> None:
        self._update(progress)

    def end(self, issue: IssueName, error: BaseException | None) -> None:
        del issue, error
        self._shown.close()


class ReportedProgress(SendProgress):
    """Progress while a run goes on, and the short report when it has ended."""

    def __init__(self, publication: OpenPublication) -> None:
        super().__init__()
        self._publication = publication

    def waiting_for_lease(self, seconds: float) -> None:
        print_lease_wait(seconds)

    def stopping(self) -> None:
        console(err=True).print("Finishing the messages in hand. Ctrl-C again ends at once.")

    def end(self, issue: IssueName, error: BaseException | None) -> None:
        super().end(issue, error)
        if error is None or isinstance(error, DeliveryError):
            show_summary(self._publication, issue)


class ProgressLines:
    """Lines about a run for whatever reads a pipe: when a pause begins, and else ever more rarely.

    Times are seconds of one clock that only goes forward.
    """

    def __init__(self, total: int, now: float) -> None:
        self._total = total
        self._began = now
        self._next = now + _FIRST_LINE_S
        self._last = float("-inf")
        self._pause = ""

    def note(self, progress: WorkerProgress, now: float, moment: datetime) -> str | None:
        """Return the line to write now; None when there is none."""
        kind, words, seconds = describe_pause(progress, moment)
        begins = kind != self._pause and seconds > _PAUSE_S and now - self._last > _BETWEEN_LINES_S[0]
        if not begins and now < self._next:
            return None
        least, most = _BETWEEN_LINES_S
        self._pause, self._last = kind, now
        self._next = now + min(most, max(least, (now - self._began) / 2))
        parts = [f"{count_done(progress):,} of {format_count(self._total, 'reader')}", *describe_pace(progress)]
        line = f"{', '.join(parts)}."
        if words:
            line += f" {words[0].upper()}{words[1:]}."
        return f"{line} {_LEFT_TO_LATER}" if seconds > _PAUSE_S else line


def count_done(progress: WorkerProgress) -> int:
    """Return how many readers need no further try."""
    return progress.tally.total() - progress.tally[Outcome.DEFERRED]


def describe_pace(progress: WorkerProgress, measured: float | None = None) -> list[str]:
    """Return how fast messages leave and how long it takes, as far as that is known.

    Without a limit their rate is what was `measured`, in readers a second.
    """
    parts = []
    if rate := progress.rate or measured:
        parts.append(format_rate(rate))
    if progress.resting_until is None and progress.left:
        if progress.eta is not None:
            parts.append(f"{format_time_left(progress.eta)} to go")
        elif progress.hold is not None:
            parts.append("the time left is not known")
    return parts


def describe_pause(progress: WorkerProgress, now: datetime) -> tuple[str, str, float]:
    """Return what holds a run, a word for its kind, and for how many seconds nothing leaves because of it.

    All are empty, or 0, while nothing holds it.
    """
    zone = datetime.now().astimezone().tzinfo or UTC
    resting = progress.resting_until
    if resting is not None:
        until = datetime.fromtimestamp(resting, UTC)
        seconds = (until - now).total_seconds()
        at = format_near_moment(until, now, zone)
        later = progress.tally[Outcome.DEFERRED]
        if progress.leased:
            in_hand, at = format_count(progress.leased, "message"), f"{until.astimezone(zone):%H:%M:%S}"
            return (
                "leased",
                f"{in_hand} in hand of an earlier send that broke off: it can't go on after {at}",
                seconds,
            )
        if later:
            return "put off", f"{later:,} put off by the server: again {at}", seconds
        if progress.hold is None:
            return "limit", f"the limit that is set allows more {at}", seconds
    hold = progress.hold
    if hold is None:
        return "", "", 0.0
    until_moment = _read_moment(hold.until)
    seconds = (until_moment - now).total_seconds() if until_moment else 0.0
    return hold.kind.value, format_hold(hold.kind, hold.words, until_moment, now, zone), seconds


def _read_moment(at: float | None) -> datetime | None:
    try:
        return None if at is None else datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError):  # infinity, where nobody knows
        return None


class _HoldBar(Progress):
    """A bar with what holds the send on a line below."""

    words = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        if self.words:
            yield Text(printable_lines(self.words), style="yellow")


@contextmanager
def _show_progress(total: int) -> Iterator[OnProgress]:
    err = console(err=True)
    columns = (TextColumn("Sending"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    lines = ProgressLines(total, time.monotonic())
    with _HoldBar(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=total, pace="")

        def on_progress(now: WorkerProgress) -> None:
            moment = datetime.now(UTC)
            if bar.disable:
                if line := lines.note(now, time.monotonic(), moment):
                    err.print(printable_lines(line))
                return
            _, words, _ = describe_pause(now, moment)
            bar.words = f"{words[:1].upper()}{words[1:]}."[: 10 * err.width] if words else ""
            bar.update(task, completed=count_done(now), pace=", ".join(describe_pace(now, bar.tasks[task].speed)))

        yield on_progress
