"""newsletter send"""

import asyncio
import sys
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from newsletter import backends, ledger
from newsletter.actions.send import schedule, settle_plan, sole_sender, write_messages
from newsletter.actions.send_test import send_test, testers, told
from newsletter.campaigns.approval import approve, rendering_sha256
from newsletter.campaigns.options import Changes, Wish
from newsletter.campaigns.plan import Plan, plan_dry_run, plan_send
from newsletter.campaigns.sent_record import write_record
from newsletter.cli.output import say, short
from newsletter.cli.report import show_report
from newsletter.cli.sending import carry, nobody_left, show_plan, vouch_if
from newsletter.cli.store import opened_store
from newsletter.clock import parse_duration, parse_moment, shown, when
from newsletter.config.example import unwritten_settings
from newsletter.editions import EditionContext
from newsletter.errors import ConfigError, DecisionNeeded, DraftError, ListError, counted
from newsletter.issue.draft import Draft, read_draft, require_issue
from newsletter.issue.skeleton import unwritten
from newsletter.ledger import Staged
from newsletter.ledger.states import State
from newsletter.mail.marks import Marks
from newsletter.mail.message import Outcome
from newsletter.reports.issue_status import Stage, stage_of
from newsletter.sending.run import Rules, signing
from newsletter.store import Store
from newsletter.subscribers.feedback_events import read_erased
from newsletter.subscribers.secret_keys import find_secret_keys
from newsletter.workspace import Workspace, find_workspace

_TESTERS = "testers"
_despite_problems = click.option(
    "--despite-problems", is_flag=True, help="With --yes: send it although `draft check` finds problems."
)


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
@click.option("--to-new", is_flag=True, help="To readers who came onto the list since, and whoever still waits.")
@click.option("--at", metavar="MOMENT", help='Later, by the outbox: "tomorrow 9am", "2026-12-01 09:00", "in 1 hour".')
@click.option("--expires", metavar="DURATION", help="With --at: not at all when it is later than that, such as 2h.")
@click.option("--continue", "continue_", is_flag=True, help="The draft has changed: send the text as it was.")
@click.option("--with-changes", is_flag=True, help="The draft has changed: send the new text to those still waiting.")
@_despite_problems
@nobody_left
def send(
    draft: str | None,
    yes: bool,
    tests: tuple[str, ...],
    dry_run: bool,
    list_file: Path | None,
    tag: str,
    to_new: bool,
    at: str | None,
    expires: str | None,
    continue_: bool,
    with_changes: bool,
    despite_problems: bool,
    nobody_left: bool,
) -> None:
    """Send an issue to its readers: shows what will happen, and asks. Sends to nobody twice.

    Run it again after it was stopped, and it goes on where it was.
    """
    changes = chosen_changes(continue_, with_changes)
    if tests and dry_run:
        raise click.UsageError("--test sends to the testers, --dry-run sends nothing: choose one.")
    if (tests or dry_run) and (at or to_new):
        raise click.UsageError("--test and --dry-run go with neither --at nor --to-new.")
    if expires and not at:
        raise click.UsageError("--expires goes with --at.")
    workspace = find_workspace(Path.cwd())
    later = _later(workspace, at, expires)
    store = opened_store(workspace)
    found = read_draft(_chosen(workspace, store, draft, yes))
    list_path = list_file or workspace.subscribers
    if tests:
        _send_tests(workspace, store, found, tests, list_path)
    elif dry_run:
        with ledger.staged_list(store) as staged:
            erased = read_erased(store, find_secret_keys(workspace))
            plan = plan_dry_run(
                staged, EditionContext.from_workspace(workspace), found, list_path=list_path, tag=tag, erased=erased
            )
            folder = workspace.build(found.path.stem) / "dry-run"
            count = write_messages(staged, plan, Marks.of(workspace), folder)
        say(f"{counted(count, 'message')} in {short(folder)}. Nothing was sent.")
        if plan.campaign.left_out:
            hint = f"newsletter subscribers check {short(list_path)}"
            say(f"{counted(plan.campaign.left_out, 'row')} can't be used; see them: {hint}", style="yellow")
            sys.exit(1)
    else:
        vouch_if(nobody_left, store, workspace)
        wish = Wish(tag=tag, changes=changes, to_new=to_new)
        status = send_or_schedule(
            workspace, store, found, list_path, wish, yes=yes, despite_problems=despite_problems, later=later
        )
        sys.exit(status)


@click.command()
@click.argument("draft")
@click.option(
    "--state",
    "states",
    multiple=True,
    required=True,
    type=click.Choice([State.DEFERRED.value, State.REFUSED.value]),
    help="Whom to try again: those put off, those turned away; may be repeated.",
)
@click.option("--yes", is_flag=True, help="Send without asking.")
@click.option("--continue", "continue_", is_flag=True, help="The draft has changed: send the text as it was.")
@click.option("--with-changes", is_flag=True, help="The draft has changed: send them the new text.")
@_despite_problems
@nobody_left
def retry(
    draft: str,
    states: tuple[str, ...],
    yes: bool,
    continue_: bool,
    with_changes: bool,
    despite_problems: bool,
    nobody_left: bool,
) -> None:
    """Try readers again whom the server would not have: refused ones once the cause is mended, deferred ones now.

    Whoever else still waits is tried with them.
    """
    changes = chosen_changes(continue_, with_changes)
    workspace = find_workspace(Path.cwd())
    store = opened_store(workspace)
    found = read_draft(workspace.find_draft(draft))
    vouch_if(nobody_left, store, workspace)
    wish = Wish(changes=changes, retried=[State(state) for state in states])
    status = send_or_schedule(
        workspace, store, found, workspace.subscribers, wish, yes=yes, despite_problems=despite_problems
    )
    sys.exit(status)


def chosen_changes(continue_: bool, with_changes: bool) -> Changes:
    if continue_ and with_changes:
        raise click.UsageError("--continue and --with-changes are two ways to go on: choose one.")
    return Changes.CONTINUE if continue_ else Changes.TAKE_OVER if with_changes else Changes.ASK


def _chosen(workspace: Workspace, store: Store, name: str | None, yes: bool) -> Path:
    """The draft named, or the one that has not been sent; never a guess with --yes."""
    if name is not None:
        return workspace.find_draft(name)
    if yes:
        raise click.UsageError("With --yes, name the draft: newsletter send 2.10 --yes")
    unsent = [
        path
        for path in workspace.draft_paths()
        if stage_of(store, path.stem, workspace.record(path.stem)) not in (Stage.SENT, Stage.CANCELLED)
    ]
    if len(unsent) == 1:
        return workspace.find_draft(str(unsent[0]))
    if not unsent:
        raise DraftError("Every draft has been sent.", next_step="Run: newsletter draft new")
    raise DecisionNeeded(
        f"{len(unsent)} drafts have not been sent: {', '.join(path.stem for path in unsent)}.",
        next_step=f"Name one: newsletter send {unsent[-1].stem}",
    )


@dataclass(frozen=True, kw_only=True)
class Later:
    """When a send is left to the outbox; `asked` is the moment from which a distance such as "in 1 hour" counts."""

    asked: datetime
    due: datetime
    expires: datetime


def _later(workspace: Workspace, at: str | None, expires: str | None) -> Later | None:
    if at is None:
        return None
    now = datetime.now(UTC)
    due = parse_moment(at, ZoneInfo(workspace.config.publication.timezone), now)
    return Later(asked=now, due=due, expires=due + parse_duration(expires or "1d"))


def send_or_schedule(
    workspace: Workspace,
    store: Store,
    found: Draft,
    list_path: Path,
    wish: Wish,
    *,
    yes: bool,
    despite_problems: bool = False,
    later: Later | None = None,
) -> int:
    """Plan it, show it, ask, and do it; returns the exit status."""
    name = found.path.stem
    record = workspace.record(name)
    _refuse_examples(workspace, found)
    Rules.of(workspace)  # a key that is missing or can't be used is told before anything is frozen
    with sole_sender(store, name):
        with ledger.staged_list(store) as staged:
            plan = plan_send(
                store,
                staged,
                EditionContext.from_workspace(workspace),
                found,
                record=record,
                list_path=list_path,
                wish=wish,
                erased=read_erased(store, find_secret_keys(workspace)),
            )
            if plan.texts and workspace.config.send.require:
                plan = _approved(workspace, store, found, plan)
            if not plan.to_send and (wish.to_new or wish.retried):
                said = "came onto the list since" if wish.to_new else f"is {' or '.join(wish.retried)}, or waits"
                say(f"{name}: nobody {said}. Nothing is sent.", style="bold")
                return 0
            if not plan.to_send and plan.wave is None:
                return _nothing_to_send(workspace, store, plan)
            show_plan(workspace, plan, list_path)
            problems = 0
            if plan.texts:
                problems = _show_findings(workspace, found)
            if not (plan.is_new or plan.takes_over):
                problems = 0  # of a text that others have had already
            if problems and yes and not despite_problems:
                raise DecisionNeeded(
                    f"{name} is not sent: `draft check` finds {counted(problems, 'problem')} in it.",
                    next_step="Mend what is named above. To send it all the same, add --despite-problems.",
                )
            if found.issue:
                say(f"  Dated     {found.issue.date:%A}, {found.issue.date}")
            if later:
                return _schedule(workspace, store, staged, plan, later, yes=yes, problems=problems)
            if not (yes or _agreed("Send it now", problems)):
                return 1
            settle_plan(store, staged, plan)
        return carry(workspace, store, name, ask=not yes)


def _show_findings(workspace: Workspace, found: Draft) -> int:
    """Print what `draft check` would, before the question whether to send; return the number of problems."""
    from newsletter.checks.draft import check_draft
    from newsletter.cli.findings import show_findings

    report = check_draft(workspace, found)
    show_findings(report.findings)
    return len(report.problems)


def _approved(workspace: Workspace, store: Store, found: Draft, plan: Plan) -> Plan:
    """What [send] require asks of a text before its first copy. One that was frozen had it then."""
    if plan.text_changed and not plan.takes_over:
        return plan
    approval = approve(workspace.config.send.require, workspace, store, EditionContext.from_workspace(workspace), found)
    return replace(plan, campaign=replace(plan.campaign, **asdict(approval)))


def _schedule(
    workspace: Workspace, store: Store, staged: Staged, plan: Plan, later: Later, *, yes: bool, problems: int
) -> int:
    zone = ZoneInfo(workspace.config.publication.timezone)
    say(f"  At        {shown(later.due, zone)}, {when(later.due, later.asked)}; not after {shown(later.expires, zone)}")
    if not (yes or _agreed("Put it into the outbox", problems)):
        return 1
    schedule(store, staged, plan, workspace.record(plan.campaign.issue), later.due, later.expires)
    say("It is in the outbox, and leaves when `newsletter outbox run` is called then.", style="bold green")
    return 1 if plan.campaign.left_out else 0


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


def _nothing_to_send(workspace: Workspace, store: Store, plan: Plan) -> int:
    """Say so, and put the record right in case a crash or a careless hand has touched it."""
    campaign = plan.campaign
    ledger.finish_run(store, campaign.issue)
    write_record(workspace.record(campaign.issue), store, campaign.issue)
    done = f"was cancelled on {campaign.cancelled_at[:10]}" if campaign.cancelled_at else "has been sent already"
    say(f"{campaign.issue} {done}; nothing is sent now.", style="bold")
    if plan.text_changed:
        say("The draft has changed since. Corrections to what readers have belong in the next issue.")
    return show_report(store, workspace, campaign.issue)


def _agreed(question: str, problems: int) -> bool:
    agreed = click.confirm(
        f"{question} all the same, with {counted(problems, 'problem')}?" if problems else f"{question}?"
    )
    if not agreed:
        say("Nothing was sent.")
    return agreed


def _send_tests(workspace: Workspace, store: Store, found: Draft, tests: tuple[str, ...], list_path: Path) -> None:
    issue = require_issue(found)
    context = EditionContext.from_workspace(workspace)
    named = (workspace.config.send.testers if test == _TESTERS else (test,) for test in tests)
    addresses = list(dict.fromkeys(chain.from_iterable(named)))
    if not addresses:
        raise ListError(
            "newsletter.toml names no testers.", next_step='Add testers = ["you@example.org"] under [send].'
        )
    backend = backends.load(workspace.config.send.backend, workspace.config, workspace.root)
    sign = signing(workspace)
    text = rendering_sha256(context, issue)
    results = asyncio.run(send_test(context, issue, backend, testers(addresses, list_path), Marks.of(workspace), sign))
    for result in results:
        say(told(issue, result))
    if any(result.outcome is Outcome.ACCEPTED for result in results):
        ledger.note_test(store, issue.name, text)
    sys.exit(0 if all(result.outcome is Outcome.ACCEPTED for result in results) else 1)
