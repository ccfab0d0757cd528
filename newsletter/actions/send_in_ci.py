"""The sending of an issue by a runner, after a merge or on a schedule: nobody is asked, so that all was said before."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from newsletter.actions.approve import find_issue_approvals
from newsletter.actions.freeze_plan import SendTime
from newsletter.actions.observer import SILENT, SendObserver
from newsletter.actions.reachable_state import OnWait, reaching_state
from newsletter.actions.report import report, write_report_page
from newsletter.actions.run_outbox import run_outbox
from newsletter.actions.send import OnProposal, SendOutcome, SendResult, read_draft_to_send, send
from newsletter.actions.unfinished_issues import find_unfinished
from newsletter.backends import SenderRefused
from newsletter.campaigns.options import Changes, SendOptions
from newsletter.campaigns.record_commits import Committer, RecordCommits
from newsletter.campaigns.sent_record import read_record, write_record
from newsletter.carried_state.carried_state import HoldLost
from newsletter.carried_state.state_taking import look_at_manifest
from newsletter.clock import make_instant
from newsletter.config.settings import Requirement
from newsletter.errors import ConfigError, DecisionNeeded, DeliveryError, NewsletterError
from newsletter.issue.draft import Draft, read_draft
from newsletter.issue_name import IssueName, read_issue_name
from newsletter.ledger.campaigns import find_campaign, list_issues
from newsletter.ledger.schedule import hold_campaign, schedule_campaign
from newsletter.ledger.workers import is_being_sent
from newsletter.publication import OpenPublication
from newsletter.reports.campaign_report import CampaignReport, shorten_report
from newsletter.reports.issue_status import IssueStage, find_issue_stage
from newsletter.sending.refusals import QuotaUsedUp, SenderBlocked, TooManyRefused
from newsletter.store import Store

NEEDED: tuple[Requirement, ...] = ("clean-checks", "committed", "approved")
_DAYS_TO_GO_ON = 7  # for readers who wait until the mail server takes others


@dataclass(frozen=True, kw_only=True)
class RecordWish:
    """What is to become of the sent records: committed and pushed, written as a patch, or left in the folder."""

    commits: bool = True
    patch: Path | None = None


@dataclass(kw_only=True)
class RunnerReport:
    """Report of a runner's send: the campaigns that it had in hand, as they are now, and what else there is to say.

    `held` are issues that a person has to look at; `void` unsent ones that were approved as they no longer are, each
    with what is another one by now; `waits_for` is who holds the state, where a later run is to look. `error` is what
    stopped the send, and `record_error` what kept the sent records out of git, which `commit` has otherwise.
    """

    campaigns: list[CampaignReport] = field(default_factory=list)
    pages: list[Path] = field(default_factory=list)
    unusable: int = 0
    scheduled: IssueName | None = None
    waits_for: str = ""
    held: list[IssueName] = field(default_factory=list)
    void: list[tuple[IssueName, str]] = field(default_factory=list)
    records: list[Path] = field(default_factory=list)
    commit: str = ""
    error: NewsletterError | None = None
    record_error: NewsletterError | None = None

    @property
    def is_well(self) -> bool:
        """Whether all is done that was to be done."""
        complete = all(one.counts.complete or self.scheduled for one in self.campaigns)
        is_void = bool(self.void) and not self.campaigns
        return complete and not (self.unusable or self.error or self.record_error or is_void)


@dataclass(frozen=True, kw_only=True)
class RunnerOrder:
    """What a runner is to do: send the named issue, or the one that there is; with `due` what is due, and what waits.

    With `time` it is put into the outbox.
    """

    name: str | None = None
    due: bool = False
    time: SendTime | None = None
    record: RecordWish = RecordWish()


def send_in_ci(
    publication: OpenPublication,
    order: RunnerOrder,
    *,
    observer: SendObserver = SILENT,
    on_proposal: OnProposal = lambda _proposal: None,
    on_wait: OnWait = lambda _held, _left: None,
) -> RunnerReport:
    """Send what is approved and unsent, exactly one issue; go on with what a runner that was killed has begun.

    Stages: demand the gates, reach the state, choose, send, write the report, put the sent records into git. What stops
    the send itself is the report's `error`. Raises ConfigError without the gates, ConfigError and DeliveryError when
    the state is not reachable, DecisionNeeded when there are several issues, and what `send` raises with nothing sent.
    """
    require_gates(publication)
    if order.due and publication.config.ci.state == "branch":
        held = look_at_manifest(publication.workspace)
        now = datetime.now(UTC)
        if held.is_held(now) or not held.is_due(now):
            return RunnerReport(waits_for=held.holder and (held.run or "another machine"))
    with reaching_state(publication, on_wait) as reached:
        done = RunnerReport()
        handled: list[IssueName] = []
        try:
            if order.due:
                handled = _send_due(reached, done, observer, on_proposal)
            elif (chosen := _choose(reached, order.name, done)) is not None:
                handled = [read_issue_name(chosen.path)]
                _send(reached, chosen, order.time, done, observer, on_proposal)
        finally:
            if reached.known_store is not None and (reached.carried is None or reached.carried.is_held):
                _settle_records(reached, handled, order.record, done)
        for issue in handled:
            if (store := reached.known_store) is not None and find_campaign(store, issue) is not None:
                found = report(reached, issue)
                done.campaigns.append(shorten_report(found, domains=0))
                done.pages.append(write_report_page(reached, found))
        return done


def require_gates(publication: OpenPublication) -> None:
    """Raise ConfigError where [send] require lacks what a send without a person needs."""
    require = publication.config.send.require
    lacking = [gate for gate in NEEDED if gate not in require]
    if lacking:
        wanted = ", ".join(f'"{gate}"' for gate in dict.fromkeys([*require, *lacking]))
        raise ConfigError(
            f"Nobody is asked by --ci, and [send] require lacks {' and '.join(lacking)}.",
            next_step=f"Write into newsletter.toml, under [send]: require = [{wanted}]",
        )


def _choose(publication: OpenPublication, name: str | None, done: RunnerReport) -> Draft | None:
    """Return the issue to send; None when there is none. Raises DecisionNeeded for several."""
    if name is not None:
        return read_draft_to_send(publication, name, _make_options(begun=True))
    begun = _find_begun(publication, done)
    approved = [path for path in _list_unsent(publication) if _is_approved(publication, path, done)]
    issues = [*begun, *(read_issue_name(path) for path in approved)]
    if len(issues) > 1:
        told = [*(f"{issue} (half sent)" for issue in begun), *(read_issue_name(path) for path in approved)]
        raise DecisionNeeded(
            f"{len(issues)} issues could be sent: {', '.join(told)}. One is sent at a time.",
            next_step=f"Name one: newsletter send --ci {issues[0]}",
        )
    if begun:
        return read_draft_to_send(publication, begun[0], _make_options(begun=True))
    return read_draft(approved[0]) if approved else None


def _find_begun(publication: OpenPublication, done: RunnerReport) -> Sequence[IssueName]:
    found = find_unfinished(publication.known_store, datetime.now(UTC))
    done.held += found.held
    return found.begun


def _list_unsent(publication: OpenPublication) -> list[Path]:
    workspace, store = publication.workspace, publication.known_store
    return [
        path
        for path in workspace.draft_paths()
        if find_issue_stage(store, read_issue_name(path), workspace.record(path.stem)) is IssueStage.DRAFT
    ]


def _is_approved(publication: OpenPublication, path: Path, done: RunnerReport) -> bool:
    """Return whether an issue is approved as it is now; a draft that can't be rendered is not."""
    try:
        approvals = find_issue_approvals(publication, publication.read_draft(path))
    except ConfigError:
        raise
    except NewsletterError:
        return False
    if not approvals.is_approved:
        done.void += [(approvals.issue, one.void) for one in approvals.approvals if one.void]
    return approvals.is_approved


def _make_options(*, begun: bool) -> SendOptions:
    """Return the options of a send: what was begun goes on with the text that was approved, whatever changed since."""
    return SendOptions(changes=Changes.CONTINUE if begun else Changes.ASK)


def _send(
    publication: OpenPublication,
    draft: Draft,
    time: SendTime | None,
    done: RunnerReport,
    observer: SendObserver,
    on_proposal: OnProposal,
) -> None:
    issue, store = read_issue_name(draft.path), publication.store
    begun = find_campaign(store, issue) is not None
    try:
        result = send(
            publication,
            draft,
            _make_options(begun=begun),
            confirm=lambda _proposal: True,
            observer=observer,
            on_proposal=on_proposal,
            time=time,
        )
        _note_result(result, done)
    except DeliveryError as error:
        # `send` has added how a person goes on by hand, and raises what it was from.
        cause = error.__cause__ if isinstance(error.__cause__, DeliveryError) else error
        if isinstance(cause, HoldLost):
            raise cause from error
        done.error = cause
        if _hold_or_postpone(store, issue, cause):
            done.held.append(issue)


def _note_result(result: SendResult, done: RunnerReport) -> None:
    done.unusable += result.unusable
    if result.outcome is SendOutcome.SCHEDULED:
        done.scheduled = result.issue


def _hold_or_postpone(store: Store, issue: IssueName, error: DeliveryError) -> bool:
    """Let a campaign wait in the outbox until the server takes others; hold what a person has to look at first.

    Returns whether it is held. What may mend itself is neither: the next run goes on with it.
    """
    is_held = isinstance(error, TooManyRefused | SenderBlocked | SenderRefused)
    if find_campaign(store, issue) is None or not (is_held or isinstance(error, QuotaUsedUp)):
        return False
    at = error.wait.next_try if isinstance(error, QuotaUsedUp) else datetime.now(UTC)
    with store.transaction() as connection:
        moments = (make_instant(at), make_instant(at + timedelta(days=_DAYS_TO_GO_ON)))
        schedule_campaign(connection, issue, *moments)
    if is_held:
        hold_campaign(store, issue)
    return is_held


def _send_due(
    publication: OpenPublication, done: RunnerReport, observer: SendObserver, on_proposal: OnProposal
) -> list[IssueName]:
    """Go on with what a runner has begun, and send what is due in the outbox; return the issues that moved."""
    handled = []
    for issue in _find_begun(publication, done):
        if publication.carried is None and is_being_sent(publication.store, issue):
            done.waits_for = "another machine"  # such as the runner of a merge, which is at it right now
            continue
        draft = read_draft_to_send(publication, issue, _make_options(begun=True))
        _send(publication, draft, None, done, observer, on_proposal)
        handled.append(issue)

    def tell(issue: IssueName, result: object, error: NewsletterError | None) -> None:
        del result
        handled.append(issue)
        done.error = done.error or error

    # Late is what another copy of the state may have sent meanwhile; of a carried state there is no other.
    confirm = (lambda _campaign: True) if publication.carried else None
    run_outbox(publication, tell, observer=observer, confirm=confirm)
    return list(dict.fromkeys(handled))


def _settle_records(
    publication: OpenPublication, handled: Sequence[IssueName], wish: RecordWish, done: RunnerReport
) -> None:
    """Bring each sent record that says less than the state up to date, and put those into git."""
    store = publication.store
    for issue in list_issues(store):
        path = publication.record(issue)
        if issue in handled or _is_outdated(store, issue, path):
            write_record(path, store, issue)
            done.records.append(path)
    if not done.records:
        return
    sender = publication.config.sender.from_
    commits = RecordCommits(
        folder=publication.workspace.root,
        committer=Committer(name=sender.name or sender.address, address=sender.address),
    )
    try:
        # First, since a record that says more than the carried state would keep every later runner from it.
        if publication.carried is not None:
            publication.carried.publish()
    except DeliveryError as error:
        done.record_error = error
        return
    names = ", ".join(path.name.removesuffix(".sent.toml") for path in done.records)
    message = f"{publication.config.publication.title}: the sent record of {names}\n"
    try:
        if wish.patch is not None:
            commits.write_patch(done.records, message, wish.patch)
        elif wish.commits:
            done.commit = commits.push(done.records, message)
    except DeliveryError as error:
        done.record_error = error


def _is_outdated(store: Store, issue: IssueName, path: Path) -> bool:
    """Return whether a runner that was killed could not write down all that the state knows."""
    campaign, record = find_campaign(store, issue), read_record(path)
    if campaign is None or (record is not None and record.campaign != campaign.id):
        return False
    if record is None:
        return path.parent.is_dir()
    return (
        record.runs < campaign.runs
        or record.finished < bool(campaign.finished_at)
        or record.cancelled < bool(campaign.cancelled_at)
    )
