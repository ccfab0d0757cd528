"""The command `newsletter subscribers reconfirm`."""

import sys
from datetime import timedelta
from zoneinfo import ZoneInfo

import click

from newsletter.actions.reconfirm_subscribers import (
    AskingGroup,
    AskingPlan,
    FinishPlan,
    ask_subscribers,
    finish_reconfirmation,
    send_reconfirmations,
    undo_finish,
)
from newsletter.cli.context import open_publication
from newsletter.cli.output import say
from newsletter.clock import format_moment, parse_age
from newsletter.publication import OpenPublication
from newsletter.text import format_count
from newsletter.transactional.mail_kinds import MailState

_AFTER = "30d"
_UNDO = "newsletter subscribers reconfirm --undo"


@click.command()
@click.option("--older-than", "age", metavar="AGE", help="Ask whoever last agreed so long ago: 3y, 18 months, 90d.")
@click.option("--now", is_flag=True, help="Send the mails here, and not by the service; also those that wait.")
@click.option("--finish", is_flag=True, help="Send nothing more to those who were asked and have not answered.")
@click.option("--after", metavar="AGE", help=f"With --finish: how long they had to answer. [default: {_AFTER}]")
@click.option("--undo", is_flag=True, help="Undo the newest --finish.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
def reconfirm(age: str | None, now: bool, finish: bool, after: str | None, undo: bool, yes: bool) -> None:
    """Ask readers who agreed long ago whether they still want it.

    Each gets one mail with a button. Shows how many they are, and asks. A month later, --finish stops sending to those
    who got that mail and have not answered; --undo sends to them again.
    """
    wanted = [name for name, given in (("--finish", finish), ("--undo", undo), ("--older-than", bool(age))) if given]
    if len(wanted) > 1:
        raise click.UsageError(f"{wanted[0]} and {wanted[1]} are two things: do one after the other.")
    if now and wanted in (["--finish"], ["--undo"]):
        raise click.UsageError(f"--now sends mails, and {wanted[0]} sends none.")
    if after and not finish:
        raise click.UsageError("--after goes with --finish.")
    publication = open_publication()
    if not wanted and not now:
        raise click.UsageError("Say whom to ask: --older-than 3y. Or --finish, --undo, or --now for mails that wait.")
    if finish:
        sys.exit(_finish(publication, parse_age(after or _AFTER), yes=yes))
    if undo:
        sys.exit(_undo(publication, yes=yes))
    agreed = _ask(publication, parse_age(age), now=now, yes=yes) if age else True
    sys.exit((_send(publication) if now else 0) if agreed else 1)


def _ask(publication: OpenPublication, age: timedelta, *, now: bool, yes: bool) -> bool:
    """Queue the mails, as a person agrees to; return whether they did, or nobody is to be asked."""
    seen: list[AskingPlan] = []

    def confirm(plan: AskingPlan) -> bool:
        seen.append(plan)
        _show(plan)
        return yes or click.confirm(f"Ask {format_count(plan.to_ask, 'reader')}?")

    asked = ask_subscribers(publication, age, confirm)
    if not seen:
        say("Nobody has to be asked: all agreed since then, were asked already, or get nothing.", style="bold")
        return True
    if not asked:
        say("Nobody was asked.")
        return False
    say(f"{format_count(asked, 'mail')} queued.", style="bold green")
    if not now:
        say("The service sends them (newsletter serve). To send them from here: newsletter subscribers reconfirm --now")
    say(f"In a month: newsletter subscribers reconfirm --finish --after {_AFTER}")
    return True


def _show(plan: AskingPlan) -> None:
    counts = plan.counts
    say(f"To be asked: {format_count(plan.to_ask, 'reader')}", style="bold")
    if counts[AskingGroup.OLDER]:
        say(f"  Agreed      {counts[AskingGroup.OLDER]:,} last agreed before {plan.before:%Y-%m-%d}")
    if counts[AskingGroup.UNKNOWN]:
        say(f"  Not known   {counts[AskingGroup.UNKNOWN]:,} of whom nobody knows when they agreed")
    say(f"  Not asked   {counts[AskingGroup.RECENT]:,} who agreed since then")
    if counts[AskingGroup.ASKED]:
        say(f"  Not asked   {counts[AskingGroup.ASKED]:,} who were asked before, and can still answer")
    if counts[AskingGroup.NOT_MAILED]:
        say(f"  Not asked   {counts[AskingGroup.NOT_MAILED]:,} who get nothing anyhow")


def _send(publication: OpenPublication) -> int:
    """Send what waits; return the exit status."""
    sent = send_reconfirmations(publication)
    say(f"{sent.counts[MailState.ACCEPTED]:,} sent.", style="bold green")
    for state, words in (
        (MailState.REFUSED, "refused by the server"),
        (MailState.UNKNOWN, "may have arrived or not, and are not sent again"),
        (MailState.DROPPED, "dropped: their readers must not be mailed"),
    ):
        if sent.counts[state]:
            say(f"  {sent.counts[state]:,} {words}")
    if sent.why:
        say(f"The others wait: {sent.why}", style="yellow")
        say("To go on later: newsletter subscribers reconfirm --now")
    return 1 if sent.why or sent.counts[MailState.REFUSED] or sent.counts[MailState.UNKNOWN] else 0


def _finish(publication: OpenPublication, after: timedelta, *, yes: bool) -> int:
    """Suppress who has not answered, as a person agrees to; return the exit status."""
    seen: list[FinishPlan] = []
    zone = ZoneInfo(publication.config.publication.timezone)

    def confirm(plan: FinishPlan) -> bool:
        seen.append(plan)
        say(f"No answer: {format_count(plan.unanswered, 'reader')}", style="bold")
        say(f"  They got the mail before {format_moment(plan.before, zone)}. Nothing more would be sent to them.")
        say(f"  Answered    {plan.confirmed:,}")
        if plan.has_time:
            say(f"  Have time   {plan.has_time:,} who got it later")
        if waiting := plan.mails[MailState.WAITING] + plan.mails[MailState.CLAIMED]:
            say(f"  Wait        {waiting:,} mails have not been sent")
        if lost := sum(plan.mails[state] for state in (MailState.REFUSED, MailState.UNKNOWN, MailState.DROPPED)):
            say(f"  Stay        {lost:,} whom the mail did not reach, or nobody knows: that is no answer")
        return bool(plan.unanswered) and (yes or click.confirm("Send them nothing more?"))

    suppressed = finish_reconfirmation(publication, after, confirm)
    if suppressed:
        say(f"{format_count(suppressed, 'reader')} get nothing more. To undo it: {_UNDO}", style="bold green")
        return 0
    say("Nobody was suppressed.")
    return 1 if seen and seen[0].unanswered else 0


def _undo(publication: OpenPublication, *, yes: bool) -> int:
    """Undo the newest finish, as a person agrees to; return the exit status."""
    seen: list[int] = []

    def confirm(name: str, readers: int) -> bool:
        seen.append(readers)
        say(f"On {name[:10]}, {format_count(readers, 'reader')} were suppressed who had not answered.", style="bold")
        return yes or click.confirm("Send to them again?")

    lifted = undo_finish(publication, confirm)
    if not seen:
        say("There is nothing to undo.")
        return 0
    if not lifted:
        say("Nothing was undone.")
        return 1
    say(f"{format_count(lifted, 'reader')} can get mail again.", style="bold green")
    return 0
