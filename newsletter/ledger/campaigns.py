"""Campaigns: each is the sending of one issue."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from newsletter.ledger.deliveries import count_by_state
from newsletter.ledger.states import OPEN, State
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.store.schema import campaigns, deliveries, runs, waves


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """The sending of one issue, as the store knows it. Moments are ISO 8601 in UTC.

    `rules` has for each item the tags it is only for, `run` is the run that may claim and record, `waves` are the tags
    of those frozen so far (empty: the whole list), and `seed` is what Message-IDs are made of (None: the id, as in
    versions 1 and 2 of the store).
    """

    issue: str
    id: str
    subject: str
    draft_sha256: str
    rules: Sequence[Sequence[str]]
    created_at: str
    finished_at: str | None = None
    cancelled_at: str | None = None
    left_out: int = 0
    runs: int = 0
    run: str | None = None
    due_at: str | None = None
    expires_at: str | None = None
    text_sha256: str | None = None
    commit_id: str | None = None
    seed: str | None = None
    waves: frozenset[str] = frozenset()

    def covers(self, tag: str) -> bool:
        """Return whether the subscribers with this tag (all, for an empty one) are in the campaign already."""
        return "" in self.waves or tag in self.waves or self.cancelled_at is not None


def find_campaign(store: Store, issue: str) -> Campaign | None:
    """Return the campaign of an issue; None when there is none."""
    with store.reading() as connection:
        row = connection.execute(select(campaigns).where(campaigns.c.issue == issue)).one_or_none()
        if row is None:
            return None
        tags = connection.scalars(select(waves.c.tag).where(waves.c.issue == issue)).all()
        values = {**row._mapping, "rules": json.loads(row.rules)}
        return Campaign(**values, waves=frozenset(tags))


def list_issues(store: Store) -> list[str]:
    """Return every issue with a campaign, the oldest campaign first."""
    with store.reading() as connection:
        return list(connection.scalars(select(campaigns.c.issue).order_by(campaigns.c.created_at)))


def list_unfinished(store: Store) -> list[str]:
    """Return the issues whose campaigns are not finished, so that somebody may be sending them."""
    with store.reading() as connection:
        return list(connection.scalars(select(campaigns.c.issue).where(campaigns.c.finished_at.is_(None))))


def find_last_sent(store: Store) -> str | None:
    """Return the issue whose run began last; None when no run has begun."""
    with store.reading() as connection:
        return connection.scalar(select(runs.c.issue).order_by(runs.c.began_at.desc()).limit(1))


def cancel_campaign(store: Store, issue: str) -> int:
    """Cancel every delivery that waits or is unknown, and admit no other; returns how many were cancelled."""
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


def reopen_deliveries(store: Store, issue: str, states: Sequence[State]) -> int:
    """Let deliveries in these states wait again, because a person says so; returns how many."""
    with store.transaction() as connection:
        changed = connection.execute(
            update(deliveries)
            .where(deliveries.c.issue == issue, deliveries.c.state.in_(states))
            .values(state=State.PENDING, tries=0, due=0.0, returns=0)
        )
        connection.execute(update(campaigns).where(campaigns.c.issue == issue).values(finished_at=None))
        return changed.rowcount


def close_when_done(connection: Connection, issue: str) -> None:
    """Finish the campaign if it has the whole list and nobody waits any more."""
    counts = count_by_state(connection, issue)
    whole = connection.scalar(select(waves.c.tag).where(waves.c.issue == issue, waves.c.tag == "")) is not None
    if whole and not counts.waiting and not counts[State.SENDING]:
        connection.execute(
            update(campaigns)
            .where(campaigns.c.issue == issue, campaigns.c.finished_at.is_(None))
            .values(finished_at=now(), due_at=None, expires_at=None)
        )
