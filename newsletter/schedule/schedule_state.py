"""The state of each scheduled campaign: waiting, due, half sent, late, expired or held."""

from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from newsletter.campaigns.sent_record import read_record, write_record
from newsletter.errors import DraftError
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.schedule import find_last_activity, has_begun, unschedule_campaign
from newsletter.store import Store

LATE = timedelta(hours=1)  # longer than any cron's or timer's interval, and than a restart


class ScheduleState(StrEnum):
    """State of a scheduled campaign at one time."""

    WAITING = "waiting"  # its time has not come
    DUE = "due"
    BEGUN = "half sent"  # the outbox was stopped, or died, in the middle of it, and goes on, expired or not
    LATE = "late"  # due or begun for so long that the store may be a copy from before it was sent: a person is asked
    EXPIRED = "expired"  # its time is over, and nobody has it
    HELD = "held"  # it was tried, and a person has to look before anybody tries again


TO_BE_SENT = (ScheduleState.DUE, ScheduleState.BEGUN, ScheduleState.LATE)


def find_schedule_state(store: Store, campaign: Campaign, now: datetime) -> ScheduleState | None:
    """Return the state of a campaign; None when it is not scheduled."""
    if campaign.due_at is None:
        return ScheduleState.HELD if campaign.expires_at else None
    begun = has_begun(store, campaign)
    if not begun:
        if now < campaign.due_at:
            return ScheduleState.WAITING
        if campaign.expires_at is not None and now >= campaign.expires_at:
            return ScheduleState.EXPIRED
    if now - find_last_activity(store, campaign) > LATE:
        return ScheduleState.LATE
    return ScheduleState.BEGUN if begun else ScheduleState.DUE


def take_off_schedule(store: Store, issue: IssueName, record: Path) -> Campaign:
    """Take a campaign off the schedule and return it. Raises DraftError when it is not on it.

    The caller is the issue's sole sender. The sent record of a campaign that never began is removed, so that it keeps
    nobody from sending the issue.
    """
    campaign = find_campaign(store, issue)
    if campaign is None or not (campaign.due_at or campaign.expires_at):
        raise DraftError(f"{issue} is not in the outbox.", next_step="`newsletter outbox list` shows what is.")
    unschedule_campaign(store, issue)
    noted = read_record(record)
    if campaign.runs:
        write_record(record, store, issue)
    elif noted is not None and noted.campaign == campaign.id:
        record.unlink(missing_ok=True)
    return campaign
