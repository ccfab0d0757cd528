"""How a campaign's runs begin and end, and what ends the campaign itself."""

from collections.abc import Sequence

from sqlalchemy import Connection, case, insert, or_, select, update

from newsletter.ledger.read import counts_by_state
from newsletter.ledger.states import OPEN, State
from newsletter.store import Store
from newsletter.store.engine import now, storable
from newsletter.store.schema import campaigns, deliveries, runs, waves


def settle_crash(store: Store, issue: str, run: str | None = None) -> None:
    """What a run that died left claimed may have gone out or not: nobody but a person can tell.

    Without a `run` all of them have died. One that still lives names itself: another may have taken over from it.
    """
    with store.transaction() as connection:
        _settle(connection, issue, run)


def begin_run(store: Store, issue: str, run: str) -> None:
    """From here on only this run claims and records; everyone deferred may be tried at once.

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


def finish_run(store: Store, issue: str, run: str | None = None, ending: str = "") -> None:
    """Close the run, and the campaign when it has the whole list and nobody waits any more."""
    with store.transaction() as connection:
        if run is not None:
            connection.execute(
                update(runs).where(runs.c.id == run).values(ended_at=now(), ending=storable(ending) or None)
            )
        close_when_done(connection, issue)


def close_when_done(connection: Connection, issue: str) -> None:
    counts = counts_by_state(connection, issue)
    whole = connection.scalar(select(waves.c.tag).where(waves.c.issue == issue, waves.c.tag == "")) is not None
    if whole and not counts.waiting and not counts[State.SENDING]:
        connection.execute(
            update(campaigns)
            .where(campaigns.c.issue == issue, campaigns.c.finished_at.is_(None))
            .values(finished_at=now(), due_at=None, expires_at=None)
        )


def cancel(store: Store, issue: str) -> int:
    """Nobody who waits will be tried again, and nobody added; returns how many readers that left without."""
    with store.transaction() as connection:
        states = (*OPEN, State.UNKNOWN)
        moment = now()
        changed = connection.execute(
            update(deliveries)
            .where(deliveries.c.issue == issue, deliveries.c.state.in_(states))
            .values(state=State.CANCELLED, at=moment)
        )
        connection.execute(
            update(campaigns)
            .where(campaigns.c.issue == issue)
            .values(finished_at=moment, cancelled_at=moment, due_at=None, expires_at=None)
        )
        return changed.rowcount


def reopen(store: Store, issue: str, states: Sequence[State]) -> int:
    """Readers whom the server turned away wait again, because a person says so; returns how many."""
    with store.transaction() as connection:
        changed = connection.execute(
            update(deliveries)
            .where(deliveries.c.issue == issue, deliveries.c.state.in_(states))
            .values(state=State.PENDING, tries=0, due=0.0, returns=0)
        )
        connection.execute(update(campaigns).where(campaigns.c.issue == issue).values(finished_at=None))
        return changed.rowcount


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
