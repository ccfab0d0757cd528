"""The commands `newsletter inbox read` and `undo`."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from newsletter.actions.process_feedback import (
    FeedbackOptions,
    FeedbackRun,
    choose_readers,
    list_undoable,
    process_feedback,
    undo_processing,
)
from newsletter.cli.context import open_publication, open_publications, say_whose
from newsletter.cli.inbox_report import Summary, list_names, print_json
from newsletter.cli.output import can_ask, console, say, show_error, show_problems
from newsletter.errors import NewsletterError
from newsletter.feedback.mail.processing import DecideSpike, defer_decision
from newsletter.feedback.mail.recording import ProcessedMail
from newsletter.feedback.mail.spike import Spike, SpikeDecision
from newsletter.feedback.mail.suppression_batches import NAME_FORMAT
from newsletter.publication import OpenPublication
from newsletter.text import format_count


@click.group()
def inbox() -> None:
    """Mail that comes back: bounces, complaints, and mails of readers who want to leave."""


@inbox.command()
@click.argument("source", required=False)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--json", "json_", is_flag=True, help="Each mail with what is done about it, for scripts.")
@click.option("--move/--leave", "move", default=None, help="Move handled mails into a folder, or leave them.")
@click.option("--again", is_flag=True, help="Look at mails that were handled before, too.")
@click.option("--yes/--no", "believed", default=None, help="Believe what many mails at once say, or don't.")
def read(source: str | None, dry_run: bool, json_: bool, move: bool | None, again: bool, believed: bool | None) -> None:
    """Act on bounces, complaints and mails to leave.

    SOURCE is a Maildir, an mbox, or imaps://user@host/INBOX; [inbox] source when left out.

    Hard bounces, complaints and mails to leave take effect at once, soft bounces when there are too many. A bounce
    with nothing in it out of the reader's own copy may be forged, and is left to you. When a large share of the list
    bounces at once, a provider may have a fault, and you are asked. Each mail is handled once.
    """
    options = FeedbackOptions(mailbox=source, move=move, again=again, dry_run=dry_run)
    decide = _choose_decider(believed, may_ask=not json_ and can_ask())
    publications = choose_readers(open_publications(), source)
    if len(publications) == 1:
        sys.exit(1 if _read_one(publications[0], options, decide, json_=json_) else 0)
    if json_:
        raise click.UsageError("--json is of one publication: newsletter -P NAME inbox read --json")
    remains = False
    for publication in publications:
        say_whose(publication, publications)
        try:
            remains |= _read_one(publication, options, decide, json_=False)
        except NewsletterError as error:  # it keeps no other's mail from being read
            show_error(error)
            remains = True
    sys.exit(1 if remains else 0)


def _read_one(publication: OpenPublication, options: FeedbackOptions, decide: DecideSpike, *, json_: bool) -> bool:
    """Read a publication's mails and print what came of them; return whether anything is left to a person."""
    summary = Summary(dry_run=options.dry_run, again=options.again)
    waits = False
    with _reading_bar(hidden=json_) as bar:

        def decide_without_bar(spike: Spike) -> SpikeDecision:
            bar.stop()  # a question and a bar don't go together
            return decide(spike)

        with process_feedback(publication, options, decide_without_bar) as run:
            try:
                mails = _count_mails(bar, run)
                if json_:
                    waits = print_json(mails)
                else:
                    summary.gather(mails)
            finally:
                bar.stop()
                summary.show()
            show_problems(run.unread, err=True)
            return bool(run.unread or waits or summary.held)


@inbox.command()
@click.option("--since", metavar="MOMENT", help="All readings since then, such as 2026-11-29 or 2026-11-29T18:00.")
@click.option("--yes", is_flag=True, help="Undo without asking.")
def undo(since: str | None, yes: bool) -> None:
    """Undo the suppressions of a reading.

    Whom it suppressed for bounces is mailed again, and who left or complained is not. It is the last such reading, or
    all since a moment.
    """
    publication = open_publication()
    chosen = list_undoable(publication, None if since is None else _moment(since))
    readers = {reader for one in chosen for reader in one.subscribers}
    if not readers:
        say("No reading has suppressed anybody for bounces who is suppressed still.")
        return
    when = f"{chosen[0].name[:16].replace('T', ' ')} UTC"
    which = f"{len(chosen):,} readings, the first of {when}, have" if len(chosen) > 1 else f"The reading of {when} has"
    say(f"{which} suppressed {format_count(len(readers), 'reader')} for bounces: {list_names(readers)}")
    if not yes and not click.confirm("Mail them again?"):
        say("Nothing was undone.")
        sys.exit(1)
    count = format_count(undo_processing(publication, chosen), "reader")
    say(f"{count} can get mail again.", style="bold")


def _moment(text: str) -> str:
    """Return a moment that a person wrote in the form that readings are named in. Raises UsageError."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime(NAME_FORMAT)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"{text!r} is no moment such as 2026-11-29 or 2026-11-29T18:00.") from error


def _choose_decider(believed: bool | None, *, may_ask: bool) -> DecideSpike:
    """Return who decides about too many bounces at once: the flag, else the person at the terminal, else nobody yet."""
    if believed is not None:
        return lambda _spike: SpikeDecision.SUPPRESS if believed else SpikeDecision.IGNORE
    return _ask_about_spike if may_ask else defer_decision


def _ask_about_spike(spike: Spike) -> SpikeDecision:
    if spike.bounced:
        say(f"Many bounced at once: {spike.why}.", style="bold yellow")
        say(f"They would get no more mail: {list_names(spike.subscribers)}")
        say("A provider's fault looks like this, too. Are their mailboxes gone?")
    else:
        say(f"Many mails at once want somebody to leave, and may be forged: {spike.why}.", style="bold yellow")
        say(f"They are in the name of: {list_names(spike.subscribers)}")
        say("Shall each of them be asked by mail whether they want to leave?")
    answer = click.prompt("yes, no, or later", type=click.Choice(["yes", "no", "later"]), default="later")
    return {"yes": SpikeDecision.SUPPRESS, "no": SpikeDecision.IGNORE}.get(answer, SpikeDecision.LATER)


def _reading_bar(*, hidden: bool) -> Progress:
    """Return a bar for mails as they are processed; `hidden` on a terminal that shows something else meanwhile."""
    err = console(err=True)
    columns = (TextColumn("Reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    is_hidden = not err.is_terminal or (hidden and console().is_terminal)
    return Progress(*columns, console=err, transient=True, disable=is_hidden)


def _count_mails(bar: Progress, run: FeedbackRun) -> Iterator[ProcessedMail]:
    task = bar.add_task("", total=len(run.source))
    for mail in run.mails:
        yield mail
        bar.advance(task)
