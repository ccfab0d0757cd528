"""Where each issue stands: still a draft, in the outbox, being sent, begun and not at its end, sent, cancelled."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from newsletter.campaigns.sent_record import read_record
from newsletter.errors import DecisionNeeded
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.deliveries import count_by_state
from newsletter.ledger.runs import is_running
from newsletter.ledger.states import Counts
from newsletter.store import Store
from newsletter.subscribers.feedback_events import EventKind, count_answers


class Stage(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    UNFINISHED = "unfinished"
    SENT = "sent"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class Status:
    """A campaign with where its readers are; `since` counts those who answered it, by bouncing or leaving, say."""

    campaign: Campaign
    counts: Counts
    since: Mapping[EventKind, int]
    runs: bool  # is a run under way, or has it died without a word?

    @property
    def stage(self) -> Stage:
        campaign = self.campaign
        if campaign.cancelled_at:
            return Stage.CANCELLED
        if campaign.finished_at:
            return Stage.SENT
        if campaign.due_at and self.counts.untouched:
            return Stage.SCHEDULED
        return Stage.SENDING if self.runs else Stage.UNFINISHED


def campaign_status(store: Store, issue: str) -> Status | None:
    campaign = find_campaign(store, issue)
    if campaign is None:
        return None
    with store.reading() as connection:
        since = count_answers(connection, issue)
        counts = count_by_state(connection, issue)
    return Status(campaign=campaign, counts=counts, since=since, runs=is_running(store, issue))


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
    if noted.cancelled:
        return Stage.CANCELLED
    if noted.finished:
        return Stage.SENT
    return Stage.SCHEDULED if noted.scheduled else Stage.SENDING
