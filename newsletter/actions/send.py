"""The sending of an issue: plan it, ask, freeze it, and deliver it now or leave it to the outbox."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from newsletter.actions.deliver import ConfirmRefusals, deliver, sole_sender
from newsletter.actions.freeze_plan import SendTime, freeze_plan
from newsletter.actions.hand_over import follow, is_in_workers_hands, prepare_handover
from newsletter.actions.observer import SILENT, SendObserver
from newsletter.actions.send_request import make_send_request
from newsletter.campaigns.gates import pass_gates
from newsletter.campaigns.options import Changes, SendOptions
from newsletter.campaigns.plan import SendPlan, plan_send
from newsletter.campaigns.sent_record import write_record
from newsletter.campaigns.unknown_campaigns import vouch
from newsletter.checks.draft_report import DraftReport
from newsletter.config.example import find_unwritten_settings
from newsletter.errors import ConfigError, DecisionNeeded, DeliveryError, DraftError
from newsletter.issue.draft import Draft
from newsletter.issue.skeleton import find_unwritten
from newsletter.issue_name import IssueName, read_issue_name
from newsletter.jobs.job_queue import count_workers
from newsletter.ledger.campaigns import close_campaign, find_campaign
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.staging import StagedBatch, stage_recipients
from newsletter.ledger.states import Counts
from newsletter.ledger.workers import LeaseLost
from newsletter.publication import OpenPublication
from newsletter.sending.refusals import TooManyRefused
from newsletter.sending.rules import SendingRules
from newsletter.store import Store
from newsletter.text import format_count


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """All that a person has to know who is asked whether to send: nothing is frozen and nobody is mailed yet.

    `findings` are what a check of the draft found, when its text goes out. `problems` counts those among them that
    keep it back: of a text that others have had already, none does. `time` is when it is to leave, None for now.
    """

    plan: SendPlan
    draft: Draft
    list_file: Path
    findings: DraftReport
    problems: int
    time: SendTime | None = None


class SendOutcome(StrEnum):
    """The ways in which asking for a send can end."""

    DELIVERED = "delivered"  # everyone who waited was tried
    SCHEDULED = "scheduled"
    DECLINED = "declined"  # by the person asked, before anything was frozen
    HANDED_OVER = "handed over"  # to workers, who go on by themselves
    STOPPED = "stopped"  # by the person asked, since too many were refused
    NOBODY = "nobody"  # came onto the list since, or is in the states to be tried again
    NOTHING_LEFT = "nothing left"  # the campaign is at its end


@dataclass(frozen=True, kw_only=True)
class SendResult:
    """Result of a send, with the campaign's recipients by state; `unusable` counts rows of the list left out of it.

    There is no plan where workers were sending the issue already.
    """

    outcome: SendOutcome
    issue: IssueName
    plan: SendPlan | None
    counts: Counts
    unusable: int

    @property
    def complete(self) -> bool:
        """Whether everyone who should have the issue has it, and no row of the list was unusable."""
        return self.counts.complete and not self.unusable


Confirm = Callable[[Proposal], bool]
OnProposal = Callable[[Proposal], None]


def send(
    publication: OpenPublication,
    draft: Draft,
    options: SendOptions,
    *,
    confirm: Confirm,
    confirm_refusals: ConfirmRefusals | None = None,
    observer: SendObserver = SILENT,
    on_proposal: OnProposal = lambda _proposal: None,
    time: SendTime | None = None,
) -> SendResult:
    """Send an issue to everyone who is to get it and has not; nobody gets it twice.

    Stages: plan it, tell `on_proposal`, refuse what has problems, ask `confirm`, freeze it, deliver it. With `time` it
    is frozen for the outbox instead, which delivers it then. Where workers are there (PostgreSQL, `newsletter worker`),
    it is frozen for them, and this shows how far they are. Run it again after it was stopped, and it goes on.

    Raises DraftError, ListError, TemplateError, ConfigError and DecisionNeeded with nothing frozen, and DeliveryError
    when the run had to stop: by then it is recorded who got what.
    """
    store, issue = publication.store, read_issue_name(draft.path)
    _ = publication.carried  # a carried state that is elsewhere is told before anything is frozen
    if options.nobody_left:
        vouch(store, publication.workspace.drafts, complete=True)
    _refuse_examples(publication, draft)
    SendingRules.from_workspace(
        publication.workspace
    )  # a key that is missing or can't be used is told before anything is frozen
    workers = 0 if time else count_workers(store)
    if options.detached and not (workers or time):
        raise DecisionNeeded(
            "No worker is there to leave it to: none was heard of within the last half minute.",
            next_step="Start one: newsletter worker\nOr send it from here, without --detach.",
        )
    if not time and is_in_workers_hands(store, issue):
        return _attach(publication, issue, options, observer, confirm_refusals)
    is_handed_over = False
    with sole_sender(store, issue):
        with _plan(publication, draft, options, observer) as (staged, plan):
            outcome = _propose(publication, draft, options, plan, confirm, on_proposal, time)
            if outcome in (SendOutcome.SCHEDULED, SendOutcome.DELIVERED):
                is_handed_over = bool(workers) and outcome is SendOutcome.DELIVERED
                freeze_plan(staged, plan, time, to_workers=is_handed_over, list_is_right=options.list_is_right)
                if plan.batch is not None:
                    publication.subscriber_source(options.list_file).note_frozen()
        if outcome is SendOutcome.NOTHING_LEFT:
            close_campaign(store, issue)
        if outcome in (SendOutcome.NOTHING_LEFT, SendOutcome.SCHEDULED):
            # Also with nothing left, in case a crash or a careless hand has touched the record.
            write_record(publication.record(issue), store, issue)
        if is_handed_over:
            prepare_handover(publication, issue, list_is_right=options.list_is_right)
        elif outcome is SendOutcome.DELIVERED and not _deliver(
            publication, issue, observer, confirm_refusals, list_is_right=options.list_is_right
        ):
            outcome = SendOutcome.STOPPED
    if is_handed_over:  # the workers have waited for the lock
        outcome = _follow(publication, issue, options, observer, confirm_refusals)
    return _result(store, issue, outcome, plan)


def _attach(
    publication: OpenPublication,
    issue: IssueName,
    options: SendOptions,
    observer: SendObserver,
    confirm_refusals: ConfirmRefusals | None,
) -> SendResult:
    """Show how far workers are with an issue that was handed over before. Raises DeliveryError for further wishes."""
    if options.to_new or options.retried or options.tag or options.changes is not Changes.ASK:
        raise DeliveryError(
            f"Workers are sending {issue} right now.",
            next_step=f"Wait until they are through. newsletter send {issue} shows how far they are, and Ctrl-C there "
            "stops them.",
        )
    return _result(
        publication.store, issue, _follow(publication, issue, options, observer, confirm_refusals), plan=None
    )


def _follow(
    publication: OpenPublication,
    issue: IssueName,
    options: SendOptions,
    observer: SendObserver,
    confirm_refusals: ConfirmRefusals | None,
) -> SendOutcome:
    """Follow the workers to their end, and add to an error that the same command goes on; or leave them to it."""
    if options.detached:
        return SendOutcome.HANDED_OVER
    with _saying_how_to_go_on(issue):
        went_on = follow(publication, issue, observer, confirm_refusals, list_is_right=options.list_is_right)
    return SendOutcome.DELIVERED if went_on else SendOutcome.STOPPED


def read_draft_to_send(publication: OpenPublication, name: str | None, options: SendOptions) -> Draft:
    """Return the draft to send; where its frozen text goes on, one that is gone is an empty one of that name.

    Raises DraftError when there is none, with the way to go on where readers wait for its frozen text.
    """
    try:
        return publication.draft(name)
    except DraftError as error:
        issue = IssueName(Path(name or "").name.removesuffix(".yaml"))
        path = publication.workspace.drafts / f"{issue}.yaml"
        store = publication.known_store
        campaign = find_campaign(store, issue) if store and not path.exists() else None
        if campaign is None or (campaign.finished_at and not (options.to_new or options.retried)):
            raise
        if options.changes is Changes.CONTINUE:
            return Draft(path, "", None, ())
        raise DraftError(
            error.message,
            next_step=f"{error.next_step}\nWas it renamed? {options.command(issue)} --continue     the text as "
            "it was, for everyone left",
        ) from error


@contextmanager
def _plan(
    publication: OpenPublication, draft: Draft, options: SendOptions, observer: SendObserver
) -> Iterator[tuple[StagedBatch, SendPlan]]:
    """Yield the plan, with the list's new recipients staged; what is not frozen meanwhile is forgotten."""
    store = publication.store
    with stage_recipients(store) as staged:
        request = make_send_request(publication, draft, options, staged)
        plan = plan_send(store, publication.record(read_issue_name(draft.path)), request, observer.waiting_for_lease)
        require = publication.config.send.require
        # What is asked of a text before its first copy, one that was frozen had then.
        if plan.templates and require and (plan.takes_over or not plan.text_changed):
            clearance = pass_gates(require, publication.workspace, store, request.texts)
            plan = replace(plan, campaign=replace(plan.campaign, **asdict(clearance)))
        yield staged, plan


def _propose(
    publication: OpenPublication,
    draft: Draft,
    options: SendOptions,
    plan: SendPlan,
    confirm: Confirm,
    on_proposal: OnProposal,
    time: SendTime | None,
) -> SendOutcome:
    """Return what is to be done about the plan: DELIVERED or SCHEDULED when it is agreed to."""
    if not plan.to_send and (options.to_new or options.retried):
        return SendOutcome.NOBODY
    if not plan.to_send and plan.batch is None:
        return SendOutcome.NOTHING_LEFT
    proposal = _proposal(publication, draft, options, plan, time)
    on_proposal(proposal)
    if proposal.problems and not options.despite_problems:
        raise DecisionNeeded(
            f"{draft.path.stem} is not sent: `draft check` finds {format_count(proposal.problems, 'problem')} in it.",
            next_step="Mend what is named above. To send it all the same, add --despite-problems.",
        )
    if not confirm(proposal):
        return SendOutcome.DECLINED
    return SendOutcome.SCHEDULED if time else SendOutcome.DELIVERED


def _proposal(
    publication: OpenPublication, draft: Draft, options: SendOptions, plan: SendPlan, time: SendTime | None
) -> Proposal:
    report = DraftReport()
    if plan.templates:
        from newsletter.checks.draft_checks import check_draft

        report = check_draft(publication.workspace, draft)
    is_first = plan.is_new or plan.takes_over
    return Proposal(
        plan=plan,
        draft=draft,
        list_file=publication.subscriber_source(options.list_file).place,
        findings=report,
        problems=len(report.problems) if is_first else 0,
        time=time,
    )


def _deliver(
    publication: OpenPublication,
    issue: IssueName,
    observer: SendObserver,
    confirm_refusals: ConfirmRefusals | None,
    *,
    list_is_right: bool,
) -> bool:
    """Deliver it, and add to an error that the same command goes on."""
    with _saying_how_to_go_on(issue):
        return deliver(publication, issue, observer, confirm_refusals, list_is_right=list_is_right)


@contextmanager
def _saying_how_to_go_on(issue: IssueName) -> Iterator[None]:
    try:
        yield
    except LeaseLost:
        raise  # another process goes on
    except DeliveryError as error:
        again = f"To go on{' all the same' if isinstance(error, TooManyRefused) else ''}: newsletter send {issue}"
        raise DeliveryError(error.message, next_step=f"{error.next_step}\n{again}".strip()) from error


def _result(store: Store, issue: IssueName, outcome: SendOutcome, plan: SendPlan | None) -> SendResult:
    campaign = find_campaign(store, issue)
    return SendResult(
        outcome=outcome,
        issue=issue,
        plan=plan,
        counts=count_deliveries(store, issue),
        unusable=campaign.left_out if campaign else 0,
    )


def _refuse_examples(publication: OpenPublication, draft: Draft) -> None:
    """Refuse what `draft new` and `init` wrote for the editor to replace. Raises DraftError and ConfigError."""
    if draft.issue and (texts := find_unwritten(draft.issue)):
        raise DraftError(
            f"{len(texts)} texts of {draft.path.name} are still the example's, such as {texts[0]!r}.",
            next_step="Write them, or take the items out.",
        )
    if settings := find_unwritten_settings(publication.config):
        raise ConfigError(
            f"newsletter.toml still has the example's {', '.join(settings)}.",
            next_step="Write your own: readers see these, answer to them, and leave by them.",
        )
