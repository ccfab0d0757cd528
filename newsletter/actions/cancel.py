"""The end of a campaign for everyone who still waits, and the removal from the outbox of one that has not begun."""

from collections.abc import Callable
from dataclasses import dataclass

from newsletter.actions.deliver import sole_sender
from newsletter.actions.hand_over import is_in_workers_hands, stop_workers
from newsletter.campaigns.sent_record import write_record
from newsletter.errors import DraftError
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import cancel_campaign, find_campaign
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.states import Counts, State
from newsletter.ledger.workers import wait_for_leases
from newsletter.publication import OpenPublication
from newsletter.schedule.schedule_state import take_off_schedule


def cancel(
    publication: OpenPublication,
    issue: IssueName,
    confirm: Callable[[Counts], bool],
    on_wait: Callable[[float], None] = lambda _seconds: None,
) -> int | None:
    """Cancel a campaign for those who wait or are unknown; return for how many, None when `confirm` declines.

    Workers that send it are stopped first.

    `on_wait` is told for how many seconds a crashed send's lease is waited for.

    Raises DraftError when it has not been sent or is at its end, and DeliveryError while it is being sent.
    """
    store = publication.known_store
    campaign = find_campaign(store, issue) if store else None
    if store is None or campaign is None:
        raise DraftError(f"{issue} has not been sent from here, so there is nothing to cancel.")
    agreed = False
    if is_in_workers_hands(store, issue):  # who run elsewhere, where nobody could stop them
        if not confirm(count_deliveries(store, issue)):
            return None
        agreed = True
        stop_workers(store, issue)
    with sole_sender(store, issue):
        wait_for_leases(store, issue, on_wait)
        counts = count_deliveries(store, issue)
        if campaign.finished_at and not counts[State.UNKNOWN]:
            raise DraftError(
                f"{issue} is at its end, and nobody waits for it.", next_step="There is nothing to cancel."
            )
        if not agreed and not confirm(counts):
            return None
        cancelled = cancel_campaign(store, issue)
        write_record(publication.record(issue), store, issue)
    return cancelled


@dataclass(frozen=True, kw_only=True)
class Unscheduled:
    """A campaign that left the outbox: how many still wait, and whether its sent record was removed with it."""

    waiting: int
    record_removed: bool


def cancel_schedule(publication: OpenPublication, issue: IssueName) -> Unscheduled:
    """Take an issue out of the outbox, so that it can be sent at any time, or scheduled again.

    Raises DraftError when it is not in there, and DeliveryError while it is being sent.
    """
    store = publication.known_store
    if store is None:
        raise DraftError(f"{issue} is not in the outbox.", next_step="The outbox is empty.")
    record = publication.record(issue)
    was_noted = record.exists()
    with sole_sender(store, issue):
        take_off_schedule(store, issue, record)
        counts = count_deliveries(store, issue)
    return Unscheduled(waiting=counts.waiting, record_removed=was_noted and not record.exists())
