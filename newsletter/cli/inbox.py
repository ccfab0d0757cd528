"""newsletter inbox read|undo"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from newsletter.cli.inbox_report import Summary, names, print_json
from newsletter.cli.output import can_ask, console, say, show_problems
from newsletter.cli.store import opened_store
from newsletter.cli.subscribers.opening import open_to_write
from newsletter.config.system_keyring import read_stored_password
from newsletter.errors import ConfigError, DeliveryError
from newsletter.feedback.mail import suppression_batches
from newsletter.feedback.mail.confirmation_message import ConfirmationSender
from newsletter.feedback.mail.processing import (
    DecideSpike,
    FeedbackContext,
    ProcessedMail,
    defer_decision,
    process_mails,
)
from newsletter.feedback.mail.sources import MailSource, open_source
from newsletter.feedback.mail.spike import Spike, SpikeDecision
from newsletter.mail.recipient_tags import RecipientTags
from newsletter.store import Busy, Store
from newsletter.subscribers.configured_source import open_configured_source
from newsletter.subscribers.feedback_events import read_erased
from newsletter.subscribers.secret_keys import find_secret_keys
from newsletter.text import format_count
from newsletter.workspace import Workspace, find_workspace


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
    workspace = find_workspace(Path.cwd())
    config = workspace.config
    if move is not None:
        chosen = {"after": "move" if move else "leave"}
        config = config.model_copy(update={"inbox": config.inbox.model_copy(update=chosen)})
    place = source or _configured(workspace)
    if place is None:
        raise ConfigError(
            "No mailbox is named.",
            next_step="Name one: newsletter inbox read ~/Maildir\n"
            'Or write it into newsletter.toml, under [inbox]: source = "..."',
        )

    def password(host: str, username: str) -> str | None:
        known = config.inbox.password
        return known.get_secret_value() if known else read_stored_password(host, username)

    after = "leave" if dry_run else config.inbox.after
    with ExitStack() as held:
        store = opened_store(workspace)
        if not dry_run:
            held.enter_context(_sole_reading(store))
        opened = held.enter_context(open_source(place, after=after, password=password))
        RecipientTags.from_workspace(workspace)  # without the keys that it asks for, nothing could be proved
        keys = find_secret_keys(workspace)
        read_erased(store, keys)  # refuses when nobody could tell who
        context = FeedbackContext(
            store=store,
            keys=keys,
            config=config,
            source=open_configured_source(workspace, lambda: store),
            confirmation=ConfirmationSender(workspace, keys) if keys else None,
        )
        summary = Summary(dry_run=dry_run, again=again)
        decide = _decision(believed, may_ask=not json_ and can_ask())
        waits = False
        try:
            with _progress(opened, context, decide, dry_run=dry_run, again=again, hidden=json_) as handled:
                if json_:
                    waits = print_json(handled)
                else:
                    summary.gather(handled)
        finally:
            summary.show()
        show_problems(opened.unread, err=True)
        sys.exit(1 if opened.unread or waits or summary.held else 0)


@inbox.command()
@click.option("--since", metavar="MOMENT", help="All readings since then, such as 2026-11-29 or 2026-11-29T18:00.")
@click.option("--yes", is_flag=True, help="Undo without asking.")
def undo(since: str | None, yes: bool) -> None:
    """Undo the suppressions of a reading.

    Whom it suppressed for bounces is mailed again, and who left or complained is not. It is the last such reading, or
    all since a moment.
    """
    found = open_to_write()
    chosen = suppression_batches.list_batches(found.store)
    chosen = chosen[-1:] if since is None else [one for one in chosen if one.name >= _moment(since)]
    readers = {reader for one in chosen for reader in one.subscribers}
    if not readers:
        say("No reading has suppressed anybody for bounces who is suppressed still.")
        return
    when = f"{chosen[0].name[:16].replace('T', ' ')} UTC"
    which = f"{len(chosen):,} readings, the first of {when}, have" if len(chosen) > 1 else f"The reading of {when} has"
    say(f"{which} suppressed {format_count(len(readers), 'reader')} for bounces: {names(readers)}")
    if not yes and not click.confirm("Mail them again?"):
        say("Nothing was undone.")
        sys.exit(1)
    say(
        f"{format_count(suppression_batches.undo_batches(found.store, found.keys, chosen), 'reader')} "
        "can get mail again.",
        style="bold",
    )


def _moment(text: str) -> str:
    """Return a moment that a person wrote in the form that readings are named in. Raises UsageError."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime(suppression_batches.NAME_FORMAT)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"{text!r} is no moment such as 2026-11-29 or 2026-11-29T18:00.") from error


@contextmanager
def _sole_reading(store: Store) -> Iterator[None]:
    """Let no other reading begin: neither would count the other's bounces, and each would move the other's mails."""
    with ExitStack() as held:
        try:
            held.enter_context(store.sole("inbox"))
        except Busy as error:
            raise DeliveryError(
                "Another reading of the inbox is under way.",
                next_step="Wait until it has ended. Then run the same command again.",
            ) from error
        yield


def _decision(believed: bool | None, *, may_ask: bool) -> DecideSpike:
    """Return who decides about too many bounces at once: the flag, else the person at the terminal, else nobody yet."""
    if believed is not None:
        return lambda _spike: SpikeDecision.SUPPRESS if believed else SpikeDecision.IGNORE
    return _asked if may_ask else defer_decision


def _asked(spike: Spike) -> SpikeDecision:
    if spike.bounced:
        say(f"Many bounced at once: {spike.why}.", style="bold yellow")
        say(f"They would get no more mail: {names(spike.subscribers)}")
        say("A provider's fault looks like this, too. Are their mailboxes gone?")
    else:
        say(f"Many mails at once want somebody to leave, and may be forged: {spike.why}.", style="bold yellow")
        say(f"They are in the name of: {names(spike.subscribers)}")
        say("Shall each of them be asked by mail whether they want to leave?")
    answer = click.prompt("yes, no, or later", type=click.Choice(["yes", "no", "later"]), default="later")
    return {"yes": SpikeDecision.SUPPRESS, "no": SpikeDecision.IGNORE}.get(answer, SpikeDecision.LATER)


def _configured(workspace: Workspace) -> str | None:
    """A path in newsletter.toml begins where that file is, as every other path there does."""
    source = workspace.config.inbox.source
    return source if source is None or "://" in source else str(workspace.root / Path(source).expanduser())


@contextmanager
def _progress(
    source: MailSource, context: FeedbackContext, decide: DecideSpike, *, dry_run: bool, again: bool, hidden: bool
) -> Iterator[Iterator[ProcessedMail]]:
    """The mails as they are dealt with, with a bar on a terminal that shows nothing else meanwhile."""
    err = console(err=True)
    columns = (TextColumn("Reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=err, transient=True, disable=not err.is_terminal or (hidden and console().is_terminal)
    ) as bar:
        task = bar.add_task("", total=len(source))

        def decided(spike: Spike) -> SpikeDecision:
            bar.stop()  # a question and a bar don't go together
            return decide(spike)

        def counted_mails() -> Iterator[ProcessedMail]:
            for one in process_mails(context, source, dry_run=dry_run, again=again, decide=decided):
                yield one
                bar.advance(task)

        yield counted_mails()
