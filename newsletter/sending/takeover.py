"""The lock of a campaign, and the takeover from a process that was stopped for longer than its worker's lease."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from newsletter.issue.issue_name import IssueName
from newsletter.ledger.workers import find_lease
from newsletter.store import Busy, Store


@contextmanager
def lock_campaign(store: Store, issue: IssueName) -> Iterator[None]:
    """Let no other process send the issue or change its campaign meanwhile. Raises Busy while another one does.

    The lock ends with its process, however that dies. A process that is stopped (SIGSTOP, a machine asleep) keeps it
    while its worker's lease runs out; the next process then takes a lock of that worker's name instead.
    """
    with ExitStack() as held:
        try:
            held.enter_context(store.sole(issue))
        except Busy:
            lease = find_lease(store, issue)
            if lease is None or lease.seconds_left > 0:
                raise
            held.enter_context(store.sole(f"{issue}.{lease.worker}"))
        yield
