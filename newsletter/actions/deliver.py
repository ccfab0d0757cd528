"""The run of a frozen campaign: everyone who waits is tried, and what became of each is recorded."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace

from newsletter.actions.list_place import compare_list
from newsletter.actions.observer import SILENT, SendObserver
from newsletter.backends import name_server
from newsletter.campaigns.list_comparison import ListComparison
from newsletter.campaigns.sent_record import write_record
from newsletter.errors import DeliveryError
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import list_issues, list_unfinished
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.workers import find_stalled_host, is_being_sent
from newsletter.publication import OpenPublication
from newsletter.sending.assignment import Assignment
from newsletter.sending.refusals import TooManyRefused
from newsletter.sending.rules import SendingRules
from newsletter.sending.takeover import lock_campaign
from newsletter.sending.worker import send_campaign
from newsletter.store import Busy, Store
from newsletter.store.publications import list_publications
from newsletter.subscribers.pauses import lift_ended_pauses

# Asks a person whether to go on though so many are refused.
ConfirmRefusals = Callable[[TooManyRefused], bool]


@contextmanager
def sole_sender(store: Store, issue: IssueName, *, may_take_over: bool = True) -> Iterator[None]:
    """Let no other process send the issue meanwhile. The lock goes with the process, however it dies.

    Without `may_take_over` not even one that stands still may hold it: continued, that could still send what it has
    in hand. Raises DeliveryError while another process holds it.
    """
    try:
        with lock_campaign(store, issue, may_take_over=may_take_over):
            yield
    except Busy as error:
        host = find_stalled_host(store, issue)
        if host is None:
            raise DeliveryError(
                f"Another process is sending {issue} right now.",
                next_step="Wait until it has ended, or stop it: Ctrl-C where it runs. `newsletter status` counts.",
            ) from error
        raise DeliveryError(
            f"Another process holds {issue} and sends nothing: it waits for an answer, or it stands still.",
            next_step=f"Answer it; or end it{f' on {host}, where the last one ran' if host else ''}: Ctrl-C, or kill, "
            "and kill -KILL where it was stopped. Then run the same command again.",
        ) from error


@contextmanager
def forbid_sending(store: Store) -> Iterator[None]:
    """Hold every issue that is not at its end. Raises DeliveryError while one is being sent.

    Whoever has taken a campaign over from a process that died since holds another lock, and is known by its lease.
    """
    going_on = {*list_unfinished(store)}
    with ExitStack() as held:
        for issue in list_issues(store):
            try:
                if issue in going_on:
                    held.enter_context(lock_campaign(store, issue, may_take_over=False))
                else:  # it may still go to new readers; but to hold each would cost PostgreSQL a connection
                    with lock_campaign(store, issue, may_take_over=False):
                        pass
            except Busy as error:
                raise _make_being_sent_error(issue) from error
            if is_being_sent(store, issue):
                raise _make_being_sent_error(issue)
        yield


@contextmanager
def forbid_all_sending(store: Store) -> Iterator[None]:
    """Hold every issue of each publication in the store's database. Raises DeliveryError while one is being sent."""
    with store.reading() as connection:
        publications = list_publications(connection)
    with ExitStack() as held:
        for publication in {store.publication: None, **dict.fromkeys(publications)}:
            held.enter_context(forbid_sending(store.of(publication)))
        yield


def _make_being_sent_error(issue: IssueName) -> DeliveryError:
    return DeliveryError(
        f"{issue} is being sent.", next_step="Wait until that has ended. Then run the same command again."
    )


def deliver(
    publication: OpenPublication,
    issue: IssueName,
    observer: SendObserver = SILENT,
    confirm_refusals: ConfirmRefusals | None = None,
    *,
    list_is_right: bool = False,
) -> bool:
    """Send a frozen campaign to everyone who waits; return False when a person stopped it at `confirm_refusals`.

    The caller is the issue's sole sender. When too many are refused and nobody is there to ask, or the backend can't
    go on, DeliveryError is raised; all is recorded by then, and delivering again goes on. Raises ConfigError, before
    anything is sent, for a key that is missing; ListError and DecisionNeeded, then or during the run, when it can't be
    known who of those who wait has left the list. `list_is_right` is as in SendOptions.
    """
    backend = publication.load_backend()
    store, record, carried = publication.store, publication.record(issue), publication.carried
    lift_ended_pauses(store)
    comparison = compare_list(publication, issue, list_is_right=list_is_right)
    assignment = Assignment(
        store=store,
        issue=issue,
        backend=backend,
        rules=SendingRules.from_workspace(publication.workspace),
        write_record=lambda: write_record(record, store, issue),
        on_progress=observer.progress,
        on_stop=observer.stopping,
        suppress_departed=lambda: comparison.suppress_departed(is_sole=False),
        server=name_server(publication.config),
        carried=carried,
    )
    with carried.renewing() if carried else nullcontext():
        return _deliver(assignment, comparison, observer, confirm_refusals)


def _deliver(
    assignment: Assignment,
    comparison: ListComparison,
    observer: SendObserver,
    confirm_refusals: ConfirmRefusals | None,
) -> bool:
    store, issue = assignment.store, assignment.issue
    while True:
        comparison.suppress_departed()
        observer.begin(issue, count_deliveries(store, issue).waiting)
        try:
            with keep_signal_handlers():
                send_campaign(assignment)
        except TooManyRefused as error:
            observer.end(issue, error)
            if confirm_refusals is None:
                raise
            if not confirm_refusals(error):
                return False
            assignment = replace(assignment, rules=replace(assignment.rules, refusals=None))
        except BaseException as error:
            observer.end(issue, error)
            raise
        else:
            observer.end(issue, None)
            return True


@contextmanager
def keep_signal_handlers() -> Iterator[None]:
    """Put the handlers of SIGINT and SIGTERM back at the end: an event loop that had its own leaves others behind."""
    if threading.current_thread() is not threading.main_thread():
        yield  # the event loop takes none there, and only the main thread may set any
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if handler is not None:  # one that was not set from Python can't be set by it
                signal.signal(number, handler)
