"""What the ledger knows, read only."""

import json
from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from newsletter.delivery.ledger.values import Campaign, Outstanding, Text
from newsletter.delivery.states import OPEN, Counts, State
from newsletter.store import Store
from newsletter.store.schema import campaigns, deliveries, templates, waves


def find_campaign(store: Store, issue: str) -> Campaign | None:
    with store.transaction() as connection:
        row = connection.execute(select(campaigns).where(campaigns.c.issue == issue)).one_or_none()
        if row is None:
            return None
        tags = connection.scalars(select(waves.c.tag).where(waves.c.issue == issue)).all()
        values = {**row._mapping, "rules": json.loads(row.rules)}
        return Campaign(**values, waves=frozenset(tags))


def campaign_names(store: Store) -> list[str]:
    """Every issue with a campaign, oldest first."""
    with store.transaction() as connection:
        return list(connection.scalars(select(campaigns.c.issue).order_by(campaigns.c.created_at)))


def known_readers(store: Store, issue: str) -> set[str]:
    """Everyone the campaign has, in whatever state."""
    with store.transaction() as connection:
        return set(connection.scalars(select(deliveries.c.reader).where(deliveries.c.issue == issue)))


def waiting(store: Store, issue: str) -> Iterator[tuple[str, str, dict[str, str], frozenset[str]]]:
    """Reader, address, fields and tags of everyone whom another run would try."""
    columns = (deliveries.c.reader, deliveries.c.address, deliveries.c.fields, deliveries.c.tags)
    with store.transaction() as connection:
        for row in connection.execute(
            select(*columns).where(deliveries.c.issue == issue, deliveries.c.state.in_(OPEN)).order_by(deliveries.c.seq)
        ):
            yield row.reader, row.address, json.loads(row.fields), frozenset(json.loads(row.tags))


def current_texts(store: Store, issue: str) -> list[Text]:
    """The newest text of each variant, the very newest last: what a reader who has had nothing would get."""
    newest = select(func.max(templates.c.id)).where(templates.c.issue == issue).group_by(templates.c.variant)
    with store.transaction() as connection:
        rows = connection.execute(select(templates).where(templates.c.id.in_(newest)).order_by(templates.c.id))
        return [Text(row.variant, row.payload) for row in rows]


def template_payload(store: Store, number: int) -> bytes:
    with store.transaction() as connection:
        payload: bytes = connection.execute(select(templates.c.payload).where(templates.c.id == number)).scalar_one()
        return payload


def counts(store: Store, issue: str) -> Counts:
    with store.transaction() as connection:
        return counts_by_state(connection, issue)


def outstanding(store: Store, issue: str) -> list[Outstanding]:
    """Everyone who has not been accepted, in the list's order."""
    columns = (
        deliveries.c.address,
        deliveries.c.state,
        deliveries.c.stage,
        deliveries.c.code,
        deliveries.c.enhanced,
        deliveries.c.reply,
    )
    with store.transaction() as connection:
        rows = connection.execute(
            select(*columns)
            .where(deliveries.c.issue == issue, deliveries.c.state != State.ACCEPTED)
            .order_by(deliveries.c.seq)
        )
        return [Outstanding(**row._mapping) for row in rows]


def counts_by_state(connection: Connection, issue: str) -> Counts:
    rows = connection.execute(
        select(deliveries.c.state, func.count()).where(deliveries.c.issue == issue).group_by(deliveries.c.state)
    )
    return Counts({State(state): count for state, count in rows})
