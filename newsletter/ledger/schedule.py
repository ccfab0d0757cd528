"""Campaigns in the outbox: frozen, and sent by themselves when their moment has come.

due_at  expires_at  means
set     set         to be sent from the one moment on, and not begun after the other
none    set         tried in vain: not sent again by itself, and in the outbox until a person has seen to it
none    none        not in the outbox
"""

from sqlalchemy import Connection, Update, func, or_, select, update

from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.states import State
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.store.schema import campaigns, deliveries, runs


def schedule_campaign(store: Store, issue: str, due_at: str, expires_at: str) -> None:
    """Put a campaign into the outbox; both moments are ISO 8601 in UTC."""
    _set(store, update(campaigns).where(campaigns.c.issue == issue).values(due_at=due_at, expires_at=expires_at))


def list_scheduled(store: Store) -> list[str]:
    """Return the issues in the outbox, the earliest first."""
    with store.reading() as connection:
        return list(
            connection.scalars(
                select(campaigns.c.issue)
                .where(or_(campaigns.c.due_at.is_not(None), campaigns.c.expires_at.is_not(None)))
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
        known = connection.execute(select(runs.c.id, runs.c.began_at).where(runs.c.issue == campaign.issue))
        since = [row.id for row in known if row.began_at >= campaign.due_at]  # not by a database's own order of signs
        reached = (State.SENDING, State.ACCEPTED, State.UNKNOWN)
        found = (
            select(deliveries.c.id)
            .where(deliveries.c.issue == campaign.issue, deliveries.c.state.in_(reached), deliveries.c.run.in_(since))
            .limit(1)
        )
        return bool(since) and connection.scalar(found) is not None


def find_last_activity(store: Store, campaign: Campaign) -> str:
    """Return when the campaign was due, or when a run of it last began, ended or heard an answer since: ISO 8601."""
    due = campaign.due_at or ""
    of_runs = select(runs.c.began_at, runs.c.ended_at).where(runs.c.issue == campaign.issue)
    answered = select(func.max(deliveries.c.at)).where(deliveries.c.issue == campaign.issue)
    with store.reading() as connection:
        moments: list[str] = [moment for row in connection.execute(of_runs) for moment in row if moment]
        latest: str = connection.scalar(answered) or ""
        return max(due, latest, *moments) if moments else due


def hold_campaign(store: Store, issue: str) -> None:
    """Keep an issue from leaving by itself: a person has to look first. What is in the outbox no more stays out."""
    _set(store, _holding().where(campaigns.c.issue == issue))


def hold_all_campaigns(connection: Connection) -> list[str]:
    """Hold whatever is in the outbox, as `hold_campaign` does, within the caller's transaction; returns the issues."""
    return sorted(connection.scalars(_holding().returning(campaigns.c.issue)))


def unschedule_campaign(store: Store, issue: str) -> None:
    """Take a campaign out of the outbox."""
    _set(store, update(campaigns).where(campaigns.c.issue == issue).values(due_at=None, expires_at=None))


def find_last_ending(store: Store, issue: str) -> str:
    """Return why the last run ended before everyone was answered; empty when it did not."""
    with store.reading() as connection:
        newest = select(runs.c.ending).where(runs.c.issue == issue).order_by(runs.c.began_at.desc()).limit(1)
        return connection.scalar(newest) or ""


def _holding() -> Update:
    """Return what holds every campaign that is in the outbox."""
    held = {"due_at": None, "expires_at": func.coalesce(campaigns.c.expires_at, now())}
    return update(campaigns).where(campaigns.c.due_at.is_not(None)).values(held)


def _set(store: Store, statement: Update) -> None:
    with store.transaction() as connection:
        connection.execute(statement)
