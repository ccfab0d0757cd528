"""Campaigns: each is the sending of one issue."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from newsletter.clock import Instant, parse_instant
from newsletter.issue_name import IssueName
from newsletter.ledger.deliveries import count_by_state
from newsletter.ledger.frozen_lists import forget_comparison
from newsletter.ledger.states import OPEN, State
from newsletter.store import Store
from newsletter.store.engine import is_of, is_ours, now
from newsletter.store.schema import batches, campaigns, deliveries


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """Campaign as the store knows it: the sending of one issue.

    `kind` is issue, announcement or correction, which names the issue that it `corrects`; `rules` has for each item the
    tags it is only for, `batches` are the tags of those frozen so far (empty: the whole list), and `seed` is what
    Message-IDs are made of (None: the id, as in versions 1 and 2 of the store).
    """

    issue: IssueName
    id: str
    subject: str
    draft_sha256: str
    rules: Sequence[Sequence[str]]
    created_at: Instant
    finished_at: Instant | None = None
    cancelled_at: Instant | None = None
    left_out: int = 0
    runs: int = 0
    kind: str = "issue"
    corrects: IssueName | None = None
    due_at: Instant | None = None
    expires_at: Instant | None = None
    text_sha256: str | None = None
    commit_id: str | None = None
    seed: str | None = None
    batches: frozenset[str] = frozenset()

    def covers(self, tag: str) -> bool:
        """Return whether the subscribers with this tag (all, for an empty one) are in the campaign already."""
        return "" in self.batches or tag in self.batches or self.cancelled_at is not None


_INSTANTS = [name for name in Campaign.__dataclass_fields__ if name.endswith("_at")]


def find_campaign(store: Store, issue: IssueName) -> Campaign | None:
    """Return the campaign of an issue; None when there is none."""
    with store.reading() as connection:
        row = connection.execute(select(campaigns).where(is_of(connection, campaigns, issue))).one_or_none()
        if row is None:
            return None
        tags = connection.scalars(select(batches.c.tag).where(is_of(connection, batches, issue))).all()
        values = {name: row._mapping[name] for name in Campaign.__dataclass_fields__ if name in row._mapping}
        values["rules"] = json.loads(row.rules)
        values |= {name: parse_instant(values[name]) for name in _INSTANTS if values[name]}
        return Campaign(**values, batches=frozenset(tags))


def list_issues(store: Store) -> list[IssueName]:
    """Return every issue with a campaign, the oldest campaign first."""
    with store.reading() as connection:
        ours = is_ours(connection, campaigns)
        return list(connection.scalars(select(campaigns.c.issue).where(ours).order_by(campaigns.c.created_at)))


def list_campaign_ids(connection: Connection) -> frozenset[str]:
    """Return the id of every campaign, which sent records name, within a transaction."""
    return frozenset(connection.scalars(select(campaigns.c.id).where(is_ours(connection, campaigns))))


def list_unfinished(store: Store) -> list[IssueName]:
    """Return the issues whose campaigns are not finished, so that somebody may be sending them."""
    with store.reading() as connection:
        unfinished = is_ours(connection, campaigns), campaigns.c.finished_at.is_(None)
        return list(connection.scalars(select(campaigns.c.issue).where(*unfinished)))


def cancel_campaign(store: Store, issue: IssueName) -> int:
    """Cancel every delivery that waits or is unknown, and admit no other; returns how many were cancelled."""
    with store.transaction() as connection:
        states = (*OPEN, State.UNKNOWN)
        moment = now()
        changed = connection.execute(
            update(deliveries)
            .where(is_of(connection, deliveries, issue), deliveries.c.state.in_(states))
            .values(state=State.CANCELLED, at=moment, lease_until=None)
        )
        connection.execute(
            update(campaigns)
            .where(is_of(connection, campaigns, issue))
            .values(finished_at=moment, cancelled_at=moment, due_at=None, expires_at=None)
        )
        return changed.rowcount


def reopen_deliveries(connection: Connection, issue: IssueName, states: Sequence[State]) -> int:
    """Let deliveries in these states wait again, because a person says so, within a transaction; returns how many."""
    changed = connection.execute(
        update(deliveries)
        .where(is_of(connection, deliveries, issue), deliveries.c.state.in_(states))
        .values(state=State.PENDING, tries=0, due=0.0, returns=0)
    )
    connection.execute(update(campaigns).where(is_of(connection, campaigns, issue)).values(finished_at=None))
    forget_comparison(connection, issue)  # they were none of those who waited
    return changed.rowcount


def close_campaign(store: Store, issue: IssueName) -> None:
    """Finish the campaign if it has the whole list and nobody waits any more."""
    with store.transaction() as connection:
        close_when_done(connection, issue)


def close_when_done(connection: Connection, issue: IssueName) -> None:
    """Finish the campaign as `close_campaign` does, within a transaction."""
    counts = count_by_state(connection, issue)
    whole = (
        connection.scalar(select(batches.c.tag).where(is_of(connection, batches, issue), batches.c.tag == ""))
        is not None
    )
    if whole and not counts.waiting and not counts[State.SENDING]:
        connection.execute(
            update(campaigns)
            .where(is_of(connection, campaigns, issue), campaigns.c.finished_at.is_(None))
            .values(finished_at=now(), due_at=None, expires_at=None)
        )
