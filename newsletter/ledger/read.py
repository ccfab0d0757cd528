"""What the ledger knows, read only."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select

from newsletter.ledger.states import OPEN, Counts, State
from newsletter.ledger.values import Campaign, Claim, Text
from newsletter.store import Store
from newsletter.store.schema import campaigns, deliveries, runs, templates, waves


def find_campaign(store: Store, issue: str) -> Campaign | None:
    with store.reading() as connection:
        row = connection.execute(select(campaigns).where(campaigns.c.issue == issue)).one_or_none()
        if row is None:
            return None
        tags = connection.scalars(select(waves.c.tag).where(waves.c.issue == issue)).all()
        values = {**row._mapping, "rules": json.loads(row.rules)}
        return Campaign(**values, waves=frozenset(tags))


def campaign_names(store: Store) -> list[str]:
    """Every issue with a campaign, oldest first."""
    with store.reading() as connection:
        return list(connection.scalars(select(campaigns.c.issue).order_by(campaigns.c.created_at)))


def last_sent(store: Store) -> str | None:
    """Return the issue whose run began last; None when no run has begun."""
    with store.reading() as connection:
        return connection.scalar(select(runs.c.issue).order_by(runs.c.began_at.desc()).limit(1))


def frozen_tags(store: Store, issue: str, states: Sequence[State] = OPEN) -> list[str]:
    """The sets of tags, as they are stored, of the campaign's readers in these states."""
    with store.reading() as connection:
        return list(
            connection.scalars(
                select(deliveries.c.tags)
                .where(deliveries.c.issue == issue, deliveries.c.state.in_(states))
                .distinct()
                .order_by(deliveries.c.tags)
            )
        )


def frozen_readers(
    store: Store, issue: str, states: Sequence[State] = OPEN
) -> Iterator[tuple[str, dict[str, str], str]]:
    """Address, fields, and tags as they are stored, of everyone in these states. Streams."""
    columns = (deliveries.c.address, deliveries.c.fields, deliveries.c.tags)
    with store.reading() as connection:
        rows = connection.execution_options(yield_per=1000).execute(
            select(*columns)
            .where(deliveries.c.issue == issue, deliveries.c.state.in_(states))
            .order_by(deliveries.c.id)
        )
        for row in rows:
            yield row.address, json.loads(row.fields), row.tags


def current_texts(store: Store, issue: str) -> list[Text]:
    """The newest draft's text for each variant, the newest last: what a reader who has had nothing would get."""
    newest = select(func.max(templates.c.id)).where(templates.c.issue == issue).group_by(templates.c.variant)
    with store.reading() as connection:
        rows = connection.execute(select(templates).where(templates.c.id.in_(newest)).order_by(templates.c.id)).all()
        return [Text(row.variant, row.payload) for row in rows if _draft(row.variant) == _draft(rows[-1].variant)]


def has_older_text(store: Store, issue: str, states: Sequence[State]) -> bool:
    """Is there a reader in these states whose text is of a draft before the newest?"""
    of_issue = select(templates.c.variant).where(templates.c.issue == issue)
    with store.reading() as connection:
        newest = connection.scalar(of_issue.order_by(templates.c.id.desc()).limit(1))
        theirs = connection.scalars(
            of_issue.where(
                select(deliveries.c.id)
                .where(
                    deliveries.c.issue == issue,
                    deliveries.c.state.in_(states),
                    deliveries.c.template == templates.c.id,
                )
                .exists()
            )
        ).all()
        return any(_draft(variant) != _draft(newest or "") for variant in theirs)


def _draft(variant: str) -> str:
    """Which draft a text is of, see campaigns/templates.py; version 1 of the store did not know."""
    return variant.partition("@")[2]


def template_payload(store: Store, number: int) -> bytes:
    with store.reading() as connection:
        payload: bytes = connection.execute(select(templates.c.payload).where(templates.c.id == number)).scalar_one()
        return payload


def delivery_of(store: Store, issue: str, reader: str) -> Claim | None:
    """One reader's part in a campaign, as it was frozen; None when they have none."""
    columns = (deliveries.c.id, deliveries.c.reader, deliveries.c.address, deliveries.c.fields, deliveries.c.template)
    with store.reading() as connection:
        row = connection.execute(
            select(*columns).where(deliveries.c.issue == issue, deliveries.c.reader == reader)
        ).one_or_none()
        return Claim(**{**row._mapping, "fields": json.loads(row.fields)}) if row else None


def sending_of(store: Store, delivery: int) -> datetime | None:
    """Return when the batch was sent in which this delivery had its turn last, which its Date says; None before any.

    It is the beginning of the run, and so the same for everyone in it.
    """
    with store.reading() as connection:
        began = connection.scalar(
            select(runs.c.began_at)
            .join_from(deliveries, runs, runs.c.id == deliveries.c.run)
            .where(deliveries.c.id == delivery, deliveries.c.state.not_in([State.PENDING, State.SUPPRESSED]))
        )
        return datetime.fromisoformat(began) if began else None


def began_at(store: Store, run: str) -> datetime:
    """Return when a run began."""
    with store.reading() as connection:
        return datetime.fromisoformat(connection.execute(select(runs.c.began_at).where(runs.c.id == run)).scalar_one())


def counts(store: Store, issue: str) -> Counts:
    with store.reading() as connection:
        return counts_by_state(connection, issue)


def has_any(store: Store, issue: str, states: Sequence[State]) -> bool:
    """Is there a reader of the issue in one of these states?"""
    found = select(deliveries.c.id).where(deliveries.c.issue == issue, deliveries.c.state.in_(states)).limit(1)
    with store.reading() as connection:
        return connection.scalar(found) is not None


def is_running(store: Store, issue: str) -> bool:
    """Is a run of the issue under way? One that was killed seems so until the next one settles it."""
    unended = select(runs.c.id).where(runs.c.issue == issue, runs.c.ended_at.is_(None), runs.c.ending.is_(None))
    with store.reading() as connection:
        return connection.scalar(unended.limit(1)) is not None


def recent_answers(store: Store, seconds: float, at_most: int) -> list[float]:
    """When messages of any issue were answered within the last seconds: seconds since 1970, the oldest first."""
    answered = (State.ACCEPTED, State.REFUSED, State.DEFERRED, State.UNKNOWN)
    by_us = ("reconcile", "connection")
    since = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
    with store.reading() as connection:
        latest = connection.scalars(
            select(deliveries.c.at)
            .where(deliveries.c.at >= since, deliveries.c.state.in_(answered), deliveries.c.stage.not_in(by_us))
            .order_by(deliveries.c.at.desc())
            .limit(at_most)
        ).all()
        return [datetime.fromisoformat(moment).timestamp() for moment in reversed(latest)]


def counts_by_state(connection: Connection, issue: str) -> Counts:
    rows = connection.execute(
        select(deliveries.c.state, func.count()).where(deliveries.c.issue == issue).group_by(deliveries.c.state)
    )
    return Counts({State(state): count for state, count in rows})
