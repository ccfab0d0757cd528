"""newsletter send"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from newsletter import backends
from newsletter.cli.output import console, say, short
from newsletter.cli.report import show_report
from newsletter.cli.state import opened_store
from newsletter.delivery import ledger
from newsletter.delivery.campaign import carry_out, sole_sender, write_messages
from newsletter.delivery.plan import Changes, Plan, plan_dry_run, plan_send
from newsletter.delivery.record import write_record
from newsletter.delivery.run import OnProgress
from newsletter.delivery.status import Stage, stage_of
from newsletter.delivery.testing import send_test, testers, told
from newsletter.editions import Press
from newsletter.errors import ConfigError, DecisionNeeded, DeliveryError, DraftError, ListError, counted
from newsletter.issue.draft import Draft, read_draft, require_issue
from newsletter.issue.skeleton import unwritten
from newsletter.mail.message import Outcome
from newsletter.scaffold import unwritten_settings
from newsletter.store import Store
from newsletter.workspace import Workspace, find_workspace

_TESTERS = "testers"


@click.command()
@click.argument("draft", required=False)
@click.option("--yes", is_flag=True, help="Send without asking; names the draft.")
@click.option(
    "--test",
    "tests",
    multiple=True,
    metavar="ADDRESS",
    help="Send it, marked [TEST], to this address alone; may be repeated. "
    f"'{_TESTERS}' means those in newsletter.toml.",
)
@click.option("--dry-run", is_flag=True, help="Write every message as a file; send nothing.")
@click.option("--list", "list_file", type=click.Path(dir_okay=False, path_type=Path), help="Another subscriber list.")
@click.option("--tag", default="", help="Only readers with this tag; the others can follow later.")
@click.option("--continue", "continue_", is_flag=True, help="The draft has changed: send the text as it was.")
@click.option("--with-changes", is_flag=True, help="The draft has changed: send the new text to those still waiting.")
def send(
    draft: str | None,
    yes: bool,
    tests: tuple[str, ...],
    dry_run: bool,
    list_file: Path | None,
    tag: str,
    continue_: bool,
    with_changes: bool,
) -> None:
    """Send an issue to its readers: shows what will happen, and asks. Sends to nobody twice.

    Run it again after it was stopped, and it goes on where it was.
    """
    if continue_ and with_changes:
        raise click.UsageError("--continue and --with-changes are two ways to go on: choose one.")
    if tests and dry_run:
        raise click.UsageError("--test sends to the testers, --dry-run sends nothing: choose one.")
    workspace = find_workspace(Path.cwd())
    _ = workspace.config  # its mistakes first
    store = opened_store(workspace)
    found = read_draft(_chosen(workspace, store, draft, yes))
    press = Press.of(workspace)
    list_path = list_file or workspace.subscribers
    if tests:
        _send_tests(workspace, press, found, tests, list_path)
    elif dry_run:
        plan = plan_dry_run(store, press, found, list_path=list_path, tag=tag)
        folder = workspace.build(found.path.stem) / "dry-run"
        count = write_messages(plan, folder)
        say(f"{counted(count, 'message')} in {short(folder)}. Nothing was sent.")
    else:
        changes = Changes.CONTINUE if continue_ else Changes.TAKE_OVER if with_changes else Changes.ASK
        with sole_sender(store, found.path.stem):
            _send(workspace, store, press, found, list_path, tag, changes, yes)


def _chosen(workspace: Workspace, store: Store, name: str | None, yes: bool) -> Path:
    """The draft named, or the one that has not been sent; never a guess with --yes."""
    if name is not None:
        return workspace.find_draft(name)
    if yes:
        raise click.UsageError("With --yes, name the draft: newsletter send 2.10 --yes")
    unsent = [
        path
        for path in workspace.draft_paths()
        if stage_of(store, path.stem, workspace.record(path.stem)) is not Stage.SENT
    ]
    if len(unsent) == 1:
        return unsent[0]
    if not unsent:
        raise DraftError("Every draft has been sent.", next_step="Run: newsletter draft new")
    raise DecisionNeeded(
        f"{len(unsent)} drafts have not been sent: {', '.join(path.stem for path in unsent)}.",
        next_step=f"Name one: newsletter send {unsent[-1].stem}",
    )


def _send(
    workspace: Workspace,
    store: Store,
    press: Press,
    found: Draft,
    list_path: Path,
    tag: str,
    changes: Changes,
    yes: bool,
) -> None:
    name = found.path.stem
    record = workspace.record(name)
    _refuse_examples(workspace, found)
    plan = plan_send(store, press, found, record=record, list_path=list_path, tag=tag, changes=changes)
    if not plan.to_send and plan.wave is None:
        _nothing_to_send(workspace, store, plan)
    backend = backends.load(workspace.config.send.backend, workspace.config, workspace.root)
    _show_plan(workspace, plan, list_path)
    if found.issue:
        say(f"  Dated     {found.issue.date:%A}, {found.issue.date}")
    if not yes:
        _ask()
    try:
        with _progress(plan.to_send) as on_progress:
            carry_out(store, plan, backend, record, on_progress, _say_stopping)
    except DeliveryError as error:
        show_report(store, workspace, name)
        next_step = f"{error.next_step}\nTo go on: newsletter send {name}".strip()
        raise DeliveryError(error.message, next_step=next_step) from error
    status = show_report(store, workspace, name)
    if ledger.counts(store, name).waiting:
        say(f"To go on: newsletter send {name}", style="bold")
    sys.exit(status)


def _refuse_examples(workspace: Workspace, found: Draft) -> None:
    """What `draft new` and `init` wrote for the editor to replace is not for readers' eyes."""
    if found.issue and (texts := unwritten(found.issue)):
        raise DraftError(
            f"{len(texts)} texts of {found.path.name} are still the example's, such as {texts[0]!r}.",
            next_step="Write them, or take the items out.",
        )
    if settings := unwritten_settings(workspace.config):
        raise ConfigError(
            f"newsletter.toml still has the example's {', '.join(settings)}.",
            next_step="Write your own: readers see these, answer to them, and leave by them.",
        )


def _nothing_to_send(workspace: Workspace, store: Store, plan: Plan) -> None:
    """Say so, and put the record right in case a crash or a careless hand has touched it."""
    campaign = plan.campaign
    ledger.finish_run(store, campaign.issue)
    write_record(workspace.record(campaign.issue), store, campaign.issue)
    done = f"was cancelled on {campaign.cancelled_at[:10]}" if campaign.cancelled_at else "has been sent already"
    say(f"{campaign.issue} {done}; nothing is sent now.", style="bold")
    if plan.text_changed:
        say("The draft has changed since. Corrections to what readers have belong into the next issue.")
    sys.exit(show_report(store, workspace, campaign.issue))


def _ask() -> None:
    if not click.confirm("Send it now?"):
        say("Nothing was sent.")
        sys.exit(1)


def _say_stopping() -> None:
    console(err=True).print("Finishing the messages in hand. Ctrl-C again ends at once.")


def _show_plan(workspace: Workspace, plan: Plan, list_path: Path) -> None:
    config = workspace.config
    say(f"{config.publication.title} Vol. {plan.campaign.issue}", style="bold")
    say(f"  Subject   {plan.sample.shown('Subject')}")
    say(f"  From      {plan.sample.shown('From')}")
    readers = plan.readers
    if readers is not None:
        tagged = f" tagged {plan.wave}" if plan.wave else ""
        added = len(plan.entries) - readers.suppressed_count
        say(f"  To        {counted(added, 'reader')} of {short(list_path)}{tagged}")
        if readers.suppressed_count:
            say(f"  Left out  {readers.suppressed_count:,} who asked to leave or can't be reached (suppressed)")
        if readers.unusable:
            hint = f"newsletter subscribers check {short(list_path)}"
            say(f"  Left out  {counted(readers.unusable, 'row')} that can't be used; see them: {hint}")
        if readers.duplicates:
            say(f"  Left out  {counted(readers.duplicates, 'row')} with an address that stands there before")
        for tag in plan.tags_without_readers:
            say(f"  Note      no reader here has the tag {tag!r}, which items are only for", style="yellow")
    if plan.waiting and readers is None:
        say(f"  To        the list as it was frozen; {short(list_path)} is not read again")
    if plan.waiting:
        say(f"  Going on  {counted(plan.waiting, 'reader')} of the frozen list still to be tried")
    if plan.text_changed:
        say("  Text      " + ("as it is now" if plan.takes_over else "as it was when the sending began"))
    name = config.send.backend
    place = getattr(config.backends[name], "host", "")
    say(f"  Through   {name}{f' at {place}' if place else ''}")


@contextmanager
def _progress(total: int) -> Iterator[OnProgress]:
    """A bar with rate and time left on a terminal; nothing when piped."""
    columns = (
        TextColumn("Sending"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console(err=True), transient=True, disable=not console(err=True).is_terminal
    ) as bar:
        task = bar.add_task("", total=total, pace="")

        def on_progress(tally: Counter[Outcome]) -> None:
            speed = bar.tasks[task].speed
            bar.update(task, completed=tally.total(), pace=f"{speed:,.0f}/s" if speed else "")

        yield on_progress


def _send_tests(workspace: Workspace, press: Press, found: Draft, tests: tuple[str, ...], list_path: Path) -> None:
    issue = require_issue(found)
    named = (workspace.config.send.testers if test == _TESTERS else (test,) for test in tests)
    addresses = list(dict.fromkeys(chain.from_iterable(named)))
    if not addresses:
        raise ListError(
            "newsletter.toml names no testers.", next_step='Add testers = ["you@example.org"] under [send].'
        )
    backend = backends.load(workspace.config.send.backend, workspace.config, workspace.root)
    receipts = asyncio.run(send_test(press, issue, backend, testers(addresses, list_path)))
    for receipt in receipts:
        say(told(issue, receipt))
    sys.exit(0 if all(receipt.outcome is Outcome.ACCEPTED for receipt in receipts) else 1)
