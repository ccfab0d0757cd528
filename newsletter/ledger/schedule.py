"""Campaigns in the outbox: frozen, and sent by themselves when their moment has come.

due_at  expires_at  means
set     set         to be sent from the one moment on, and not begun after the other
none    set         tried in vain: not sent again by itself, and in the outbox until a person has seen to it
none    none        not in the outbox
"""

from datetime import timedelta

from sqlalchemy import Connection, Update, func, or_, select, update

from newsletter.clock import Instant, format_instant, parse_instant
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.states import State
from newsletter.store import Store
from newsletter.store.engine import is_of, is_ours, now
from newsletter.store.schema import campaigns, deliveries, workers

_GOES_ON = timedelta(days=7)  # what some readers have is finished, though nobody was there for days


def schedule_campaign(connection: Connection, issue: IssueName, due_at: Instant, expires_at: Instant) -> None:
    """Put a campaign into the outbox, from the one moment on, and not begun after the other; within a transaction."""
    mine = is_of(connection, campaigns, issue)
    moments = {"due_at": format_instant(due_at), "expires_at": format_instant(expires_at)}
    connection.execute(update(campaigns).where(mine).values(moments))


def postpone_campaign(store: Store, issue: IssueName, due_at: Instant, *, begun: bool) -> None:
    """Let a campaign in the outbox wait until another moment. One that has begun does not expire meanwhile."""
    with store.transaction() as connection:
        mine = is_of(connection, campaigns, issue), campaigns.c.due_at.is_not(None)
        moments = {"due_at": format_instant(due_at)}
        expires = connection.scalar(select(campaigns.c.expires_at).where(*mine))
        if begun and expires is not None:
            moments["expires_at"] = max(expires, format_instant(Instant(due_at + _GOES_ON)))
        connection.execute(update(campaigns).where(*mine).values(moments))


def list_scheduled(store: Store) -> list[IssueName]:
    """Return the issues in the outbox, the earliest first."""
    with store.reading() as connection:
        return list(
            connection.scalars(
                select(campaigns.c.issue)
                .where(
                    is_ours(connection, campaigns),
                    or_(campaigns.c.due_at.is_not(None), campaigns.c.expires_at.is_not(None)),
                )
                .order_by(func.coalesce(campaigns.c.due_at, campaigns.c.expires_at), campaigns.c.issue)
            )
        )


def has_begun(store: Store, campaign: Campaign) -> bool:
    """Return whether a recipient has got the issue since it was due, or may have got it.

    Nobody but the outbox could begin a run since then.
    """
    if campaign.due_at is None or not campaign.runs:
        return False
    with store.reading() as connection:
        known = connection.execute(
            select(workers.c.id, workers.c.started_at).where(is_of(connection, workers, campaign.issue))
        )
        since = [row.id for row in known if parse_instant(row.started_at) >= campaign.due_at]
        reached = (State.SENDING, State.ACCEPTED, State.UNKNOWN)
        found = (
            select(deliveries.c.id)
            .where(
                is_of(connection, deliveries, campaign.issue),
                deliveries.c.state.in_(reached),
                deliveries.c.worker.in_(since),
            )
            .limit(1)
        )
        return bool(since) and connection.scalar(found) is not None


def find_last_activity(store: Store, campaign: Campaign) -> Instant:
    """Return when the campaign was due, or when a worker last started on it, ended or had an answer since."""
    with store.reading() as connection:
        of_workers = select(workers.c.started_at, workers.c.ended_at).where(is_of(connection, workers, campaign.issue))
        answered = select(func.max(deliveries.c.at)).where(is_of(connection, deliveries, campaign.issue))
        found = [text for row in connection.execute(of_workers) for text in row]
        moments = [parse_instant(text) for text in (*found, connection.scalar(answered)) if text]
        return max([*moments, *([campaign.due_at] if campaign.due_at else [])], default=campaign.created_at)


def hold_campaign(store: Store, issue: IssueName) -> None:
    """Keep an issue from leaving by itself: a person has to look first. What is in the outbox no more stays out."""
    with store.transaction() as connection:
        connection.execute(_holding(connection).where(campaigns.c.issue == issue))


def hold_all_campaigns(connection: Connection) -> list[IssueName]:
    """Hold whatever is in the outbox, as `hold_campaign` does, within the caller's transaction; returns the issues."""
    return sorted(connection.scalars(_holding(connection).returning(campaigns.c.issue)))


def unschedule_campaign(store: Store, issue: IssueName) -> None:
    """Take a campaign out of the outbox."""
    with store.transaction() as connection:
        mine = is_of(connection, campaigns, issue)
        connection.execute(update(campaigns).where(mine).values(due_at=None, expires_at=None))


def _holding(connection: Connection) -> Update:
    """Return what holds every campaign that is in the outbox."""
    held = {"due_at": None, "expires_at": func.coalesce(campaigns.c.expires_at, now())}
    waiting = is_ours(connection, campaigns), campaigns.c.due_at.is_not(None)
    return update(campaigns).where(*waiting).values(held)
