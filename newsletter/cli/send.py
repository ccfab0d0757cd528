"""The commands `newsletter send` and `newsletter retry`."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from newsletter.actions.dry_run import DryRun
from newsletter.actions.dry_run import dry_run as write_dry_run
from newsletter.actions.freeze_plan import SendTime
from newsletter.actions.probe import probe_server
from newsletter.actions.send import Proposal, SendOutcome, SendResult, read_draft_to_send
from newsletter.actions.send import send as send_issue
from newsletter.actions.send_in_ci import RunnerOrder
from newsletter.actions.send_test import TESTERS
from newsletter.actions.send_test import send_test as send_to_testers
from newsletter.actions.server_limits import find_warm_up
from newsletter.actions.status import find_unsent_draft
from newsletter.campaigns.options import Changes, SendOptions
from newsletter.cli.context import open_publication
from newsletter.cli.findings import show_findings
from newsletter.cli.output import say, shorten
from newsletter.cli.reader_languages import count_in_languages
from newsletter.cli.report import show_summary
from newsletter.cli.send_in_ci import read_record_wish, send_as_runner
from newsletter.cli.send_progress import ReportedProgress
from newsletter.cli.sending import list_is_right, nobody_left, show_plan, show_warm_up
from newsletter.clock import describe_distance, format_moment, parse_duration, parse_moment
from newsletter.issue.draft import Draft
from newsletter.jobs.job_queue import count_workers
from newsletter.ledger.states import State
from newsletter.publication import OpenPublication
from newsletter.sending.refusals import TooManyRefused
from newsletter.text import format_count, format_size

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
    help=f"Send it, marked [TEST], to this address alone; may be repeated. '{TESTERS}' means those in newsletter.toml.",
)
@click.option("--language", default="", metavar="TAG", help="With --test: in this language alone, such as ja.")
@click.option("--dry-run", is_flag=True, help="Write every message as a file; send nothing.")
@click.option("--probe", is_flag=True, help="With --dry-run: log in at the mail server and ask what it takes.")
@click.option("--list", "list_file", type=click.Path(dir_okay=False, path_type=Path), help="Another subscriber list.")
@click.option("--tag", default="", help="Only readers with this tag; the others can follow later.")
@click.option("--to-new", is_flag=True, help="To readers who came onto the list since, and those who still wait.")
@click.option("--at", metavar="MOMENT", help='Later, by the outbox: "tomorrow 9am", "2026-12-01 09:00", "in 1 hour".')
@click.option("--expires", metavar="DURATION", help="With --at: not at all when it is later than that, such as 2h.")
@click.option("--continue", "continue_", is_flag=True, help="The draft has changed: send the text as it was.")
@click.option("--with-changes", is_flag=True, help="The draft has changed: send the new text to those still waiting.")
@click.option("--ci", is_flag=True, help="For a runner: never ask, send the one issue that is approved and unsent.")
@click.option("--due", is_flag=True, help="With --ci: what is due in the outbox, and what a stopped run has left.")
@click.option(
    "--record",
    default="commit",
    metavar="HOW",
    help="With --ci: what becomes of the sent record: commit (and push), patch=FILE, or none.",
)
@click.option("--detach", is_flag=True, help="Leave it to the workers that run, and do not wait for them.")
@_despite_problems
@nobody_left
@list_is_right
def send(
    draft: str | None,
    yes: bool,
    tests: tuple[str, ...],
    language: str,
    dry_run: bool,
    probe: bool,
    list_file: Path | None,
    tag: str,
    to_new: bool,
    at: str | None,
    expires: str | None,
    continue_: bool,
    with_changes: bool,
    ci: bool,
    due: bool,
    record: str,
    detach: bool,
    despite_problems: bool,
    nobody_left: bool,
    list_is_right: bool,
) -> None:
    """Send an issue to its readers: shows what will happen, and asks. Sends to nobody twice.

    Run it again after it was stopped, and it goes on where it was. Where `newsletter worker` runs, on whatever machine,
    the workers send it, and this shows how far they are: Ctrl-C stops them, and a closed terminal does not.
    """
    changes = _choose_changes(continue_, with_changes)
    if tests and dry_run:
        raise click.UsageError("--test sends to the testers, --dry-run sends nothing: choose one.")
    if (tests or dry_run) and (at or to_new):
        raise click.UsageError("--test and --dry-run go with neither --at nor --to-new.")
    if language and not tests:
        raise click.UsageError("--language goes with --test: an issue is sent in all its languages.")
    if probe and not dry_run:
        raise click.UsageError("--probe goes with --dry-run: neither sends anything.")
    if detach and (tests or dry_run or at):
        raise click.UsageError("--detach goes with none of --test, --dry-run and --at.")
    if expires and not at:
        raise click.UsageError("--expires goes with --at.")
    if not ci and (due or record != "commit"):
        raise click.UsageError("--due and --record go with --ci.")
    if ci:
        refused = (yes, tests, dry_run, list_file, tag, to_new, continue_, with_changes, detach, despite_problems,
                   nobody_left, list_is_right)  # fmt: skip
        if any(refused) or (due and (draft or at)):
            raise click.UsageError("--ci goes with the name of an issue, --at, --expires and --record; or with --due.")
        wish = read_record_wish(record)
        publication = open_publication()
        time = None if at is None else _send_time(publication, at, expires, datetime.now(UTC))
        sys.exit(send_as_runner(publication, RunnerOrder(name=draft, due=due, time=time, record=wish)))
    publication = open_publication()
    asked = datetime.now(UTC)
    time = _send_time(publication, at, expires, asked) if at is not None else None
    if not tests:
        _ = publication.store  # made, or upgraded, before a draft is read
    if draft is None and yes:
        raise click.UsageError("With --yes, name the draft: newsletter send 2.10 --yes")
    options = SendOptions(
        tag=tag,
        changes=changes,
        to_new=to_new,
        list_file=list_file,
        despite_problems=despite_problems or not yes,  # without --yes the question names them
        nobody_left=nobody_left,
        list_is_right=list_is_right,
        detached=detach,
    )
    if draft is None:
        found = find_unsent_draft(publication)
    else:
        found = publication.draft(draft) if tests or dry_run else read_draft_to_send(publication, draft, options)
    if tests:
        _send_tests(publication, found, tests, list_file, language)
    elif dry_run:
        _dry_run(publication, found, options, probe=probe)
    else:
        _send(publication, found, options, yes=yes, time=time, asked=asked)


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
@list_is_right
def retry(
    draft: str,
    states: tuple[str, ...],
    yes: bool,
    continue_: bool,
    with_changes: bool,
    despite_problems: bool,
    nobody_left: bool,
    list_is_right: bool,
) -> None:
    """Try readers again whom the server would not have: refused ones once the cause is mended, deferred ones now.

    Others who still wait are tried with them.
    """
    changes = _choose_changes(continue_, with_changes)
    publication = open_publication()
    _ = publication.store
    options = SendOptions(
        changes=changes,
        retried=[State(state) for state in states],
        despite_problems=despite_problems or not yes,
        nobody_left=nobody_left,
        list_is_right=list_is_right,
    )
    _send(publication, read_draft_to_send(publication, draft, options), options, yes=yes)


def _choose_changes(continue_: bool, with_changes: bool) -> Changes:
    if continue_ and with_changes:
        raise click.UsageError("--continue and --with-changes are two ways to go on: choose one.")
    if continue_:
        return Changes.CONTINUE
    return Changes.TAKE_OVER if with_changes else Changes.ASK


def _send_time(publication: OpenPublication, at: str, expires: str | None, asked: datetime) -> SendTime:
    """Return when it is to leave; `asked` is when a distance such as "in 1 hour" begins."""
    due = parse_moment(at, ZoneInfo(publication.config.publication.timezone), asked)
    return SendTime(due=due, expires=due + parse_duration(expires or "1d"))


def _send(
    publication: OpenPublication,
    draft: Draft,
    options: SendOptions,
    *,
    yes: bool,
    time: SendTime | None = None,
    asked: datetime | None = None,
) -> None:
    """Send it or leave it to the outbox, after showing the plan and asking; exit with the command's status."""

    def show(proposal: Proposal) -> None:
        issue = proposal.draft.issue
        label = publication.edition_context.label(issue) if issue else ""
        show_plan(publication.workspace, proposal.plan, proposal.list_file, label)
        show_warm_up(find_warm_up(publication), proposal.plan)
        show_findings(proposal.findings.findings)

    def confirm(proposal: Proposal) -> bool:
        if issue := proposal.draft.issue:
            say(f"  Dated     {issue.date:%A}, {issue.date}")
        if time and asked:
            zone = ZoneInfo(publication.config.publication.timezone)
            due, expires = format_moment(time.due, zone), format_moment(time.expires, zone)
            say(f"  At        {due}, {describe_distance(time.due, asked)}; not after {expires}")
        return yes or _agree("Put it into the outbox" if time else "Send it now", proposal.problems)

    progress = ReportedProgress(publication)
    result = send_issue(
        publication,
        draft,
        options,
        confirm=confirm,
        confirm_refusals=None if yes else _confirm_refusals,
        observer=progress,
        on_proposal=show,
        time=time,
    )
    sys.exit(_show_result(publication, result, options))


def _show_result(publication: OpenPublication, result: SendResult, options: SendOptions) -> int:
    """Print how it ended; return the exit status. What a run did was reported when it ended."""
    issue, plan = result.issue, result.plan
    campaign = plan and plan.campaign
    match result.outcome:
        case SendOutcome.NOBODY:
            who = "came onto the list since" if options.to_new else f"is {' or '.join(options.retried)}, or waits"
            say(f"{issue}: nobody {who}. Nothing is sent.", style="bold")
            return 0
        case SendOutcome.NOTHING_LEFT:
            done = (
                f"was cancelled on {campaign.cancelled_at:%Y-%m-%d}"
                if campaign and campaign.cancelled_at
                else "has been sent already"
            )
            say(f"{issue} {done}; nothing is sent now.", style="bold")
            if plan and plan.text_changed:
                say(f"The draft has changed since. To tell its readers: newsletter draft new --correction {issue}")
            show_summary(publication, issue)
        case SendOutcome.DECLINED:
            return 1
        case SendOutcome.SCHEDULED:
            leaves = (
                "a worker sends it then"
                if count_workers(publication.store)
                else ("it leaves when `newsletter outbox run` is called then")
            )
            say(f"It is in the outbox, and {leaves}.", style="bold green")
            return 1 if result.unusable else 0
        case SendOutcome.HANDED_OVER:
            say("Workers send it now, and go on when this terminal is closed.", style="bold green")
            say(f"To see how far they are, and to stop them with Ctrl-C: newsletter send {issue}")
            return 1 if result.unusable else 0
        case SendOutcome.STOPPED:
            say(f"To go on: newsletter send {issue}", style="bold")
            return 1
        case SendOutcome.DELIVERED:
            if result.counts.waiting:
                say(f"To go on: newsletter send {issue}", style="bold")
    return 0 if result.complete else 1


def _agree(question: str, problems: int) -> bool:
    agreed = click.confirm(
        f"{question} all the same, with {format_count(problems, 'problem')}?" if problems else f"{question}?"
    )
    if not agreed:
        say("Nothing was sent.")
    return agreed


def _confirm_refusals(error: TooManyRefused) -> bool:
    say(error.message, style="bold yellow")
    return click.confirm("Go on all the same?")


def _dry_run(publication: OpenPublication, draft: Draft, options: SendOptions, *, probe: bool) -> None:
    done = write_dry_run(publication, draft, options)
    say(f"{format_count(done.messages, 'message')} in {shorten(done.folder)}. Nothing was sent.")
    if done.languages:
        say(f"  In {count_in_languages(publication.config, done.languages)}")
    if done.unusable:
        hint = f"newsletter subscribers check {shorten(options.list_file or publication.workspace.subscribers)}"
        say(f"{format_count(done.unusable, 'row')} can't be used; see them: {hint}", style="yellow")
    if probe:
        # After the messages are written and told of: a server that is not there is no fault of theirs.
        done = replace(done, probe=probe_server(publication))
        _show_probe(done)
    if done.unusable or done.is_too_large:
        sys.exit(1)


def _show_probe(done: DryRun) -> None:
    if done.probe is None:
        return
    for sentence in done.probe.description:
        say(sentence)
    if done.is_too_large and (limit := done.probe.announced.largest_message):
        say(
            f"The largest message has {format_size(done.largest)} ({done.largest:,} bytes), and the server takes "
            f"{format_size(limit)} ({limit:,} bytes) at most. Use smaller or fewer pictures, or ask whoever runs it.",
            style="bold yellow",
        )
    elif done.messages:
        say(f"The largest message has {format_size(done.largest)}.")


def _send_tests(
    publication: OpenPublication, draft: Draft, tests: tuple[str, ...], list_file: Path | None, language: str
) -> None:
    sent = send_to_testers(publication, draft, tests, list_file, language=language)
    for line in sent.describe():
        say(line)
    if sent.unrecorded:
        raise sent.unrecorded
    sys.exit(0 if sent.accepted else 1)
