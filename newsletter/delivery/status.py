"""Where each issue stands: still a draft, in the outbox, being sent, or sent."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from newsletter.delivery import ledger
from newsletter.delivery.ledger import Campaign
from newsletter.delivery.record import read_record
from newsletter.delivery.states import Counts
from newsletter.errors import DecisionNeeded
from newsletter.store import Store


class Stage(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    SENT = "sent"


@dataclass(frozen=True, kw_only=True)
class Status:
    """A campaign with where its readers are."""

    campaign: Campaign
    counts: Counts

    @property
    def stage(self) -> Stage:
        if self.campaign.due_at and self.counts.untouched:
            return Stage.SCHEDULED
        return Stage.SENT if self.campaign.finished_at else Stage.SENDING


def campaign_status(store: Store, issue: str) -> Status | None:
    campaign = ledger.find_campaign(store, issue)
    return Status(campaign=campaign, counts=ledger.counts(store, issue)) if campaign else None


def stage_of(store: Store | None, issue: str, record: Path) -> Stage:
    """By this machine's state, or by the record that another one left beside the draft."""
    if store is not None and (status := campaign_status(store, issue)) is not None:
        return status.stage
    try:
        noted = read_record(record)
    except DecisionNeeded:
        return Stage.SENDING
    if noted is None:
        return Stage.DRAFT
    return Stage.SENT if noted.finished else Stage.SENDING
