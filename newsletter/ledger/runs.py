"""The runs of a campaign: how each begins and ends."""

from datetime import datetime

from sqlalchemy import Connection, case, insert, or_, select, update

from newsletter.ledger.campaigns import close_when_done
from newsletter.ledger.states import OPEN, State
from newsletter.store import Store
from newsletter.store.engine import now, storable
from newsletter.store.schema import campaigns, deliveries, runs


def begin_run(store: Store, issue: str, run: str) -> None:
    """Let only this run claim and record from here on; every deferred delivery may be tried at once.

    Runs are counted, so that an older copy of the store can be told from this one by the record's count.
    """
    with store.transaction() as connection:
        _settle(connection, issue)
        connection.execute(
            update(campaigns)
            .where(campaigns.c.issue == issue)
            .values(
                run=run,
                runs=campaigns.c.runs + 1,
                # What the outbox begins stays in it until it has ended well; what is begun by hand is a person's.
                expires_at=case((campaigns.c.due_at.is_not(None), campaigns.c.expires_at)),
            )
        )
        connection.execute(insert(runs).values(id=run, issue=issue, began_at=now()))
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.issue == issue,
                deliveries.c.state.in_(OPEN),
                or_(deliveries.c.tries > 0, deliveries.c.due > 0),
            )
            .values(tries=0, due=0.0)
        )


def settle_crash(store: Store, issue: str, run: str | None = None) -> None:
    """Make unknown what a run that died left claimed: it may have gone out or not, and only a person can tell.

    Without a `run` all of them have died. One that still lives names itself: another may have taken over from it.
    """
    with store.transaction() as connection:
        _settle(connection, issue, run)


def finish_run(store: Store, issue: str, run: str | None = None, ending: str = "") -> None:
    """Close the run, and the campaign when it has the whole list and nobody waits any more."""
    with store.transaction() as connection:
        if run is not None:
            connection.execute(
                update(runs).where(runs.c.id == run).values(ended_at=now(), ending=storable(ending) or None)
            )
        close_when_done(connection, issue)


def find_beginning(store: Store, run: str) -> datetime:
    """Return when a run began."""
    with store.reading() as connection:
        return datetime.fromisoformat(connection.execute(select(runs.c.began_at).where(runs.c.id == run)).scalar_one())


def is_running(store: Store, issue: str) -> bool:
    """Return whether a run of the issue is under way; one that was killed seems so until the next one settles it."""
    unended = select(runs.c.id).where(runs.c.issue == issue, runs.c.ended_at.is_(None), runs.c.ending.is_(None))
    with store.reading() as connection:
        return connection.scalar(unended.limit(1)) is not None


def _settle(connection: Connection, issue: str, run: str | None = None) -> None:
    in_hand = [deliveries.c.issue == issue, deliveries.c.state == State.SENDING]
    open_runs = [runs.c.issue == issue, runs.c.ended_at.is_(None), runs.c.ending.is_(None)]
    if run is not None:
        in_hand.append(deliveries.c.run == run)
        open_runs.append(runs.c.id == run)
    connection.execute(
        update(deliveries)
        .where(*in_hand)
        .values(
            state=State.UNKNOWN,
            stage="crash",
            code=None,
            enhanced=None,
            reply="the program ended before the server's reply was recorded",
            at=now(),
        )
    )
    connection.execute(update(runs).where(*open_runs).values(ending="the program ended without a word"))
