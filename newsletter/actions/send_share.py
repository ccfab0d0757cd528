"""A worker's part in the sending of a campaign that was handed over: it sends until no further range is left.

Whatever a job says, the handover and the ledger say what there is to do. The sent record beside the draft is made where
a person works, by `send`. A worker brings it up to date where it lies already: made in a worker's folder, it would be a
file that git does not know there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from time import time
from zoneinfo import ZoneInfo

from newsletter.actions.deliver import keep_signal_handlers
from newsletter.actions.list_place import compare_list
from newsletter.actions.observer import SILENT, SendObserver
from newsletter.backends import SenderRefused, Unreachable, name_server
from newsletter.campaigns.sent_record import write_record
from newsletter.clock import format_moment, make_instant
from newsletter.errors import DecisionNeeded, DeliveryError, ListError, NewsletterError
from newsletter.issue_name import IssueName
from newsletter.jobs.job_queue import defer_after_quota, defer_sending, find_quota_rest
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.frozen_lists import OWN_LIST, read_frozen_lists
from newsletter.ledger.handovers import (
    Ending,
    Handover,
    Waiting,
    end_handover,
    end_when_done,
    find_handover,
    find_last_heartbeat,
    take_comparing_turn,
)
from newsletter.ledger.workers import LeaseLost, read_clock, settle_expired
from newsletter.publication import OpenPublication
from newsletter.sending.assignment import Assignment
from newsletter.sending.handover_share import HandoverShare, StopSwitch
from newsletter.sending.refusals import QuotaUsedUp, SenderBlocked, TooManyRefused
from newsletter.sending.rules import SendingRules
from newsletter.sending.worker import send_campaign
from newsletter.store import Busy, Store

LATE = timedelta(hours=1)
_COMPARE_EVERY_S = 60.0
_SOON_S = 5.0  # who is due within this time is waited for
_REST_S, _LONGEST_REST_S = 60.0, 900.0  # after a failure; twice as long after each further one


class ShareResult(StrEnum):
    """Result of a worker's part in a campaign."""

    SENT = "sent"  # everyone whom it could try was tried
    NOTHING = "nothing"  # there was nothing to do
    LATER = "later"  # those who wait are due later, or it failed and may be tried again
    BUSY = "busy"  # another process holds the campaign alone
    STOPPED = "stopped"  # this worker was asked to end
    ENDED = "ended"  # all workers were stopped


@dataclass(frozen=True, kw_only=True)
class ShareReport:
    """Report of a worker's part: its result, and what went wrong, if anything did."""

    result: ShareResult
    error: NewsletterError | None = None


def send_share(
    publication: OpenPublication,
    issue: IssueName,
    stop: StopSwitch,
    *,
    observer: SendObserver = SILENT,
    failures: int = 0,
) -> ShareReport:
    """Send a share of a campaign that was handed over, and put in the jobs by which it goes on.

    Stages: settle the leases of workers that crashed, see who waits, ask for one more worker, send, see who waits
    still. What no other worker could do any better ends the handover; what may mend itself is tried again later, after
    a rest that doubles with each of `failures` in a row, and for a quota that is used up not before it can be open
    again. Raises DeliveryError when the store can't be used.
    """
    store = publication.store
    handover = find_handover(store, issue)
    if handover is None or handover.ending:
        return ShareReport(result=ShareResult.NOTHING)
    try:
        with store.shared(issue):
            settle_expired(store, issue)
            waiting = end_when_done(store, issue, handover.id)
            if not waiting.is_anybody_due(time() + _SOON_S):
                return _leave(store, handover, waiting)
            with store.reading() as connection:
                rest, clock = find_quota_rest(connection, issue, handover.id), read_clock(connection)
            if rest is not None and rest > clock:
                return ShareReport(result=ShareResult.LATER, error=_describe_rest(publication, rest))
            if late := _find_late(store, handover, waiting, rest):
                end_handover(store, issue, handover.id, Ending.HELD, late.message)
                return ShareReport(result=ShareResult.ENDED, error=late)
            if handover.has_ranges:
                with store.transaction() as connection:
                    defer_sending(connection, issue)
            return _send(publication, handover, stop, observer, failures)
    except Busy:
        _try_again(store, issue, _SOON_S, failures)
        return ShareReport(result=ShareResult.BUSY)


def _send(
    publication: OpenPublication, handover: Handover, stop: StopSwitch, observer: SendObserver, failures: int
) -> ShareReport:
    store, issue = publication.store, handover.issue
    try:
        assignment = _make_assignment(publication, handover, stop, observer)
        observer.begin(issue, count_deliveries(store, issue).waiting)
        try:
            with keep_signal_handlers():
                send_campaign(assignment)
        except BaseException as error:
            observer.end(issue, error)
            raise
        observer.end(issue, None)
    except LeaseLost as error:  # this worker stood still; it goes on with a lease of its own, behind the others
        _try_again(store, issue, None, failures)
        return ShareReport(result=ShareResult.LATER, error=error)
    except QuotaUsedUp as error:
        after_s = (error.wait.next_try - datetime.now(UTC)).total_seconds()
        with store.transaction() as connection:
            defer_after_quota(connection, issue, handover.id, after_s)
        return ShareReport(result=ShareResult.LATER, error=error)
    except NewsletterError as error:
        ending = _find_ending(error)
        if ending is None:
            _try_again(store, issue, min(_REST_S * 2**failures, _LONGEST_REST_S), failures + 1)
            return ShareReport(result=ShareResult.LATER, error=error)
        end_handover(store, issue, handover.id, ending, error.message)
        return ShareReport(result=ShareResult.ENDED, error=error)
    now = find_handover(store, issue)
    if now is None or now.id != handover.id or now.ending:
        return ShareReport(result=ShareResult.ENDED)
    waiting = end_when_done(store, issue, handover.id)
    record = publication.record(issue)
    if waiting.is_over and record.exists():
        write_record(record, store, issue)
    elif stop.is_asked:
        _try_again(store, issue, None, 0)
        return ShareReport(result=ShareResult.STOPPED)
    return _leave(store, handover, waiting, ShareResult.SENT)


def _leave(
    store: Store, handover: Handover, waiting: Waiting, result: ShareResult = ShareResult.NOTHING
) -> ShareReport:
    """Put in the job by which those who wait still are tried, where no other worker is at it."""
    if waiting.pending and not waiting.has_worker:
        _try_again(store, handover.issue, None, 0)
    elif waiting.next_due is not None:
        _try_again(store, handover.issue, max(_SOON_S, waiting.next_due - time()), 0)
        result = ShareResult.LATER if result is ShareResult.NOTHING else result
    return ShareReport(result=result)


def _make_assignment(
    publication: OpenPublication, handover: Handover, stop: StopSwitch, observer: SendObserver
) -> Assignment:
    """Return what the worker is to send. Raises ConfigError where this machine lacks what it takes."""
    store, issue = publication.store, handover.issue
    rules = SendingRules.from_workspace(publication.workspace)
    return Assignment(
        store=store,
        issue=issue,
        backend=publication.load_backend(),
        rules=replace(rules, refusals=None) if handover.any_refusals else rules,
        write_record=lambda: None,
        on_progress=observer.progress,
        on_stop=observer.stopping,
        suppress_departed=_choose_comparison(publication, handover),
        server=name_server(publication.config),
        share=HandoverShare(handover=handover.id, stop=stop),
    )


def _choose_comparison(publication: OpenPublication, handover: Handover) -> Callable[[], None]:
    """Return what compares the list when it is this worker's turn; nothing where each machine has a list of its own.

    A file may be an old copy here, by which those who joined since would seem to have left. It is compared by `send`:
    when it hands over, and while it shows how far the workers are.
    """
    store, issue = publication.store, handover.issue
    with store.reading() as connection:
        places = read_frozen_lists(connection, issue).places
    if publication.config.subscriber_list.source != "store" or any(place != OWN_LIST for place in places):
        return lambda: None
    comparison = compare_list(publication, issue, list_is_right=handover.list_is_right)

    def compare() -> None:
        if take_comparing_turn(store, issue, handover.id, _COMPARE_EVERY_S):
            comparison.suppress_departed(is_sole=False)

    return compare


def _describe_rest(publication: OpenPublication, until: float) -> DeliveryError:
    """Return that the server's quota is used up until a moment, in seconds since 1970."""
    zone = ZoneInfo(publication.config.publication.timezone)
    at = format_moment(make_instant(datetime.fromtimestamp(until, UTC)), zone)
    return DeliveryError(
        "The mail server's quota is used up, and everyone who has not got the issue still waits.",
        next_step=f"The workers go on by themselves: {at}.",
    )


def _find_late(store: Store, handover: Handover, waiting: Waiting, rest: float | None) -> DecisionNeeded | None:
    """Return why nothing leaves by itself any more, when nothing has moved for so long that others may have sent it.

    A `rest` for the server's quota was meant, until its end in seconds since 1970.
    """
    moved = [handover.handed_at, find_last_heartbeat(store, handover.issue)]
    if not waiting.pending and waiting.next_due is not None:
        moved.append(make_instant(datetime.fromtimestamp(waiting.next_due, UTC)))
    if rest is not None:
        moved.append(make_instant(datetime.fromtimestamp(rest, UTC)))
    if datetime.now(UTC) - max(moment for moment in moved if moment) <= LATE:
        return None
    return DecisionNeeded(
        "nothing has moved for more than an hour. If this state is a copy from a backup, it may have left meanwhile.",
        next_step="Look whether readers have it: a copy of your own, the mail server's log.",
    )


def _find_ending(error: NewsletterError) -> Ending | None:
    """Return how the handover ends by an error; None where another worker, or a later try, may do better."""
    if isinstance(error, TooManyRefused):
        return Ending.REFUSED
    if isinstance(error, SenderBlocked | SenderRefused):
        return Ending.BLOCKED
    if isinstance(error, Unreachable) and error.code is not None and error.code // 100 == 5:
        return Ending.BLOCKED  # a wrong password, tried every minute by several machines, locks the account
    return Ending.HELD if isinstance(error, ListError | DecisionNeeded) else None


def _try_again(store: Store, issue: IssueName, after_s: float | None, failures: int) -> None:
    with store.transaction() as connection:
        defer_sending(connection, issue, after_s=after_s, failures=failures)
