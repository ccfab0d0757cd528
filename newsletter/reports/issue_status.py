"""The status of each issue: a draft, in the outbox, being sent, begun and not at its end, sent, cancelled."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from newsletter.campaigns.issue_texts import list_translations
from newsletter.campaigns.sent_record import read_record
from newsletter.errors import DecisionNeeded
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.deliveries import count_by_state, count_languages
from newsletter.ledger.send_samples import SendSample, find_last_sample
from newsletter.ledger.states import Counts
from newsletter.ledger.workers import is_being_sent
from newsletter.store import Store
from newsletter.subscribers.feedback_events import EventKind, count_answers


class IssueStage(StrEnum):
    """A stage of an issue, from draft to sent."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    UNFINISHED = "unfinished"
    SENT = "sent"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class CampaignStatus:
    """A campaign with its recipients by state; `since` counts those who bounced, left or answered otherwise.

    `languages` says how many are in which language, the publication's own as an empty one; it is empty for an issue
    without translations.
    """

    campaign: Campaign
    counts: Counts
    since: Mapping[EventKind, int]
    runs: bool  # whether a worker is registered that has not ended
    languages: Mapping[str, int]
    last_sample: SendSample | None = None  # how its sending went last, while it is not at its end

    @property
    def stage(self) -> IssueStage:
        """The stage of the issue that the campaign sends."""
        campaign = self.campaign
        if campaign.cancelled_at:
            return IssueStage.CANCELLED
        if campaign.finished_at:
            return IssueStage.SENT
        if campaign.due_at and self.counts.untouched:
            return IssueStage.SCHEDULED
        return IssueStage.SENDING if self.runs else IssueStage.UNFINISHED


def find_campaign_status(store: Store, issue: IssueName) -> CampaignStatus | None:
    """Return the status of an issue's campaign, None when it has none."""
    campaign = find_campaign(store, issue)
    if campaign is None:
        return None
    with store.reading() as connection:
        since = count_answers(connection, issue)
        counts = count_by_state(connection, issue)
        last_sample = None if campaign.finished_at or campaign.cancelled_at else find_last_sample(connection, issue)
    return CampaignStatus(
        campaign=campaign,
        counts=counts,
        since=since,
        runs=is_being_sent(store, issue),
        languages=count_languages_of(store, campaign),
        last_sample=last_sample,
    )


def count_languages_of(store: Store, campaign: Campaign) -> dict[str, int]:
    """Return how many recipients are in which language, "" the publication's own; nothing without translations."""
    return count_languages(store, campaign.issue) if list_translations(campaign.draft_sha256) else {}


def find_issue_stage(store: Store | None, issue: IssueName, record: Path) -> IssueStage:
    """Return the stage by this machine's store, or by the sent record that another machine left beside the draft."""
    if store is not None and (status := find_campaign_status(store, issue)) is not None:
        return status.stage
    try:
        noted = read_record(record)
    except DecisionNeeded:
        return IssueStage.SENDING
    if noted is None:
        return IssueStage.DRAFT
    if noted.cancelled:
        return IssueStage.CANCELLED
    if noted.finished:
        return IssueStage.SENT
    return IssueStage.SCHEDULED if noted.scheduled else IssueStage.SENDING
