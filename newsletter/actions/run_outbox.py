"""The outbox at work: each campaign in it is delivered when its moment comes."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from newsletter.actions.deliver import deliver, keep_signal_handlers
from newsletter.actions.list_place import compare_list
from newsletter.actions.observer import SILENT, SendObserver
from newsletter.actions.reader_erasures import finish_erasures
from newsletter.campaigns.issue_approvals import refuse_unapproved
from newsletter.campaigns.sent_record import write_record
from newsletter.campaigns.unknown_campaigns import vouch
from newsletter.issue_name import IssueName
from newsletter.jobs.job_queue import defer_sending
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.handovers import hand_over
from newsletter.publication import OpenPublication
from newsletter.schedule.scheduler import OnResult, Scheduler, WallClock
from newsletter.schedule.stop_signals import StopSignals
from newsletter.sending.rules import SendingRules, WorkerProgress
from newsletter.subscribers.pauses import lift_ended_pauses

WALL_CLOCK = WallClock(now=lambda: datetime.now(UTC), pause=time.sleep)


def _ignore(_campaign: Campaign, _waiting: int) -> None:
    """Say nothing when a campaign leaves."""


def open_outbox(
    publication: OpenPublication,
    tell: OnResult,
    *,
    stop: StopSignals,
    observer: SendObserver = SILENT,
    on_leaving: Callable[[Campaign, int], None] = _ignore,
    confirm: Callable[[Campaign], bool] | None = None,
    clock: WallClock | None = None,
    nobody_left: bool = False,
) -> Scheduler:
    """Return the outbox, ready to look once or to watch.

    `tell` hears what came of each campaign, `on_leaving` that one leaves to so many who wait. `stop` hears SIGINT and
    SIGTERM between runs. `confirm` asks a person about a campaign that is late; without it such a one is held.
    `nobody_left` is a person's word that nobody unsubscribed by campaigns that this store does not know.
    """

    _ = publication.carried  # a carried state that is elsewhere is told before anything leaves
    if nobody_left:
        vouch(publication.store, publication.workspace.drafts, complete=True)

    def carry(campaign: Campaign) -> None:
        # As newsletter.toml is now: while this waited, somebody may have mended it.
        current = publication.with_current_settings()
        refuse_unapproved(current.workspace, current.store, campaign)
        on_leaving(campaign, count_deliveries(current.store, campaign.issue).waiting)
        try:
            deliver(current, campaign.issue, _StopObserver(observer, stop))
        finally:
            stop.listen()

    clock = clock or WALL_CLOCK
    return Scheduler(publication.store, publication.record, carry, tell, clock, stop, confirm)


def open_handing_outbox(publication: OpenPublication, tell: OnResult, *, clock: WallClock | None = None) -> Scheduler:
    """Return the outbox of a worker: what is due is handed over to all workers, and is in the outbox no more.

    As in `open_outbox`, nobody is asked about a campaign that is late: it is held.
    """
    store = publication.store

    def carry(campaign: Campaign) -> None:
        current = publication.with_current_settings()
        refuse_unapproved(current.workspace, store, campaign)
        SendingRules.from_workspace(current.workspace)  # a key that is missing is told before anything leaves
        lift_ended_pauses(store)
        compare_list(current, campaign.issue).suppress_departed()
        with store.transaction() as connection:
            hand_over(connection, campaign.issue)
            defer_sending(connection, campaign.issue)
        record = publication.record(campaign.issue)
        if record.exists():  # made where a person works; see send_share
            write_record(record, store, campaign.issue)

    return Scheduler(store, publication.record, carry, tell, clock or WALL_CLOCK, StopSignals())


def run_outbox(
    publication: OpenPublication,
    tell: OnResult,
    *,
    observer: SendObserver = SILENT,
    confirm: Callable[[Campaign], bool] | None = None,
) -> bool:
    """Look at the outbox once, send what is due, and put the caller's handlers of signals back.

    Returns False when something is left to a person or to a later look. A campaign that is late is held, unless
    `confirm` says that it may leave. Raises DeliveryError when the store can't be used.
    """
    if publication.known_store is None:
        return True
    finish_erasures(publication)  # that a reader's page was still at when its service ended
    stop = StopSignals()
    with keep_signal_handlers():
        stop.listen()
        return open_outbox(publication, tell, stop=stop, observer=observer, confirm=confirm).look()


class _StopObserver(SendObserver):
    """An observer that also keeps the outbox's `stop` in step with the signals that a run hears."""

    def __init__(self, observer: SendObserver, stop: StopSignals) -> None:
        self._observer = observer
        self._stop = stop

    def begin(self, issue: IssueName, waiting: int) -> None:
        self._observer.begin(issue, waiting)

    def progress(self, progress: WorkerProgress) -> None:
        self._stop.pass_on()
        self._observer.progress(progress)

    def stopping(self) -> None:
        self._stop.asked = True
        self._observer.stopping()

    def end(self, issue: IssueName, error: BaseException | None) -> None:
        self._observer.end(issue, error)
