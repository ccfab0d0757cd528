"""Version 3: what readers said, as events; a suppression for each cause; the erased; mails dealt with; seeds."""

import json

from alembic.operations import Operations
from sqlalchemy import Column, Integer, MetaData, String, Table, Text, insert, select

TABLES = ("meta", "campaigns", "runs", "tests", "waves", "templates", "deliveries", "suppressions")
# A reason that names a cause, and the kind of event that the cause comes from.
_KINDS = {"unsubscribed": "unsubscribed", "bounced": "hard bounce", "complained": "complained"}


def upgrade(op: Operations, _publication: str) -> None:
    op.add_column("campaigns", Column("seed", String))
    for name, key in (("forgotten", "digest"), ("handled", "key")):
        op.create_table(name, Column(key, String, primary_key=True), Column("at", String, nullable=False))
    op.create_table(
        "events",
        Column("id", Integer, primary_key=True),
        Column("reader", String, nullable=False),
        Column("kind", String, nullable=False),
        Column("source", String, nullable=False),
        Column("issue", String),
        Column("evidence", Text, nullable=False),
        Column("said_at", String, nullable=False),
        Column("at", String, nullable=False),
    )
    op.create_index("events_by_reader", "events", ["reader", "id"])
    op.create_index("events_by_issue", "events", ["issue", "kind"])
    _give_causes(op)


def _give_causes(op: Operations) -> None:
    """Make a cause of each reason that names one; every other reason, an editor's own words, stays as words."""
    connection = op.get_bind()
    old = Table("suppressions", MetaData(), Column("reader", String), Column("reason", Text), Column("at", String))
    rows = connection.execute(select(old).order_by(old.c.at, old.c.reader)).all()
    op.drop_table("suppressions")
    op.create_table(
        "suppressions",
        Column("reader", String, primary_key=True),
        Column("cause", String, primary_key=True),
        Column("words", Text, nullable=False),
        Column("at", String, nullable=False),
    )
    columns = ("reader", "kind", "source", "evidence", "said_at", "at")
    events = Table("events", MetaData(), *(Column(name, String) for name in columns))
    new = Table("suppressions", MetaData(), *(Column(name, String) for name in ("reader", "cause", "words", "at")))
    for reader, reason, at in rows:
        named = reason.strip().casefold()
        cause, words = (named, "") if named in _KINDS else ("suppressed", reason)
        connection.execute(insert(new).values(reader=reader, cause=cause, words=words, at=at))
        connection.execute(
            insert(events).values(
                reader=reader,
                kind=_KINDS.get(cause, cause),
                source="editor",
                evidence=json.dumps({"words": reason}),
                said_at=at,
                at=at,
            )
        )
