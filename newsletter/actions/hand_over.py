"""The handing over of a campaign to workers, and a look at how far they are, until it has been sent or is stopped."""

import signal
import threading
import time

from newsletter.actions.deliver import ConfirmRefusals, keep_signal_handlers, sole_sender
from newsletter.actions.list_place import compare_list
from newsletter.actions.observer import SILENT, SendObserver
from newsletter.actions.send_share import send_share
from newsletter.campaigns.list_comparison import ListComparison
from newsletter.campaigns.sent_record import write_record
from newsletter.errors import DeliveryError, NewsletterError
from newsletter.issue_name import IssueName
from newsletter.jobs.job_queue import count_workers, defer_sending, rests_after_failure, rests_for_quota
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.handovers import (
    Ending,
    Handover,
    end_handover,
    end_when_done,
    find_handover,
    find_waiting,
    hand_over,
    is_handed_over,
    sum_tallies,
)
from newsletter.ledger.workers import is_being_sent, settle_expired
from newsletter.publication import OpenPublication
from newsletter.sending.handover_share import StopSwitch
from newsletter.sending.refusals import TooManyRefused
from newsletter.sending.rules import WorkerProgress
from newsletter.store import Store
from newsletter.subscribers.pauses import lift_ended_pauses

_LOOK_EVERY_S = 0.5
_COMPARE_EVERY_S = 60.0
_COMPARE_SHARE = 20  # times as long as the comparison took
_STORE_PATIENCE_S = 60.0
_PATIENCE_S = 20.0  # with workers that live and do not begin


def is_in_workers_hands(store: Store, issue: IssueName) -> bool:
    """Return whether workers send the issue now."""
    return is_handed_over(store, issue) and is_being_sent(store, issue)


def prepare_handover(publication: OpenPublication, issue: IssueName, *, list_is_right: bool) -> None:
    """Compare the list and write the sent record, when a campaign has been handed over and workers wait for its lock.

    The caller is the issue's sole sender. What raises an error ends the handover, so that nothing leaves.
    """
    store = publication.store
    try:
        lift_ended_pauses(store)
        compare_list(publication, issue, list_is_right=list_is_right).suppress_departed()
        write_record(publication.record(issue), store, issue)
    except BaseException:
        if handover := find_handover(store, issue):
            end_handover(store, issue, handover.id, Ending.HELD, "it could not be begun")
        raise


def follow(
    publication: OpenPublication,
    issue: IssueName,
    observer: SendObserver = SILENT,
    confirm_refusals: ConfirmRefusals | None = None,
    *,
    list_is_right: bool = False,
) -> bool:
    """Show how far the workers are until they are through; return False when a person stopped it.

    A signal stops the workers, who finish what they have in hand; a second one does not wait for that. When no worker
    is there any more, this process sends the rest. Raises DeliveryError for what has stopped the workers.
    """
    store = publication.store
    while True:
        observer.begin(issue, count_deliveries(store, issue).waiting)
        try:
            handover = _Follower(publication, issue, observer, list_is_right=list_is_right).wait()
            write_record(publication.record(issue), store, issue)
            _raise_ending(handover)
        except TooManyRefused as error:
            observer.end(issue, error)
            if confirm_refusals is None:
                raise
            if not confirm_refusals(error):
                return False
            with sole_sender(store, issue), store.transaction() as connection:
                hand_over(connection, issue, any_refusals=True, list_is_right=list_is_right)
                defer_sending(connection, issue)
        except BaseException as error:
            observer.end(issue, error)
            raise
        else:
            observer.end(issue, None)
            return True


def stop_workers(store: Store, issue: IssueName) -> None:
    """Stop the workers of an issue, and wait until they have finished what they had in hand, or their leases end."""
    handover = find_handover(store, issue)
    if handover is not None and handover.ending is None:
        end_handover(store, issue, handover.id, Ending.ASKED, "it was asked to stop")
    while (left := settle_expired(store, issue)) is not None:
        time.sleep(min(left + 0.01, _LOOK_EVERY_S))


class _Left(DeliveryError):
    """A person does not wait for the workers to finish what they have in hand."""


class _Follower:
    """A look at a handover every half second, by a process that holds no lock of its campaign."""

    def __init__(
        self, publication: OpenPublication, issue: IssueName, observer: SendObserver, *, list_is_right: bool
    ) -> None:
        self._publication = publication
        self._store: Store = publication.store
        self._issue = issue
        self._observer = observer
        self._comparison: ListComparison = compare_list(publication, issue, list_is_right=list_is_right)
        self._compares_at = time.monotonic() + _COMPARE_EVERY_S
        self._working_at = time.monotonic()  # when somebody was last seen to work
        self._signals = 0
        self._failure: NewsletterError | None = None  # of what this process sent itself

    def wait(self) -> Handover:
        """Return the handover when it has ended, and no worker has anything in hand."""
        failing_since: float | None = None
        with keep_signal_handlers():
            while True:
                self._listen()
                try:
                    if (handover := self._look()) is not None:
                        return handover
                    failing_since = None
                except _Left:
                    raise
                except DeliveryError:  # the server may be restarting, and the workers wait for it as well
                    failing_since = failing_since or time.monotonic()
                    if time.monotonic() - failing_since > _STORE_PATIENCE_S:
                        raise
                if self._failure is not None:  # the store is not out of reach: waiting would not help
                    raise self._failure
                time.sleep(_LOOK_EVERY_S)

    def _look(self) -> Handover | None:
        """Look once, and see to what is to be done; return the handover when it is over."""
        handover = find_handover(self._store, self._issue)
        if handover is None:
            raise DeliveryError(f"{self._issue} is no longer in the hands of workers.")
        is_working = settle_expired(self._store, self._issue) is not None
        self._show(handover, is_working=is_working)
        if handover.ending and not is_working:
            return handover
        if handover.ending is None:
            self._see_to(handover, is_working=is_working)
        return None

    def _see_to(self, handover: Handover, *, is_working: bool) -> None:
        if self._signals:
            self._observer.stopping()
            end_handover(self._store, self._issue, handover.id, Ending.ASKED, "it was asked to stop")
            return
        self._compare(handover)
        now = time.monotonic()
        # When the last worker has crashed, there is none to say that nobody waits any more.
        waiting = end_when_done(self._store, self._issue, handover.id)
        if is_working or not waiting.is_anybody_due(time.time()):
            self._working_at = now
            return
        with self._store.transaction() as connection:  # what a crashed worker had in hand waits again, without a job
            is_quota = rests_for_quota(connection, self._issue, handover.id)
            if not is_quota and not rests_after_failure(connection, self._issue):
                defer_sending(connection, self._issue)
        if now - self._working_at > _PATIENCE_S or not count_workers(self._store):
            report = send_share(self._publication, self._issue, StopSwitch(), observer=_Part(self._observer, self))
            self._working_at = time.monotonic()
            if report.error is not None and is_handed_over(self._store, self._issue):
                self._failure = report.error

    def _compare(self, handover: Handover) -> None:
        """Have those suppressed who have left the list meanwhile; a list that can't be read stops the workers."""
        began = time.monotonic()
        if began < self._compares_at:
            return
        try:
            self._comparison.suppress_departed(is_sole=False)
        except NewsletterError as error:
            end_handover(self._store, self._issue, handover.id, Ending.HELD, error.message)
            raise
        self._compares_at = time.monotonic() + max(_COMPARE_EVERY_S, _COMPARE_SHARE * (time.monotonic() - began))

    def _show(self, handover: Handover, *, is_working: bool) -> None:
        tally = sum_tallies(self._store, self._issue, handover.id)
        resting = None
        if not is_working and not handover.ending:
            waiting = find_waiting(self._store, self._issue)
            resting = waiting.next_due if not waiting.pending else None
        self._observer.progress(WorkerProgress(tally=tally, resting_until=resting))

    def note_signal(self) -> None:
        """Note that a person asked to stop, while this process sent the rest itself."""
        self._signals = max(1, self._signals)

    def _listen(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signals += 1
        if self._signals > 1:
            raise _Left(
                "Ended at once. The workers finish what they have in hand.",
                next_step=f"To see how far they are: newsletter status {self._issue}",
            )


class _Part(SendObserver):
    """An observer of this process's own part, of which only a wish to stop is passed on."""

    def __init__(self, observer: SendObserver, follower: _Follower) -> None:
        self._observer = observer
        self._follower = follower

    def progress(self, progress: WorkerProgress) -> None:
        self._observer.progress(progress)

    def stopping(self) -> None:
        self._follower.note_signal()
        self._observer.stopping()


def _raise_ending(handover: Handover) -> None:
    """Raise what has stopped the workers, unless it was a person, or the campaign's end."""
    match handover.ending:
        case Ending.REFUSED:
            raise TooManyRefused(handover.why, next_step="See what the server says, above.")
        case Ending.BLOCKED:
            raise DeliveryError(handover.why, next_step="Everyone who has not got the issue still waits.")
        case Ending.HELD | Ending.REPLACED:
            raise DeliveryError(f"{handover.issue} was stopped: {handover.why}")
        case _:
            return
