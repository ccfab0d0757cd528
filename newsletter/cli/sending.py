"""The plan of a send and the progress of a run, as `send`, `retry` and the outbox show them."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from newsletter.actions.observer import SendObserver
from newsletter.campaigns.batch_reader import Batch
from newsletter.campaigns.corrections import CorrectedIssue
from newsletter.campaigns.list_comparison import FLAG as LIST_FLAG
from newsletter.campaigns.plan import SendPlan
from newsletter.campaigns.unknown_campaigns import FLAG
from newsletter.cli.output import console, print_lease_wait, say, shorten
from newsletter.cli.reader_languages import count_in_languages, show_languages, show_subjects
from newsletter.cli.report import show_summary
from newsletter.config import Config
from newsletter.config.preference_settings import SUMMARY_TAG
from newsletter.errors import DeliveryError
from newsletter.issue_name import IssueName
from newsletter.mail.message import Outcome
from newsletter.publication import OpenPublication
from newsletter.sending.rules import OnProgress, WorkerProgress
from newsletter.text import format_count
from newsletter.workspace import Workspace

nobody_left = click.option(
    FLAG,
    "nobody_left",
    is_flag=True,
    help="This state is new, and you know that nobody left or bounced since the issues sent from another.",
)

list_is_right = click.option(
    LIST_FLAG,
    "list_is_right",
    is_flag=True,
    help="Readers who still wait are missing from the list now, and are to get nothing.",
)


def show_plan(workspace: Workspace, plan: SendPlan, list_path: Path, label: str) -> None:
    """Print what is about to happen, before anybody is asked; `label` is that of the issue, such as Vol. 2.10."""
    config = workspace.config
    say(f"{config.publication.title} {label or plan.campaign.issue}", style="bold")
    show_subjects(config, plan)
    if plan.batch is not None:
        _show_batch(config, plan, plan.batch, list_path)
    elif plan.waiting:
        say("  To        the list as it was frozen, without those who left it since")
    if plan.waiting:
        mixed = any(plan.waiting_languages)
        languages = f" ({count_in_languages(config, plan.waiting_languages)})" if mixed else ""
        say(f"  Going on  {format_count(plan.waiting, 'reader')} of the frozen list still to be tried{languages}")
    if plan.text_changed:
        say("  Text      " + ("as it is now" if plan.takes_over else "as it was when the sending began"))
    _show_unsubscribing(workspace)
    name = config.send.backend
    place = getattr(config.backends[name], "place", "")
    say(f"  Through   {name}{f' {place}' if place else ''}")


def _show_batch(config: Config, plan: SendPlan, batch: Batch, list_path: Path) -> None:
    """Print to how many new recipients it goes, and who of the list is left out."""
    tagged = f" tagged {batch.tag}" if batch.tag else ""
    having = f" who have {batch.corrected.issue}," if batch.corrected else ""
    say(f"  To        {format_count(plan.added, 'reader')}{having} of {shorten(list_path)}{tagged}")
    if batch.difference:
        new, gone = batch.difference.new, batch.difference.gone
        say(f"  List      {new:,} new, {gone:,} gone since an issue was last frozen from it")
    show_languages(config, plan)
    if suppressed := batch.suppressed - batch.paused:
        say(f"  Left out  {suppressed:,} who must not be mailed: newsletter subscribers list --suppressed")
    if batch.paused:
        say(f"  Left out  {batch.paused:,} who have paused it; it comes back to them by itself")
    if batch.summary:
        say(f"  Left out  {batch.summary:,} who want only the summary: newsletter send NAME --tag {SUMMARY_TAG}")
    if batch.welcomed:
        say(f"  Left out  {batch.welcomed:,} who got it as a welcome when they joined")
    if batch.corrected:
        _show_corrected(plan, batch.corrected, list_path)
    elif batch.erased:
        say(f"  Left out  {batch.erased:,} who asked to be erased; take them out of {shorten(list_path)}, too")
    if batch.left and not batch.corrected:
        words = ", ".join(f"{words} {count:,}" for words, count in Counter(batch.left).most_common(5))
        say(f"  Left out  {sum(batch.left.values()):,} by what {shorten(list_path)} itself says ({words})")
    if batch.unusable:
        hint = f"newsletter subscribers check {shorten(list_path)}"
        say(f"  Left out  {format_count(batch.unusable, 'row')} that can't be used; see them: {hint}")
    if batch.duplicates:
        say(f"  Left out  {format_count(batch.duplicates, 'row')} with an address that is in an earlier row")
    for tag in plan.tags_without_recipients:
        say(f"  Note      no reader here has the tag {tag!r}, which items are only for", style="yellow")


def _show_corrected(plan: SendPlan, corrected: CorrectedIssue, list_path: Path) -> None:
    """Print who has the issue that is corrected and gets no correction, or has it not yet."""
    if corrected.lost:
        say(f"  Left out  {corrected.lost:,} who have {corrected.issue} and are not on {shorten(list_path)} any more")
    if corrected.waiting:
        say(
            f"  Note      {format_count(corrected.waiting, 'reader')} still to get {corrected.issue}; "
            f"once they have it: newsletter send {plan.campaign.issue} --to-new",
            style="yellow",
        )


def _show_unsubscribing(workspace: Workspace) -> None:
    service = workspace.config.service
    if service.takes_one_click:
        say(f"  To leave  {service.url} (one click), and by mail")
    elif service.url:
        say(f"  To leave  {service.url}, which only this machine can open: for a trial, and not for readers", "yellow")
    else:
        say("  To leave  by mail")


class ProgressBar(SendObserver):
    """A bar while a run goes on."""

    def __init__(self) -> None:
        self._bar = ExitStack()
        self._update: OnProgress = lambda _progress: None

    def begin(self, issue: IssueName, waiting: int) -> None:
        del issue
        self._update = self._bar.enter_context(_show_progress(waiting))

    def progress(self, progress: WorkerProgress) -> None:
        self._update(progress)

    def end(self, issue: IssueName, error: BaseException | None) -> None:
        del issue, error
        self._bar.close()


class SendingProgress(ProgressBar):
    """A bar while a run goes on, and the short report when it has ended."""

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


@contextmanager
def _show_progress(total: int) -> Iterator[OnProgress]:
    """Show a bar with rate and time left on a terminal; when piped, only a line for each long rest."""
    err = console(err=True)
    columns = (
        TextColumn("Sending"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeRemainingColumn(),
    )
    rests: set[int] = set()
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=total, pace="")

        def on_progress(now: WorkerProgress) -> None:
            speed = bar.tasks[task].speed
            pace = f"{speed:,.0f}/s" if speed else ""
            if now.resting_until is not None:
                at = time.strftime("%H:%M:%S", time.localtime(now.resting_until))
                later = now.tally[Outcome.DEFERRED]
                pace = f"{later:,} put off by the server: again at {at}" if later else f"the pace allows more at {at}"
                if now.leased:
                    in_hand = format_count(now.leased, "message")
                    pace = f"{in_hand} in hand of an earlier send that broke off: it can't go on after {at}"
                if bar.disable and int(now.resting_until) not in rests and now.resting_until - time.time() > 1:
                    rests.add(int(now.resting_until))
                    err.print(f"{pace[0].upper()}{pace[1:]}. Ctrl-C leaves them to a later send.")
            bar.update(task, completed=now.tally.total() - now.tally[Outcome.DEFERRED], pace=pace)

        yield on_progress
