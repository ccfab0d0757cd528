"""Version 2: deliveries have an id, tries and times; campaigns a run, a date and what was approved; runs, tests."""

from alembic.operations import Operations
from sqlalchemy import Column, Float, ForeignKey, Integer, String, Text, UniqueConstraint

TABLES = ("meta", "campaigns", "waves", "templates", "deliveries", "suppressions")


def upgrade(op: Operations, _publication: str) -> None:
    for name in ("run", "due_at", "expires_at", "text_sha256", "commit_id"):
        op.add_column("campaigns", Column(name, String))
    op.create_table(
        "runs",
        Column("id", String, primary_key=True),
        Column("issue", String, ForeignKey("campaigns.issue"), nullable=False),
        Column("began_at", String, nullable=False),
        Column("ended_at", String),
        Column("ending", Text),
    )
    op.create_table(
        "tests",
        Column("id", Integer, primary_key=True),
        Column("issue", String, nullable=False),
        Column("text_sha256", String, nullable=False),
        Column("at", String, nullable=False),
    )
    _number_deliveries(op)


def _number_deliveries(op: Operations) -> None:
    # Copied, and not renamed: on PostgreSQL the old table's keys would keep their names, which the new one needs.
    op.execute("CREATE TABLE deliveries_v1 AS SELECT * FROM deliveries")
    op.drop_table("deliveries")
    op.create_table(
        "deliveries",
        Column("id", Integer, primary_key=True),
        Column("issue", String, ForeignKey("campaigns.issue"), nullable=False),
        Column("reader", String, nullable=False),
        Column("address", String, nullable=False),
        Column("fields", Text, nullable=False),
        Column("tags", Text, nullable=False),
        Column("template", Integer, ForeignKey("templates.id"), nullable=False),
        Column("state", String, nullable=False),
        Column("run", String),
        Column("returns", Integer, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("due", Float, nullable=False),
        Column("stage", String),
        Column("code", Integer),
        Column("enhanced", String),
        Column("reply", Text),
        Column("at", String),
        Column("took", Integer),
        UniqueConstraint("issue", "reader"),
    )
    op.execute("""
        INSERT INTO deliveries (
            issue, reader, address, fields, tags, template, state, run, returns, tries, due,
            stage, code, enhanced, reply, at
        )
        SELECT issue, reader, address, fields, tags, template, state, run, returns, 0, 0.0,
            stage, code, enhanced, reply, at
        FROM deliveries_v1 ORDER BY issue, seq
    """)
    op.drop_table("deliveries_v1")
    op.create_index("deliveries_by_state", "deliveries", ["issue", "state", "due", "id"])
