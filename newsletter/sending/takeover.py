"""The lock of a campaign, and the takeover from a process that was stopped for longer than its worker's lease."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from newsletter.issue_name import IssueName
from newsletter.ledger.overtaken import end_overtaken_workers, find_stopped_worker, overtake_worker
from newsletter.store import Busy, Store


@contextmanager
def lock_campaign(store: Store, issue: IssueName, *, may_take_over: bool = True) -> Iterator[None]:
    """Let no other process send the issue or change its campaign meanwhile. Raises Busy while another one does.

    The lock ends with its process, however that dies. A process that is stopped (SIGSTOP, a machine asleep) keeps it
    while its worker's lease runs out; the next process then takes a lock of that worker's name instead, and so does
    each further one until the stopped process has gone on or ended. Without `may_take_over` Busy is raised then, too.
    """
    with ExitStack() as held:
        try:
            held.enter_context(store.sole(issue))
        except Busy:
            stopped = find_stopped_worker(store, issue) if may_take_over else None
            if stopped is None:
                raise
            held.enter_context(store.sole(f"{issue}.{stopped}"))
            overtake_worker(store, issue)
        else:
            end_overtaken_workers(store, issue)
        yield
