"""A look at the campaigns that are in the hands of workers: whose jobs were lost, and which have come to their end."""

from time import time

from newsletter.jobs.job_queue import defer_sending, rests_after_failure, rests_for_quota
from newsletter.ledger import workers
from newsletter.ledger.handovers import end_when_done, find_handover, list_handed_over
from newsletter.ledger.workers import settle_expired
from newsletter.store import Store


def look_after_handovers(store: Store, *, is_start: bool = False) -> None:
    """Settle what crashed workers left behind, and put in the jobs that are missing, by what the ledger says.

    At a worker's start (`is_start`) those of the processes before it still have leases, so that a job looks once more
    when these have run out. What could not be sent rests until its own job tries it again, or a worker starts; while a
    server's quota is used up, until its own job does.
    """
    for issue in list_handed_over(store):
        settle_expired(store, issue)
        handover = find_handover(store, issue)
        if handover is None or handover.ending:
            continue
        waiting = end_when_done(store, issue, handover.id)
        with store.transaction() as connection:
            if rests_for_quota(connection, issue, handover.id):
                continue
            if waiting.has_worker:
                if is_start:
                    defer_sending(connection, issue, after_s=workers.LEASE_S + 1)
            elif waiting.is_anybody_due(time()):
                if not is_start and rests_after_failure(connection, issue):
                    continue  # a server that is out of reach is not to be tried each minute
                defer_sending(connection, issue)
            elif waiting.next_due is not None:
                defer_sending(connection, issue, after_s=waiting.next_due - time())
