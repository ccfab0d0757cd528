"""The commands `newsletter outbox list`, `run`, and `cancel`."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click
from rich.live import Live
from rich.text import Text

from newsletter.actions.cancel import cancel_schedule
from newsletter.actions.list_outbox import ScheduledIssue, list_outbox
from newsletter.actions.report import find_campaign_name
from newsletter.actions.run_outbox import WALL_CLOCK, open_outbox
from newsletter.cli.context import name_of, open_publication, open_publications, say_whose
from newsletter.cli.output import (
    can_ask,
    console,
    print_as_json,
    print_table,
    printable_lines,
    say,
    shorten,
    show_error,
)
from newsletter.cli.report import show_summary
from newsletter.cli.send_progress import SendProgress
from newsletter.cli.sending import nobody_left
from newsletter.clock import Instant, describe_distance, describe_duration, format_instant, format_moment
from newsletter.errors import NewsletterError
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.workers import find_why_ended
from newsletter.publication import OpenPublication
from newsletter.schedule.scheduler import MAYBE_SENT, NextDeparture, ScheduleResult, TooLate, watch_all
from newsletter.schedule.stop_signals import StopSignals
from newsletter.text import format_count


@click.group()
def outbox() -> None:
    """Issues that leave at their moment: `newsletter send 2.10 --at "tomorrow 09:00"` puts one in."""


@outbox.command("list")
@click.option("--json", "json_", is_flag=True, help="For scripts.")
def list_(json_: bool) -> None:
    """List what leaves when, and to how many."""
    publications = open_publications()
    now = datetime.now(UTC)
    every = [(publication, list_outbox(publication, now)) for publication in publications]
    if json_:
        print_as_json(
            [
                {
                    **name_of(publication, publications),
                    "issue": one.campaign.issue,
                    "state": one.state.value,
                    "subject": one.campaign.subject,
                    "due": one.campaign.due_at and format_instant(one.campaign.due_at),
                    "expires": one.campaign.expires_at and format_instant(one.campaign.expires_at),
                    "readers": one.waiting,
                    "draft_changed": one.draft_changed,
                }
                for publication, found in every
                for one in found
            ]
        )
        return
    for publication, found in every:
        if found or len(every) == 1:
            say_whose(publication, publications)
            _print_outbox(publication, found, now)
    if len(every) > 1 and not any(found for _, found in every):
        say("The outbox of each publication is empty.")


def _print_outbox(publication: OpenPublication, found: Sequence[ScheduledIssue], now: datetime) -> None:
    zone = ZoneInfo(publication.config.publication.timezone)
    if not found:
        say("The outbox is empty.")
        return
    print_table(
        ("Issue", "State", "Due", "When", "Expires", "Readers", "Subject"),
        [
            (
                one.campaign.issue,
                one.state.value,
                _format_moment(one.campaign.due_at, zone),
                describe_distance(one.campaign.due_at, now) if one.campaign.due_at else "",
                _format_moment(one.campaign.expires_at, zone),
                f"{one.waiting:,}",
                one.campaign.subject,
            )
            for one in found
        ],
    )
    for issue in (one.campaign.issue for one in found if one.draft_changed):
        say(f"The draft of {issue} has changed since. What leaves is the text as it was then.", style="yellow")


def _format_moment(instant: Instant | None, zone: ZoneInfo) -> str:
    return format_moment(instant, zone) if instant else ""


@outbox.command()
@click.argument("draft")
def cancel(draft: str) -> None:
    """Take an issue out of the outbox. It can be sent at any time then, or put in again."""
    publication = open_publication()
    name = find_campaign_name(publication, draft)
    left = cancel_schedule(publication, name)
    say(f"{name} is out of the outbox.", style="bold")
    if left.record_removed:
        record = shorten(publication.record(name))
        say(f"{record} is removed, since nothing had been sent. If it was committed, commit that it is gone.")
    if left.waiting:
        say(f"{format_count(left.waiting, 'reader')} still without it. To send it: newsletter send {name}")


@outbox.command()
@click.option("--wait", is_flag=True, help="Stay, and send each issue when its moment comes. Ctrl-C ends it.")
@nobody_left
@click.pass_obj
def run(debug: bool, wait: bool, nobody_left: bool) -> None:
    """Send what is due, and nothing that has expired. For cron or a timer; or it stays, with --wait.

    The exit status is 1 when something is left to you: an issue that has expired, that was stopped, or that did not
    reach everyone.
    """
    if debug:
        logging.basicConfig()
        logging.getLogger("newsletter").setLevel(logging.DEBUG)
    publications, failed = _open_usable(wait=wait)
    if not publications:
        sys.exit(1 if failed else 0)
    stop = StopSignals()
    stop.listen()
    with _waiting_line() as line:
        reporters = [_OutboxReporter(publication, line, publications) for publication in publications]
        outboxes = [
            open_outbox(
                publication,
                reporter.tell,
                stop=stop,
                observer=reporter,
                on_leaving=reporter.announce,
                # To wait for an answer would keep the other issues back.
                confirm=reporter.confirm if not wait and can_ask() else None,
                nobody_left=nobody_left,
            )
            for publication, reporter in zip(publications, reporters, strict=True)
        ]
        if wait:
            watch_all(outboxes, WALL_CLOCK, stop, reporters[0].wait)
            line.say("The outbox is not watched any more.")
            return
        well = not failed
        for outbox in outboxes:
            well = outbox.look() and well
        upcoming = min((outbox.upcoming for outbox in outboxes if outbox.upcoming), default=None)
        # cron mails whatever is printed: only a person wants to know that there is nothing to do.
        if well and upcoming and console().is_terminal:
            line.say(f"Nothing is due. {reporters[0].next_in_words(upcoming)}")
    sys.exit(0 if well else 1)


def _open_usable(*, wait: bool) -> tuple[list[OpenPublication], bool]:
    """Open each publication that has a store, and one for it with `wait`; what is wrong with one stops no other.

    Returns also whether something was wrong. Raises what is wrong with the only one.
    """
    every = open_publications()
    usable, failed = [], False
    for publication in every:
        try:
            _ = publication.config  # its mistakes first
            if (publication.store if wait else publication.known_store) is not None:
                usable.append(publication)
        except NewsletterError as error:
            if len(every) == 1:
                raise
            say_whose(publication, every)
            show_error(error)
            failed = True
    return usable, failed


class _Line:
    """A line that counts down on a terminal; elsewhere a line for each new thing to wait for."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._last = ""

    def show(self, text: str, countdown: str = "") -> None:
        if self._live.console.is_terminal:
            self._live.start()
            self._live.update(Text(printable_lines(f"{text} {countdown}".strip())), refresh=True)
        elif text != self._last:
            say(text)
        self._last = text

    def hide(self) -> None:
        self._live.stop()

    def say(self, text: str, style: str = "") -> None:
        self.hide()
        say(text, style=style)


@contextmanager
def _waiting_line() -> Iterator[_Line]:
    live = Live(console=console(err=True), auto_refresh=False, transient=True)
    try:
        yield _Line(live)
    finally:
        live.stop()


class _OutboxReporter(SendProgress):
    """Prints what leaves, how far it is, and what came of it."""

    def __init__(self, publication: OpenPublication, line: _Line, every: Sequence[OpenPublication]) -> None:
        super().__init__()
        name = publication.workspace.shown_name if len(every) > 1 else ""
        self._whose = f"{name}: " if name else ""
        self._newsletter = f"newsletter -P {name}" if name else "newsletter"
        self._publication = publication
        self._store = publication.store
        self._line = line
        self._zone = ZoneInfo(publication.config.publication.timezone)

    def confirm(self, campaign: Campaign) -> bool:
        due = _format_moment(campaign.due_at, self._zone)
        self._line.say(
            f"{self._whose}{campaign.issue} was due at {due}, and nothing has moved for more than an hour. "
            f"{MAYBE_SENT}",
            style="bold yellow",
        )
        return click.confirm("Send it now?")

    def announce(self, campaign: Campaign, waiting: int) -> None:
        self._line.say(
            f"{self._whose}{campaign.issue} leaves to {format_count(waiting, 'reader')}: {campaign.subject}",
            style="bold",
        )

    def stopping(self) -> None:
        console(err=True).print("Finishing the messages in hand. A second signal ends at once.")

    def tell(self, issue: IssueName, result: ScheduleResult, error: NewsletterError | None) -> None:
        self._line.hide()
        is_held = result is ScheduleResult.HELD and error is not None and not isinstance(error, TooLate)
        if is_held or result in (ScheduleResult.SENT, ScheduleResult.STOPPED):
            self._report(issue)
        by_hand = (
            f"{self._newsletter} send {issue}            goes on, after showing what will happen\n"
            f"{self._newsletter} outbox cancel {issue}   leaves it"
        )
        match result:
            case ScheduleResult.SENT:
                if count_deliveries(self._store, issue).waiting:
                    say(f"To try them again: {self._newsletter} send {issue}", style="bold")
            case ScheduleResult.STOPPED:
                say(
                    f"{issue} stays in the outbox, and the next `newsletter outbox run` goes on. "
                    f"To leave it at that: {self._newsletter} outbox cancel {issue}",
                    style="bold",
                )
            case ScheduleResult.BUSY:
                say(f"{self._whose}{issue} is being sent by another process.")
            case ScheduleResult.LATER if error:
                steps = f"{error.next_step}\nIt stays in the outbox, and is tried again.".strip()
                show_error(
                    NewsletterError(f"{self._whose}{issue}: {error.message}", next_step=steps, problems=error.problems)
                )
            case ScheduleResult.HELD:
                why = error.message if error else find_why_ended(self._store, issue) or f"it was late. {MAYBE_SENT}"
                steps = f"{error.next_step if error else ''}\nThe outbox does not go on by itself:\n{by_hand}".strip()
                show_error(NewsletterError(f"{self._whose}{issue} was stopped: {why}", next_step=steps))
            case ScheduleResult.EXPIRED:
                show_error(self._describe_expiry(issue))

    def wait(self, upcoming: NextDeparture | None, trouble: NewsletterError | None) -> None:
        if trouble is not None:
            self._line.show(f"{trouble.message} It is tried again.")
        elif upcoming is not None:
            left = describe_duration(upcoming.at - datetime.now(UTC))
            self._line.show(f"Waiting for {upcoming.issue}, {format_moment(upcoming.at, self._zone)}:", f"in {left}.")
        else:
            self._line.show("Waiting: nothing is in the outbox that can leave.")

    def next_in_words(self, upcoming: NextDeparture) -> str:
        distance = describe_distance(upcoming.at, datetime.now(UTC))
        return f"{upcoming.issue} leaves {distance}, {format_moment(upcoming.at, self._zone)}."

    def _describe_expiry(self, issue: IssueName) -> NewsletterError:
        campaign = find_campaign(self._store, issue)
        at = _format_moment(campaign.expires_at, self._zone) if campaign else ""
        return NewsletterError(
            f"{self._whose}{issue} was to leave before {at}, and has expired: it was not sent.",
            next_step=f"{self._newsletter} outbox cancel {issue}   takes it out; then it can be sent at once, "
            "or put in again",
        )

    def _report(self, issue: IssueName) -> None:
        try:
            show_summary(self._publication, issue)
        except (NewsletterError, OSError) as error:  # what was sent is sent, whether it can be shown or not
            show_error(error)
