"""The list of what is in the outbox: each campaign, its state, who waits, and whether its draft has changed since."""

from dataclasses import dataclass
from datetime import datetime

from newsletter.campaigns.issue_texts import hash_drafts
from newsletter.issue.draft import read_draft
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.schedule import list_scheduled
from newsletter.publication import OpenPublication
from newsletter.schedule.schedule_state import ScheduleState, find_schedule_state
from newsletter.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class ScheduledIssue:
    """A campaign in the outbox; `draft_changed` says whether its draft differs from what was frozen and will leave."""

    campaign: Campaign
    state: ScheduleState
    waiting: int
    draft_changed: bool


def list_outbox(publication: OpenPublication, now: datetime) -> list[ScheduledIssue]:
    """Return what is in the outbox, the earliest first, each in its state at `now`."""
    store = publication.known_store
    if store is None:
        return []
    campaigns = (campaign for issue in list_scheduled(store) if (campaign := find_campaign(store, issue)))
    return [
        ScheduledIssue(
            campaign=campaign,
            state=state,
            waiting=count_deliveries(store, campaign.issue).waiting,
            draft_changed=_has_changed(publication.workspace, campaign),
        )
        for campaign in campaigns
        if (state := find_schedule_state(store, campaign, now))
    ]


def _has_changed(workspace: Workspace, campaign: Campaign) -> bool:
    """Return whether the draft, or a translation, differs from what was frozen; one that is gone says nothing."""
    paths = (path for path in workspace.draft_paths() if path.stem == campaign.issue)
    return any(hash_drafts(workspace, read_draft(path)) != campaign.draft_sha256 for path in paths)
