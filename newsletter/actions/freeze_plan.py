"""The freezing of a planned send: into the ledger, and there for now, for the outbox, or for workers."""

from dataclasses import dataclass
from datetime import datetime

from newsletter.campaigns.plan import SendPlan
from newsletter.clock import make_instant
from newsletter.jobs.job_queue import defer_outbox, defer_sending
from newsletter.ledger.campaigns import reopen_deliveries
from newsletter.ledger.freeze import freeze_batch, open_freeze, replace_templates
from newsletter.ledger.frozen_lists import note_frozen_list
from newsletter.ledger.handovers import hand_over
from newsletter.ledger.schedule import schedule_campaign
from newsletter.ledger.staging import StagedBatch


@dataclass(frozen=True, kw_only=True)
class SendTime:
    """The moments from which a campaign may leave the outbox, and from which it may no longer; both with a zone."""

    due: datetime
    expires: datetime


def freeze_plan(
    staged: StagedBatch,
    plan: SendPlan,
    time: SendTime | None = None,
    *,
    to_workers: bool = False,
    list_is_right: bool = False,
) -> None:
    """Write the plan into the ledger, all of it or nothing: the new text and recipients, who is to be tried again.

    With `time` the campaign is in the outbox then, and `to_workers` hands it over to them. Raises DecisionNeeded when
    it is no longer as it was planned for.
    """
    issue = plan.campaign.issue
    with open_freeze(staged, issue, plan.known) as connection:
        if plan.retried:
            reopen_deliveries(connection, issue, plan.retried)
        if plan.takes_over:
            replace_templates(
                connection,
                plan.campaign,
                plan.templates,
                plan.assigned,
                choose_language=plan.choose_language,
            )
        if plan.batch is not None:
            freeze_batch(
                connection,
                staged,
                plan.campaign,
                plan.batch.tag,
                plan.templates,
                known=plan.known,
                replaces_campaign=plan.is_new,
                erased=plan.erased.digests,
            )
            note_frozen_list(connection, issue, plan.list_place, plan.list_fingerprint, replaces_campaign=plan.is_new)
        if time:
            moments = (make_instant(at.replace(microsecond=0)) for at in (time.due, time.expires))
            schedule_campaign(connection, issue, *moments)
            defer_outbox(connection, time.due)
        if to_workers:
            hand_over(connection, issue, list_is_right=list_is_right)
            defer_sending(connection, issue)
