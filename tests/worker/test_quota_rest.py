"""A campaign whose server's quota is used up rests until it can be open again, whoever looks at it meanwhile."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

from conftest import Publication
from frozen import Frozen
from postgres import Postgres
from smtp_server import Server
from sqlalchemy import text, update

from newsletter.actions.look_after_handovers import look_after_handovers
from newsletter.actions.send_share import ShareResult, send_share
from newsletter.clock import format_instant, make_instant
from newsletter.issue_name import IssueName
from newsletter.jobs.job_tables import prepare_job_tables
from newsletter.ledger.handovers import find_handover, hand_over
from newsletter.ledger.states import State
from newsletter.publication import OpenPublication
from newsletter.sending.handover_share import StopSwitch
from newsletter.sending.refusals import QuotaUsedUp
from newsletter.store import Store, open_store
from newsletter.store.schema import handovers, workers

ISSUE = IssueName("2.10")


def test_nobody_tries_before_the_quota_is_open_and_the_job_goes_on_then(
    digest: Publication, server: Server, postgres: Postgres
) -> None:
    with closing(open_store(postgres.fresh())) as store:
        campaign = Frozen(digest, store, 12)
        server.refuse = dict.fromkeys(digest.readers(12), "550 5.4.5 Daily user sending quota exceeded")
        prepare_job_tables(store)
        with store.transaction() as connection:
            hand_over(connection, ISSUE)
        publication = OpenPublication(digest.workspace, store=store)

        first = send_share(publication, ISSUE, StopSwitch())
        assert first.result is ShareResult.LATER
        assert isinstance(first.error, QuotaUsedUp)
        (rest,) = _list_rests(store)
        assert abs(rest - first.error.wait.next_try) < timedelta(seconds=5)

        sessions = server.sessions
        jobs = _count_jobs(store)
        look_after_handovers(store)
        look_after_handovers(store, is_start=True)
        assert _count_jobs(store) == jobs
        meanwhile = send_share(publication, ISSUE, StopSwitch())  # the job of another worker, which was put in before
        assert meanwhile.result is ShareResult.LATER
        assert meanwhile.error is not None
        assert "quota" in meanwhile.error.message
        assert server.sessions == sessions
        assert _list_rests(store) == [rest]

        server.refuse.clear()
        _let_hours_pass(store)
        assert send_share(publication, ISSUE, StopSwitch()).result is ShareResult.SENT
        assert campaign.states() == {State.ACCEPTED: 12}


def test_a_person_who_hands_it_over_once_more_waits_for_no_quota(
    digest: Publication, server: Server, postgres: Postgres
) -> None:
    with closing(open_store(postgres.fresh())) as store:
        campaign = Frozen(digest, store, 3)
        server.refuse = dict.fromkeys(digest.readers(3), "550 5.4.5 Daily user sending quota exceeded")
        prepare_job_tables(store)
        publication = OpenPublication(digest.workspace, store=store)
        for _ in range(2):
            with store.transaction() as connection:
                hand_over(connection, ISSUE)
            send_share(publication, ISSUE, StopSwitch())
            server.refuse.clear()
        assert campaign.states() == {State.ACCEPTED: 3}


def _list_rests(store: Store) -> list[datetime]:
    with store.reading() as connection:
        found = connection.scalars(text("SELECT scheduled_at FROM procrastinate_jobs WHERE scheduled_at IS NOT NULL"))
        return list(found)


def _count_jobs(store: Store) -> int:
    with store.reading() as connection:
        return connection.scalar(text("SELECT count(*) FROM procrastinate_jobs")) or 0


def _let_hours_pass(store: Store) -> None:
    """Put the last sign of life five hours back, and begin the job that has rested until now."""
    long_ago = format_instant(make_instant(datetime.now(UTC) - timedelta(hours=5)))
    with store.transaction() as connection:
        connection.execute(update(handovers).values(handed_at=long_ago))
        connection.execute(update(workers).values(heartbeat_at=long_ago))
        rested = "scheduled_at = now() - interval '1 second', status = 'doing'"
        connection.execute(text(f"UPDATE procrastinate_jobs SET {rested} WHERE scheduled_at IS NOT NULL"))
    assert (handover := find_handover(store, ISSUE)) is not None
    assert handover.ending is None
