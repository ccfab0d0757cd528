"""The issues that wait for a runner: begun and not ended, held for a person, or in the outbox."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import find_campaign, list_unfinished
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.states import State
from newsletter.schedule.schedule_state import TO_BE_SENT, ScheduleState, find_schedule_state
from newsletter.store import Store


@dataclass(frozen=True, kw_only=True)
class UnfinishedIssues:
    """Issues that were frozen and are not at their end.

    `begun` are those that a runner was stopped in, with readers who wait for a first try: who was put off again and
    again waits for a person. `held` a person has to look at first. `next_at` is when a runner has something to do.
    """

    begun: Sequence[IssueName] = field(default_factory=list)
    held: Sequence[IssueName] = field(default_factory=list)
    next_at: datetime | None = None


def find_unfinished(store: Store | None, now: datetime) -> UnfinishedIssues:
    """Return the issues that wait for a runner."""
    begun, held, moments = list[IssueName](), list[IssueName](), list[datetime]()
    for issue in list_unfinished(store) if store else []:
        campaign = find_campaign(store, issue) if store else None
        if store is None or campaign is None or campaign.cancelled_at:
            continue
        state = find_schedule_state(store, campaign, now)
        counts = count_deliveries(store, issue)
        if state is ScheduleState.HELD:
            held.append(issue)
        elif state is None and (counts[State.PENDING] or counts[State.SENDING]):
            begun.append(issue)
            moments.append(now)
        elif state is ScheduleState.WAITING and campaign.due_at:
            moments.append(campaign.due_at)
        elif state in TO_BE_SENT:
            moments.append(now)
    return UnfinishedIssues(begun=begun, held=held, next_at=min(moments, default=None))
